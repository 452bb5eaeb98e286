"""One local page to look around in a trained generator."""
