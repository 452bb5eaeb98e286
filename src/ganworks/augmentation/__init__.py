"""Augmentation of small labelled sets by a conditional GAN, and the measurement of whether it helps.

``python -m ganworks.augmentation data=... per_class=20``; see `ganworks.augmentation.__main__`.
"""
