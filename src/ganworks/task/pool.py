"""A pool of earlier fakes, from which a critic is trained in place of the present ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganworks.errors import check_count
from ganworks.model.layer.norm import is_shared
from ganworks.task.base import Batch


class ImagePool(nn.Module):
    """Earlier fakes: one that comes in goes through, or is kept in the place of another that leaves.

    Shrivastava et al. 2017, section 2.3 (https://arxiv.org/abs/1612.07828), as CycleGAN uses it: while the pool is
    not full, fakes are kept and shown; then each is shown with probability 1/2, or else put in the place of a random
    one, which is shown. Its content is in buffers: in the checkpoint, equal after a resume.

    On several ranks all hold the same pool: it takes the fakes of all of them, rank by rank, with the same draws, and
    each gets its share. A checkpoint of the first rank is therefore the whole state.

    Args:
        size: fakes that it holds.
        shape: of one.
    """

    images: Tensor
    labels: Tensor
    num: Tensor

    def __init__(self, size: int, shape: Sequence[int]) -> None:
        super().__init__()
        self.size = check_count("pool", size)
        self.register_buffer("images", torch.zeros(size, *shape))
        self.register_buffer("labels", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("num", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def forward(self, batch: Batch, names: Sequence[str], rng: torch.Generator) -> Batch:
        """Return the batch with what is shown in the place of its fakes, and of their labels.

        Args:
            names: the field of the fakes, perhaps that of their classes.
            rng: the same on all ranks.
        """
        fakes = from_all_ranks(batch[names[0]].detach())
        labels = from_all_ranks(batch[names[1]]) if len(names) > 1 else None
        shown, shown_labels = fakes.clone(), None if labels is None else labels.clone()
        num = int(self.num)
        coins = torch.rand(len(fakes), generator=rng, device=rng.device).tolist()
        places = torch.randint(self.size, (len(fakes),), generator=rng, device=rng.device).tolist()
        for row, (coin, place) in enumerate(zip(coins, places, strict=True)):
            if num < self.size:
                place, num = num, num + 1
            elif coin < 0.5:
                continue
            else:
                shown[row] = self.images[place]
                if shown_labels is not None:
                    shown_labels[row] = self.labels[place]
            self.images[place] = fakes[row]
            if labels is not None:
                self.labels[place] = labels[row]
        self.num.fill_(num)
        parts = [shown] if shown_labels is None else [shown, shown_labels]
        return {**batch, **dict(zip(names, map(of_this_rank, parts), strict=True))}


def from_all_ranks(rows: Tensor) -> Tensor:
    """Return the rows of all ranks, one rank after the other."""
    if not is_shared():
        return rows
    parts = [torch.empty_like(rows) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


def of_this_rank(rows: Tensor) -> Tensor:
    """Return this rank's share of the rows of all."""
    if not is_shared():
        return rows
    return rows.chunk(torch.distributed.get_world_size())[torch.distributed.get_rank()]
