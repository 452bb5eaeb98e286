"""The measures of texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor

from ganworks.errors import SettingError, check_count
from ganworks.metric.distance.ngram import as_texts, bleu, jensen_shannon, lengths, ngrams, total_variation
from ganworks.metric.measure.base import Measure
from ganworks.metric.reference import ReferenceData
from ganworks.metric.sample_set import SampleSet
from ganworks.noise import keyed_rng

Texts = list[tuple[int, ...]]


class TextMeasure(Measure):
    """Figures of token ids; `end` and the training texts are those of the data."""

    extractor: str = "tokens"
    needs: ClassVar[frozenset[str]] = frozenset({"features"})

    def check_data(self, data: ReferenceData) -> None:
        """Raise `SettingError` unless the samples are texts of a `TokenDataModule`."""
        if not hasattr(data, "end") or not hasattr(data, "num_tokens"):
            name = next(iter(self.better))
            allowed = (
                f"left out: it measures texts, as of data=words, and {data.name} has {tuple(data.shape)}"
            )
            raise SettingError(f"measure.{name}", type(self).__name__, allowed)

    def ids(self, side: SampleSet) -> Tensor:
        """Return the token ids int64 (N, L), the first `num_rows`."""
        return side[self.extractor].features[: self.num_rows].long()


@dataclass(frozen=True)
class NgramDivergence(TextMeasure):
    """Jensen-Shannon divergence in nats between the n-grams of fakes and reals, and that of their lengths.

    The figures are ``jsd_3gram`` for each order, and ``length_tv``, the total variation between the lengths. All depend
    on how many texts there are: a smaller set has fewer of its rare n-grams.

    Args:
        orders: n of each divergence.
        num_rows: texts of each side, the first ones; None: all.
        extractor: of token ids.
    """

    orders: tuple[int, ...] = (3, 2)
    num_rows: int | None = None
    extractor: str = "tokens"

    def __post_init__(self) -> None:
        object.__setattr__(self, "orders", tuple(check_count("orders", order) for order in self.orders))

    @property
    def better(self) -> Mapping[str, str]:
        return {**{f"jsd_{order}gram": "min" for order in self.orders}, "length_tv": "min"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        data: Any = real.data
        sides = [self.ids(side) for side in (real, fake)]
        found = {}
        for order in self.orders:
            counts = [ngrams(ids, order, data.num_tokens, data.end) for ids in sides]
            found[f"jsd_{order}gram"] = jensen_shannon(*counts)
        first, second = (lengths(ids, data.end) for ids in sides)
        return {**found, "length_tv": total_variation(first, second)}


@dataclass(frozen=True)
class Novelty(TextMeasure):
    """``unique``, the share of distinct texts among the fakes, and ``novel``, the share of fakes not in the training.

    Args:
        num_rows: of the fakes, the first ones; None: all.
        extractor: of token ids.
    """

    num_rows: int | None = None
    extractor: str = "tokens"

    @property
    def better(self) -> Mapping[str, str]:
        return {"novel": "max", "unique": "max"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        data: Any = real.data
        texts, known = as_texts(self.ids(fake), data.end), training_texts(data)
        return {
            "novel": sum(text not in known for text in texts) / len(texts),
            "unique": len(set(texts)) / len(texts),
        }

    def floor(self, real: SampleSet, halves: tuple[SampleSet, SampleSet], rng: Generator) -> dict[str, Any]:
        """Return ``unique`` alone: training texts are not novel."""
        return {"unique": super().floor(real, halves, rng)["unique"]}


@dataclass(frozen=True)
class Spelling(TextMeasure):
    """Whether the fakes are words: ``valid`` of them are in the list, and ``found`` counts what copying cannot raise.

    ``valid`` is the share of fakes among training and held-out words; ``found`` the share of held-out words among the
    distinct fakes that are not in the training, 0 where there are none.

    Args:
        num_rows: of the fakes, the first ones; None: all.
        extractor: of token ids.
    """

    num_rows: int | None = None
    extractor: str = "tokens"

    @property
    def better(self) -> Mapping[str, str]:
        return {"valid": "max", "found": "max"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        data: Any = real.data
        known, held_out = training_texts(data), set(as_texts(data.reference.ids, data.end))
        texts = as_texts(self.ids(fake), data.end)
        novel = set(texts) - known
        return {
            "valid": sum(text in known or text in held_out for text in texts) / len(texts),
            "found": len(novel & held_out) / max(1, len(novel)),
        }

    def floor(self, real: SampleSet, halves: tuple[SampleSet, SampleSet], rng: Generator) -> dict[str, Any]:
        """Return ``valid`` alone: training words find nothing new."""
        return {"valid": super().floor(real, halves, rng)["valid"]}


@dataclass(frozen=True)
class Bleu(TextMeasure):
    """``bleu4`` of the fakes against the reals, and ``self_bleu4`` of each fake against the others.

    Texygen, Zhu et al. 2018, section 3 (https://arxiv.org/abs/1802.01886): the first is about quality, the second,
    which is better where it is low, about variety.

    Args:
        order: n of the longest n-grams.
        num_rows: texts of each side, the first ones.
        extractor: of token ids.
    """

    order: int = 4
    num_rows: int | None = 1000
    extractor: str = "tokens"

    def __post_init__(self) -> None:
        check_count("order", self.order)

    @property
    def better(self) -> Mapping[str, str]:
        return {f"bleu{self.order}": "max", f"self_bleu{self.order}": "min"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        data: Any = real.data
        first, second = (as_texts(self.ids(side), data.end) for side in (real, fake))
        return {
            f"bleu{self.order}": bleu(second, first, self.order),
            f"self_bleu{self.order}": bleu(second, second, self.order, is_self=True),
        }


@dataclass(frozen=True)
class Likelihood(TextMeasure):
    """``nll_test``, the generator's negative log-likelihood of held-out texts, in nats per token that is read.

    A generator with a latent gives p(text | latent); of ``num_latents`` draws the figure takes the mean likelihood,
    whose expected logarithm is a lower bound (Burda et al. 2016, equation 8, https://arxiv.org/abs/1509.00519): the
    true figure is at most this one.

    Args:
        num_latents: draws for each text; one where the generator takes no latent.
        num_rows: of the reals, the first ones.
        batch_size: texts at a time.
        extractor: of token ids.
    """

    num_latents: int = 4
    num_rows: int | None = 1000
    batch_size: int = 200
    extractor: str = "tokens"

    needs: ClassVar[frozenset[str]] = frozenset({"features", "sampler"})

    def __post_init__(self) -> None:
        check_count("num_latents", self.num_latents)

    @property
    def better(self) -> Mapping[str, str]:
        return {"nll_test": "min"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        data: Any = real.data
        sampler: Any = fake.sampler
        generator, ids = sampler.generator, self.ids(real)
        if not hasattr(generator, "log_prob"):
            allowed = "left out: the generator has no likelihood (a method log_prob)"
            raise SettingError("measure.likelihood", type(self).__name__, allowed)
        num_tokens = int((lengths(ids, data.end) + (lengths(ids, data.end) < ids.shape[1])).sum())
        seed = int(torch.randint(2**62, (), generator=rng))
        total = sum(
            float(self._log_prob(sampler, part, seed, start).sum())
            for start, part in enumerate(ids.split(self.batch_size))
        )
        return {"nll_test": -total / num_tokens}

    def _log_prob(self, sampler: Any, ids: Tensor, seed: int, number: int) -> Tensor:
        """Return ln of the mean likelihood of texts (B, L) over the latents, (B,)."""
        generator, temperature = sampler.generator, sampler.temperature
        like = next(generator.parameters())
        latent = {name: noise for name, noise in generator.noise.items() if name == "latent"}
        found = []
        for draw in range(self.num_latents if latent else 1):
            drawn = {
                name: noise.draw(len(ids), keyed_rng(seed, name, number, draw)).to(like)
                for name, noise in latent.items()
            }
            found.append(
                generator.log_prob(ids.to(like.device), **drawn, temperature=temperature).double().cpu()
            )
        return torch.stack(found).logsumexp(0) - torch.tensor(float(len(found))).log()

    def floor(self, real: SampleSet, halves: tuple[SampleSet, SampleSet], rng: Generator) -> dict[str, Any]:
        """Return nothing: real texts have no likelihood of their own."""
        return {}


@dataclass(frozen=True)
class OracleLikelihood(TextMeasure):
    """``nll_oracle``, the true negative log-likelihood of the fakes, in nats a token.

    SeqGAN, Yu et al. 2017, equation 10 (https://arxiv.org/abs/1609.05473). It says nothing alone: one good sequence
    again and again has a low one, and so has any generator at a low temperature. Read it beside ``nll_test`` and
    ``unique``.

    Args:
        num_rows: of the fakes, the first ones; None: all.
        batch_size: texts at a time.
        extractor: of token ids.
    """

    num_rows: int | None = None
    batch_size: int = 200
    extractor: str = "tokens"

    @property
    def better(self) -> Mapping[str, str]:
        return {"nll_oracle": "min"}

    def check_data(self, data: ReferenceData) -> None:
        """Raise `SettingError` unless the data have an oracle."""
        super().check_data(data)
        if not hasattr(data, "oracle"):
            allowed = f"left out: only data=oracle has one, and these data are {data.name}"
            raise SettingError("measure.nll_oracle", type(self).__name__, allowed)

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        oracle, ids = real.data.oracle, self.ids(fake)  # type: ignore[union-attr]
        total = sum(float(oracle.log_prob(part).double().sum()) for part in ids.split(self.batch_size))
        return {"nll_oracle": -total / ids.numel()}


def training_texts(data: Any) -> set[tuple[int, ...]]:
    """Return the distinct texts that the training sees."""
    return set(as_texts(data.samples.ids, data.end))
