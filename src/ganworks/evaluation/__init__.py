"""From two sides (a run, a folder, statistics) to figures."""
