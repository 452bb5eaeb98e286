"""Recurrent generators, which write a sequence place by place."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError, check_choice, check_count
from ganworks.model.base import Generator, require_label
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.model.layer.recurrent import Memory, RecurrentCore
from ganworks.model.layer.tokens import as_one_hot, ended, read_places
from ganworks.model.noise import Noise

BOUNDS = {"none": nn.Identity, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


class RecurrentGenerator(Generator, ABC):
    """What generators of tokens and of values share: a core that a latent and a class condition.

    Args:
        shape: (length, size of a place).
        latent_dim: length of a latent; None for a network that takes none.
        num_classes: 0 for unconditional.
        cell, width, num_inputs: see `RecurrentCore`.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int | None,
        num_classes: int,
        cell: str,
        width: int,
        num_inputs: int,
    ) -> None:
        if len(shape) != 2:
            raise SettingError("shape", tuple(shape), "(length, size of a place), as of texts and series")
        super().__init__(shape, latent_dim, num_classes)
        self.length, self.size = self.shape
        self.embedding = ConditionEmbedding(num_classes, width) if num_classes else None
        self.core = RecurrentCore(cell, num_inputs, width, self.latent_dim + (width if num_classes else 0))

    def begin(self, num: int, latent: Tensor | None = None, label: Tensor | None = None) -> Memory:
        """Return the memory of ``num`` sequences before their first place."""
        parts = [] if not self.latent_dim else [require_latent(latent)]
        if self.embedding is not None:
            parts.append(self.embedding(require_label(label)))
        return self.core.begin(num, torch.cat(parts, 1) if parts else None)


class TokenGenerator(RecurrentGenerator):
    """Texts by a recurrent network: p(y_t | y_1 ... y_(t-1), latent) = softmax(logits), and a token drawn of each.

    A token is argmax(logits + gumbel), a draw from the softmax, and the Gumbel noise is declared as the latent is: a
    text is a function of its noise. With the noise times T it is a draw from softmax(logits / T): the sampling
    temperature. Its gradient is that of the relaxed token softmax((logits + gumbel) / temperature): the
    straight-through estimator of Jang et al. 2017, section 2.2 (https://arxiv.org/abs/1611.01144). Behind a token
    ``end`` all is ``end``.

    Args:
        shape: (length L, size of the vocabulary V).
        latent_dim: length of a latent; None for a network without one, whose likelihood is then exact.
        num_classes: 0 for unconditional.
        cell: "gru" or "lstm".
        width: units of the state.
        embedding_dim: length of a token's embedding; None takes ``width``.
        end: id of the token that ends a text; None: all texts have L tokens.
        straight_through: in training too tokens are one-hot; false: relaxed, as in RelGAN (Nie et al. 2019, equation 6,
            https://openreview.net/forum?id=rJedV3R5tm), while the network itself reads the tokens that it drew.

    Attributes:
        temperature: of the relaxation, a buffer that the task may set; above 0.

    >>> generator = TokenGenerator((5, 4), latent_dim=2, width=8)
    >>> noise = generator.draw_noise(3, lambda name: torch.Generator().manual_seed(0))
    >>> generator(**noise).sum(-1).eq(1).all().item()
    True
    """

    temperature: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int | None = 32,
        num_classes: int = 0,
        cell: str = "gru",
        width: int = 128,
        embedding_dim: int | None = None,
        end: int | None = None,
        straight_through: bool = True,
    ) -> None:
        embedding_dim = check_count("embedding_dim", width if embedding_dim is None else embedding_dim)
        super().__init__(shape, latent_dim, num_classes, cell, width, embedding_dim)
        self.end, self.straight_through = check_end(end, self.size), straight_through
        self.tokens = nn.Linear(self.size, embedding_dim, bias=False)
        nn.init.normal_(self.tokens.weight, std=embedding_dim**-0.5)
        self.first = nn.Parameter(torch.zeros(embedding_dim))  # what stands before the first token
        self.head = nn.Linear(width, self.size)
        self.register_buffer("temperature", torch.ones(()))

    @property
    def noise(self) -> Mapping[str, Noise]:
        return {**super().noise, "gumbel": Noise(self.shape, "gumbel")}

    def step(self, token: Tensor | None, memory: Memory) -> tuple[Tensor, Memory]:
        """Return the logits (B, V) of the next token and the memory behind ``token``.

        Args:
            token: the one before, ids (B,) or one-hot (B, V); None for the first.
        """
        if token is None:
            x = self.first.expand(memory.state[0].shape[0], -1)
        else:
            # The columns of an embedding; a product with a one-hot is the same, and has a gradient in it.
            x = self.tokens(token) if token.is_floating_point() else self.tokens.weight.t()[token]
        hidden, memory = self.core(x, memory)
        return self.head(hidden), memory

    def forward(  # type: ignore[override]
        self, gumbel: Tensor, latent: Tensor | None = None, label: Tensor | None = None
    ) -> Tensor:
        """Return texts (B, L, V), one-hot or relaxed; gumbel: (B, L, V)."""
        memory, token, texts = self.begin(gumbel.shape[0], latent, label), None, []
        is_on = torch.ones(gumbel.shape[0], 1, dtype=torch.bool, device=gumbel.device)
        for place in range(self.length):
            logits, memory = self.step(token, memory)
            drawn, token = self.draw(logits + gumbel[:, place])
            if self.end is not None:
                ending = self._end(drawn)
                texts.append(torch.where(is_on, drawn, ending))
                is_on = is_on & (drawn.detach().argmax(-1, keepdim=True) != self.end)
            else:
                texts.append(drawn)
        return torch.stack(texts, 1)

    def draw(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Return the token of scores (B, V) as it is shown, and as the network reads it next; (B, V) both."""
        hard = as_one_hot(scores.argmax(-1), self.size, scores)
        is_relaxed = self.training and not self.straight_through
        if not (scores.requires_grad or is_relaxed):
            return hard, hard
        soft = (scores / self.temperature).softmax(-1)
        if is_relaxed:
            return soft, hard
        # Its value is exactly the one-hot, its gradient that of the relaxed token: Jang et al. 2017, section 2.2.
        token = hard + (soft - soft.detach())
        return token, token

    def _end(self, like: Tensor) -> Tensor:
        assert self.end is not None
        return as_one_hot(torch.full((1,), self.end, device=like.device), self.size, like)

    def token_log_probs(
        self,
        ids: Tensor,
        latent: Tensor | None = None,
        label: Tensor | None = None,
        temperature: float = 1.0,
    ) -> Tensor:
        """Return ln p(y_t | y_1 ... y_(t-1), latent), (B, L) in nats, of texts int64 (B, L); 0 behind the end.

        Args:
            temperature: at which tokens are drawn: p is softmax(logits / temperature).
        """
        memory, token, logits = self.begin(len(ids), latent, label), None, []
        for place in range(self.length):
            found, memory = self.step(token, memory)
            logits.append(found)
            token = ids[:, place]
        scores = torch.stack(logits, 1)
        scores = scores if temperature == 1 else scores / temperature
        log_probs = scores.log_softmax(-1).gather(-1, ids[..., None]).squeeze(-1)
        return log_probs * read_places(ids, self.end)

    def log_prob(
        self,
        ids: Tensor,
        latent: Tensor | None = None,
        label: Tensor | None = None,
        temperature: float = 1.0,
    ) -> Tensor:
        """Return ln p(text | latent), (B,) in nats a text, of texts int64 (B, L); see `token_log_probs`."""
        return self.token_log_probs(ids, latent, label, temperature).sum(1)

    @torch.no_grad()
    def complete(self, ids: Tensor, num_known: int, rng: torch.Generator, memory: Memory) -> Tensor:
        """Return texts (B, L): the first ``num_known`` tokens of ``ids``, from 1 up, and what is drawn behind them.

        Args:
            ids: int64 (B, L).
            rng: of the Gumbel noise.
            memory: before the last known token.
        """
        texts, token, noise = [ids[:, :num_known]], ids[:, num_known - 1], Noise((self.size,), "gumbel")
        for _ in range(num_known, self.length):
            logits, memory = self.step(token, memory)
            token = (logits + noise.draw(len(ids), rng).to(logits)).argmax(-1)
            texts.append(token[:, None])
        return ended(torch.cat(texts, 1), self.end)


class SeriesGenerator(RecurrentGenerator):
    """Series of values by a recurrent network, which reads noise and its own last value at each step.

    RGAN of Esteban et al. 2017 (https://arxiv.org/abs/1706.02633), with a latent of the whole series beside the noise.

    Args:
        shape: (steps T, values D).
        latent_dim: length of a latent of the whole series; None for none.
        num_classes: 0 for unconditional.
        cell: "gru" or "lstm".
        width: units of the state.
        step_noise: numbers of normal noise at each step; 0 for none, and then there has to be a latent.
        bound: what the values end in: "none", "tanh" or "sigmoid".
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int | None = 16,
        num_classes: int = 0,
        cell: str = "gru",
        width: int = 64,
        step_noise: int = 8,
        bound: str = "none",
    ) -> None:
        self.step_noise = check_count("step_noise", step_noise, at_least=0 if latent_dim else 1)
        size = shape[-1] + self.step_noise
        super().__init__(shape, latent_dim, num_classes, cell, width, size)
        self.head = nn.Linear(width, self.size)
        self.bound = BOUNDS[check_choice("bound", bound, BOUNDS)]()

    @property
    def noise(self) -> Mapping[str, Noise]:
        own = {"steps": Noise((self.length, self.step_noise))} if self.step_noise else {}
        return {**super().noise, **own}

    def forward(
        self, latent: Tensor | None = None, label: Tensor | None = None, steps: Tensor | None = None
    ) -> Tensor:
        """Return series (B, T, D); steps: (B, T, step_noise)."""
        given = latent if steps is None else steps
        assert given is not None
        memory, series = self.begin(given.shape[0], latent, label), []
        value = torch.zeros(given.shape[0], self.size, dtype=given.dtype, device=given.device)
        for step in range(self.length):
            x = value if steps is None else torch.cat([value, steps[:, step]], 1)
            hidden, memory = self.core(x, memory)
            value = self.bound(self.head(hidden))
            series.append(value)
        return torch.stack(series, 1)


def require_latent(latent: Tensor | None) -> Tensor:
    """Return the latents of a network that takes some; raise ValueError where they are missing."""
    if latent is None:
        raise ValueError("this network takes a latent: pass `latent`, (B, latent_dim)")
    return latent


def check_end(end: int | None, size: int) -> int | None:
    """Return the id of the token that ends a text, if it is one of a vocabulary of ``size``."""
    if end is not None and not (isinstance(end, int) and 0 <= end < size):
        raise SettingError("end", end, f"the id of a token, from 0 to {size - 1}, or null for none")
    return end
