"""Draw from a trained generator: `python sample.py run=RUN_DIR num=64 seed=0 out=FILE_OR_FOLDER`; see --help."""

from ganworks.cli.sample import main

if __name__ == "__main__":
    main()
