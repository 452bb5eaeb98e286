"""Adversarial post-training: a generator that begins as a trained network, and critics that know it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ganworks.errors import SettingError, setting_path
from ganworks.sample.build import check_weights
from ganworks.task.adversarial import AdversarialTask


class DistilTask(AdversarialTask):
    """`AdversarialTask` whose networks begin with a teacher's weights: one step in the place of many.

    A one-step `FlowGenerator` begins as G(z) = z - v(z, 1) (APT, Lin et al. 2025, https://arxiv.org/abs/2501.08316),
    and `TeacherHeads` judge by the teacher's own features of noised samples (LADD, Sauer et al. 2024,
    https://arxiv.org/abs/2403.12015). The step is that of every game. A network says by ``from_weights`` which of its
    parts begin so; where none of the discriminator's does, it is trained from scratch.

    Args:
        teacher: path of the trained weights: a run directory, a folder of runs, a generator folder, or a file
            (.ckpt, .safetensors, .pt). A new run reads them when it starts (`take_teacher`); later they are in its
            checkpoints.
        args, kwargs: see `AdversarialTask`.

    Raises:
        SettingError: no network of the model begins with a teacher's weights.
    """

    def __init__(self, *args: Any, teacher: str | Path | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.teacher = teacher
        if not self.taught:
            allowed = "one with a network that starts from the teacher, such as model=distil"
            with setting_path(is_whole=True):
                raise SettingError("model", type(self.generator).__name__, allowed)

    @property
    def taught(self) -> dict[str, nn.Module]:
        """The networks that begin with the teacher's weights, by their names in the task."""
        return {
            f"{name}.{part}": getattr(module, part)
            for name, module in self.named_modules()
            for part in getattr(module, "from_weights", ())
        }

    def take_teacher(self, weights: dict[str, Tensor], source: str) -> None:
        """Give each of the networks `taught` the teacher's weights.

        Args:
            weights: by name, all that such a network has.
            source: where they come from, for the error.

        Raises:
            GanworksError: names or shapes differ.
        """
        for network in self.taught.values():
            check_weights(network.state_dict(), weights, source)
            network.load_state_dict(weights)

    def describe(self) -> dict[str, str]:
        names = ", ".join(name for name in self.taught if not name.startswith("ema_"))
        return {**super().describe(), "teacher": f"{self.teacher}, begins {names}"}
