"""What distribution is proven on: games of `games`, made anew in every process, where a rank takes its share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from games import (
    BATCH,
    LR,
    SHAPE,
    DoubleDigits,
    PartlyUsed,
    SharedDragan,
    SharedGenerator,
    SharedGradientPenalty,
    SharedLatents,
    SharedPathLength,
    SharedR1Approx,
    SharedR2Approx,
    SharedStyles,
    conditional,
    fit,
    make_task,
    mixed_styles,
    rank_and_world_size,
)
from ganworks.augment import Ada
from ganworks.loss import BCE, Began, Hinge, RelativisticPairing, Wasserstein
from ganworks.model import (
    MLPAutoencoder,
    MLPDiscriminator,
    SAGANDiscriminator,
    SAGANGenerator,
    StyleGAN2Discriminator,
    StyleGAN3Generator,
)
from ganworks.regularizer import (
    R1,
    R2,
    AuxiliaryClassifier,
    Centring,
    FeatureMatching,
    LeCam,
    San,
    Transport,
    WeightClip,
)
from ganworks.task import AdversarialTask

NUMBERS = "StyleGAN2 with ADA, lazy R1 and path length"  # its noise has strengths: parameters of one number
ALIAS_FREE = "StyleGAN3"
APART = f"{NUMBERS} in steps of their own"
MOMENTUM = {"optimizers": dict.fromkeys(AdversarialTask.roles, partial(torch.optim.SGD, lr=LR, momentum=0.9))}
SIDE = 32  # of the smallest images of SAGAN


class SharedAda(Ada):
    """Changes its share of the samples as one process would change those of the global batch."""

    def forward(self, x: Tensor, rng: torch.Generator) -> Tensor:
        rank, world_size = rank_and_world_size()
        whole = x.new_zeros(len(x) * world_size, *x.shape[1:])
        is_mine = torch.arange(len(whole)) % world_size == rank
        return super().forward(whole.masked_scatter(is_mine.view(-1, *[1] * (x.dim() - 1)), x), rng)[is_mine]


class SharedSAGAN(SharedLatents, SAGANGenerator):
    """Residual blocks with self-attention and conditional batch norm."""


class SharedAliasFree(SharedLatents, StyleGAN3Generator):
    """Layers that follow the magnitude of what comes in."""


def wasserstein() -> dict[str, Any]:
    penalty = SharedGradientPenalty(weight=10.0)
    return {
        "loss": Wasserstein(),
        "regularizers": {"gradient_penalty": penalty},
        "n_critic": 5,
        "num_steps": 10,
    }


def r3gan() -> dict[str, Any]:
    return {"loss": RelativisticPairing(), "regularizers": {"r1": R1(weight=0.5), "r2": R2(weight=0.5)}}


def spectral_hinge() -> dict[str, Any]:
    torch.manual_seed(1)
    discriminator = MLPDiscriminator(SHAPE, width=16, depth=2, norm="spectral")
    return {"loss": Hinge(margin=100.0), "discriminator": discriminator}


def partly_used() -> dict[str, Any]:
    torch.manual_seed(1)
    decay = partial(torch.optim.SGD, lr=LR, weight_decay=0.1)
    optimizers = {"generator": partial(torch.optim.SGD, lr=LR), "discriminator": decay}
    return {"discriminator": PartlyUsed(), "optimizers": optimizers}


def approximate() -> dict[str, Any]:
    penalties = {"r1": SharedR1Approx(weight=0.5, sigma=0.1), "r2": SharedR2Approx(weight=0.5, sigma=0.1)}
    return {"regularizers": penalties}


def began() -> dict[str, Any]:
    torch.manual_seed(1)
    return {"loss": Began(rate=0.3), "discriminator": MLPAutoencoder(SHAPE, width=16, code_dim=4)}


def levels() -> dict[str, Any]:
    return {"loss": Hinge(margin=100.0), "regularizers": {"lecam": LeCam(start=2), "centring": Centring()}}


def flow() -> dict[str, Any]:
    torch.manual_seed(1)
    terms = {
        "transport": Transport(0.2),
        "matching": FeatureMatching(0.1),
    }  # a sum and a mean of the global batch
    return {"generator": SharedGenerator(SHAPE, latent_dim=64, width=16, depth=2), "regularizers": terms}


def with_numbers(network: nn.Module) -> nn.Module:
    """Return ``network`` with parameters of one number that matter: they begin at zero, and so do what is behind."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 0:
                parameter.fill_(0.3)
    return network


def ada(**kwargs: Any) -> SharedAda:
    """Return ADA whose probability follows the logits fast: 64 images move it by a third."""
    return SharedAda(noise=1.0, cutout=1.0, probability=1.0, target=0.0, adjust_images=192, every=2, **kwargs)


def stylegan2() -> dict[str, Any]:
    torch.manual_seed(1)
    generator = SharedStyles(SHAPE, latent_dim=4, w_dim=8, num_mapping=2, channel_base=32, channel_max=4)
    discriminator = StyleGAN2Discriminator(SHAPE, channel_base=32, channel_max=4)
    penalties = {"r1": R1(weight=1.0, every=2), "path_length": SharedPathLength(weight=2.0, every=2)}
    return {
        "generator": with_numbers(generator),
        "discriminator": discriminator,
        "regularizers": penalties,
        "augment": ada(),
        "gradient_clip": 0.1,
    }


def class_head() -> dict[str, Any]:
    return {**conditional(), "regularizers": {"auxiliary_classifier": AuxiliaryClassifier(10)}}


def sagan() -> dict[str, Any]:
    torch.manual_seed(1)
    shape = (1, SIDE, SIDE)
    return {
        "generator": with_numbers(SharedSAGAN(shape, latent_dim=4, num_classes=10, width=4)),
        "discriminator": with_numbers(SAGANDiscriminator(shape, num_classes=10, width=4)),
        "loss": Hinge(margin=100.0),
        "num_steps": 3,
    }


def stylegan3() -> dict[str, Any]:
    torch.manual_seed(1)
    sizes = {"w_dim": 8, "channel_base": 64, "channel_max": 4, "num_layers": 3, "num_critical": 1}
    generator = SharedAliasFree((1, 16, 16), latent_dim=4, **sizes, w_decay=0.9, magnitude_decay=0.9)
    return {"generator": generator, "discriminator": MLPDiscriminator((1, 16, 16), width=16, depth=2)}


def median_ada() -> dict[str, Any]:
    return {**r3gan(), "augment": ada()}  # a relativistic loss: the signs are those beside the median


# What distribution is proven on: the arguments of `make_task`, made anew in every process. The hinge has a margin
# that no logit reaches: a saturated hinge has no gradient, and passes every test.
DISTRIBUTED: dict[str, Callable[[], dict[str, Any]]] = {
    "bce": lambda: {"loss": BCE()},
    "bce in two parts": lambda: {"loss": BCE(), "accumulate": 2},
    "hinge with spectral norm": spectral_hinge,
    "hinge with spectral norm in two parts": lambda: {**spectral_hinge(), "accumulate": 2},
    "wgan_gp with five critic steps": wasserstein,
    "wgan_gp with five critic steps in two parts": lambda: {**wasserstein(), "accumulate": 2},
    "lazy R1": lambda: {"regularizers": {"r1": R1(weight=1.0, every=2)}},
    "lazy R1 in two parts": lambda: {"regularizers": {"r1": R1(weight=1.0, every=2)}, "accumulate": 2},
    "DRAGAN": lambda: {"regularizers": {"dragan": SharedDragan(weight=10.0)}},
    "lazy R1 in steps of its own": lambda: {
        "regularizers": {"r1": R1(weight=1.0, every=2)},
        "lazy_step": True,
    },
    "R1 and R2": r3gan,
    "R1 and R2 in two parts": lambda: {**r3gan(), "accumulate": 2},
    "approximate R1 and R2": approximate,
    "path length of mixed styles": mixed_styles,
    "clipped gradients": lambda: {"gradient_clip": 1e-3},
    "parameters that a rank or no rank uses": partly_used,
    "class head and conditional batch norm over ranks": class_head,
    "weight clipping": lambda: {"regularizers": {"weight_clip": WeightClip(bound=0.05)}},
    "ADA of a relativistic loss": median_ada,
    "SAN with R1": lambda: {
        "loss": Hinge(margin=100.0),
        "regularizers": {"san": San(), "r1": R1(weight=1.0)},
    },
    "LeCam and centring": levels,
    "BEGAN's balance": began,
    "transport and feature matching": flow,
    NUMBERS: stylegan2,
    f"{NUMBERS} in two parts": lambda: {**stylegan2(), "accumulate": 2},
    APART: lambda: {**stylegan2(), "lazy_step": True},
    "SAGAN with batch norm over ranks": sagan,
    ALIAS_FREE: stylegan3,
}
# What the trainer is told besides.
TRAINER = {case: {"sync_batchnorm": True} for case in DISTRIBUTED if case.endswith("batch norm over ranks")}
# And the side of the images, where it is not that of `games.SHAPE`.
SIDES = {"SAGAN with batch norm over ranks": SIDE, ALIAS_FREE: 16}
# The distance of two ranks from one process, where it may be more than 1e-12. SAGAN's large steps carry rounding on;
# StyleGAN3's styles are scaled by those of the batch, which changes the epsilon of their demodulation.
BOUNDS = {"SAGAN with batch norm over ranks": 1e-10, ALIAS_FREE: 1e-7}


def play(
    case: str, batch_size: int = BATCH, changes: dict[str, Any] | None = None, **trainer: Any
) -> AdversarialTask:
    """Return the task of ``case`` after its training in batches of ``batch_size`` samples a process.

    Args:
        changes: of the arguments of `make_task`.
        trainer: for `fit`.
    """
    data = DoubleDigits(batch_size=batch_size, resolution=SIDES.get(case, SHAPE[1]), channels=1)
    return fit(
        make_task(**{**DISTRIBUTED[case](), **(changes or {})}), data=data, **TRAINER.get(case, {}), **trainer
    )
