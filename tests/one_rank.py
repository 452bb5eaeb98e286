"""One rank of two for tests/strategy: `python one_rank.py OUT` trains every case, with torchrun's environment."""

from __future__ import annotations

import itertools
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.plugins import MixedPrecision
from torch import Tensor

from distributed_games import DISTRIBUTED, play
from games import BATCH, SHAPE, conditional, fit, make_task
from ganworks.data import Digits
from ganworks.loss import BCE
from ganworks.model import MLPGenerator
from ganworks.strategy import AdversarialDDPStrategy
from ganworks.strategy.reducer import Bucket
from ganworks.task import AdversarialTask, NonFiniteLossError

MODES = ("step", "backward")


def strategy(mode: str) -> AdversarialDDPStrategy:
    return AdversarialDDPStrategy(mode=mode, bucket_mb=0.002)  # several buckets even of the smallest network


def on_both(value: Any) -> list[Any]:
    """Return the ``value`` of each rank."""
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def train(case: str, mode: str) -> dict[str, Any]:
    """Train ``case`` on this rank; return its state, and what it all-reduced in which calls."""
    reduced: list[int] = []
    all_reduce = dist.all_reduce

    def counted(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
        reduced.append(tensor.numel() if tensor.is_floating_point() else 0)
        return all_reduce(tensor, *args, **kwargs)

    dist.all_reduce = counted
    try:
        task = play(case, BATCH // 2, devices=2, strategy=strategy(mode))
    finally:
        dist.all_reduce = all_reduce
    states = on_both(task.state_dict())
    is_alike = same(*states) and states[0].keys() == states[1].keys()
    return {"state": task.state_dict(), "reduced": reduced, "steps": task.num_steps, "is_alike": is_alike}


def train_with(finish: Callable[[Bucket], None], mode: str) -> dict[str, Any]:
    """Train with another way to finish a bucket."""
    original = Bucket.finish
    Bucket.finish = finish  # type: ignore[method-assign]
    try:
        return train("bce", mode)
    finally:
        Bucket.finish = original  # type: ignore[method-assign]


def drop_rank(bucket: Bucket, finish: Callable = Bucket.finish) -> None:
    gradients = [parameter.grad.clone() for parameter in bucket.parameters if parameter.grad is not None]
    finish(bucket)
    for parameter, gradient in zip(bucket.parameters, gradients, strict=True):
        parameter.grad = gradient


def double(bucket: Bucket, finish: Callable = Bucket.finish) -> None:
    finish(bucket)
    bucket.flat *= 2


class Draws(pl.Callback):
    """Keeps the first number of the latents' stream and the real samples of every step."""

    def __init__(self) -> None:
        self.latents: list[float] = []
        self.reals: list[Tensor] = []

    def on_train_batch_start(
        self, trainer: pl.Trainer, task: Any, batch: dict[str, Tensor], *args: object
    ) -> None:
        self.latents.append(float(torch.rand(1, generator=task.rng("latent"))))
        self.reals += [real.flatten() for real in batch["real"]]


def draws(mode: str) -> list[dict[str, Any]]:
    """Train the task with the product's own draws; return those of each rank."""
    kept = Draws()
    settings = make_task()
    parts = {"optimizers": settings.optimizer_factories, "schedule": settings.schedule}
    generator = MLPGenerator(SHAPE, latent_dim=4, width=16, depth=2)
    task = AdversarialTask(
        generator, settings.discriminator, BCE(), settings.ema, **parts, num_images=6 * BATCH
    ).double()
    fit(task, BATCH // 2, devices=2, strategy=strategy(mode), callbacks=[kept])
    return on_both({"latents": kept.latents, "reals": torch.stack(kept.reals)})


class Overflow(BCE):
    """The gradient of rank 1 is infinite in the third step, though its loss is not."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        number = next(self.numbers)
        if number == 2 and dist.get_rank() == 1:
            real_logits.register_hook(lambda gradient: gradient * torch.inf)
        return super().discriminator(real_logits, fake_logits)


class Weights(pl.Callback):
    """Keeps the discriminator's first weight and the loss scale after every step."""

    def __init__(self) -> None:
        self.kept: list[tuple[float, float]] = []

    def on_train_batch_end(self, trainer: pl.Trainer, task: Any, *args: object) -> None:
        weight = next(task.discriminator.parameters()).detach().flatten()[0]
        self.kept.append((float(weight), trainer.precision_plugin.scaler.get_scale()))  # type: ignore[attr-defined]


def overflow(mode: str) -> list[list[tuple[float, float]]]:
    """Train in fp16 with a gradient scaler; return weight and scale of each rank after every step."""
    loss, weights = Overflow(), Weights()
    object.__setattr__(loss, "numbers", itertools.count())
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    plugin = MixedPrecision("16-mixed", "cpu", scaler)
    data = Digits(batch_size=BATCH // 2, resolution=8, channels=1)
    trainer = {"strategy": strategy(mode), "callbacks": [weights], "plugins": [plugin]}
    fit(make_task(loss).float(), data=data, devices=2, **trainer)
    return on_both(weights.kept)


class Broken(BCE):
    """The loss of rank 1 is no number from the third step on, and its gradient does not tell the other rank."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        loss = super().discriminator(real_logits, fake_logits)
        is_broken = next(self.numbers) >= 2 and dist.get_rank() == 1
        return loss + loss.detach() * torch.nan if is_broken else loss


def broken(mode: str) -> list[str]:
    """Return how each rank ends when the loss of one is no number."""
    loss = Broken()
    object.__setattr__(loss, "numbers", itertools.count())
    try:
        fit(make_task(loss, num_steps=30, patience=3), BATCH // 2, devices=2, strategy=strategy(mode))
    except NonFiniteLossError as error:
        return on_both(str(error))
    return on_both("")


def batch_norm(mode: str) -> list[dict[str, Tensor]]:
    """Train with a batch norm for each rank; return the states."""
    task = make_task(**{**conditional(), "n_critic": 2})
    fit(task, BATCH // 2, devices=2, strategy=strategy(mode))
    return on_both(task.state_dict())


def main(out: str) -> None:
    torch.set_num_threads(1)
    logging.disable()
    warnings.simplefilter("ignore")
    found: dict[str, Any] = {}
    for mode in MODES:
        found |= {f"{mode}: {case}": train(case, mode) for case in DISTRIBUTED}
        found[f"{mode}: dropped rank"] = train_with(drop_rank, mode)
        found[f"{mode}: wrong scale"] = train_with(double, mode)
        for extra in (draws, overflow, broken, batch_norm):
            found[f"{mode}: {extra.__name__}"] = extra(mode)
    if dist.get_rank() == 0:
        torch.save(found, Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
