"""A fit that is killed after any batch and resumed ends where the uninterrupted one ends, to the bit."""

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ganworks.data import GanDataModule, TensorSamples

NUM_BATCHES = 14


class Points(GanDataModule):
    """22 labelled points: five batches of four a pass."""

    def __init__(self, **kwargs) -> None:
        super().__init__((3,), num_classes=2, batch_size=4, seed=1, **kwargs)

    def load(self) -> TensorSamples:
        points = torch.randn(22, 3, generator=torch.Generator().manual_seed(0))
        return TensorSamples(points, torch.arange(22) % 2)


class Forgetful(Points):
    """The control: neither the data set nor its loader remembers where it was."""

    def train_dataloader(self) -> DataLoader:
        return DataLoader(list(super().train_dataloader()), batch_size=None)

    def state_dict(self) -> dict:
        return {}


class Pull(pl.LightningModule):
    """Manual optimization; the weights remember every batch, their order, and `batch_idx`."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.weight = torch.nn.Parameter(torch.zeros(3))
        self.register_buffer("num_batches", torch.zeros((), dtype=torch.int64))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.1)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        optimizer = self.optimizers()
        loss = ((batch["real"].mean(dim=0) * (1 + batch_idx) - self.weight) ** 2).sum()
        optimizer.zero_grad()
        self.manual_backward(loss + (batch["label"].sum() * self.weight).sum())
        optimizer.step()
        self.num_batches += 1


class Killed(Exception):
    """Stands for SIGKILL: nothing after it runs."""


class Kill(pl.Callback):
    """Save after batch ``at`` and die; or stop training at the end of the run."""

    def __init__(self, path: Path, at: int | None, hook: str = "on_train_batch_end") -> None:
        self.path, self.at, self.hook = path, at, hook

    def on_train_batch_end(self, trainer: pl.Trainer, module: Pull, *_) -> None:
        if self.hook == "on_train_batch_end" and module.num_batches == self.at:
            self.die(trainer)
        if module.num_batches == NUM_BATCHES:
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: pl.Trainer, module: Pull) -> None:
        if self.hook == "on_train_epoch_end" and module.num_batches == self.at:
            self.die(trainer)

    def die(self, trainer: pl.Trainer) -> None:
        trainer.save_checkpoint(self.path)
        raise Killed


def fit(data: GanDataModule, callback: Kill, resume: bool = False, **kwargs) -> Pull:
    module = Pull()
    trainer = pl.Trainer(
        accelerator="cpu",
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **{"max_epochs": -1, **kwargs},
    )
    trainer.fit(module, data, ckpt_path=callback.path if resume else None, weights_only=True)
    return module


def killed_and_resumed(data: type[Points], path: Path, at: int, hook: str, options: dict, **kwargs) -> Pull:
    with pytest.raises(Killed):
        fit(data(**options), Kill(path, at, hook), **kwargs)
    return fit(data(**options), Kill(path, None), resume=True, **kwargs)


def same(first: Pull, second: Pull) -> bool:
    return torch.equal(first.weight, second.weight) and first.num_batches == second.num_batches


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("at", range(1, NUM_BATCHES))
def test_fit_killed_after_any_batch_equals_uninterrupted_fit(tmp_path: Path, at: int) -> None:
    whole = fit(Points(), Kill(tmp_path / "last.ckpt", None))
    resumed = killed_and_resumed(Points, tmp_path / "last.ckpt", at, "on_train_batch_end", {})
    assert same(whole, resumed)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("at", [5, 10])
def test_fit_killed_at_an_epochs_end_equals_uninterrupted_fit(tmp_path: Path, at: int) -> None:
    whole = fit(Points(), Kill(tmp_path / "last.ckpt", None))
    resumed = killed_and_resumed(Points, tmp_path / "last.ckpt", at, "on_train_epoch_end", {})
    assert same(whole, resumed)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("at", [3, 6, 7, 10])
@pytest.mark.parametrize(
    ("options", "kwargs"),
    [
        ({}, {"limit_train_batches": 3}),
        ({}, {"max_steps": NUM_BATCHES}),
        ({}, {"max_epochs": 100}),
        ({"min_batches": 6}, {}),
    ],
)
def test_resume_is_exact_under_other_limits(tmp_path: Path, at: int, options: dict, kwargs: dict) -> None:
    whole = fit(Points(**options), Kill(tmp_path / "last.ckpt", None), **kwargs)
    resumed = killed_and_resumed(Points, tmp_path / "last.ckpt", at, "on_train_batch_end", options, **kwargs)
    assert same(whole, resumed)


@pytest.mark.filterwarnings("ignore")
def test_a_loader_that_forgets_its_position_is_found_out(tmp_path: Path) -> None:
    whole = fit(Forgetful(), Kill(tmp_path / "last.ckpt", None))
    resumed = killed_and_resumed(Forgetful, tmp_path / "last.ckpt", 7, "on_train_batch_end", {})
    assert not same(whole, resumed)
