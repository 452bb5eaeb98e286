"""SeqGAN's synthetic task: texts that a random network wrote, whose true likelihood is known."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from ganworks.data.samples import Samples
from ganworks.data.tokens import TokenDataModule, TokenSamples
from ganworks.data.words import check_fixed
from ganworks.errors import check_count
from ganworks.model.layer.tokens import as_one_hot
from ganworks.model.recurrent import TokenGenerator
from ganworks.noise import keyed_rng

BATCH = 500


class Oracle(TokenDataModule):
    """Sequences drawn from an LSTM whose weights are drawn from N(0, 1), as one-hots (length, num_tokens).

    Yu et al. 2017 (SeqGAN), section 5 (https://arxiv.org/abs/1609.05473): 32 units, a vocabulary of 5,000, length 20,
    10,000 sequences. The oracle and its sequences are a function of ``oracle_seed``, the same for all runs.

    Args:
        num_tokens: size of the vocabulary.
        length: tokens of a sequence.
        width: units of the oracle, and length of its embeddings.
        num_samples: sequences for the training.
        num_held_out: further sequences for the metrics.
        oracle_seed: key of the weights and of the sequences.
        end: None: no token ends a sequence.
        others: see `TokenDataModule`.
    """

    name = "oracle"

    def __init__(
        self,
        num_tokens: int = 5000,
        length: int = 20,
        width: int = 32,
        num_samples: int = 10_000,
        num_held_out: int = 2000,
        oracle_seed: int = 0,
        batch_size: int = 64,
        shape: Sequence[int] | None = None,
        num_classes: int = 0,
        end: int | None = None,
        seed: int = 0,
        min_batches: int = 1,
    ) -> None:
        check_fixed(num_classes, end, expected=None)
        super().__init__(
            length,
            num_tokens,
            batch_size,
            seed,
            end=None,
            markov_order=0,
            shape=shape,
            min_batches=min_batches,
        )
        self.width, self.oracle_seed = (
            check_count("width", width),
            check_count("oracle_seed", oracle_seed, at_least=0),
        )
        self.num_samples = check_count("num_samples", num_samples)
        self.num_held_out = check_count("num_held_out", num_held_out)

    @cached_property
    def oracle(self) -> TokenGenerator:
        """The network that wrote the data; ``oracle.log_prob(ids)`` is the truth."""
        network = TokenGenerator(self.shape, None, cell="lstm", width=self.width)
        rng = keyed_rng(self.oracle_seed, "oracle")
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=rng))
        return network.requires_grad_(False).eval()

    def read_texts(self) -> Tensor:
        """Draw all sequences."""
        rng = keyed_rng(self.oracle_seed, "texts")
        num = self.num_samples + self.num_held_out
        return torch.cat([self._draw(min(BATCH, num - start), rng) for start in range(0, num, BATCH)])

    def parts(self) -> tuple[Tensor, Tensor]:
        """Return the sequences of the training and the held-out ones; all of them are independent draws."""
        if self._parts is None:
            texts = self.read_texts()
            self._parts = texts[: self.num_samples], texts[self.num_samples :]
        return self._parts

    @torch.no_grad()
    def _draw(self, num: int, rng: torch.Generator) -> Tensor:
        memory, token, texts = self.oracle.begin(num), None, []
        for _ in range(self.length):
            logits, memory = self.oracle.step(token, memory)
            token = torch.multinomial(logits.softmax(-1), 1, generator=rng).squeeze(1)
            texts.append(token)
        return torch.stack(texts, 1)

    def baselines(self, num: int, seed: int) -> dict[str, dict[str, Tensor]]:
        """Return ``num`` sequences of tokens that are all equally likely."""
        ids = torch.randint(self.num_tokens, (num, self.length), generator=keyed_rng(seed, "uniform"))
        return {"uniform": {"real": as_one_hot(ids, self.num_tokens)}}

    def load_reference(self) -> Samples:
        return TokenSamples(self.parts()[1], self.num_tokens)
