"""TensorBoard on the axis of images seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pytorch_lightning.loggers import TensorBoardLogger as LightningTensorBoardLogger
from pytorch_lightning.utilities.rank_zero import rank_zero_only


class TensorBoardLogger(LightningTensorBoardLogger):
    """Lightning's logger that writes to ``save_dir`` itself and takes images as Lightning's W&B logger does."""

    def __init__(self, save_dir: str, **kwargs: Any) -> None:
        super().__init__(save_dir, name="", version="", **kwargs)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: config.yaml in the run directory holds the settings."""

    def rewind(self, images_seen: int) -> None:
        """Have TensorBoard hide the points past ``images_seen``: the run goes on from there, and logs them again."""
        if images_seen > 0:
            self._kwargs["purge_step"] = images_seen + 1  # of the writer, which the first point makes

    @rank_zero_only
    def log_alert(self, title: str, text: str, level: str, images_seen: int) -> None:
        """Log an alert among the texts, under `alerts`."""
        self.experiment.add_text("alerts", f"**{level}: {title}**  \n{text}", images_seen)

    @rank_zero_only
    def log_image(self, key: str, images: list[str], step: int | None = None) -> None:
        """Log the image files ``images`` under ``key`` at ``step`` images seen."""
        for path in images:
            picture = np.asarray(Image.open(path).convert("RGB"))
            self.experiment.add_image(key, picture, step, dataformats="HWC")

    @rank_zero_only
    def log_clip(self, key: str, paths: list[str], step: int | None = None) -> None:
        """Log the GIF files ``paths`` under ``key`` at ``step`` images seen; TensorBoard plays them as they are."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        for path in paths:
            width, height = Image.open(path).size
            data = Path(path).read_bytes()
            picture = Summary.Image(width=width, height=height, colorspace=3, encoded_image_string=data)
            summary = Summary(value=[Summary.Value(tag=f"{key}_played", image=picture)])
            self.experiment._get_file_writer().add_summary(summary, step)

    @rank_zero_only
    def log_page_of_text(self, key: str, paths: list[str], step: int | None = None) -> None:
        """Log the text files ``paths`` under ``key`` at ``step`` images seen."""
        for path in paths:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
            self.experiment.add_text(key, "\n".join(f"    {line}" for line in lines), step)
