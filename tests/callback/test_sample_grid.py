"""The picture of training: the same latents through the averaged generator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest
import torch

from ganworks.callback import SampleGrid
from ganworks.errors import SettingError
from ganworks.picture import image_grid
from ganworks.sample import Image
from ganworks.sample.sampler import Sampler


def test_picture_is_of_the_averaged_generator_on_latents_that_stay(
    make_task: Callable, make_trainer: Callable, tmp_path: Path
) -> None:
    task, trainer = make_task(), make_trainer()
    grid = SampleGrid(every_images=100, num=9)
    grid.on_train_start(trainer, task)
    torch.randn(17)  # the global state plays no part
    task.see(100)
    grid.on_train_batch_end(trainer, task)
    first, second = (tmp_path / "samples" / f"{images:012d}.png" for images in (0, 100))
    assert first.read_bytes() == second.read_bytes()
    assert grid.latest == second
    pixels = np.asarray(PIL.Image.open(first))
    assert np.array_equal(pixels, np.asarray(image_grid(Sampler(task.ema_generator, {}).sample(9))))
    live = np.asarray(image_grid(Sampler(task.generator, {}).sample(9)))
    assert not np.array_equal(pixels, live)


def test_another_seed_shows_other_latents(make_task: Callable, make_trainer: Callable) -> None:
    sampler = Sampler(make_task().ema_generator, {})
    assert not torch.equal(
        SampleGrid(100, seed=0).draw(sampler, Image())[0], SampleGrid(100, seed=1).draw(sampler, Image())[0]
    )


def test_conditional_picture_has_one_class_a_column(make_task: Callable) -> None:
    sampler = Sampler(make_task(num_classes=5).ema_generator, {})
    samples, columns = SampleGrid(every_images=100, num=17).draw(sampler, Image())
    assert columns == 5
    assert len(samples) == 15
    latent = sampler.draw_latent(15)
    for label in range(5):
        expected = sampler.generator(latent[label::5], torch.full((3,), label))
        torch.testing.assert_close(samples[label::5], expected)
    wrong = sampler.generator(latent[0::5], torch.full((3,), 1))
    assert not torch.allclose(samples[0::5], wrong)


def test_many_classes_fill_at_most_sixteen_columns(make_task: Callable) -> None:
    sampler = Sampler(make_task(num_classes=100).ema_generator, {})
    samples, columns = SampleGrid(every_images=100, num=64).draw(sampler, Image())
    assert (len(samples), columns) == (64, 16)


def test_points_are_shown_over_real_ones(make_task: Callable, make_trainer: Callable, tmp_path: Path) -> None:
    real = torch.tensor([[1.0, 1.0], [-1.0, -1.0]])
    data = SimpleNamespace(shape=(2,), reference_batches=lambda num: iter([{"real": real}]))
    task, trainer = make_task(shape=(2,)), make_trainer(datamodule=data)
    SampleGrid(every_images=100, num_points=50).on_train_start(trainer, task)
    pixels = np.asarray(PIL.Image.open(tmp_path / "samples" / "000000000000.png"))
    assert (pixels == 205).all(2).any()
    assert (pixels == np.array([31, 78, 158])).all(2).any()


def test_every_logger_that_takes_images_gets_one_an_event(
    make_task: Callable, make_trainer: Callable
) -> None:
    seen: list[tuple[str, list[str], int]] = []
    trainer = make_trainer()
    logger = SimpleNamespace(log_image=lambda key, images, step: seen.append((key, images, step)))
    trainer.loggers = [logger, SimpleNamespace()]
    task = make_task()
    grid = SampleGrid(every_images=100, num=4)
    grid.on_train_start(trainer, task)
    task.see(100)
    grid.on_train_batch_end(trainer, task)
    grid.on_train_end(trainer, task)
    assert [(key, len(images), step) for key, images, step in seen] == [
        ("samples", 1, 0),
        ("samples", 1, 100),
    ]


@pytest.mark.parametrize("settings", [{"num": 0}, {"num_points": -1}, {"every_images": 0}])
def test_counts_are_checked(settings: dict[str, int]) -> None:
    with pytest.raises(SettingError):
        SampleGrid(**{"every_images": 100, **settings})
