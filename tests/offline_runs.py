"""Offline runs of W&B for tests, and what is in them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ganworks.logger.wandb import WandbLogger


def run(folder: Path, *points: tuple[int, dict[str, float]], **settings: object) -> WandbLogger:
    """Log ``points`` and a picture as a run does, from its start to its end."""
    folder.mkdir(exist_ok=True)
    logger = WandbLogger(save_dir=str(folder), project="tests", **settings)  # type: ignore[arg-type]
    logger.start()
    logger.log_hyperparams({"loss": {"_target_": "ganworks.loss.BCE"}, "name": folder.name})
    for step, metrics in points:
        logger.log_metrics(metrics, step=step)
    Image.new("RGB", (4, 4)).save(folder / "picture.png")
    logger.log_image("samples", [str(folder / "picture.png")], step=points[-1][0])
    logger.finalize("success")
    return logger


def of_kind(run: list[dict], kind: str) -> list[dict]:
    return [record[kind] for record in run if record["type"] == kind]


def history(run: list[dict]) -> list[dict]:
    return [record["item"] for record in of_kind(run, "history")]
