"""Few images: which augmentation and which penalties keep a GAN from learning them by heart.

    python benchmarks/small_data.py [--bench few_digits_100 ...] [--rows NAME ...] [--seeds 5] [--workers 2]

Digits with 50, 100 and 300 images and Fashion-MNIST with 1,000, drawn by the seed (`data.num_train`), unconditional.
The figures compare 1,797 fakes with all 1,797 digits, and 10,000 fakes with all 60,000 pictures of clothes, the few
that were trained on among them. The row of real samples is that of the few images themselves: a generator that draws
nothing else is as good. Its memorised share alone is that of all reals, each one left out once. A run on the digits
takes at most one CPU minute, one on Fashion-MNIST at most four, the longer ones three times that; the features of its
60,000 reals are computed once.
"""

from __future__ import annotations

from lab import Bench, Column, Row, main

MOVES = (  # what digits may do: no mirror images, no quarter turns, no negatives
    "augment=ada",
    "augment.target=null",
    "augment.blit=0",
    "augment.color=0",
)
OFTEN, SELDOM = (*MOVES, "augment.probability=0.8"), (*MOVES, "augment.probability=0.3")


def rows(num_images: int) -> tuple[Row, ...]:
    """Return the rows: augmentation with the recipe's R1, penalties without augmentation, and both."""
    half = f"augment.adjust_images={num_images // 2}"
    plain, moved = "augmentation, R1", "penalties, no augmentation"
    both, longer = "both", "three times as many images"
    three = (f"num_images={3 * num_images}", f"metric.every_images={3 * num_images}")
    found = [
        Row("none", group=plain),
        Row("diffaugment", ("augment=diffaugment",), "none", plain),
        Row("translation", ("augment=diffaugment", "~augment.color", "~augment.cutout"), "none", plain),
        Row("ada", ("augment=ada", half), "none", plain),
        Row("ada, target .3", ("augment=ada", half, "augment.target=0.3"), "none", plain),
        Row("geometry, p = .3", SELDOM, "none", plain),
        Row("geometry, p = .8", OFTEN, "none", plain),
        Row("apa", ("augment=apa", half), "none", plain),
        Row("blur", ("augment=blur", "augment.sigma.start=2"), "none", plain),
        Row("instance noise", ("augment=instance_noise",), "none", plain),
        Row("diffusion", ("augment=diffusion", half), "none", plain),
        Row("no penalty", ("regularizer=none", "model.discriminator.norm=none"), "none", moved),
        Row("r1_r2", (*penalty("r1_r2"), *same("r1", "r2")), "none", moved),
        Row("r1, lecam", (*penalty("r1", "lecam"), *same("r1")), "none", moved),
        Row("r1, consistency", (*penalty("r1", "consistency"), *same("r1")), "none", moved),
        Row("r1, balanced_consistency", (*penalty("r1", "balanced_consistency"), *same("r1")), "none", moved),
        Row("r1_r2 + geometry", (*penalty("r1_r2"), *same("r1", "r2"), *SELDOM), "none", both),
        Row("r1, lecam + geometry", (*penalty("r1", "lecam"), *same("r1"), *SELDOM), "none", both),
        Row("none, longer", three, group=longer),
        Row("geometry, p = .3, longer", (*SELDOM, *three), "none, longer", longer),
        Row(
            "r1_r2 + geometry, longer",
            (*penalty("r1_r2"), *same("r1", "r2"), *SELDOM, *three),
            "none, longer",
            longer,
        ),
    ]
    return tuple(found)


def penalty(*names: str) -> tuple[str, ...]:
    return (f"regularizer=[{','.join(names)}]",)


def same(*names: str) -> tuple[str, ...]:
    """Return the recipe's weight and interval for these penalties."""
    return tuple(f"regularizer.{name}.{s}" for name in names for s in ("weight=6.0", "every=4"))


def columns(name: str) -> tuple[Column, ...]:
    return (
        Column(f"fd_{name}", f"fd_{name}", log=True),
        Column("coverage", "coverage", best="max"),
        Column("precision", "precision", best="max"),
        Column("recall", "recall", best="max"),
        Column("memorised", "memorised, %", percent=True),
    )


def bench(name: str, kind: str, num: int, images: int, title: str, protocol: str, seeds: int = 5) -> Bench:
    """Return the bench of a recipe, `experiment=KIND_dcgan`, on so many images, measured at its end."""
    few = (f"data.num_train={num}", f"num_images={images}", f"metric.every_images={images}")
    return Bench(
        name=name,
        title=title,
        protocol=f"{protocol}, `experiment={kind}_dcgan`, {images:,} images in batches of 64.",
        base=(f"experiment={kind}_dcgan", *few),
        rows=rows(images),
        columns=columns(kind),
        seeds=seeds,
    )


def digits(num: int) -> Bench:
    """Return the bench of so many digits."""
    protocol = f"{num} of scikit-learn's digits, measured against all 1,797"
    return bench(f"few_digits_{num}", "digits", num, 240_000, f"{num} digits", protocol)


def fashion(num: int) -> Bench:
    """Return the bench of so many pictures of clothes."""
    protocol = f"{num:,} of Fashion-MNIST's 60,000 at 32x32, measured against all of them"
    title = f"{num:,} pictures of clothes"
    return bench(f"few_fashion_{num}", "fashion", num, 200_000, title, protocol, seeds=3)


BENCHES = [digits(50), digits(100), digits(300), fashion(1_000)]

if __name__ == "__main__":
    main(__doc__, BENCHES)
