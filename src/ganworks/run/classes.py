"""What names classes is refused before training where the data or the generator have none of them."""

from __future__ import annotations

from ganworks.data import GanDataModule
from ganworks.errors import SettingError
from ganworks.model.base import conditions_of
from ganworks.regularizer import ClassHead, ClassRegularizer
from ganworks.task import Critic, ManualTask

KINDS = {"none": "no labels", "class": "a class", "multi": "several classes", "vector": "a vector of numbers"}


def check_classes(task: ManualTask, data: GanDataModule) -> None:
    """Raise `SettingError` where a discriminator's class head does not fit the labels, or the generator takes none."""
    for critic in getattr(task, "critics", ()):
        for name, each in critic.penalties.items():
            if isinstance(each, ClassHead | ClassRegularizer):
                check_head(f"regularizer.{name}", each, critic, task, data)


def check_head(
    setting: str, head: ClassHead | ClassRegularizer, critic: Critic, task: ManualTask, data: GanDataModule
) -> None:
    """Raise `SettingError` where one head of a critic does not fit; see `check_classes`."""
    kind = data.label_kind
    if kind not in head.label_kinds:
        taken = " or ".join(KINDS[each] for each in head.label_kinds)
        raise SettingError(
            setting, "on", f"left out: samples of {data.name} have {KINDS[kind]}, and it takes {taken}"
        )
    if head.num_classes != data.num_classes:
        raise SettingError(
            f"{setting}.num_classes", head.num_classes, f"{data.num_classes}, those of the data"
        )
    conditions = conditions_of(task.generator)
    if critic.fake_label == "label" and "label" not in conditions:
        raise SettingError(
            "model.conditional", False, f"true under {setting}: the generator is told no class"
        )
