"""Pure functions of sets of features and samples: distances, neighbours, spectra."""
