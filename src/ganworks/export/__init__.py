"""The command that takes a trained generator out: `python -m ganworks.export`."""
