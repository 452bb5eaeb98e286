"""Generator folders on the Hugging Face Hub: `hf://user/name@revision`."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from ganworks.errors import GanworksError, SettingError

SCHEME = re.compile(r"hf:/{1,2}")  # a path leaves one of the slashes
PLACE = re.compile(r"hf:/{1,2}(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[^@\s]+))?/?")
FILES = [
    "config.json",
    "model.safetensors",
    "vae/*.json",
    "vae/*.safetensors",
]  # of a repository, what is read


def local_place(place: str | Path) -> Path:
    """Return a path as it is, and of ``hf://user/name@revision`` the local copy of that folder.

    What the cache of huggingface_hub has is not downloaded again; HF_HUB_OFFLINE=1 uses nothing but that.

    Raises:
        SettingError: an address of another form.
        GanworksError: huggingface_hub is not installed, or the folder cannot be had.
    """
    return download(str(place)) if SCHEME.match(str(place)) else Path(place)


def download(address: str) -> Path:
    """Return the local copy of a folder on the hub, without the files that are not read; see `local_place`."""
    match = PLACE.fullmatch(address)
    if match is None:
        raise SettingError("path", address, "written as hf://user/name or hf://user/name@revision")
    if find_spec("huggingface_hub") is None:
        raise GanworksError(f"{address} is read by huggingface_hub: pip install 'ganworks[hub]'")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(match["repository"], revision=match["revision"], allow_patterns=FILES))
    except Exception as error:  # of the network, of the cache, or of a name that is not there
        raise GanworksError(f"{address} cannot be had: {why(error, match['revision'])}") from error


def why(error: Exception, revision: str | None) -> str:
    """Return in one line why a folder of the hub cannot be had, and what to do."""
    from huggingface_hub import errors
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if isinstance(error, errors.RevisionNotFoundError):
        return f"it has no branch, tag or commit {revision!r}."
    if isinstance(error, errors.GatedRepoError | errors.RepositoryNotFoundError):
        return "there is no such repository, or it is not open to you: look at the name, or sign in by `hf auth login`."
    if isinstance(error, errors.LocalEntryNotFoundError):
        reason = "HF_HUB_OFFLINE keeps from the network" if HF_HUB_OFFLINE else "the hub does not answer"
        return f"it is not in the cache, and {reason}."
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return text.removeprefix("Got: ")[:200]
