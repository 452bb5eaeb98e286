"""`python -m ganworks.runs`: the runs of a folder in a table, one of them, or several beside each other."""
