"""The study on its storage: SQLite beside the trials, or a PostgreSQL server that many machines share."""

from __future__ import annotations

import re
import time
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import optuna
from filelock import FileLock
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from ganworks.errors import GanworksError, SettingError
from ganworks.tuning.settings import Settings
from ganworks.words import masked

GRACE = 6  # heartbeats that may be missed before a worker is given up
DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


def open_storage(settings: Settings) -> RDBStorage:
    """Return the storage of a study; its tables are made where they are missing.

    Raises:
        GanworksError: a URL of another kind, a server that can't be reached.
    """
    quieten()
    url = address(settings.storage)
    wait = {"timeout": 60} if url.startswith("sqlite") else {"connect_timeout": 10}
    try:
        return connect(url, settings, wait)
    except OperationalError as error:
        cause = masked(str(error.orig).strip().splitlines()[0])
        raise GanworksError(f"storage={masked(url)}: {cause}") from error
    except (ImportError, NoSuchModuleError) as error:
        raise GanworksError("storage: PostgreSQL needs `pip install ganworks[postgresql]`") from error


def connect(url: str, settings: Settings, wait: dict[str, int], attempts: int = 5) -> RDBStorage:
    """Return the storage at ``url``; two workers that make its tables at the same moment both get it."""
    try:
        return RDBStorage(
            url,
            engine_kwargs={"connect_args": wait, "pool_pre_ping": True},
            heartbeat_interval=settings.heartbeat_seconds,
            grace_period=GRACE * settings.heartbeat_seconds,
            heartbeat_stale_trial_callback=partial(retry, max_retries=settings.max_retries),
        )
    except DBAPIError as error:
        if attempts <= 1 or not re.search("already exists|unique", str(error.orig), re.IGNORECASE):
            raise
    time.sleep(0.3)
    return connect(url, settings, wait, attempts - 1)


def address(storage: str) -> str:
    """Return the URL of a storage with its driver; make the folder of a SQLite file."""
    try:
        url = make_url(storage)
    except (ArgumentError, ValueError):  # the latter of a port that is no number
        allowed = "a URL, postgresql://USER:PASSWORD@HOST/DATABASE"
        raise SettingError("storage", masked(storage), allowed) from None
    kind = url.get_backend_name()
    if kind not in DRIVERS:
        raise SettingError("storage", masked(storage), "sqlite:///FILE or postgresql://...", DRIVERS)
    if kind == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    return url.set(drivername=DRIVERS[kind]).render_as_string(hide_password=False)


def open_study(settings: Settings, storage: RDBStorage, suffix: str = "") -> optuna.Study:
    """Return the study of ``settings``, begun where it is missing."""
    return optuna.create_study(
        study_name=f"{settings.name}{suffix}",
        storage=storage,
        direction=settings.direction,  # type: ignore[arg-type]
        sampler=make_sampler(settings, settings.seed),
        pruner=make_pruner(settings),
        load_if_exists=True,
    )


def make_sampler(settings: Settings, seed: int) -> optuna.samplers.BaseSampler:
    """Return what proposes points."""
    seed %= 2**32
    if settings.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    # In groups: dimensions that exist together are drawn together, whatever the conditions of the others.
    return optuna.samplers.TPESampler(
        seed=seed,
        n_startup_trials=settings.startup_trials,
        multivariate=True,
        group=True,
        constant_liar=True,
        warn_independent_sampling=False,
    )


def make_pruner(settings: Settings) -> optuna.pruners.BasePruner:
    """Return what ends trials early; resources are images."""
    first = settings.every_images * max(
        1, round(settings.evaluations / settings.reduction_factor ** (settings.num_rungs - 1))
    )
    if settings.pruner == "successive_halving":
        return optuna.pruners.SuccessiveHalvingPruner(
            min_resource=max(1, first), reduction_factor=settings.reduction_factor
        )
    if settings.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(
            min_resource=max(1, first),
            max_resource=max(1, settings.num_images),
            reduction_factor=settings.reduction_factor,
        )
    if settings.pruner == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=first - 1)
    return optuna.pruners.NopPruner()


def retry(study: optuna.Study, trial: FrozenTrial, max_retries: int | None = None) -> None:
    """Queue a trial that ended before its time again: the same point, the same run directory.

    Args:
        max_retries: how often that may happen to it; None for a trial that was interrupted on purpose.
    """
    num_lost = trial.user_attrs.get("num_lost", 0) + (max_retries is not None)
    if max_retries is not None and num_lost > max_retries:
        return
    study.add_trial(
        optuna.create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={**trial.user_attrs, "num_lost": num_lost},
            # The fixed point of a trial that had not drawn yet, and the rungs that it has passed.
            system_attrs={k: v for k, v in trial.system_attrs.items() if not k.startswith("constraints")},
            intermediate_values=trial.intermediate_values,
        )
    )


@contextmanager
def lock(settings: Settings, storage: RDBStorage) -> Iterator[None]:
    """Hold the study for this process alone, among all its workers; released when the process dies."""
    url = make_url(storage.url)
    if url.get_backend_name() == "sqlite":
        with FileLock(f"{url.database}.lock"):
            yield
        return
    key = zlib.crc32(settings.name.encode())
    with storage.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})


def quieten() -> None:
    """Silence Optuna: the table of the study says what there is to say."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    warnings.filterwarnings("ignore", module="optuna")
