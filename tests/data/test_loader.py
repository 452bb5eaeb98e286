"""Loaders resume at the batch where they stopped, with and without workers."""

import itertools

import pytest
import torch
from torch import Tensor

from ganworks.data import BatchLoader, KeyedOrder, TensorSamples, WorkerLoader, to_float


class OneByOne(TensorSamples):
    """Samples that workers read one at a time."""

    def __getitem__(self, index: int) -> Tensor:
        return self.values[index]


def samples(num: int = 20) -> OneByOne:
    images = torch.randint(0, 256, (num, 1, 2, 4), generator=torch.Generator().manual_seed(0))
    return OneByOne(images.to(torch.uint8), torch.arange(num))


def memory(**kwargs) -> BatchLoader:
    return BatchLoader(samples(), KeyedOrder(20, batch_size=6, seed=3), horizontal_flip=True, **kwargs)


def workers(num_workers: int) -> WorkerLoader:
    order = KeyedOrder(20, batch_size=6, seed=3)
    return WorkerLoader(samples(), order, horizontal_flip=True, num_workers=num_workers)


def stream(loader: BatchLoader, num: int) -> list[dict[str, Tensor]]:
    """The next ``num`` batches, over as many iterations as that takes."""
    endless = itertools.chain.from_iterable(iter(loader) for _ in itertools.count())
    return list(itertools.islice(endless, num))


def equal(first: list[dict[str, Tensor]], second: list[dict[str, Tensor]]) -> bool:
    pairs = list(zip(first, second, strict=True))
    return all(a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a) for a, b in pairs)


def test_a_batch_is_the_samples_of_its_indices_scaled_mirrored_and_labelled() -> None:
    data, order = samples(), KeyedOrder(20, batch_size=6, seed=3)
    for position, batch in enumerate(stream(memory(), 7)):
        for row, index in enumerate(order.indices(position).tolist()):
            naive = data.values[index].double() / 127.5 - 1
            if order.flips(position)[row]:
                naive = torch.stack([naive[..., 3 - column] for column in range(4)], dim=-1)
            assert torch.allclose(batch["real"][row].double(), naive, atol=1e-6)
            assert batch["label"][row] == index
    assert batch["real"].dtype == torch.float32


def test_bytes_become_minus_one_to_one() -> None:
    everything = to_float(torch.arange(256, dtype=torch.uint8))
    assert everything[0] == -1
    assert everything[255] == 1
    assert torch.equal(((everything + 1) * 127.5).round().to(torch.uint8), torch.arange(256).to(torch.uint8))


def test_independent_loaders_with_one_seed_give_equal_batches() -> None:
    assert equal(stream(memory(), 8), stream(memory(), 8))
    other = BatchLoader(samples(), KeyedOrder(20, batch_size=6, seed=4), horizontal_flip=True)
    assert not equal(stream(memory(), 8), stream(other, 8))


@pytest.mark.parametrize("stop", range(8))
@pytest.mark.parametrize("passes", [1, 2])
def test_resumed_stream_equals_uninterrupted_stream(stop: int, passes: int) -> None:
    whole = stream(memory(passes=passes), 9)
    first, second = memory(passes=passes), memory(passes=passes)
    stream(first, stop)
    second.load_state_dict(first.state_dict())
    assert equal(stream(second, 9 - stop), whole[stop:])
    assert stop == 0 or not equal(stream(memory(passes=passes), 9 - stop), whole[stop:])


def test_state_is_plain_numbers() -> None:
    loader = memory()
    stream(loader, 4)
    assert loader.state_dict() == {"epoch": 1, "batch": 1, "global_batch_size": 6}


def test_another_batch_size_resumes_at_the_same_share_of_the_pass() -> None:
    loader = BatchLoader(samples(), KeyedOrder(20, batch_size=3, seed=3))
    loader.load_state_dict({"epoch": 2, "batch": 2, "global_batch_size": 6})
    assert loader.position == 2 * 6 + 4
    assert loader.epoch == 2


def test_iterations_cut_short_lose_no_batch() -> None:
    loader, cut = memory(), []
    for _ in range(4):
        cut += list(itertools.islice(iter(loader), 2))
    assert equal(cut, stream(memory(), 8))


def test_several_passes_give_the_same_batches_in_fewer_iterations() -> None:
    assert len(memory(passes=5)) == 5 * len(memory()) == 15
    assert equal(list(memory(passes=5)), stream(memory(), 15))


@pytest.mark.parametrize("num_workers", [0, 1, 2])
def test_workers_give_the_batches_that_memory_gives(num_workers: int) -> None:
    loader = workers(num_workers)
    assert equal(stream(loader, 8), stream(memory(), 8))
    resumed = workers(num_workers)
    resumed.load_state_dict(loader.state_dict())
    assert equal(stream(resumed, 4), stream(memory(), 12)[8:])


def test_loading_a_state_drops_what_workers_have_read_ahead() -> None:
    loader = workers(1)
    stream(loader, 2)
    loader.load_state_dict({"epoch": 0, "batch": 0, "global_batch_size": 6})
    assert equal(stream(loader, 3), stream(memory(), 3))


def test_loaders_leave_the_global_random_state_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    stream(memory(), 4)
    stream(workers(0), 4)
    assert torch.equal(torch.get_rng_state(), before)
