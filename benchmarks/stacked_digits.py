"""Stacked digits: how many of 1,000 modes each remedy keeps, and at what divergence; the floor stands below.

    python benchmarks/stacked_digits.py [--rows NAME ...] [--seeds 5] [--workers 2]
    python benchmarks/stacked_digits.py --list

Writes docs/benchmarks/stacked_digits.md. The protocol is that of Stacked-MNIST on other digits, which is why no figure
of MNIST stands in the table. A run of a remedy takes about 40 CPU seconds, one of the recommended recipe four minutes:
a seed of the table is about half an hour of one core.
"""

from __future__ import annotations

from lab import Bench, Column, Row, main

# The loop of Radford et al. 2016 without its later helpers: constant rates, batch norm in both, no average.
PLAIN = (
    "data=stacked_digits",
    "model=dcgan",
    "model.width=16",
    "num_images=256000",
    "task.ema.half_life=0",
)
RECIPE, GROUP = "experiment=stacked_digits", "recommended: experiment=stacked_digits"
LAZY = ("regularizer.r1.every=4", "regularizer.r2.every=4")
NOISE = "{_target_:ganworks.augment.InstanceNoise,sigma:0.1}"
PENALTY = "regularizer.{}.weight=1"
REMEDIES = {
    "DCGAN": (),
    "packing 2": ("regularizer=packing", "regularizer.packing.num=2"),
    "packing 4": ("regularizer=packing", "regularizer.packing.num=4"),
    "minibatch_std": ("regularizer=minibatch_std",),
    "unrolled": ("task=unrolled",),
    "spectral norm": ("model.discriminator.norm=spectral",),
    "r1": ("regularizer=r1", PENALTY.format("r1")),
    "r1_r2": ("regularizer=r1_r2", PENALTY.format("r1"), PENALTY.format("r2")),
    "gradient_penalty": ("regularizer=gradient_penalty", PENALTY.format("gradient_penalty")),
    "dragan": ("regularizer=dragan", PENALTY.format("dragan")),
    "lecam": ("regularizer=lecam",),
    "consistency": ("regularizer=consistency", f"regularizer.consistency.augment={NOISE}"),
    "latent_consistency": ("regularizer=latent_consistency",),
    "mode_seeking": ("regularizer=mode_seeking",),
    "feature_matching": ("regularizer=feature_matching",),
    "instance_noise": ("augment=instance_noise",),
    "relativistic": ("loss=relativistic",),
    "relativistic + r1_r2": ("loss=r3gan", PENALTY.format("r1"), PENALTY.format("r2")),
    "wgan_gp": ("loss=wgan_gp",),
}


def rows() -> tuple[Row, ...]:
    """Return the recommended recipe with its variants, then the plain DCGAN and each remedy beside it."""
    found = [
        Row("stacked_digits", (RECIPE,), "stacked_digits", GROUP),
        Row("stacked_digits, every=4", (RECIPE, *LAZY), "stacked_digits", GROUP),
        Row("stacked_digits, bce", (RECIPE, "loss=bce", "regularizer=r1_r2"), "stacked_digits", GROUP),
    ]
    for name, more in REMEDIES.items():
        loss = () if any(each.startswith("loss=") for each in more) else ("loss=bce",)
        found.append(Row(name, (*PLAIN, *loss, *more), "DCGAN", "a plain DCGAN, and remedies one at a time"))
    return tuple(found)


BENCH = Bench(
    name="stacked_digits",
    title="Stacked digits, 1,000 modes",
    protocol=(
        "Three random 8x8 digits of scikit-learn in the channels of an image; 26,000 samples, each channel named by the"
        " shipped classifier; KL(fake || uniform) in nats. The floor is that of 26,000 stacks of digits that neither"
        " the GAN nor the classifier was trained on: a perfect sampler gets .019. `fd_stacked` is the Fréchet distance"
        " on the classifier's features, for a sample counts in a mode however it looks. The plain DCGAN and the"
        " remedies train on 256,000 images at a constant rate of 2e-4. A step's time is CPU time of an image."
    ),
    rows=rows(),
    columns=(
        Column("stacked_modes", "modes of 1,000", 1, "max"),
        Column("stacked_kl", "KL", 3, log=True),
        Column("fd_stacked", "fd_stacked", 2, log=True),
    ),
    base=("metric.every_images=1000000000",),
)

if __name__ == "__main__":
    main(__doc__, [BENCH])
