"""A Markov chain of tokens: what counting alone gets, the baseline of every network that writes."""

from __future__ import annotations

from collections import Counter, defaultdict

import torch
from torch import Tensor


class MarkovChain:
    """Texts whose every token depends on the ``order`` tokens before it, as often as in the texts that it counted.

    Args:
        ids: int64 (N, L) of the texts to count.
        order: tokens that it looks back on, from 1 up; fewer at the start of a text.
        vocabulary: number of tokens.
        end: the token that ends a text.
    """

    def __init__(self, ids: Tensor, order: int, vocabulary: int, end: int) -> None:
        self.order, self.vocabulary, self.end = order, vocabulary, end
        counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for text in ids.tolist():
            for place, token in enumerate([*text, end]):  # one of full length ends there as well
                counts[tuple(text[max(0, place - order) : place])][token] += 1
                if token == end:
                    break
        self.counts = {
            context: (torch.tensor(list(found)), torch.tensor(list(found.values())).double().cumsum(0))
            for context, found in counts.items()
        }

    def sample(self, num: int, length: int, rng: torch.Generator) -> Tensor:
        """Return ``num`` texts int64 (num, length); one that does not end within ``length`` tokens is cut there."""
        shares = torch.rand(num, length, generator=rng, dtype=torch.float64)
        texts = torch.full((num, length), self.end)
        for row, shares_of_text in enumerate(shares):
            text: list[int] = []
            for share in shares_of_text:
                tokens, sums = self.counts[tuple(text[-self.order :])]
                text.append(int(tokens[torch.searchsorted(sums, share * sums[-1], right=True)]))
                if text[-1] == self.end:
                    break
            texts[row, : len(text)] = torch.tensor(text)
        return texts
