"""Train a GAN: `python train.py [group=option] [setting=value] ...`; see README.md."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during the first imports ends them without a traceback

from ganworks.cli.train import main  # noqa: E402

if __name__ == "__main__":
    main()
