"""Codes: numbers in a generator's latent that have laws of their own and can be read off a sample."""

from __future__ import annotations

import copyreg
import functools
from abc import ABCMeta
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ganworks.errors import SettingError, check_count, check_range
from ganworks.model.noise import Noise

CONTINUOUS = "continuous"


@dataclass(frozen=True)
class Codes:
    """c = (c_1, ..., c_L): categories, uniform among K_i, and continuous numbers, uniform in [-1, 1].

    Chen et al. 2016 (InfoGAN), section 5 and appendix C (https://arxiv.org/abs/1606.03657).

    Args:
        categories: K_i of each category, from 2 up; none by [].
        continuous: how many continuous codes, from 0 up.

    Raises:
        SettingError: a count out of range, or no code at all.

    >>> Codes((10,), 2).size
    12
    """

    categories: Sequence[int] = (10,)
    continuous: int = 0

    def __post_init__(self) -> None:
        for num in self.categories:
            check_count("categories", num, at_least=2)
        check_count("continuous", self.continuous, at_least=0)
        if not self.size:
            raise SettingError("categories", "[]", "at least one number of categories, or continuous above 0")

    @property
    def size(self) -> int:
        """Numbers of the latent that the codes take."""
        return sum(self.categories) + self.continuous

    @property
    def noise(self) -> dict[str, Noise]:
        """The codes as noise by name: ``category_0`` (K_0,), ..., one-hot, and ``continuous`` in [0, 1)."""
        noise = {f"category_{i}": Noise((num,), "one_hot") for i, num in enumerate(self.categories)}
        return noise | ({CONTINUOUS: Noise((self.continuous,), "uniform")} if self.continuous else {})

    def of(self, drawn: Mapping[str, Tensor]) -> Tensor:
        """Return the codes (B, size) of noise by name: one-hot categories, then numbers in [-1, 1]."""
        parts = [drawn[f"category_{i}"] for i in range(len(self.categories))]
        return torch.cat([*parts, *([2 * drawn[CONTINUOUS] - 1] if self.continuous else [])], 1)

    def chosen(self, values: Sequence[float], drawn: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the noise of samples with chosen codes in the place of drawn ones.

        Args:
            values: the categories' indices, then continuous codes in [-1, 1], in their order; fewer leave the others.
            drawn: noise by name, a row for each sample.

        Raises:
            SettingError: too many codes, or one that is out of its range.
        """
        num_categories = len(self.categories)
        if len(values) > num_categories + self.continuous:
            allowed = (
                f"at most {num_categories} indices of categories and {self.continuous} numbers from -1 to 1"
            )
            raise SettingError("code", ",".join(f"{value:g}" for value in values), allowed)
        noise = dict(drawn)
        for i, (index, size) in enumerate(zip(values, self.categories, strict=False)):
            if index not in range(size):  # nor is infinity, or NaN
                raise SettingError("code", f"{index:g}", f"an integer from 0 to {size - 1} for category {i}")
            like = drawn[f"category_{i}"]
            noise[f"category_{i}"] = one_hot(torch.tensor(int(index)), size).to(like).expand_as(like)
        for i, value in enumerate(values[num_categories:]):
            column = torch.arange(self.continuous, device=drawn[CONTINUOUS].device) == i
            uniform = (check_range("code", value, -1.0, 1.0) + 1) / 2
            noise[CONTINUOUS] = noise[CONTINUOUS].masked_fill(column, uniform)
        return noise


class Coded:
    """A generator whose latent ends in codes: the base of the classes that `coded` makes.

    Args:
        codes: the settings of `Codes`.
        args, kwargs: of the generator; its ``latent_dim`` is the length of noise and codes together.

    Attributes:
        codes: the `Codes`.

    Raises:
        SettingError: no noise is left in the latent, or the generator has no plain latent.
    """

    codes: Codes

    def __init__(self, *args: Any, codes: Codes | Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.codes = codes if isinstance(codes, Codes) else Codes(**{str(k): v for k, v in codes.items()})
        noise: Mapping[str, Noise] = super().noise  # type: ignore[misc]
        if "latent" not in noise or "mixed_latent" in noise:
            allowed = (
                "left out: this generator takes no latent, or mixes two (model.generator.style_mixing=0: one)"
            )
            raise SettingError("codes", dict(vars(self.codes)), allowed)
        if noise["latent"].shape[0] <= self.codes.size:
            raise SettingError(
                "latent_dim", noise["latent"].shape[0], f"above {self.codes.size}, the codes' numbers"
            )

    @property
    def noise(self) -> Mapping[str, Noise]:
        """The noise of a sample by name: the generator's own, and the codes in the place of the latent's end."""
        own: Mapping[str, Noise] = super().noise  # type: ignore[misc]
        latent = Noise((own["latent"].shape[0] - self.codes.size,))
        return {**own, "latent": latent, **self.codes.noise}

    def forward(self, latent: Tensor, **inputs: Tensor) -> Tensor:
        """Return samples (B, *shape) of latents, codes under the names of `Codes.noise`, and what else it takes."""
        codes = {name: inputs.pop(name) for name in self.codes.noise}
        return super().forward(torch.cat([latent, self.codes.of(codes).to(latent)], 1), **inputs)  # type: ignore[misc]


class Codable(ABCMeta):
    """The class of the generators' classes, which takes ``codes`` for all of them: null is what leaving it out is."""

    def __call__(cls, *args: Any, codes: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        if codes is None:
            return super().__call__(*args, **kwargs)
        return super(Codable, cast(Codable, coded(cls))).__call__(*args, codes=codes, **kwargs)


@functools.cache
def coded(kind: type) -> type:
    """Return the class of ``kind``'s generators whose latents end in codes."""
    if issubclass(kind, Coded):
        return kind
    make: Any = type(kind)
    return make(kind.__name__, (Coded, kind), {"__module__": __name__, "plain": kind})


def reduced(kind: type) -> str | tuple[Any, ...]:
    """Return how a class of generators is pickled: one with codes is made again, any other is found by its name."""
    plain = vars(kind).get("plain")
    return kind.__qualname__ if plain is None else (coded, (plain,))


copyreg.pickle(Codable, reduced)
