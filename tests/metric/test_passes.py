"""How many images an extractor takes at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

import weights_files
from ganworks.errors import GanworksError
from ganworks.metric.collect import Batch, Keep, collect
from ganworks.metric.extractor import Inception
from ganworks.metric.extractor.base import Features
from ganworks.metric.extractor.passes import CPU_SIZE, MAX_SIZE, Passes, fitting
from ganworks.metric.weights import file_sha256

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def square(room: int, seen: list[int]):
    """Return a function that has room for so many images and notes how many it got."""

    def function(images: Tensor) -> Tensor:
        if len(images) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        seen.append(len(images))
        return images.square()

    return function


def test_passes_are_halved_where_memory_ends_and_stay_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    images, seen, passes = torch.arange(23.0), [], Passes("inception", 16, CPU, 1)
    assert torch.equal(torch.cat(passes.map(square(5, seen), images)), images.square())
    assert seen == [4, 4, 4, 4, 4, 3]
    assert passes.size == 4
    assert "no room for 16 images at a time: going on with 8" in caplog.text
    passes.map(square(5, seen), images)
    assert caplog.text.count("no room") == 2  # what did not fit is not tried again


def test_no_room_for_one_image_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(GanworksError, match=r"metric\.extractor\.inception\.device=cpu"):
        Passes("inception", None, CPU, 1).map(square(0, []), torch.zeros(3))


def test_another_error_passes_as_it_is() -> None:
    def broken(images: Tensor) -> Tensor:
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        Passes("inception", 2, CPU, 1).map(broken, torch.zeros(3))


def test_a_gpu_takes_what_its_free_memory_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    image, free = 24 * 2**20, {"now": 2 * 2**30}
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free["now"], 80 * 2**30))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 3 * 2**30)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 2 * 2**30)
    assert fitting(GPU, image) == 64  # half of 2 GiB and of the one that is reserved and unused
    free["now"] = 0
    assert fitting(GPU, image) == 21
    free["now"] = 70 * 2**30
    assert fitting(GPU, image) == MAX_SIZE
    assert fitting(GPU, 2**40) == 1
    assert fitting(CPU, image) == CPU_SIZE


@pytest.fixture(scope="module")
def inception(tmp_path_factory: pytest.TempPathFactory) -> Inception:
    path = weights_files.save_inception(tmp_path_factory.mktemp("weights") / "inception.pth")
    made = Inception(str(path), file_sha256(path), batch_size=3, device="cpu")
    made.load()
    return made


def test_images_of_many_sizes_share_passes_and_have_the_features_of_each_alone(
    inception: Inception, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = torch.Generator().manual_seed(0)
    sizes = [(4, 6), (5, 5), (5, 5), (9, 4), (7, 7)]
    images = [torch.rand(1, 3, *size, generator=rng) * 2 - 1 for size in sizes]
    alone = torch.cat([inception(image).features for image in images])
    seen: list[int] = []
    run = Inception.run

    def counted(self: Inception, model: torch.nn.Module, pixels: Tensor) -> Features:
        seen.append(len(pixels))
        return run(self, model, pixels)

    monkeypatch.setattr(Inception, "run", counted)

    def batches() -> Iterator[Batch]:
        yield from ((image, {}) for image in images)

    found = collect(batches(), 5, {"inception": inception}, Keep({"inception": 5}))
    assert seen == [3, 2]
    # Passes of 3 and 2 take other kernels than single images: 94 layers of float32 sums of up to 2,048 products.
    torch.testing.assert_close(found["inception"].features, alone, rtol=1e-4, atol=1e-5)
    assert alone.std(0).mean() > 1e-3  # control: they differ


def test_features_in_channels_last_are_those_of_contiguous_images(inception: Inception) -> None:
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
    expected = inception(images).features
    layouts: list[bool] = []

    def contiguous(model: torch.nn.Module, pixels: Tensor) -> Features:
        layouts.append(pixels.is_contiguous(memory_format=torch.channels_last))
        model = model.to(memory_format=torch.contiguous_format)
        return Inception.run(inception, model, pixels.contiguous())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inception, "run", contiguous)
        found = inception(images).features
    inception.model.to(memory_format=torch.channels_last)
    assert layouts == [True]
    assert (found - expected).norm() / expected.norm() < 1e-5
