"""A recurrent critic, which reads a sequence place by place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from ganworks.errors import SettingError, check_count
from ganworks.model.base import Discriminator, require_label
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.model.layer.head import Logit, dense_term
from ganworks.model.layer.recurrent import RecurrentCore
from ganworks.model.layer.tokens import read_places
from ganworks.model.recurrent import check_end


class RecurrentCritic(Discriminator):
    """Reads a sequence (B, L, V) place by place: a logit of each beginning, and their mean as the sequence's own.

    The dense critic of ScratchGAN (de Masson d'Autume et al. 2019, https://arxiv.org/abs/1905.09922), whose logits
    ``steps`` reward each token; there each of them has a loss of its own, here their mean over the places that are
    read has.

    Args:
        shape: (length, size of a place): one-hot tokens or values.
        num_classes: 0 for unconditional.
        cell: "gru" or "lstm".
        width: units of the state.
        embedding_dim: length that a place is brought to; None takes ``width``.
        end: id of the token behind which nothing is read; None reads all.
    """

    def __init__(
        self,
        shape: Sequence[int],
        num_classes: int = 0,
        cell: str = "gru",
        width: int = 128,
        embedding_dim: int | None = None,
        end: int | None = None,
    ) -> None:
        if len(shape) != 2:
            raise SettingError("shape", tuple(shape), "(length, size of a place), as of texts and series")
        super().__init__(shape, num_classes)
        embedding_dim = check_count("embedding_dim", width if embedding_dim is None else embedding_dim)
        self.end = check_end(end, self.shape[1])
        self.embedding = ConditionEmbedding(num_classes, width) if num_classes else None
        self.tokens = nn.Linear(self.shape[1], embedding_dim)
        self.core = RecurrentCore(cell, embedding_dim, width, width if num_classes else 0)
        self.head, self.logit = nn.Linear(width, 1), Logit()

    def forward(self, x: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        """Return ``logits`` (B,) and ``steps`` (B, L), 0 behind the end."""
        condition = None if self.embedding is None else self.embedding(require_label(label))
        memory, inputs, hidden = self.core.begin(len(x), condition), self.tokens(x), []
        for place in inputs.unbind(1):
            output, memory = self.core(place, memory)
            hidden.append(output)
        is_read = self.places(x)
        steps = self.head(torch.stack(hidden, 1)).squeeze(-1) * is_read

        def mean(steps: Tensor) -> Tensor:
            return (steps * is_read).sum(1) / is_read.sum(1)

        term = dense_term(self.head, torch.stack(hidden, 1))
        whole = replace(
            term, product=lambda h, w: mean(linear(h, w).squeeze(-1)), layer=lambda _: mean(steps)
        )
        return {"logits": self.logit(whole), "steps": steps}

    def places(self, x: Tensor) -> Tensor:
        """Return (B, L) bool: the places that are read."""
        if self.end is None:
            return torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        return read_places(x, self.end)
