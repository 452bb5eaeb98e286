"""The command that makes official weights into files of ours: `python -m ganworks.convert`."""
