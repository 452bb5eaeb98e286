"""Weights & Biases on the axis of images seen, offline where there is no key or no network."""

from __future__ import annotations

import html
import logging
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb
from pytorch_lightning.loggers import WandbLogger as LightningWandbLogger
from pytorch_lightning.loggers.logger import rank_zero_experiment
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from requests.utils import get_netrc_auth

from ganworks.logger.table import AXIS

log = logging.getLogger(__name__)


class WandbLogger(LightningWandbLogger):
    """One W&B run per run directory, resumed with it; a run without a key or a network is kept offline.

    Args:
        save_dir: the run directory; its file ``wandb_id`` holds the id under which the run is resumed.
        project: the W&B project.
        offline: True or False force a mode; None goes online where a key is found.
        init_timeout: seconds to wait for the server before the run goes offline.
        kwargs: see `wandb.init` (entity, group, tags, name, notes, ...).
    """

    def __init__(
        self,
        save_dir: str,
        project: str,
        offline: bool | None = None,
        init_timeout: float = 30,
        **kwargs: Any,
    ) -> None:
        settings = wandb.Settings(init_timeout=init_timeout, console="off", quiet=True)
        super().__init__(
            save_dir=save_dir,
            project=project,
            id=run_id(Path(save_dir)),
            resume="allow",
            mode=mode(offline),
            settings=settings,
            **kwargs,
        )
        self._wandb_init.pop("anonymous")  # Lightning passes it on, and W&B warns that it is gone

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run, begun on first use with `images_seen` as the axis of everything."""
        if self._experiment is None:
            self._experiment = self._begin()
            self._experiment.define_metric(AXIS)
            self._experiment.define_metric("*", step_metric=AXIS)
        return self._experiment

    def start(self) -> None:
        """Begin the run now, before training does."""
        _ = self.experiment

    def _begin(self) -> Any:
        """Return a new W&B run; where the server can't be had, one that is kept offline."""
        try:
            return wandb.init(**self._wandb_init)
        except (wandb.errors.CommError, wandb.errors.UsageError) as error:
            reason = str(error).splitlines()[0]
            log.warning("W&B: %s. The run is kept offline; `wandb sync` uploads it.", reason)
            wandb.teardown()  # its service holds on to the run's id
            self._wandb_init["mode"] = "offline"
            return wandb.init(**self._wandb_init)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.experiment.log({**metrics, AXIS: step})

    @rank_zero_only
    def log_image(self, key: str, images: list[Any], step: int | None = None, **kwargs: Any) -> None:
        """Log the image files ``images`` under ``key`` at ``step`` images seen."""
        self.experiment.log({key: [wandb.Image(image) for image in images], AXIS: step})

    @rank_zero_only
    def log_clip(self, key: str, paths: list[str], step: int | None = None) -> None:
        """Log the GIF files ``paths`` under ``key`` at ``step`` images seen."""
        self.experiment.log({key: [wandb.Video(path, format="gif") for path in paths], AXIS: step})

    @rank_zero_only
    def log_page_of_text(self, key: str, paths: list[str], step: int | None = None) -> None:
        """Log the text files ``paths`` under ``key`` at ``step`` images seen."""
        pages = [f"<pre>{html.escape(Path(path).read_text(encoding='utf-8'))}</pre>" for path in paths]
        self.experiment.log({key: [wandb.Html(page) for page in pages], AXIS: step})

    @rank_zero_only
    def log_page(self, key: str, path: Path) -> None:
        """Keep the self-contained HTML page ``path`` with the run, shown under ``key``."""
        self.experiment.log({key: wandb.Html(path, inject=False)})

    @rank_zero_only
    def log_contract(self, contract: Mapping[str, Any]) -> None:
        """Keep the contract of the last figures in the run's summary, beside them."""
        self.experiment.summary["contract"] = contract

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the W&B run, so that the next run of this process does not write into it."""
        if self._experiment is not None:
            self._experiment.finish(exit_code=0 if status == "success" else 1)
            self._experiment = None


def mode(offline: bool | None) -> str | None:
    """Return W&B's mode for the setting ``offline``; None leaves it to the environment (WANDB_MODE)."""
    if offline is not None:
        return "offline" if offline else "online"
    if "WANDB_MODE" in os.environ:
        return None
    if has_key():
        return "online"
    log.warning(
        "W&B: no API key found; the run is kept offline. `wandb login` once, and `wandb sync` uploads it."
    )
    return "offline"


def has_key() -> bool:
    """Say whether W&B will find a key: in the environment, its settings or ~/.netrc.

    `wandb.login` would ask the server, or the user.
    """
    settings = wandb.setup().settings
    is_set = settings.api_key or "WANDB_IDENTITY_TOKEN_FILE" in os.environ
    return bool(is_set or get_netrc_auth(settings.base_url))


def run_id(run_dir: Path) -> str:
    """Return the id of the W&B run of ``run_dir``; it is made once and kept in the file `wandb_id`."""
    path = run_dir / "wandb_id"
    if getattr(rank_zero_only, "rank", 0) != 0:  # the first rank alone logs
        return ""
    if not path.exists():
        run_dir.mkdir(parents=True, exist_ok=True)
        path.write_text(uuid.uuid4().hex[:12])
    return path.read_text().strip()
