"""Where a W&B run begins: online or offline, under which id."""

from __future__ import annotations

import logging
import os
import uuid
from pathlib import Path

import wandb
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from requests.utils import get_netrc_auth

log = logging.getLogger(__name__)


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
    """Return the id of the W&B run of ``run_dir``; it is made once and kept in the file `wandb_id`.

    An agent of a W&B sweep has made one already: W&B takes no other from the run that the agent has started.
    """
    path = run_dir / "wandb_id"
    if getattr(rank_zero_only, "rank", 0) != 0:  # the first rank alone logs
        return ""
    if not path.exists():
        run_dir.mkdir(parents=True, exist_ok=True)
        of_sweep = os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None
        path.write_text(of_sweep or uuid.uuid4().hex[:12], encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()
