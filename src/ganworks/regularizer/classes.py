"""Classes beside projection: heads of the discriminator that name a sample's class, and teach the generator to."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from ganworks.errors import SettingError, check_count, check_range
from ganworks.loss.base import check_rows
from ganworks.model.layer.branch import branch
from ganworks.model.layer.head import along
from ganworks.regularizer.base import Regularizer, WeightSchedule


class ClassRegularizer(Regularizer):
    """A head on the discriminator's last features, and a term of what it says of each player's samples.

    The discriminator learns it on the reals, and on the fakes where ``fakes`` says so; the generator on its fakes,
    through the frozen head.

    Args:
        num_classes: K, that of the data.
        weight, every: see `Regularizer`; lambda of the discriminator.
        generator_weight: lambda of the generator, from 0 up, or a schedule.
        fakes: the discriminator learns the term on the fakes too, with the labels that they were made for.

    Attributes:
        setting: what errors call it.
        head: under which the network returns what the head says.
        label_kinds: the kinds of labels that the term takes; see `GanDataModule.label_kind`.

    Raises:
        SettingError: a count or a weight out of range; in training, several rows a label, or none.
    """

    setting: ClassVar[str]
    head: ClassVar[str] = "class_logits"
    label_kinds: ClassVar[tuple[str, ...]] = ("class",)
    differentiates_twice: ClassVar[bool] = False

    def __init__(
        self,
        num_classes: int,
        weight: float | WeightSchedule = 1.0,
        every: int = 1,
        generator_weight: float | WeightSchedule = 1.0,
        fakes: bool = False,
    ) -> None:
        super().__init__(weight, every)
        self.num_classes = check_count("num_classes", num_classes, at_least=2)
        if not callable(generator_weight):
            check_range("generator_weight", generator_weight, 0.0)
        self.generator_weight = generator_weight
        self.sides = ("real", "fake") if fakes else ("real",)

    @abstractmethod
    def make_head(self, num_features: int) -> nn.Module:
        """Return the head, a module of features (B, num_features)."""

    @abstractmethod
    def term(self, said: Tensor, label: Tensor) -> Tensor:
        """Return the term of what the head said of samples (B, ...) with their labels, a scalar."""

    def class_logits(self, said: Tensor) -> Tensor:
        """Return one number a class, (B, K), the largest that of the class that the head names."""
        return said

    def prepare(self, network: nn.Module) -> None:
        branch(network, self.head, self.make_head)

    def penalty(
        self, network: Callable[..., Any], batch: Mapping[str, Tensor], rng: torch.Generator
    ) -> Tensor:
        terms = []
        for side in self.sides:
            said = batch.get(f"{side}_{self.head}")
            if said is None:  # in a step of its own, where the loss has asked for nothing
                said = network.said(batch[side])[self.head]  # type: ignore[attr-defined]
            terms.append(self.checked_term(said, batch.get(f"{side}_label", batch.get("label"))))
        return torch.stack(terms).sum()

    def generator_term(self, batch: Mapping[str, Tensor]) -> Tensor | None:
        if self.generator_weight == 0:
            return None
        return self.checked_term(batch[f"fake_{self.head}"], batch.get("fake_label"))

    def checked_term(self, said: Tensor, label: Tensor | None) -> Tensor:
        """Return the term in float32 at least; raise `SettingError` where the rows are not those of the labels."""
        if label is None:
            raise SettingError(
                self.setting, "on", "left out: the data set has no labels (data.num_classes=0)"
            )
        check_rows(self.setting, "on", said, len(label))
        return self.term(said.float() if said.dtype.itemsize < 4 else said, label)


class AuxiliaryClassifier(ClassRegularizer):
    """-log p(y|x) by a linear head: the discriminator learns to classify, the generator to be classified.

    Odena et al. 2017 (AC-GAN), equations 2 and 3 (https://arxiv.org/abs/1610.09585): L_C over reals and fakes, which
    both players maximise. Labels of several classes at once (B, K), from 0 to 1, take the mean of K binary entropies.

    Args:
        num_classes, weight, every, generator_weight: see `ClassRegularizer`.
        fakes: the paper's L_C; False lets the discriminator classify reals alone.
    """

    setting: ClassVar[str] = "regularizer.auxiliary_classifier"
    label_kinds: ClassVar[tuple[str, ...]] = ("class", "multi")

    def __init__(
        self,
        num_classes: int,
        weight: float | WeightSchedule = 1.0,
        every: int = 1,
        generator_weight: float | WeightSchedule = 1.0,
        fakes: bool = True,
    ) -> None:
        super().__init__(num_classes, weight, every, generator_weight, fakes)

    def make_head(self, num_features: int) -> nn.Module:
        return nn.Linear(num_features, self.num_classes)

    def term(self, said: Tensor, label: Tensor) -> Tensor:
        if label.is_floating_point():
            return binary_cross_entropy_with_logits(said, label.to(said.dtype))
        return cross_entropy(said, label)


class UnconditionalClassifier(AuxiliaryClassifier):
    """A discriminator without a condition, whose features must name the class of reals: -log p(y|x) of reals alone.

    After Xia et al. 2025 (UCD, https://arxiv.org/abs/2510.00624): a condition that enters the discriminator is a
    shortcut, and its accuracy as a classifier says how near the game is to its equilibrium. That is `class_accuracy` of
    the doctor. The generator learns the classes through the same head, as in AC-GAN. The paper's second form, a loss of
    self-distillation on views, is not here.

    Args:
        num_classes, weight, every, generator_weight: see `ClassRegularizer`.

    Raises:
        SettingError: the discriminator takes a condition.
    """

    setting: ClassVar[str] = "regularizer.unconditional_classifier"

    def __init__(
        self,
        num_classes: int,
        weight: float | WeightSchedule = 1.0,
        every: int = 1,
        generator_weight: float | WeightSchedule = 1.0,
    ) -> None:
        super().__init__(num_classes, weight, every, generator_weight, fakes=False)

    def prepare(self, network: nn.Module) -> None:
        if condition := getattr(network, "num_classes", 0):
            error = SettingError("model.discriminator.num_classes", condition, f"0 under {self.setting}")
            error.is_whole = True
            raise error
        super().prepare(network)


class ClassHead(Regularizer):
    """No penalty, but the class logits (B, K) that `ganworks.loss.MultiHinge` reads, on the discriminator's features.

    The logit d of the network and the K class logits C_k become K + 1 scores, C_{K+1} = -d being that of "fake"; the
    network then returns max_k C_k - C_{K+1} as its ``logits``: above 0 where it takes a sample for real, whatever its
    class, which is what penalties, augmentations and the doctor look at.

    Args:
        num_classes: K, that of the data.
    """

    setting: ClassVar[str] = "regularizer.class_head"
    head: ClassVar[str] = "class_logits"
    label_kinds: ClassVar[tuple[str, ...]] = ("class",)

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = check_count("num_classes", num_classes, at_least=2)

    def class_logits(self, said: Tensor) -> Tensor:
        """Return the class logits (B, K) themselves."""
        return said

    def prepare(self, network: nn.Module) -> None:
        branch(network, self.head, lambda num_features: nn.Linear(num_features, self.num_classes))
        network.register_forward_hook(against_fake)


def against_fake(network: nn.Module, arguments: Any, said: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return what a discriminator says, its logits (B, ...) being the margin over "fake": a forward hook."""
    best = said["class_logits"].amax(1)
    return {**said, "logits": said["logits"] + along(best, said["logits"])}
