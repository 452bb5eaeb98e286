"""The setup of a run, what the rules and the advice of the doctor depend on, from the objects themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from ganworks.model.base import networks_of, num_classes_of
from ganworks.regularizer import Regularizer
from ganworks.sample.kind import Kind, Video
from ganworks.task import AdversarialTask

WIDTHS = ("width", "channel_max")  # names of a network's width


@dataclass(frozen=True)
class Setup:
    """The setup of a run: what rules and advice depend on.

    Args:
        is_image: samples are images (C, H, W), whose generator ends in tanh.
        is_clip: samples are clips (C, T, H, W): they can be augmented, and two of a class are not alike pixel by pixel.
        is_relativistic, is_wasserstein, is_saturating, is_cross_entropy, is_balanced: of the loss.
        critic_norm: "batch" or "spectral" where the discriminator has such a norm, else "".
        has_augment: an augmentation stands before the discriminator.
        is_clipped: the norm of the gradients is limited.
        num_samples: size of the training set, None where it is not known.
        num_steps: batches of the whole run, None where it is not known.
        num_images: real images of the whole run, None where it is not known.
        num_parameters: of each network, those that are trained.
        widths: by network the setting of its width and its value; none where widths are listed one by one.
        augment_target, augment_images: the target of an adaptive augmentation, and the images in which it moves p by 1;
            None where there is none.
        is_compiled, is_sharded: of the networks: what differentiates twice runs uncompiled, and gathers the weights
            for all of its passes.
        weights: the regularizers' weights under their names; None for a schedule, or where there is no weight.
        lr: the optimizers' first learning rates by network.
        momentum: their first beta, where they have betas.
        settings: the paths of the run's settings, None where they are not known: advice names no other.
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
    settings: frozenset[str] | None = None
    is_clip: bool = False
    is_balanced: bool = False
    num_images: int | None = None
    num_parameters: dict[str, int] = field(default_factory=dict)
    widths: dict[str, tuple[str, int]] = field(default_factory=dict)
    augment_target: float | None = None
    augment_images: int | None = None
    is_compiled: bool = False
    is_sharded: bool = False


def setup_of(
    task: AdversarialTask,
    kind: Kind,
    num_samples: int | None = None,
    batch_size: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Setup:
    """Return the setup of a task whose optimizers exist.

    Args:
        kind: of the samples.
        num_samples: size of the training set.
        batch_size: real samples of all devices in a batch.
        settings: the run's configuration, which says what advice can name; None where it is not known.
    """
    groups = {role: o.param_groups[0] for role, o in zip(task.roles, task.trainer.optimizers, strict=True)}
    losses = [critic.objective for critic in task.critics]
    return Setup(
        is_image=kind.is_image,
        is_clip=isinstance(kind, Video),
        is_relativistic=any(loss.relativistic for loss in losses),
        is_wasserstein=all(is_of(loss, "lipschitz") for loss in losses),
        is_saturating=any(is_of(loss, "saturating") for loss in losses),
        is_cross_entropy=all(is_of(loss, "cross_entropy") for loss in losses),
        is_balanced=any(is_of(loss, "balanced") for loss in losses),
        is_conditional=bool(num_classes_of(task.discriminator)),
        critic_norm=norm_of(task.discriminator),
        has_augment=task.is_augmenting,
        is_clipped=task.gradient_clip is not None,
        n_critic=task.n_critic,
        num_samples=num_samples,
        num_steps=task.num_images // batch_size if batch_size else None,
        weights={
            name: weight_of(r) for name, r in task.all_regularizers.items() if r.player == "discriminator"
        },
        lr={role: float(group.get("initial_lr", group["lr"])) for role, group in groups.items()},
        momentum={role: float(group["betas"][0]) for role, group in groups.items() if "betas" in group},
        settings=None if settings is None else frozenset(paths_of(settings)),
        num_images=task.num_images,
        num_parameters={
            role: sum(p.numel() for p in player.parameters() if p.requires_grad)
            for role, player in task.players.items()
        },
        widths=widths_of({} if settings is None else settings),
        augment_target=getattr(task.augment, "target", None),
        augment_images=getattr(task.augment, "adjust_images", None),
        is_compiled=any(
            network._compiled_call_impl is not None
            for player in task.players.values()
            for network in networks_of(player).values()
        ),
        is_sharded=any(hasattr(parameter, "to_local") for parameter in task.parameters()),
    )


def widths_of(settings: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    """Return by network the setting that its width has under ``model``, and its value.

    >>> widths_of({"model": {"generator": {"width": 64}, "discriminator": {"channel_max": 512, "channel_base": 16384}}})
    {'generator': ('width', 64), 'discriminator': ('channel_max', 512)}
    """
    found: dict[str, tuple[str, int]] = {}
    for role in ("generator", "discriminator"):
        node = (settings.get("model") or {}).get(role)
        if isinstance(node, Mapping) and not node.get("widths"):
            names = [name for name in WIDTHS if isinstance(node.get(name), int)]
            if names:
                found[role] = (names[0], int(node[names[0]]))
    return found


def is_of(loss: object, trait: str) -> bool:
    """Say whether a loss has a trait of `AdversarialLoss`; one of another class need not know them."""
    return bool(getattr(loss, trait, False))


def paths_of(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the path of every setting, ``a.b.c``, and of every group and node above it."""
    for name, value in settings.items():
        path = f"{prefix}{name}"
        yield path
        if isinstance(value, Mapping):
            yield from paths_of(value, f"{path}.")
        elif isinstance(value, list | tuple):
            yield from (f"{path}.{index}" for index in range(len(value)))


def norm_of(network: nn.Module) -> str:
    """Return "batch" or "spectral" where a network has such a norm, else ""."""
    layers = list(network.modules())
    if any(parametrize.is_parametrized(layer) for layer in layers):
        return "spectral"
    return "batch" if any(isinstance(layer, _BatchNorm) for layer in layers) else ""


def weight_of(regularizer: Regularizer) -> float | None:
    """Return the weight of a penalty where it is a number that the configuration holds."""
    weight = regularizer.weight if regularizer.is_penalty else None
    return float(weight) if isinstance(weight, int | float) else None
