"""Measure a run or folders: `python evaluate.py run=RUN_DIR` or `real=FOLDER fake=FOLDER`; see --help."""

from ganworks.cli.evaluate import main

if __name__ == "__main__":
    main()
