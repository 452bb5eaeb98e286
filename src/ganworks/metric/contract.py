"""The contract of an evaluation: all that its figures depend on, and how two of them differ."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping
from typing import Any

log = logging.getLogger(__name__)

Contract = dict[str, Any]


def terms_of(contract: Contract, figure: str) -> dict[str, Any]:
    """Return all that one figure depends on, flat.

    A contract has terms that all figures share, those of each extractor under ``extractor``, and under
    ``figure`` for each figure the extractor that it reads, its measure's settings, and where it differs from the
    shared terms.
    """
    own = dict(contract.get("figure", {}).get(figure, {}))
    terms = {name: term for name, term in contract.items() if name not in ("extractor", "figure")}
    for name in own.pop("reads", []):
        terms |= contract["extractor"][name]
    return terms | own


def differences(first: Contract, second: Contract, figures: Collection[str] | None = None) -> list[str]:
    """Return in words where the contracts of two evaluations differ, of the figures that both have.

    >>> differences({"num_fake": 50_000, "figure": {"fid": {}}}, {"num_fake": 5_000, "figure": {"fid": {}}})
    ['num_fake: 50000 and 5000']
    """
    names = [name for name in first.get("figure", {}) if name in second.get("figure", {})]
    if not names:
        return ["the contracts have no figure in common"]
    found: dict[str, list[str]] = {}
    names = names if figures is None else [name for name in names if name in figures]
    for name in names:
        one, other = terms_of(first, name), terms_of(second, name)
        for term in dict.fromkeys([*one, *other]):
            if one.get(term) != other.get(term):
                words = f"{term}: {one.get(term, 'not said')} and {other.get(term, 'not said')}"
                found.setdefault(words, []).append(name)
    return [
        words if len(where) == len(names) else f"{words} (of {', '.join(where)})"
        for words, where in found.items()
    ]


def warn_of_differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Return in words, and warn of, what keeps the figures of two saved evaluations from being compared.

    Args:
        first, second: contents of a summary.json or of a file that `evaluate.py out=` wrote: ``contract`` with
            ``metrics`` or ``values``.
    """
    names = [set(saved.get("values", saved.get("metrics", {}))) for saved in (first, second)]
    found = differences(first["contract"], second["contract"], sorted(names[0] & names[1]))
    if found:
        log.warning("These figures do not compare: %s.", "; ".join(found))
    return found


def contract_lines(contract: Contract) -> list[str]:
    """Return the contract in a few lines for the terminal: shared terms, extractors, settings of the measures.

    >>> terms = {"extractor": {"x": {"extractor": "X"}}, "figure": {"fd": {"reads": ["x"]}}}
    >>> contract_lines({"num_real": 9, "num_fake": 8, **terms})
    ['num_real 9 · num_fake 8', 'x: X (fd)']
    """
    common = [
        f"{name} {_short(term)}" for name, term in contract.items() if name not in ("extractor", "figure")
    ]
    lines = [" · ".join(common)]
    figures = contract.get("figure", {})
    for name, terms in contract.get("extractor", {}).items():
        readers = [figure for figure, own in figures.items() if name in own.get("reads", [])]
        words = [terms["extractor"], *(f"{k} {_short(t)}" for k, t in terms.items() if k != "extractor")]
        lines.append(f"{name}: {', '.join(words)} ({', '.join(readers)})")
    settings: dict[str, list[str]] = {}
    for figure, own in figures.items():
        words = [f"{key} {term}" for key, term in own.items() if key != "reads" and term not in (None, "")]
        if words:
            settings.setdefault(", ".join(words), []).append(figure)
    return lines + [f"{', '.join(names)}: {words}" for words, names in settings.items()]


def _short(term: object) -> str:
    """Return a term in words; of a hash the first eight digits."""
    return re.sub(r"\b([0-9a-f]{8})[0-9a-f]{8,}\b", r"\1", str(term))
