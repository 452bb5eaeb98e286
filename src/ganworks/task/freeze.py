"""Parameters that are not trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from torch import nn

from ganworks.errors import SettingError, nearest

Patterns = str | Sequence[str] | None


def freeze_players(players: Mapping[str, nn.Module], patterns: Mapping[str, Patterns]) -> None:
    """Take the parameters that ``patterns`` name out of the training.

    FreezeD, Mo et al. 2020 (https://arxiv.org/abs/2002.10964), freezes the discriminator's first blocks.

    Args:
        players: by role.
        patterns: by role one or several patterns such as "layers.0.*", as a shell would match them to the names of the
            player's parameters; None for none.

    Raises:
        SettingError: a role that there is not, a pattern that fits no parameter, or a player with nothing to train.
    """
    if not isinstance(patterns, Mapping):
        raise SettingError("freeze", patterns, f"patterns for some of the players {', '.join(players)}")
    for role, each in patterns.items():
        if each is None:  # conf/ lists the usual players, and a task may have others
            continue
        if role not in players:
            raise SettingError("freeze", role, f"one of the players {', '.join(players)}", players)
        freeze_player(players[role], f"freeze.{role}", each)


def freeze_player(player: nn.Module, setting: str, patterns: Patterns) -> None:
    """Freeze the parameters of one player that ``patterns``, the value of ``setting``, name."""
    parameters = dict(player.named_parameters())
    several = [patterns] if isinstance(patterns, str) else patterns or []
    if not isinstance(several, Sequence) or not all(isinstance(pattern, str) for pattern in several):
        raise SettingError(
            setting, patterns, f"patterns of names of parameters, such as {next(iter(parameters))}"
        )
    for pattern in several:
        matched = [name for name in parameters if name == pattern or fnmatchcase(name, pattern)]
        if not matched:
            near = nearest(pattern, parameters) or ", ".join(list(parameters)[:3])
            raise SettingError(setting, pattern, f"a pattern that fits a parameter, such as {near}")
        for name in matched:
            parameters[name].requires_grad_(False)
    if several and not any(parameter.requires_grad for parameter in parameters.values()):
        allowed = "patterns that leave a parameter to train (a phase can leave a player out: task.phases)"
        raise SettingError(setting, ", ".join(several), allowed)


def num_frozen(player: nn.Module) -> int:
    """Return the number of a player's parameters that are not trained."""
    return sum(parameter.numel() for parameter in player.parameters() if not parameter.requires_grad)
