"""MLflow on the axis of images seen, on a server or in a file beside the runs."""

from __future__ import annotations

import getpass
import logging
import os
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from ganworks.errors import GanworksError, check_range
from ganworks.logger.artifact import Artifact, KeepsArtifacts
from ganworks.logger.mlflow_run import MLflowRun, Row, flat, is_local, plain
from ganworks.logger.sender import Sender
from ganworks.logger.table import AXIS, read_metrics
from ganworks.logger.waiting import answers
from ganworks.words import tags_of

log = logging.getLogger(__name__)
STATUS = {"running": "RUNNING", "finished": "FINISHED", "diverged": "FAILED", "failed": "FAILED"}


class MLflowLogger(KeepsArtifacts, Logger):
    """One MLflow run per run directory, resumed with it; steps are images seen.

    All requests are made by a thread, in order. A store that fails or is silent costs the record and never the run;
    what it lacks of the scalars is sent from `metrics.csv` when the run is resumed, and no point is logged twice.

    Args:
        save_dir: the run directory; its file ``mlflow_id`` holds the id under which the run is resumed.
        folder: of the store `mlflow.db` that is used where no server is named.
        experiment: MLflow's experiment.
        tracking_uri: of the server or the store; None takes MLFLOW_TRACKING_URI, or else the file in ``folder``.
        name, group, job_type, notes: words on the run; tags of MLflow.
        tags: a list, or a string with commas between them; each becomes a tag with the value "true".
        artifacts: "none", "best" (at the end, the best checkpoint and the generator) or "all" (each as it is written).
        finish_timeout: seconds to wait at the end for what has still to be sent.
        upload_timeout: seconds to wait at the end for artifacts, as long as the server answers.

    Attributes:
        incomplete: why the record lacks a part of the run; None as long as it lacks nothing.

    Raises:
        GanworksError: MLflow is not installed.
        SettingError: ``artifacts`` or a timeout that it cannot have.
    """

    def __init__(
        self,
        save_dir: str,
        folder: str = "runs",
        experiment: str = "ganworks",
        tracking_uri: str | None = None,
        name: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
        notes: str | None = None,
        tags: Any = None,
        artifacts: str = "none",
        finish_timeout: float = 8,
        upload_timeout: float = 600,
    ) -> None:
        super().__init__()
        if find_spec("mlflow") is None:
            raise GanworksError("logger=mlflow needs MLflow: pip install 'ganworks[mlflow]'")
        self.choose_artifacts(artifacts)
        self.finish_timeout = check_range("finish_timeout", finish_timeout, 0)
        self.upload_timeout = check_range("upload_timeout", upload_timeout, 0)
        self.run_dir = Path(save_dir)
        self.incomplete: str | None = None
        self.uri = uri_of(tracking_uri, Path(folder), self.run_dir)
        words = {"group": group, "job_type": job_type, "mlflow.note.content": notes}
        self._tags = {key: str(value) for key, value in words.items() if value is not None}
        self._tags |= {plain(tag): "true" for tag in tags_of(tags)} | source()
        self._begin = partial(MLflowRun, self.uri, self.run_dir, experiment, name, self._tags)
        self._run: MLflowRun | None = None
        self._rows: deque[Row] = deque()
        self._sender: Sender | None = None
        self._is_resumed, self._status = False, ""

    @property
    def name(self) -> str:
        return "mlflow"

    @property
    def version(self) -> str:
        return ""

    def _send(self, work: Callable[[MLflowRun], object]) -> None:
        """Have ``work`` done with the run, which begins with the first work."""

        def done() -> None:
            if self._run is None:
                self.run_dir.mkdir(parents=True, exist_ok=True)
                self._run = self._begin()
            work(self._run)

        if self.incomplete is None:
            self._sender = self._sender or Sender(self.give_up)
            self._sender.do(done)

    def give_up(self, reason: str) -> None:
        """Log nothing more to MLflow, and say once why."""
        if self.incomplete is not None:
            return
        self.incomplete = reason
        log.warning("MLflow: %s. Its record of this run is incomplete; the run's own files are not.", reason)

    @rank_zero_only
    def start(self) -> None:
        """Begin the run now."""
        self._send(lambda run: None)

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Log the resolved configuration: its settings as parameters."""
        self._send(lambda run: run.log_params(flat(params)))

    @rank_zero_only
    def rewind(self, images_seen: int) -> None:
        """Go on from ``images_seen``: leave out the points that the run has already, send those that it lacks."""
        self._is_resumed = images_seen > 0
        if self._is_resumed:
            for row in read_metrics(self.run_dir / "metrics.csv"):
                self.log_metrics({name: value for name, value in row.items() if name != AXIS}, int(row[AXIS]))

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._rows.append(Row(dict(metrics), step or 0, int(1000 * time.time()), self._is_resumed))
        self._send(self._log_rows)

    def _log_rows(self, run: MLflowRun) -> None:
        """Send all rows that wait: a store that is slower than the training gets many in one request."""
        run.log_rows([self._rows.popleft() for _ in range(len(self._rows))])

    @rank_zero_only
    def log_image(self, key: str, images: list[Any], step: int | None = None, **kwargs: Any) -> None:
        """Log the image files ``images`` under ``key`` at ``step`` images seen: one picture of a series."""
        for path in images:
            self._send(partial(self._picture, Path(path), key, step or 0, self._is_resumed))

    @staticmethod
    def _picture(path: Path, key: str, step: int, is_resumed: bool, run: MLflowRun) -> None:
        run.log_picture(path, plain(key), step, is_resumed)

    @rank_zero_only
    def log_clip(self, key: str, paths: list[str], step: int | None = None) -> None:
        """Keep the files ``paths`` in the folder ``key``; their names are the images seen."""
        for path in paths:
            self._send(partial(self._file, path, plain(key)))

    log_page_of_text = log_clip

    @staticmethod
    def _file(path: str | Path, folder: str | None, run: MLflowRun) -> None:
        run.client.log_artifact(run.id, str(path), folder)

    @rank_zero_only
    def log_page(self, key: str, path: Path) -> None:
        """Keep the self-contained HTML page ``path`` with the run."""
        self._send(partial(self._file, path, None))

    @rank_zero_only
    def log_contract(self, contract: Mapping[str, Any]) -> None:
        """Keep the contract of the last figures with the run."""
        self._send(lambda run: run.client.log_dict(run.id, dict(contract), "contract.json"))

    @rank_zero_only
    def log_alert(self, title: str, text: str, level: str, images_seen: int) -> None:
        """Keep an alert as a tag: MLflow sends no messages."""
        words = f"{level} at {images_seen:,} images: {text}"
        self._send(lambda run: run.client.set_tag(run.id, plain(f"alert.{title}"), words))

    @rank_zero_only
    def log_code(self, commit: str | None, diff: str) -> None:
        """Keep the commit of the code as MLflow's own tag of it, and its ``diff`` as a file."""
        if commit is not None:
            self._send(lambda run: run.client.set_tag(run.id, "mlflow.source.git.commit", commit))
        if diff:
            self._send(lambda run: run.client.log_text(run.id, diff, "diff.patch"))

    @rank_zero_only
    def log_outcome(self, outcome: Mapping[str, Any]) -> None:
        """Keep how the run stands: summary.json and config.yaml as files, status and best figure as tags."""
        self._status = str(outcome["status"])
        best = outcome.get("best") or {}
        tags = {"status": self._status, **{f"best.{name}": str(value) for name, value in best.items()}}
        for name in ("summary.json", "config.yaml"):
            if (self.run_dir / name).exists():
                self._send(partial(self._file, self.run_dir / name, None))
        for name, value in tags.items():
            self._send(partial(self._tag, name, value))

    @staticmethod
    def _tag(name: str, value: str, run: MLflowRun) -> None:
        run.client.set_tag(run.id, plain(name), value)

    @rank_zero_only
    def upload(self, artifact: Artifact) -> None:
        """Keep ``artifact`` in `checkpoints/` or `generator/`, and its aliases as a tag with the name of the file."""
        folder = Path(tempfile.mkdtemp(dir=self.run_dir, prefix=".mlflow-"))
        copy = folder / artifact.path.name  # under a second name: the file may be replaced before it is sent
        if artifact.path.is_dir():
            shutil.copytree(artifact.path, copy, copy_function=linked)
        else:
            linked(str(artifact.path), str(copy))
        self._send(partial(self._upload, artifact, copy))

    @staticmethod
    def _upload(artifact: Artifact, copy: Path, run: MLflowRun) -> None:
        is_folder = copy.is_dir()
        name = "generator" if is_folder else f"checkpoints/{copy.name}"
        try:
            if is_folder:
                run.client.log_artifacts(run.id, str(copy), name)
            else:
                run.client.log_artifact(run.id, str(copy), "checkpoints")
        finally:
            shutil.rmtree(copy.parent, ignore_errors=True)
        run.client.set_tag(run.id, name, ", ".join(artifact.aliases))
        run.client.log_dict(run.id, dict(artifact.metadata), f"{name}.json")

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the run; what can't be sent in time is left out."""
        if self._sender is None:
            return
        self.upload_waiting()
        ended = STATUS.get(self._status, "KILLED") if self._status else None
        ended = "FAILED" if status == "failed" and ended in (None, "RUNNING") else ended
        self._send(lambda run: run.client.set_terminated(run.id, ended or run.status))
        sender, self._sender = self._sender, None
        reason = sender.end(self.finish_timeout, self._may_go_on)
        if reason is not None:
            self.give_up(reason)
        for folder in self.run_dir.glob(".mlflow-*"):  # of uploads that did not come to their turn
            shutil.rmtree(folder, ignore_errors=True)

    def _may_go_on(self, seconds: float) -> bool:
        """Say whether to wait on for the end, for which ``seconds`` were waited: artifacts take their time."""
        is_worth_it = self.artifacts != "none" and seconds < self.upload_timeout
        return is_worth_it and (is_local(self.uri) or answers(self.uri, 2) is None)


def uri_of(setting: str | None, folder: Path, run_dir: Path) -> str:
    """Return where the run is tracked: as set, as the environment says, where it began, or in a file in ``folder``."""
    if setting or os.environ.get("MLFLOW_TRACKING_URI"):
        return str(setting or os.environ["MLFLOW_TRACKING_URI"])
    earlier = run_dir / "mlflow_id"
    lines = earlier.read_text(encoding="utf-8").splitlines() if earlier.exists() else []
    return lines[1] if len(lines) > 1 and lines[1] else f"sqlite:///{folder.absolute() / 'mlflow.db'}"


def source() -> dict[str, str]:
    """Return MLflow's own tags of who started what."""
    tags = {"mlflow.source.name": Path(sys.argv[0]).name, "mlflow.source.type": "LOCAL"}
    with suppress(Exception):  # a user without a name, as in some containers
        tags["mlflow.user"] = getpass.getuser()
    return tags


def linked(path: str, copy: str) -> None:
    """Give a file a second name; copy it where the file system has no such."""
    try:
        Path(copy).hardlink_to(path)
    except OSError:
        shutil.copyfile(path, copy)
