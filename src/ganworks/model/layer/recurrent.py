"""A recurrent cell, and what a condition of the whole sequence does to it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ganworks.errors import check_choice, check_count

CELLS: dict[str, type[nn.GRUCell] | type[nn.LSTMCell]] = {"gru": nn.GRUCell, "lstm": nn.LSTMCell}


class Memory(NamedTuple):
    """What a network carries from place to place.

    Args:
        state: of the cell, (B, width) each: one of a GRU, two of an LSTM.
        drive: (B, num_inputs), what the condition adds to the cell's input at every place; None without a condition.
    """

    state: tuple[Tensor, ...]
    drive: Tensor | None = None

    def repeated(self, num: int) -> Memory:
        """Return the memory of ``num`` copies of each sequence, one after the other."""
        state = tuple(part.repeat_interleave(num, 0) for part in self.state)
        return Memory(state, None if self.drive is None else self.drive.repeat_interleave(num, 0))


class RecurrentCore(nn.Module):
    """A GRU or LSTM cell, and what a condition of the whole sequence does to it.

    The condition c gives the first state tanh(A c + a), and adds B c to the input at every place.

    Args:
        cell: "gru" (Cho et al. 2014, https://arxiv.org/abs/1406.1078) or "lstm" (Hochreiter and Schmidhuber 1997).
        num_inputs: length of an input.
        width: units of the state.
        num_conditions: length of the condition; 0 begins with zeros.
    """

    def __init__(self, cell: str, num_inputs: int, width: int, num_conditions: int = 0) -> None:
        super().__init__()
        self.cell = CELLS[check_choice("cell", cell, CELLS)](num_inputs, check_count("width", width))
        self.width = width
        self.start = nn.Linear(num_conditions, width) if num_conditions else None
        self.drive = nn.Linear(num_conditions, num_inputs, bias=False) if num_conditions else None

    def begin(self, num: int, condition: Tensor | None = None) -> Memory:
        """Return the memory of ``num`` sequences before their first place; condition: (num, num_conditions)."""
        weight = self.cell.weight_hh
        zeros = torch.zeros(num, self.width, dtype=weight.dtype, device=weight.device)
        if self.start is None or self.drive is None or condition is None:
            return Memory((zeros, zeros) if isinstance(self.cell, nn.LSTMCell) else (zeros,))
        hidden = self.start(condition).tanh()
        state = (hidden, zeros) if isinstance(self.cell, nn.LSTMCell) else (hidden,)
        return Memory(state, self.drive(condition))

    def forward(self, x: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Return the output (B, width) of inputs (B, num_inputs), and the memory behind them."""
        x = x if memory.drive is None else x + memory.drive
        if isinstance(self.cell, nn.LSTMCell):
            state: tuple[Tensor, ...] = self.cell(x, memory.state)
        else:
            state = (self.cell(x, memory.state[0]),)
        return state[0], Memory(state, memory.drive)
