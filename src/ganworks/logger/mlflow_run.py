"""A run in an MLflow store: begun or gone on with, and what it holds already. Every call waits for the store."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

from ganworks.logger.waiting import answers

MAX_PARAMS, MAX_METRICS, MAX_TEXT = 100, 1000, 5000  # of one request; characters of a value
UNUSUAL = re.compile(r"[^\w\-. /]")  # characters that MLflow takes in no name


class Row(NamedTuple):
    """Values of one position.

    Attributes:
        values: by name.
        step: images seen.
        moment: when they were logged, in milliseconds since 1970.
        is_resumed: whether the run may have them already.
    """

    values: Mapping[str, float]
    step: int
    moment: int
    is_resumed: bool


class MLflowRun:
    """The run in the store at ``uri`` whose id is in the file `mlflow_id` of the run directory.

    Args:
        uri: of a server or a store.
        run_dir: its directory.
        experiment: MLflow's experiment, made where there is none of the name.
        name: of the run.
        tags: of a run that is new.

    Raises:
        ConnectionError: the server does not answer.
        MlflowException: the store refuses.
    """

    def __init__(
        self, uri: str, run_dir: Path, experiment: str, name: str | None, tags: Mapping[str, str]
    ) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # it would ask a server of its own
        if uri.startswith("http") and (reason := answers(uri, 5)) is not None:
            raise ConnectionError(reason)
        from mlflow import MlflowClient

        self.steps: dict[str, set[int]] = {}  # of each metric, as far as it was asked for
        with lock_of(uri):  # two runs that make a store at once fail
            self.client = MlflowClient(uri)
            experiment_id = self._experiment(uri, experiment)
        file = run_dir / "mlflow_id"
        earlier = self._earlier(file)
        if earlier is not None:
            self.client.update_run(earlier.info.run_id, status="RUNNING")
        run = earlier or self.client.create_run(experiment_id, tags=dict(tags), run_name=name)
        self.id, self.params, self.status = run.info.run_id, dict(run.data.params), run.info.status
        file.write_text(f"{self.id}\n{uri if is_local(uri) else ''}\n", encoding="utf-8")

    def _experiment(self, uri: str, name: str) -> str:
        """Return the id of the experiment ``name``; a store in a file keeps artifacts beside it."""
        if (found := self.client.get_experiment_by_name(name)) is not None:
            return str(found.experiment_id)
        folder = (path_of(uri).parent / "mlartifacts").absolute().as_uri() if is_local(uri) else None
        with suppress(Exception):  # another run may have made it since
            return str(self.client.create_experiment(name, artifact_location=folder))
        found = self.client.get_experiment_by_name(name)
        if found is None:
            raise ConnectionError(f"the experiment {name} can't be made")
        return str(found.experiment_id)

    def _earlier(self, file: Path) -> Any:
        """Return the run that ``file`` names, or None where this store has no such run."""
        from mlflow.exceptions import MlflowException

        if not file.exists():
            return None
        try:
            return self.client.get_run(file.read_text(encoding="utf-8").split()[0])
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def log_params(self, settings: Mapping[str, str]) -> None:
        """Log settings; MLflow changes no parameter, so that another value than before becomes a tag."""
        from mlflow.entities import Param, RunTag

        new = [Param(name, value) for name, value in settings.items() if name not in self.params]
        tags = [
            RunTag(f"changed.{name}", value)
            for name, value in settings.items()
            if name in self.params and self.params[name] != value
        ]
        for start in range(0, len(new), MAX_PARAMS):
            self.client.log_batch(self.id, params=new[start : start + MAX_PARAMS])
        if tags:
            self.client.log_batch(self.id, tags=tags[:MAX_PARAMS])

    def log_rows(self, rows: Iterable[Row]) -> None:
        """Log the values of rows in as few requests as they fit in; of a resumed run those alone that it has not."""
        from mlflow.entities import Metric

        metrics = [
            Metric(plain(name), float(value), row.moment, row.step)
            for row in rows
            for name, value in row.values.items()
            if not row.is_resumed or row.step not in self._steps_of(plain(name))
        ]
        for start in range(0, len(metrics), MAX_METRICS):
            self.client.log_batch(self.id, metrics=metrics[start : start + MAX_METRICS])

    def _steps_of(self, name: str) -> set[int]:
        """Return the steps at which the run had the metric ``name`` when it was resumed."""
        if name not in self.steps:
            self.steps[name] = {int(each.step) for each in self.client.get_metric_history(self.id, name)}
        return self.steps[name]

    def log_picture(self, path: Path, key: str, step: int, is_resumed: bool) -> None:
        """Log the picture ``path`` as one of the series ``key``, unless a resumed run has it."""
        from PIL import Image

        name = re.compile(rf"{re.escape(key.replace('/', '~'))}[+%]step[+%]{step}[+%]")
        if is_resumed and any(
            name.match(each.path.rpartition("/")[2]) for each in self.client.list_artifacts(self.id, "images")
        ):
            return
        with Image.open(path) as picture:
            self.client.log_image(self.id, picture.convert("RGB"), key=key, step=step)


def plain(name: str) -> str:
    """Return a name with the characters alone that MLflow takes.

    >>> plain("metric/fd@64")
    'metric/fd_64'
    """
    return UNUSUAL.sub("_", name)[:250]


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as texts by their dotted names.

    >>> flat({"loss": {"margin": 1.0}, "tags": ["a"], "x": None})
    {'loss.margin': '1.0', 'tags': "['a']", 'x': 'None'}
    """
    texts: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            texts |= flat(value, f"{prefix}{name}.")
        else:
            texts[plain(f"{prefix}{name}")] = str(value)[:MAX_TEXT]
    return texts


def is_local(uri: str) -> bool:
    """Say whether ``uri`` is that of an SQLite file."""
    return uri.startswith("sqlite:///")


def path_of(uri: str) -> Path:
    """Return the file of a local store."""
    return Path(uri.removeprefix("sqlite:///"))


def lock_of(uri: str) -> AbstractContextManager[object]:
    """Return a lock around the making of a local store; one that does nothing for a server."""
    if not is_local(uri):
        return nullcontext()
    path_of(uri).parent.mkdir(parents=True, exist_ok=True)
    return FileLock(f"{path_of(uri)}.lock", timeout=60)
