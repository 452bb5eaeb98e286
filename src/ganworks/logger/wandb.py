"""Weights & Biases on the axis of images seen, offline where there is no key or no network."""

from __future__ import annotations

import html
import logging
import os
import uuid
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import wandb
from pytorch_lightning.loggers import WandbLogger as LightningWandbLogger
from pytorch_lightning.loggers.logger import rank_zero_experiment
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from requests.utils import get_netrc_auth

from ganworks.logger.table import AXIS
from ganworks.logger.wandb_service import answers, end_service, in_time, words_of
from ganworks.words import tags_of

log = logging.getLogger(__name__)


def never_fatal(method: Callable[..., None]) -> Callable[..., None]:
    """Let a method of a logger lose the W&B record, with one warning, rather than the run; on the first rank alone."""

    @wraps(method)
    def call(self: WandbLogger, *args: Any, **kwargs: Any) -> None:
        if self.incomplete is not None:
            return
        try:
            method(self, *args, **kwargs)
        except Exception as error:
            self.give_up(words_of(error))

    return rank_zero_only(call)


class WandbLogger(LightningWandbLogger):
    """One W&B run per run directory, resumed with it; a run without a key or a network is kept offline.

    Whatever fails in W&B, a killed service or a silent server, costs its record and never the run.

    Args:
        save_dir: the run directory; its file ``wandb_id`` holds the id under which the run is resumed.
        project: the W&B project.
        offline: True or False force a mode; None goes online where a key is found.
        init_timeout: seconds to wait for the server before the run goes offline; for its first answer at most 5.
        finish_timeout: seconds to wait at the end for what has still to be sent.
        tags: a list, or a string with commas between them.
        kwargs: see `wandb.init` (entity, group, name, notes, ...).

    Attributes:
        incomplete: why the W&B record lacks a part of the run; None as long as it lacks nothing.
    """

    def __init__(
        self,
        save_dir: str,
        project: str,
        offline: bool | None = None,
        init_timeout: float = 30,
        finish_timeout: float = 10,
        tags: Any = None,
        **kwargs: Any,
    ) -> None:
        bounds: Any = {"init_timeout": init_timeout, "finish_timeout": finish_timeout}
        known = getattr(wandb.Settings, "model_fields", bounds)  # earlier versions have no bound of the end
        bounds = {name: seconds for name, seconds in bounds.items() if name in known}
        settings = wandb.Settings(**bounds, console="off", quiet=True)
        super().__init__(
            save_dir=save_dir,
            project=project,
            id=run_id(Path(save_dir)),
            resume="allow",
            mode=mode(offline),
            settings=settings,
            tags=tags_of(tags),
            **kwargs,
        )
        self._wandb_init.pop("anonymous")  # Lightning passes it on, and W&B warns that it is gone
        self.init_timeout, self.finish_timeout = init_timeout, finish_timeout
        self.incomplete: str | None = None

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run, begun on first use with `images_seen` as the axis of everything."""
        if self._experiment is None:
            self._experiment = self._begin()
            self._experiment.define_metric(AXIS)
            self._experiment.define_metric("*", step_metric=AXIS)
        return self._experiment

    @never_fatal
    def start(self) -> None:
        """Begin the run now, before training does."""
        _ = self.experiment

    def _begin(self) -> Any:
        """Return a new W&B run; where the server can't be had, one that is kept offline."""
        # W&B's reports about itself wait for the server when Python ends, however long that is silent.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        settings = wandb.setup().settings
        chosen = self._wandb_init["mode"] or settings.mode
        reason = answers(settings.base_url, self.init_timeout) if chosen == "online" else None
        if reason is None:
            try:
                return wandb.init(**self._wandb_init)
            except Exception as error:
                reason = words_of(error)
                end_service()  # it holds on to the run's id
        log.warning("W&B: %s. The run is kept offline; `wandb sync` uploads it.", reason)
        self._wandb_init["mode"] = "offline"
        return wandb.init(**self._wandb_init)

    def give_up(self, reason: str) -> None:
        """Log nothing more to W&B, and say once why."""
        self.incomplete, self._experiment = reason, None
        log.warning("W&B: %s. Its record of this run is incomplete; the run's own files are not.", reason)
        end_service()

    @never_fatal
    def log_hyperparams(self, params: Any) -> None:
        super().log_hyperparams(params)

    @never_fatal
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.experiment.log({**metrics, AXIS: step})

    @never_fatal
    def log_image(self, key: str, images: list[Any], step: int | None = None, **kwargs: Any) -> None:
        """Log the image files ``images`` under ``key`` at ``step`` images seen."""
        self.experiment.log({key: [wandb.Image(image) for image in images], AXIS: step})

    @never_fatal
    def log_clip(self, key: str, paths: list[str], step: int | None = None) -> None:
        """Log the GIF files ``paths`` under ``key`` at ``step`` images seen."""
        self.experiment.log({key: [wandb.Video(path, format="gif") for path in paths], AXIS: step})

    @never_fatal
    def log_page_of_text(self, key: str, paths: list[str], step: int | None = None) -> None:
        """Log the text files ``paths`` under ``key`` at ``step`` images seen."""
        pages = [f"<pre>{html.escape(Path(path).read_text(encoding='utf-8'))}</pre>" for path in paths]
        self.experiment.log({key: [wandb.Html(page) for page in pages], AXIS: step})

    @never_fatal
    def log_page(self, key: str, path: Path) -> None:
        """Keep the self-contained HTML page ``path`` with the run, shown under ``key``."""
        self.experiment.log({key: wandb.Html(path, inject=False)})

    @never_fatal
    def log_contract(self, contract: Mapping[str, Any]) -> None:
        """Keep the contract of the last figures in the run's summary, beside them."""
        self.experiment.summary["contract"] = contract

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the W&B run, so that the next run of this process does not write into it."""
        run, self._experiment = self._experiment, None
        if run is None:
            return
        code = 0 if status == "success" else 1
        reason = in_time(lambda: run.finish(exit_code=code), self.finish_timeout)
        if reason is None and getattr(run, "_finish_timed_out", False):
            reason = f"not everything was sent within {self.finish_timeout:g} s"
        if reason is not None:
            self.give_up(f"{reason}; `wandb sync` uploads the rest")


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
        path.write_text(uuid.uuid4().hex[:12], encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()
