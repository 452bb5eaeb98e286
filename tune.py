"""Search for good settings: `python tune.py tune=NAME [setting=value] ...`; see docs/tuning.md."""

from ganworks.cli.tune import main

if __name__ == "__main__":
    main()
