"""The order of a data set is keyed by (seed, epoch), and shared by the ranks without overlap."""

import pytest
import torch

from ganworks.data import KeyedOrder
from ganworks.errors import SettingError


def epoch_of(order: KeyedOrder, epoch: int) -> list[int]:
    batches = range(epoch * len(order), (epoch + 1) * len(order))
    return torch.cat([order.indices(position) for position in batches]).tolist()


def test_an_epoch_shows_every_sample_once() -> None:
    assert sorted(epoch_of(KeyedOrder(24, batch_size=4, seed=0), epoch=3)) == list(range(24))


def test_equal_seeds_give_equal_orders_and_other_seeds_and_epochs_others() -> None:
    order = KeyedOrder(100, batch_size=10, seed=0)
    assert epoch_of(order, 2) == epoch_of(KeyedOrder(100, batch_size=10, seed=0), 2)
    assert epoch_of(order, 2) != epoch_of(order, 3)
    assert epoch_of(order, 2) != epoch_of(KeyedOrder(100, batch_size=10, seed=1), 2)


def test_a_batch_does_not_depend_on_which_batches_were_asked_for_before() -> None:
    there_and_back = KeyedOrder(50, batch_size=5, seed=0)
    there_and_back.indices(31)
    assert torch.equal(there_and_back.indices(7), KeyedOrder(50, batch_size=5, seed=0).indices(7))


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_ranks_are_disjoint_and_cover_the_data(world_size: int) -> None:
    ranks = [KeyedOrder(24, 4, seed=0, rank=rank, world_size=world_size) for rank in range(world_size)]
    shards = [set(epoch_of(order, 0)) for order in ranks]
    assert set().union(*shards) == set(range(24))
    assert sum(len(shard) for shard in shards) == 24


def test_global_batches_do_not_depend_on_how_many_devices_share_them() -> None:
    alone = KeyedOrder(100, batch_size=12, seed=5)
    ranks = [KeyedOrder(100, batch_size=4, seed=5, rank=rank, world_size=3) for rank in range(3)]
    for position in (0, 5, 9):
        together = torch.cat([order.indices(position) for order in ranks])
        assert sorted(together.tolist()) == sorted(alone.indices(position).tolist())


def test_drop_last_leaves_out_the_rest_and_others_every_epoch() -> None:
    order = KeyedOrder(10, batch_size=4, seed=0)
    assert len(order) == 2
    left_out = [set(range(10)) - set(epoch_of(order, epoch)) for epoch in range(5)]
    assert all(len(rest) == 2 for rest in left_out)
    assert len(set(map(frozenset, left_out))) > 1


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_without_drop_last_nothing_is_left_out_and_ranks_have_equally_many(world_size: int) -> None:
    ranks = [KeyedOrder(11, 2, 0, rank, world_size, drop_last=False) for rank in range(world_size)]
    shards = [epoch_of(order, 1) for order in ranks]
    assert set().union(*shards) == set(range(11))
    assert len({len(shard) for shard in shards}) == 1


def test_a_sample_is_mirrored_by_its_own_coin_in_whatever_batch_it_stands() -> None:
    def coins(batch_size: int, epoch: int) -> dict[int, bool]:
        order = KeyedOrder(60, batch_size, seed=0)
        positions = range(epoch * len(order), (epoch + 1) * len(order))
        return {
            index: flip
            for p in positions
            for index, flip in zip(order.indices(p).tolist(), order.flips(p).tolist(), strict=True)
        }

    assert coins(6, epoch=1) == coins(20, epoch=1)
    assert coins(6, epoch=1) != coins(6, epoch=2)
    assert 15 < sum(coins(6, epoch=1).values()) < 45


def test_a_global_batch_larger_than_the_data_is_an_error() -> None:
    assert len(KeyedOrder(64, batch_size=64, seed=0)) == 1
    with pytest.raises(SettingError, match=r"batch_size=65: must be at most 64"):
        KeyedOrder(64, batch_size=65, seed=0)
    with pytest.raises(SettingError, match="at most 32 on each of 2 devices"):
        KeyedOrder(64, batch_size=33, seed=0, world_size=2)
    with pytest.raises(SettingError, match="batch_size=0"):
        KeyedOrder(64, batch_size=0, seed=0)
