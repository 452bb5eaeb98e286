"""Samples with chosen codes, of a generator whose latent ends in some."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ganworks.errors import SettingError
from ganworks.model.codes import Coded
from ganworks.sample.sampler import Sampler


class CodedSampler(Sampler):
    """A sampler that draws all noise but the codes that were chosen; see `ganworks.model.codes.Codes.chosen`.

    Args:
        sampler: of a generator with codes.
        code: the categories' indices, then continuous codes in [-1, 1]; fewer than there are leave the others drawn.

    Raises:
        SettingError: a generator without codes; when it draws, codes that it does not have.
    """

    def __init__(self, sampler: Sampler, code: Sequence[float]) -> None:
        super().__init__(sampler.generator, sampler.config, sampler.produce, sampler.kind)
        if not isinstance(sampler.generator, Coded):
            allowed = (
                "left out: this generator has no codes, as one that learned with regularizer=infogan has"
            )
            raise SettingError("code", ",".join(f"{number:g}" for number in code), allowed)
        self.data, self.temperature = sampler.data, sampler.temperature
        self.codes, self.code = sampler.generator.codes, tuple(code)

    def _draw_noise(self, num: int, seed: int, truncation: float | None) -> dict[str, Tensor]:
        return self.codes.chosen(self.code, super()._draw_noise(num, seed, truncation))


def parse_code(text: str) -> list[float]:
    """Return the numbers of a text such as ``3,-.5``; raise `SettingError` where it holds something else."""
    try:
        return [float(part) for part in text.strip(" []").split(",")]
    except ValueError:
        allowed = "numbers with commas between them: indices of categories, then numbers from -1 to 1"
        raise SettingError("code", text, allowed) from None
