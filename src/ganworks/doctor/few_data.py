"""What helps a discriminator that learns its training set by heart."""

from __future__ import annotations

from ganworks.doctor.setup import Setup

# Looks at each sample from which on a discriminator that is sure of its reals may know them by heart. StyleGAN2-ADA's
# figure 1 has the turn for the worse of 2,000 to 10,000 images after some hundred looks at each, of small networks'
# runs sooner.
REPEATED = 20
# Targets of r that Karras et al. 2020 (ADA, figure 5) found alike are .5 to .8; p rises sooner at a lower one.
LOWEST_TARGET, TARGET = 0.5, 0.6
SLOWEST_SHARE = 4  # p can reach 1 in a quarter of the run


def is_repeated(setup: Setup) -> bool:
    """Say whether the run shows each sample so often that a discriminator can know them by heart."""
    return bool(setup.num_samples and setup.num_images) and (
        (setup.num_images or 0) >= REPEATED * (setup.num_samples or 1)
    )


def augmented(setup: Setup) -> list[str]:
    """Augmentation of images and clips where there is none yet."""
    return ["augment=diffaugment"] if (setup.is_image or setup.is_clip) and not setup.has_augment else []


def adaptively(setup: Setup) -> list[str]:
    """Augmentation that is as strong as the discriminator overfits; of one that is there already a lower target.

    p moves by the share of ``adjust_images`` that was seen: within a run that is not several times as long it stays
    small, whatever the target.
    """
    if not setup.has_augment:
        # 500,000 is the default, the authors' for training from scratch.
        return ["augment=ada", *sooner(setup, 500_000)] if augmented(setup) else []
    if setup.augment_images is None:
        return []
    if setup.augment_target is None:
        return [f"augment.target={TARGET}", *sooner(setup, setup.augment_images)]
    lower = [f"augment.target={LOWEST_TARGET}"] if setup.augment_target > LOWEST_TARGET else []
    return [*lower, *sooner(setup, setup.augment_images)]


def sooner(setup: Setup, adjust_images: int) -> list[str]:
    """Return the images in which p moves by 1, where it could not do so in a quarter of the run."""
    if not setup.num_images or setup.num_images >= SLOWEST_SHARE * adjust_images:
        return []
    return [f"augment.adjust_images={max(1, setup.num_images // SLOWEST_SHARE)}"]
