"""A trained generator outside of training: load it, sample from it, hand it on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Any

import torch
from hydra.utils import get_class
from torch import Tensor, nn

from ganworks.digest import save_tensors
from ganworks.errors import GanworksError, SettingError, check_count
from ganworks.model.base import conditions_of, draw_noise, networks_of, noise_of, num_classes_of, produce
from ganworks.model.noise import Noise
from ganworks.noise import keyed_rng
from ganworks.sample.kind import Kind, kind_of
from ganworks.sample.label import Label, Labels
from ganworks.sample.seed import Seed, by_seed
from ganworks.sample.walk import slerp
from ganworks.staged import write_text

FORMAT = 1
PLAIN = f"{produce.__module__}.{produce.__qualname__}"  # in config.json where no task has its own `produce`
Producer = Callable[[nn.Module, Mapping[str, Tensor]], dict[str, Tensor]]
"""From a player and its inputs to what it makes of them, among it ``fake`` (B, *shape)."""


class Sampler:
    """An averaged generator in evaluation mode, with what is needed to draw from it.

    Args:
        generator: the player: a network, or several by name.
        config: its configuration and where it comes from, plain types.
        produce: what makes samples of the player, from its noise and conditions; see `ManualTask.produce`.
        kind: of its samples; None takes that of the configuration, or else what their shape says.

    Attributes:
        generator, config, kind: as above.
        shape: of a sample; () where no network says it.
        num_classes: length of the condition ``label``; 0 where there is none.
    """

    def __init__(
        self,
        generator: nn.Module,
        config: dict[str, Any],
        produce: Producer = produce,
        kind: Kind | None = None,
    ) -> None:
        self.generator, self.config = generator.eval().requires_grad_(False), config
        self.produce = produce
        shapes = [getattr(network, "shape", ()) for network in networks_of(generator).values()]
        self.shape: tuple[int, ...] = next((tuple(shape) for shape in reversed(shapes) if shape), ())
        self.num_classes = num_classes_of(generator)
        self.data: Any = None  # lends the conditions that cannot be made up; see `beside`
        self.temperature = 1.0  # factor of Gumbel noise; see `at`
        self.kind = kind or kind_from(config) or kind_of(self.shape)

    @property
    def noise(self) -> dict[str, Noise]:
        """The noise of a sample by name."""
        return noise_of(self.generator)

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions that the generator takes."""
        return conditions_of(self.generator)

    @property
    def label_kind(self) -> str:
        """What a label is: "class", "multi" or "vector", see `GanDataModule.label_kind`; "none" where it takes none."""
        if not self.num_classes:
            return "none"
        kind = str(self.config.get("label_kind") or getattr(self.data, "label_kind", "class"))
        return "class" if kind == "none" else kind

    def beside(self, data: Any) -> Sampler:
        """Return this sampler with ``data``, whose real samples lend it the conditions that cannot be made up.

        Classes can: they are drawn. Vectors and sources are those of real samples; see `GanDataModule.draw_conditions`.
        """
        lent = copy(self)
        lent.data = data if hasattr(data, "draw_conditions") else None
        return lent

    def at(self, temperature: float | None) -> Sampler:
        """Return this sampler at a sampling temperature, above 0; None leaves it as it is.

        The Gumbel noise is drawn times the temperature T: argmax(logits + T gumbel) is a draw from softmax(logits / T).

        Raises:
            SettingError: this generator takes no Gumbel noise, or the temperature is not above 0.
        """
        if temperature is None:
            return self
        if not any(noise.law == "gumbel" for noise in self.noise.values()):
            allowed = "left out: this generator takes no Gumbel noise, as one of texts does"
            raise SettingError("temperature", temperature, allowed)
        if not temperature > 0:
            raise SettingError("temperature", temperature, "a number above 0; 1 is that of the training")
        tempered = copy(self)
        tempered.temperature = float(temperature)
        return tempered

    def sample(
        self,
        num: int,
        seed: Seed = 0,
        label: Label = None,
        truncation: float | None = None,
        batch_size: int = 256,
        conditions: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """Return ``num`` samples (num, *shape), a function of the arguments alone.

        Args:
            num: how many.
            seed: key of the noise and, without ``label``, of the labels of a conditional generator. Several keys, one
                for each sample, give the sample that each alone would give.
            label: one class for all samples, by number or name, or a class for each, (num,); several classes or a
                vector of numbers, one for all (num_classes,) or for each (num, num_classes). Only for conditional
                generators.
            truncation: normal noise is drawn from [-truncation, truncation]; None does not truncate.
            batch_size: samples made at a time.
            conditions: other conditions that the generator takes, such as ``source``, with a row for each sample.

        Raises:
            SettingError: a condition that is missing, or a label that the generator does not have; a count below 1.
        """
        return torch.cat(
            list(self.batches(self.inputs(num, seed, label, truncation, conditions), batch_size))
        )

    def inputs(
        self,
        num: int,
        seed: Seed = 0,
        label: Label = None,
        truncation: float | None = None,
        conditions: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Return noise and conditions of ``num`` samples by name, a row for each; arguments as for `sample`."""
        inputs = by_seed(num, seed, lambda num, seed: self._draw_noise(num, seed, truncation))
        given = dict(conditions or {})
        label = given.pop("label", label)
        missing = {*self.conditions} - {*given} - ({"label"} if label is not None else set())
        given |= self._lent(missing, num, seed)
        label = given.pop("label", label)
        labels = self.labels(num, seed, label)
        inputs |= {} if labels is None else {"label": labels}
        for name in self.conditions:
            if name != "label":
                inputs[name] = self._condition(name, given, num).to(next(self.generator.parameters()))
        return inputs

    def _draw_noise(self, num: int, seed: int, truncation: float | None) -> dict[str, Tensor]:
        drawn = draw_noise(
            self.generator,
            check_count("num", num),
            lambda name: keyed_rng(seed, f"sample/{name}"),
            truncation,
        )
        if self.temperature != 1:
            laws = {name: noise.law for name, noise in self.noise.items()}
            drawn |= {k: self.temperature * noise for k, noise in drawn.items() if laws[k] == "gumbel"}
        like = next(self.generator.parameters())
        return {name: noise.to(like) for name, noise in drawn.items()}

    def _lent(self, missing: set[str], num: int, seed: Seed) -> dict[str, Tensor]:
        """Return those of the missing conditions that cannot be made up, of real samples where there are some."""
        names = sorted(missing - ({"label"} if self.label_kind == "class" else set()))
        if not names or self.data is None:
            return {}
        return by_seed(num, seed, lambda num, seed: self.data.draw_conditions(names, num, seed))

    def _condition(self, name: str, given: Mapping[str, Tensor], num: int) -> Tensor:
        if name not in given:
            raise SettingError(
                name, "", f"given: this generator makes its samples from {name!r}, which is not drawn"
            )
        if len(given[name]) != num:
            raise SettingError(name, f"{len(given[name])} of them", f"one for each of {num} samples")
        return given[name]

    def batches(self, inputs: Mapping[str, Tensor], batch_size: int = 256) -> Iterator[Tensor]:
        """Yield the samples of `inputs`, ``batch_size`` at a time."""
        num = max((len(rows) for rows in inputs.values()), default=0)
        for start in range(0, num, check_count("batch_size", batch_size)):
            yield self.make({name: rows[start : start + batch_size] for name, rows in inputs.items()})

    @torch.inference_mode()
    def make(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return the samples (B, *shape) of noise and conditions with a row for each."""
        return self.produce(self.generator, inputs)["fake"]

    def interpolate(
        self,
        num_strips: int,
        num_steps: int,
        seed: Seed = 0,
        label: Label = None,
        truncation: float | None = None,
        batch_size: int = 256,
    ) -> Tensor:
        """Return strips (num_strips * num_steps, *shape), each on the great circle between two latents.

        Noise beside the latent stays the same along a strip.

        Args:
            label: one class for all strips or a class for each, (num_strips,); other conditions likewise.
            seed, truncation, batch_size: as for `sample`; of several keys, two for each strip.

        Raises:
            SettingError: this generator has no latent.
        """
        ends = self.draw_latent(2 * num_strips, seed, truncation)
        shares = torch.linspace(0, 1, check_count("num_steps", num_steps), device=ends.device)
        of_strips = seed if isinstance(seed, int) else seed[::2]
        inputs = self.inputs(num_strips, of_strips, label, truncation)
        strips = {name: rows.repeat_interleave(num_steps, 0) for name, rows in inputs.items()}
        strips["latent"] = slerp(ends[0::2, None], ends[1::2, None], shares[None, :, None]).flatten(0, 1)
        return torch.cat(list(self.batches(strips, batch_size)))

    def draw_latent(self, num: int, seed: Seed = 0, truncation: float | None = None) -> Tensor:
        """Return the latents (num, latent_dim) that ``seed`` stands for.

        Raises:
            SettingError: this generator has no latent.
        """
        if "latent" not in self.noise:
            raise SettingError("latent", "", "left alone: this generator takes no latent")
        return by_seed(num, seed, lambda num, seed: self._draw_noise(num, seed, truncation))["latent"]

    def labels(self, num: int, seed: Seed = 0, label: Label = None) -> Tensor | None:
        """Return labels: those asked for, else uniform draws of classes; None for an unconditional generator."""
        if label is None and not self.num_classes:
            return None
        known = self._known_labels(label)
        if label is None:
            if known.kind != "class":
                allowed = (
                    f"given: this generator is conditioned on {self.num_classes} numbers, which are not drawn"
                )
                raise SettingError("label", "", allowed)
            label = by_seed(num, seed, self._draw_classes)["label"]
        labels = known.check(label, num)
        dtype = next(self.generator.parameters()).dtype if labels.is_floating_point() else labels.dtype
        return labels.to(self.device, dtype)

    def _draw_classes(self, num: int, seed: int) -> dict[str, Tensor]:
        rng = keyed_rng(seed, "sample/label")
        return {"label": torch.randint(self.num_classes, (num,), generator=rng)}

    def parse_label(self, text: str) -> Tensor:
        """Return the labels that a text or a file of labels stands for, one or more; see `Labels.parse`."""
        return self._known_labels(text).parse(text)

    def _known_labels(self, label: Label) -> Labels:
        if not self.num_classes:
            shown = label.flatten()[0].item() if isinstance(label, Tensor) else label
            allowed = "left out: this generator is unconditional (model.conditional=false)"
            raise SettingError("label", shown, allowed)
        return Labels(self.label_kind, self.num_classes, self.config.get("classes", ()))

    @property
    def device(self) -> torch.device:
        """Where the generator's weights are."""
        return next(self.generator.parameters()).device

    def save(self, folder: str | Path) -> None:
        """Write ``model.safetensors`` and ``config.json``: the generator for use elsewhere."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        weights = {
            name: tensor.detach().cpu().contiguous() for name, tensor in self.generator.state_dict().items()
        }
        save_tensors(weights, folder / "model.safetensors")
        config = {"format": FORMAT, **self.config}
        if self.produce is produce:
            config["produce"] = PLAIN
        write_text(folder / "config.json", json.dumps(config, indent=2) + "\n")


def kind_from(config: Mapping[str, Any]) -> Kind | None:
    """Return the kind of samples that a configuration names, or None."""
    node = config.get("kind")
    if node is None:
        return None
    target = get_class(node["_target_"])
    if not issubclass(target, Kind):
        raise GanworksError(f"{node['_target_']} is no kind of samples.")
    return target(**{name: value for name, value in node.items() if name != "_target_"})
