"""What the doctor knows of a run's configuration, from the objects themselves."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from ganworks.augment import identity
from ganworks.loss import BCE, Minimax, Wasserstein
from ganworks.task import AdversarialTask


@dataclass(frozen=True)
class Facts:
    """What rules and advice depend on.

    Args:
        is_image: samples are images (C, H, W), whose generator ends in tanh.
        is_relativistic, is_wasserstein, is_saturating, is_cross_entropy: of the loss.
        critic_norm: "batch" or "spectral" where the discriminator has such a norm, else "".
        has_augment: an augmentation stands before the discriminator.
        is_clipped: the norm of the gradients is limited.
        num_samples: size of the training set, None where it is not known.
        num_steps: batches of the whole run, None where it is not known.
        weights: the regularizers' weights under their names; None for a schedule, or where there is no weight.
        lr: the optimizers' first learning rates by network.
        momentum: their first beta, where they have betas.
    """

    is_image: bool = True
    is_relativistic: bool = False
    is_wasserstein: bool = False
    is_saturating: bool = False
    is_cross_entropy: bool = True
    is_conditional: bool = False
    critic_norm: str = ""
    has_augment: bool = False
    is_clipped: bool = False
    n_critic: int = 1
    num_samples: int | None = None
    num_steps: int | None = None
    weights: dict[str, float | None] = field(default_factory=dict)
    lr: dict[str, float] = field(default_factory=dict)
    momentum: dict[str, float] = field(default_factory=dict)


def facts_of(task: AdversarialTask, num_samples: int | None = None, batch_size: int | None = None) -> Facts:
    """Return the facts of a task whose optimizers exist, on so many samples, in batches of all devices together."""
    groups = {role: o.param_groups[0] for role, o in zip(task.roles, task.trainer.optimizers, strict=True)}
    return Facts(
        is_image=len(task.generator.shape) == 3,
        is_relativistic=task.loss.relativistic,
        is_wasserstein=isinstance(task.loss, Wasserstein),
        is_saturating=isinstance(task.loss, Minimax),
        is_cross_entropy=isinstance(task.loss, BCE | Minimax),
        is_conditional=bool(task.discriminator.num_classes),
        critic_norm=norm_of(task.discriminator),
        has_augment=task.augment is not identity,
        is_clipped=task.gradient_clip is not None,
        n_critic=task.n_critic,
        num_samples=num_samples,
        num_steps=task.num_images // batch_size if batch_size else None,
        weights={name: weight_of(regularizer) for name, regularizer in task.regularizers.items()},
        lr={role: float(group.get("initial_lr", group["lr"])) for role, group in groups.items()},
        momentum={role: float(group["betas"][0]) for role, group in groups.items() if "betas" in group},
    )


def norm_of(network: nn.Module) -> str:
    """Return "batch" or "spectral" where a network has such a norm, else ""."""
    layers = list(network.modules())
    if any(parametrize.is_parametrized(layer) for layer in layers):
        return "spectral"
    return "batch" if any(isinstance(layer, _BatchNorm) for layer in layers) else ""


def weight_of(regularizer: object) -> float | None:
    """Return a regularizer's weight where it is a number that the configuration holds."""
    weight = vars(regularizer).get("weight")
    return float(weight) if isinstance(weight, int | float) else None
