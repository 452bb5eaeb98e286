"""From signals over time to episodes: when a trouble began, when it ended, what it is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ganworks.doctor.advice import PEAK, possible, update_ratio
from ganworks.doctor.derived import suffixes
from ganworks.doctor.rules import BY_NAME, RULES, Rule
from ganworks.doctor.setup import Setup
from ganworks.words import figure, short

MEDIAN_OF = 5  # observations
PAGE = "docs/doctor.md"


@dataclass
class Episode:
    """A trouble from ``since`` to ``until`` images; None while it lasts.

    ``advice`` has all that may help; ``message``, for a line of the terminal, the first two pieces of it.
    """

    rule: str
    severity: str
    since: int
    until: int | None
    value: float
    threshold: float
    message: str
    advice: str
    link: str
    critic: str = ""  # of several, the one that it is about


@dataclass
class Watch:
    """What one rule remembers: last values, the best, and since when it has held, or been well, without a break."""

    recent: list[float]
    num_bad: int = 0
    bad_since: int = 0
    num_good: int = 0
    good_since: int = 0
    best: float | None = None


class Diagnosis:
    """Judge observations one after the other; the state is plain types and goes on after a resume.

    Args:
        setup: of the run, what rules and advice depend on.
        num_images: length of the run.
        rules: what to look for.
    """

    def __init__(self, setup: Setup, num_images: int, rules: Iterable[Rule] = RULES) -> None:
        self.setup, self.num_images = setup, num_images
        self.rules = [rule for rule in rules if rule.applies(setup)]
        self.watches = {rule.name: Watch([]) for rule in self.rules}
        self.episodes: list[Episode] = []
        self.latest: dict[str, float] = {}  # the last value of each signal

    def observe(self, images_seen: int, signals: dict[str, float]) -> list[Episode]:
        """Take in the signals at ``images_seen``; return the episodes that begin with them."""
        begun = []
        self.latest |= signals
        self.latest |= {
            f"{role}_{PEAK}": max(self.latest.get(f"{role}_{PEAK}", 0.0), update_ratio(role, signals))
            for role in self.setup.lr
        }
        critics = [suffix.removeprefix("@") for suffix in suffixes(signals)]
        for rule in self.rules:
            for critic in critics:
                value = signals.get(named(rule.signal, critic), math.nan)
                if images_seen >= rule.start * self.num_images and not math.isnan(value):
                    begun += self._judge(rule, value, images_seen, critic)
        return begun

    def open(self, name: str, critic: str = "") -> Episode | None:
        """Return the episode of a rule that lasts, or None."""
        return next((e for e in self.episodes if (e.rule, e.critic, e.until) == (name, critic, None)), None)

    def _judge(self, rule: Rule, value: float, images_seen: int, critic: str) -> list[Episode]:
        watch = self.watches.setdefault(named(rule.name, critic), Watch([]))
        watch.recent = [*watch.recent, value][-(MEDIAN_OF if rule.num > MEDIAN_OF // 2 else 1) :]
        typical = statistics.median(watch.recent)
        is_better = rule.gain is not None and watch.best is not None and value > watch.best + rule.gain
        watch.best = value if watch.best is None else max(watch.best, value)
        is_bad, is_good = rule.begins(typical) and not is_better, rule.clears(typical) or is_better
        watch.bad_since = watch.bad_since if watch.num_bad else images_seen
        watch.num_bad = watch.num_bad + 1 if is_bad else 0
        watch.good_since = watch.good_since if watch.num_good else images_seen
        watch.num_good = watch.num_good + 1 if is_good else 0
        episode = self.open(rule.name, critic)
        if episode is not None:
            if self._lasted(rule, watch.num_good, images_seen - watch.good_since):
                episode.until = watch.good_since
            return []
        is_explained = rule.is_last and any(episode.until is None for episode in self.episodes)
        if is_explained or not self._lasted(rule, watch.num_bad, images_seen - watch.bad_since):
            return []
        return [self.begin(rule, typical, watch.bad_since, critic)]

    def _lasted(self, rule: Rule, num: int, num_images: int) -> bool:
        return num >= rule.num and num_images >= rule.span * self.num_images

    def begin(self, rule: Rule, value: float, since: int, critic: str = "") -> Episode:
        """Open the episode of a rule and put it into words."""
        link = f"{PAGE}#{rule.name}"
        latest = {name.removesuffix(f"@{critic}"): value for name, value in self.latest.items()}
        pieces = [piece for piece in rule.advice(self.setup, latest) if possible(piece, self.setup)]
        title = f"{rule.title} (critic {critic})" if critic else rule.title
        message = f"{title}: {rule.words.format(value=figure(value))} since {short(since)} images"
        message += f"; try {' or '.join(pieces[:2])} ({link})" if pieces else f" ({link})"
        advice = " or ".join(pieces)
        episode = Episode(
            rule.name, rule.severity, since, None, value, rule.begin, message, advice, link, critic
        )
        self.episodes.append(episode)
        return episode

    @property
    def verdict(self) -> str:
        """The state of the run in one sentence."""
        if not self.episodes:
            return "No sign of trouble."
        parts = [f"{BY_NAME[e.rule].title} ({place(e)})" for e in self.episodes]
        return f"{', '.join(parts)[:1].upper()}{', '.join(parts)[1:]}."

    def state_dict(self) -> dict[str, Any]:
        """Return episodes and watches in plain types."""
        return {
            "episodes": [asdict(episode) for episode in self.episodes],
            "watches": {name: asdict(watch) for name, watch in self.watches.items()},
            "latest": dict(self.latest),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from ``state``; rules that it does not know begin anew."""
        self.episodes = [Episode(**episode) for episode in state["episodes"]]
        known = {name: Watch(**watch) for name, watch in state["watches"].items()}
        self.watches |= {
            name: watch for name, watch in known.items() if name.partition("@")[0] in self.watches
        }
        self.latest = dict(state.get("latest", {}))


def named(name: str, critic: str) -> str:
    """Return the name of a signal or a watch of one critic among several."""
    return f"{name}@{critic}" if critic else name


def place(episode: Episode) -> str:
    """Return when an episode was, in words."""
    since = f"since {short(episode.since)} images"
    return since if episode.until is None else f"{short(episode.since)} to {short(episode.until)} images"
