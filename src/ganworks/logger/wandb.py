"""Weights & Biases on the axis of images seen, offline where there is no key or no network."""

from __future__ import annotations

import html
import logging
import os
import shlex
import time
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import wandb
from pytorch_lightning.loggers import WandbLogger as LightningWandbLogger
from pytorch_lightning.loggers.logger import rank_zero_experiment
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from ganworks.errors import check_range
from ganworks.logger.artifact import Artifact, KeepsArtifacts
from ganworks.logger.table import AXIS, read_metrics
from ganworks.logger.waiting import answers, ended_in_time, words_of
from ganworks.logger.wandb_record import Recorded, recorded
from ganworks.logger.wandb_service import end_service
from ganworks.logger.wandb_start import mode, run_id
from ganworks.words import relative_path, tags_of

log = logging.getLogger(__name__)
LOGGED_BY_ITSELF = {"metrics", "contract", "scalars", "notes"}  # of summary.json


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


class WandbLogger(KeepsArtifacts, LightningWandbLogger):
    """One W&B run per run directory, resumed with it; a run without a key or a network is kept offline.

    W&B's own count of steps is the images seen, so that all that is logged at one of them is one row. A run that goes
    on from a checkpoint logs no point twice: what W&B has since that checkpoint stays, and what it lacks before it is
    sent from `metrics.csv`. Whatever fails in W&B, a killed service or a silent server, costs its record and never
    the run.

    Args:
        save_dir: the run directory; its file ``wandb_id`` holds the id under which the run is resumed.
        project: the W&B project.
        offline: True or False force a mode; None goes online where a key is found.
        init_timeout: seconds to wait for the server before the run goes offline; for its first answer at most 5.
        finish_timeout: seconds to wait at the end for what has still to be sent.
        upload_timeout: seconds to wait at the end for artifacts, as long as the server answers.
        artifacts: "none", "best" (at the end, the best checkpoint and the generator) or "all" (each as it is written).
        tags: a list, or a string with commas between them.
        kwargs: see `wandb.init` (entity, group, job_type, name, notes, ...).

    Attributes:
        incomplete: why the W&B record lacks a part of the run; None as long as it lacks nothing.

    Raises:
        SettingError: ``artifacts`` or a timeout that it cannot have.
    """

    def __init__(
        self,
        save_dir: str,
        project: str,
        offline: bool | None = None,
        init_timeout: float = 8,
        finish_timeout: float = 8,
        upload_timeout: float = 600,
        artifacts: str = "none",
        tags: Any = None,
        **kwargs: Any,
    ) -> None:
        self.choose_artifacts(artifacts)
        self.init_timeout = check_range("init_timeout", init_timeout, 1)
        self.finish_timeout = check_range("finish_timeout", finish_timeout, 0)
        self.upload_timeout = check_range("upload_timeout", upload_timeout, 0)
        bounds: Any = {"init_timeout": init_timeout}
        if artifacts == "none":  # W&B's own bound does not ask whether an upload goes on
            bounds["finish_timeout"] = finish_timeout
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
        self.run_dir = Path(save_dir)
        self.incomplete: str | None = None
        self._earlier, self._is_resumed = Recorded(), False
        self._place = (-1, -1)  # images seen of the last row, and W&B's count at it

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run, begun on first use with `images_seen` as the axis of everything."""
        if self._experiment is None:
            self._experiment = self._begin()
            self._experiment.define_metric(AXIS)
            self._experiment.define_metric("*", step_metric=AXIS)
            self._look_back()
        return self._experiment

    @never_fatal
    def start(self) -> None:
        """Begin the run now, before training does."""
        _ = self.experiment

    @property
    def is_offline(self) -> bool:
        """Whether the run that has begun is kept in the run directory alone."""
        return bool(getattr(self._experiment, "offline", False))

    def _begin(self) -> Any:
        """Return a new W&B run; where the server can't be had, one that is kept offline."""
        # W&B's reports about itself wait for the server when Python ends, however long that is silent.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        if wandb.run is not None:  # of someone else in this process: W&B would hand that on
            self._wandb_init["reinit"] = "create_new"
        settings, start = wandb.setup().settings, time.monotonic()
        chosen = self._wandb_init["mode"] or settings.mode
        reason = answers(settings.base_url, self.init_timeout) if chosen == "online" else None
        if reason is None:
            try:
                spent = time.monotonic() - start
                self._wandb_init["settings"].init_timeout = max(1.0, self.init_timeout - spent)
                return wandb.init(**self._wandb_init)
            except Exception as error:
                reason = words_of(error)
                end_service()  # it holds on to the run's id
        log.warning("W&B: %s. The run is kept offline; `wandb sync` uploads it.", reason)
        self._wandb_init["mode"] = "offline"
        return wandb.init(**self._wandb_init)

    def _look_back(self) -> None:
        """Learn what the run holds that has begun: of the server, or of the files of its parts."""
        run: Any = self._experiment
        last = int(getattr(run, "starting_step", 0) or 0) - 1
        if self.is_offline:
            self._earlier = recorded(self.run_dir, str(run.id))
        elif last >= 0:  # an earlier release counted calls instead of images
            images_seen = run.summary.get(AXIS, -1)
            self._earlier = Recorded(max(last, int(images_seen)), last_step=last)
        self._place = (-1, self._earlier.last_step)

    @never_fatal
    def rewind(self, images_seen: int) -> None:
        """Go on from ``images_seen``: leave out the points that the run has already, send those that it lacks."""
        _ = self.experiment
        self._is_resumed = images_seen > 0
        if not self._is_resumed:
            return
        if self._earlier.latest > images_seen:
            log.info(
                "W&B has the points up to %s images: they stay as they are.", f"{self._earlier.latest:,}"
            )
        for row in read_metrics(self.run_dir / "metrics.csv"):
            self._log({name: value for name, value in row.items() if name != AXIS}, int(row[AXIS]))

    def _log(self, row: dict[str, Any], step: int | None) -> None:
        """Log ``row`` at ``step`` images seen, without the points that a resumed run has already."""
        if step is None:
            return self.experiment.log(row)
        if self._is_resumed:
            row = {name: value for name, value in row.items() if not self._earlier.has(name, step)}
        if row:
            self.experiment.log({**row, AXIS: step}, step=self._count(step))

    def _count(self, images_seen: int) -> int:
        """Return W&B's count for a row: the images seen, or the next one where W&B is past that already."""
        images, count = self._place
        if images_seen != images:
            self._place = (images_seen, max(images_seen, count + 1))
        return self._place[1]

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
        self._log(dict(metrics), step)

    @never_fatal
    def log_image(self, key: str, images: list[Any], step: int | None = None, **kwargs: Any) -> None:
        """Log the image files ``images`` under ``key`` at ``step`` images seen: one picture of a series."""
        caption = None if step is None else f"{step:,} images"
        self._log({key: [wandb.Image(image, caption=caption) for image in images]}, step)

    @never_fatal
    def log_clip(self, key: str, paths: list[str], step: int | None = None) -> None:
        """Log the GIF files ``paths`` under ``key`` at ``step`` images seen."""
        self._log({key: [wandb.Video(path, format="gif") for path in paths]}, step)

    @never_fatal
    def log_page_of_text(self, key: str, paths: list[str], step: int | None = None) -> None:
        """Log the text files ``paths`` under ``key`` at ``step`` images seen."""
        pages = [f"<pre>{html.escape(Path(path).read_text(encoding='utf-8'))}</pre>" for path in paths]
        self._log({key: [wandb.Html(page) for page in pages]}, step)

    @never_fatal
    def log_page(self, key: str, path: Path) -> None:
        """Keep the self-contained HTML page ``path`` with the run, shown under ``key``."""
        self.experiment.log({key: wandb.Html(path, inject=False)})

    @never_fatal
    def log_contract(self, contract: Mapping[str, Any]) -> None:
        """Keep the contract of the last figures in the run's summary, beside them."""
        self.experiment.summary["contract"] = contract

    @never_fatal
    def log_alert(self, title: str, text: str, level: str, images_seen: int) -> None:
        """Send an alert, ``level`` "WARN" or "ERROR", about what began at ``images_seen``."""
        self.experiment.alert(title=title, text=f"{text} (at {images_seen:,} images)", level=level)

    @never_fatal
    def log_code(self, commit: str | None, diff: str) -> None:
        """Keep the commit of the code in the run's configuration, and its ``diff`` as a file of the run."""
        self.experiment.config.update({"git_commit": commit}, allow_val_change=True)
        if diff:
            path = Path(self.experiment.dir) / "diff.patch"
            path.write_text(diff, encoding="utf-8")
            self.experiment.save(str(path), base_path=self.experiment.dir, policy="now")

    @never_fatal
    def log_outcome(self, outcome: Mapping[str, Any]) -> None:
        """Keep how the run stands in its summary: what summary.json says, but for what is logged by itself."""
        own = {name: value for name, value in outcome.items() if name not in LOGGED_BY_ITSELF}
        self.experiment.summary.update(own)

    @never_fatal
    def upload(self, artifact: Artifact) -> None:
        """Log ``artifact``; W&B copies it first, to the folder that WANDB_DATA_DIR names."""
        entry = wandb.Artifact(f"{artifact.kind}-{self._id}", "model", metadata=dict(artifact.metadata))
        add = entry.add_dir if artifact.path.is_dir() else entry.add_file
        add(str(artifact.path))
        self.experiment.log_artifact(entry, aliases=list(artifact.aliases))

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the W&B run, so that the next run of this process does not write into it."""
        if self._experiment is None:
            return
        self.upload_waiting()
        run, is_offline, self._experiment = self._experiment, self.is_offline, None
        if run is None:
            return
        code = 0 if status == "success" else 1
        reason = ended_in_time(
            lambda: run.finish(exit_code=code),
            self.finish_timeout,
            lambda seconds: self._may_go_on(seconds, is_offline),
        )
        if reason is None and getattr(run, "_finish_timed_out", False):
            reason = f"not everything was sent within {self.finish_timeout:g} s"
        if reason is not None:
            self.give_up(f"{reason}; `wandb sync` uploads the rest")
        elif is_offline:
            parts = f"{shlex.quote(str(relative_path(self.run_dir)))}/wandb/offline-run-*-{run.id}"
            log.info("W&B: kept offline. To upload it: wandb sync %s", parts)

    def _may_go_on(self, seconds: float, is_offline: bool) -> bool:
        """Say whether to wait on for the end, for which ``seconds`` were waited: artifacts take their time."""
        is_worth_it = self.artifacts != "none" and seconds < self.upload_timeout
        return is_worth_it and (is_offline or answers(wandb.setup().settings.base_url, 2) is None)
