"""Train a GAN: `python train.py [group=option] [setting=value] ...`; see README.md."""

from ganworks.cli.train import main

if __name__ == "__main__":
    main()
