"""What critics say of samples: logits, perhaps more, of one side or both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ganworks.model.base import num_classes_of
from ganworks.task.base import Batch
from ganworks.task.critic import Critic, logits_of
from ganworks.task.view import Seen

Said = dict[str, Tensor]


@dataclass(frozen=True)
class Look:
    """What one critic saw in the discriminator's last update, for whoever watches the training.

    Args:
        critic: with the loss and the regularizers that it is trained on.
        batch: ``real``, ``fake``, ``real_logits``, ``fake_logits``, what else the critic said of each as one tensor,
            perhaps ``label``, and the other fields, without graphs.
    """

    critic: Critic
    batch: Batch


def without_side(stream: str) -> str:
    """Return a stream of draws without the side of a loss that it is for.

    >>> without_side("generator/fake"), without_side("r1")
    ('generator', 'r1')
    """
    before, _, last = stream.rpartition("/")
    return before if last in ("real", "fake") else stream


def by_side(side: str, said: Said) -> Said:
    """Return what a critic said of one side under names that say which."""
    return {f"{side}_{name}": value for name, value in said.items()}


def rows_of(said: Said, rows: Tensor, num: int) -> Said:
    """Return what a critic said of some of ``num`` samples; what has no row a sample stays."""
    return {
        name: value[rows] if isinstance(value, Tensor) and len(value) == num else value
        for name, value in said.items()
    }


def said_of_side(side: str, batch: Batch) -> Said:
    """Return what a critic said of one side, of a batch that holds it under the names of `by_side`."""
    return {
        name.removeprefix(f"{side}_"): value for name, value in batch.items() if name.startswith(f"{side}_")
    }


def said_of(
    critic: Critic, seen: Seen, label: Tensor | None, num: int, network: Callable[..., Any] | None = None
) -> Said:
    """Return what a critic's network says of what it sees, ``logits`` (B, ...) in float32 among it.

    Args:
        seen: what the view shows of ``num`` samples, perhaps several rows of each.
        label: of the samples; handed on to a conditional network alone.
    """
    told = {} if isinstance(seen, Tensor) else dict(seen)
    x = seen if isinstance(seen, Tensor) else told.pop("x")
    network, several = network or critic.network, len(x) // num
    if label is not None and num_classes_of(critic.network):
        said = network(x, label if several == 1 else label.repeat_interleave(several, 0), **told)
    else:
        said = network(x, **told)
    logits = logits_of(said)
    if several > 1:
        logits = logits.unflatten(0, (num, several))
    beside = {} if isinstance(said, Tensor) else said
    return {**beside, "logits": logits} if label is None else {**beside, "logits": logits, "label": label}
