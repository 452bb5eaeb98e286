"""Modes that each loss and each remedy loses on mixtures of Gaussians: a grid, a ring, and one in 32 dimensions.

    python benchmarks/mixtures.py [--bench mixtures_grid] [--rows NAME ...] [--seeds 5] [--workers 2]
    python benchmarks/mixtures.py --list

Writes docs/benchmarks/mixtures_grid.md and the like. The protocol is the bench's own (experiment=mixture_short) and no
paper's: benchmarks/pacgan.py has that of PacGAN. On the grid a run takes about 12 CPU seconds, an unrolled one three
times as long, one of grid_r3gan two minutes: a seed of that table is about half an hour of one core.
"""

from __future__ import annotations

from lab import Bench, Column, Row, main

SHORT, FULL = "experiment=mixture_short", "experiment=grid_r3gan"
SLOW = ("optimizer.generator.lr=1e-3", "optimizer.discriminator.lr=1e-3")
# The penalties weigh as in grid_r3gan.
GAMMA = "{_target_:ganworks.regularizer.CosineWeight,start:0.1,end:0.01}"
R1, R2 = f"regularizer.r1.weight={GAMMA}", f"regularizer.r2.weight={GAMMA}"
NOISE = "{_target_:ganworks.augment.InstanceNoise,sigma:0.025}"  # the width of a mode of the grid

# Each as its paper has it: those of Wasserstein bring their penalty or bound, and five updates of the critic.
LOSSES = {
    "bce": (),
    "minimax": (),
    "lsgan": (),
    "hinge": (),
    "relativistic": (),
    "relativistic_average": (),
    "relativistic_average_hinge": (),
    "wgan": (),
    "wgan_gp": (),
    "wgan_lp": (),
    "wgan_div": (),
    "r3gan": (R1, R2),
    "began": ("model=began_mlp",),
}
REMEDIES = {
    "r1": ("regularizer=r1", R1),
    "r2": ("regularizer=r2", R2),
    "r1_r2": ("regularizer=r1_r2", R1, R2),
    "r1_r2, every=4": ("regularizer=r1_r2", R1, R2, "regularizer.r1.every=4", "regularizer.r2.every=4"),
    "r1_r2_approx": (
        "regularizer=r1_r2_approx",
        R1,
        R2,
        "regularizer.r1.sigma=0.01",
        "regularizer.r2.sigma=0.01",
    ),
    "gradient_penalty": ("regularizer=gradient_penalty", "regularizer.gradient_penalty.weight=0.1"),
    "dragan": ("regularizer=dragan", "regularizer.dragan.weight=0.1"),
    "lipschitz_penalty": ("regularizer=lipschitz_penalty", "regularizer.lipschitz_penalty.weight=0.1"),
    "max_gradient": ("regularizer=max_gradient", "regularizer.max_gradient.weight=0.1"),
    "lecam": ("regularizer=lecam", "regularizer.lecam.start=200"),
    "centring": ("regularizer=centring",),
    "consistency": ("regularizer=consistency", f"regularizer.consistency.augment={NOISE}"),
    "latent_consistency": ("regularizer=latent_consistency",),
    "feature_matching": ("regularizer=feature_matching",),
    "mode_seeking": ("regularizer=mode_seeking",),
    "historical_average": ("regularizer=historical_average",),
    "packing 2": ("regularizer=packing", "regularizer.packing.num=2"),
    "packing 4": ("regularizer=packing", "regularizer.packing.num=4"),
    "minibatch_std": ("regularizer=minibatch_std",),
    "san": ("regularizer=san",),
    "unrolled": ("task=unrolled",),
    "learning rate 1e-3": SLOW,
    "unrolled, learning rate 1e-3": (*SLOW, "task=unrolled"),
    "latent_optimisation": ("task=latent_optimisation",),
    "top_k": ("task.top_k=0.75",),
    "instance_noise": ("augment=instance_noise",),
    "diffusion": ("augment=diffusion",),
}
COLUMNS = (
    Column("modes", "modes of 25", 1, "max"),
    Column("high_quality", "high quality, %", 1, "max", percent=True),
    Column("reverse_kl", "reverse KL", 3, log=True),
    Column("sliced_w2", "sliced W2", 3, log=True),
)


def rows(data: tuple[str, ...], full: tuple[str, ...]) -> tuple[Row, ...]:
    """Return all rows of one mixture: the recommended recipe, the losses alone, the remedies under two of them.

    Args:
        data: overrides of the short protocol.
        full: those of the recommended recipe.
    """
    lazy = ("regularizer.r1.every=4", "regularizer.r2.every=4")
    recipe, group = "grid_r3gan", "recommended: grid_r3gan, seven times as many images"
    found = [Row(recipe, (FULL, *full), recipe, group)]
    found += [Row(f"{recipe}, every=4", (FULL, *full, *lazy), recipe, group)]
    for loss, more in LOSSES.items():
        found.append(Row(loss, (SHORT, *data, f"loss={loss}", *more), "bce", "losses alone"))
    for loss in ("bce", "relativistic"):
        for name, more in REMEDIES.items():
            overrides = (SHORT, *data, f"loss={loss}", *more)
            found.append(Row(f"{loss} + {name}", overrides, loss, f"remedies under {loss}"))
    return tuple(found)


def bench(
    name: str, words: str, data: tuple[str, ...], full: tuple[str, ...], seeds: int, modes: int = 25
) -> Bench:
    """Return the bench of one mixture."""
    protocol = (
        f"{words} A reduced protocol, no paper's: 512,000 images in batches of 256 (2,000 updates of the discriminator;"
        " a loss with five of them for each of the generator has 400 of these), learning rate 5e-3 to 0 along a cosine,"
        " averaged generator, 2,500 samples. A step's time is CPU time of an image, relative to `grid_r3gan` in its"
        " group, to `bce` among losses, and to the loss alone among remedies."
    )
    modes_column = Column("modes", f"modes of {modes}", 1, "max")
    columns = (COLUMNS[2], modes_column, COLUMNS[1], COLUMNS[3])
    base = ("metric.every_images=1000000000",)  # at the end alone
    title = f"Losses and remedies on mixtures: {name}"
    return Bench(f"mixtures_{name}", title, protocol, rows(data, full), columns, base, seeds=seeds)


RING = ("data=ring", "data.scale=2")
HIGH = ("data=high_dimensional", "data.scale=1", "model.width=128", "model.generator.latent_dim=64")
BENCHES = [
    bench("grid", "25 Gaussians on {-4, -2, 0, 2, 4}², σ .05, networks of width 64.", (), (), 5),
    bench("ring", "8 Gaussians on the unit circle, σ .01, networks of width 64.", RING, RING, 3, modes=8),
    bench(
        "high_dimensional",
        "25 Gaussians in 32 dimensions at right angles, σ .2, 4 from the origin, networks of width 128. High quality:"
        " within the radius that holds 98.9 % of real samples, the χ² quantile, as 3 σ do in the plane.",
        HIGH,
        HIGH,
        3,
    ),
]

if __name__ == "__main__":
    main(__doc__, BENCHES)
