"""`python -m ganworks.explore run=RUN`: look around in a trained generator, on a page of this machine."""

from ganworks.cli.explore import main

if __name__ == "__main__":
    main()
