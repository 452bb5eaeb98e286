"""Search for good settings on Optuna: each trial is an ordinary run, any number of workers share a study."""
