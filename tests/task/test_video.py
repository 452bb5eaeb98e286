"""Video GANs are the plain task with two critics: its updates against a loop written by hand."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from games import SharedTask, fit, largest_difference
from ganworks.data import MovingDigits
from ganworks.loss import RelativisticPairing
from ganworks.model import (
    ClipDiscriminator,
    DCGANDiscriminator,
    MoCoGANGenerator,
    SpriteGenerator,
    Video3DGenerator,
)
from ganworks.noise import keyed_rng
from ganworks.optimizer import Constant
from ganworks.regularizer import R1, R2
from ganworks.task import CentredFrames, Critic, ExponentialMovingAverage, Frames, Trajectory

LOOP = Path(__file__).parents[2] / "benchmarks" / "loops" / "video.py"
SHAPE, BATCH, NUM_STEPS = (1, 8, 16, 16), 8, 5
PENALTIES = {"clip": (4.0, 2.0, 2), "frame": (1.0, 0.0, 1)}
FRAME_WEIGHT = 0.5
ADAM = {"generator": 2e-3, "discriminator": 1e-3}
GENERATORS = {
    "mocogan": partial(MoCoGANGenerator, width=4),
    "video3d": partial(Video3DGenerator, width=4),
    "video3d with a background": partial(Video3DGenerator, width=4, background=True),
    "sprite": partial(SpriteGenerator, width=4, dense_width=16),
}


def loop_class() -> Any:
    spec = importlib.util.spec_from_file_location("video_loop", LOOP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Video


class DoubleClips(MovingDigits):
    """Clips in float64, so that two orders of summation agree to 1e-12."""

    def on_after_batch_transfer(self, batch: dict[str, Tensor], dataloader_idx: int) -> dict[str, Tensor]:
        return {**batch, "real": batch["real"].double()}


class DoubleNoiseTask(SharedTask):
    """Noise in float64."""

    def draw_noise(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        return {name: noise.double() for name, noise in super().draw_noise(*args, **kwargs).items()}


def make_task(generator: str, num_classes: int, num_steps: int = NUM_STEPS, **settings: Any) -> SharedTask:
    torch.manual_seed(0)
    frame = DCGANDiscriminator((1, 16, 16), num_classes, width=4, norm="none")
    critics: dict[str, nn.Module | Critic] = {
        "clip": Critic(
            ClipDiscriminator(SHAPE, num_classes, width=4, norm="none"),
            regularizers={"r1": R1(4.0, every=2), "r2": R2(2.0, every=2)},
        ),
        "frame": Critic(frame, Frames(1), FRAME_WEIGHT, regularizers={"r1": R1(1.0)}),
    }
    defaults = {
        "generator": GENERATORS[generator](SHAPE, num_classes=num_classes),
        "discriminator": critics,
        "loss": RelativisticPairing(),
        "optimizers": {
            role: partial(torch.optim.Adam, lr=lr, betas=(0.0, 0.99)) for role, lr in ADAM.items()
        },
        "schedule": Constant(),
        "ema": ExponentialMovingAverage(half_life=100.0, ramp_up=None),
        "num_images": num_steps * BATCH,
    }
    return DoubleNoiseTask(**{**defaults, **settings}).double()


def frames_of_the_task(step: int, look: str) -> Tensor:
    """Return the frame that the view draws, by its own key; a penalty's name stands behind that of its critic."""
    stream = f"view/frame/frame/{look}" if look in ("r1", "r2") else f"view/frame/{look}"
    return torch.rand((BATCH, SHAPE[1]), generator=keyed_rng(0, 0, stream, step, 0)).argsort(1)[:, 0]


def bare_loop(task: Any, batches: list[dict[str, Tensor]], **changes: Any) -> Any:
    def noise(step: int) -> dict[str, Tensor]:
        return task.draw_noise(BATCH, lambda name: keyed_rng(0, 0, name, step, 0))

    settings = {"frame_weight": FRAME_WEIGHT, "lr": ADAM, "noise": noise, "frames": frames_of_the_task}
    loop = loop_class()(task, batches[0], PENALTIES, **{**settings, **changes})
    for batch in batches:
        loop.step(batch)
    return loop


def reals(num: int = NUM_STEPS) -> list[dict[str, Tensor]]:
    batches = iter(MovingDigits(batch_size=BATCH).train_dataloader())
    return [{**(batch := next(batches)), "real": batch["real"].double()} for _ in range(num)]


@pytest.mark.parametrize("num_classes", [0, 10])
@pytest.mark.parametrize("generator", GENERATORS)
def test_training_with_two_critics_equals_a_hand_written_loop(generator: str, num_classes: int) -> None:
    task = make_task(generator, num_classes)
    loop = bare_loop(task, reals())
    fit(task, data=DoubleClips(batch_size=BATCH))
    assert largest_difference(task.generator, loop.generator) < 1e-12
    assert largest_difference(task.discriminator, loop.critics) < 1e-12
    assert (
        largest_difference(task.generator, make_task(generator, num_classes).generator) > 1e-4
    )  # it has moved


@pytest.mark.parametrize(
    "change", [{"frame_weight": 1.0}, {"frames": lambda step, look: torch.zeros(BATCH).long()}]
)
def test_another_weight_or_other_frames_are_noticed(change: dict[str, Any]) -> None:
    task = make_task("video3d", 0)
    loop = bare_loop(task, reals(), **change)
    fit(task, data=DoubleClips(batch_size=BATCH))
    assert largest_difference(task.generator, loop.generator) > 1e-6


def test_the_whole_loop_runs_on_its_own_draws() -> None:
    task = make_task("mocogan", 0).float()
    loop = loop_class()(task, {"real": reals(1)[0]["real"].float()}, PENALTIES)
    loop.step()
    assert largest_difference(task.generator.float(), loop.generator) > 0


def test_a_centred_frame_is_the_same_wherever_the_digit_is() -> None:
    clips = reals(1)[0]["real"]
    first, other = (CentredFrames(16)(clips, {}, keyed_rng(seed)) for seed in (0, 1))
    assert torch.allclose(first, other)
    assert not torch.allclose(*(Frames(1)(clips, {}, keyed_rng(seed)) for seed in (0, 1)))


def test_a_trajectory_is_the_way_of_the_centre() -> None:
    clips = torch.full((1, 1, 2, 4, 8), -1.0)
    clips[0, 0, 0, 1, 2] = clips[0, 0, 1, 3, 7] = 1.0
    path = Trajectory()(clips, {}, keyed_rng(0))
    assert torch.allclose(path[0], torch.tensor([[-0.25, -0.375, 1 / 32], [0.75, 0.875, 1 / 32]]))


def test_views_pass_gradients_on() -> None:
    clips = reals(1)[0]["real"].requires_grad_()
    for view in (CentredFrames(16), Trajectory()):
        (gradient,) = torch.autograd.grad(view(clips, {}, keyed_rng(0)).square().sum(), clips)
        assert gradient.abs().max() > 0
