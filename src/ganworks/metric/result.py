"""The result of an evaluation: figures, and the contract under which they were taken."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ganworks.metric.contract import Contract


@dataclass(frozen=True)
class Result:
    """The figures of one evaluation, and what makes them comparable.

    Args:
        values: the figures by name; logged as ``metric/<name>``.
        contract: all that they depend on, see `ganworks.metric.contract`. Two figures compare only where their
            contracts agree.
        floor: the same figures for real samples that stand in for the fakes: what a perfect generator gets.
        baselines: the same figures by the name of a line for samples that no network made, such as the untranslated
            source.
        notes: what is worth a look but is no figure, for example the class histogram.
        deviation: of each figure over several seeds; ``values`` are then their means.
    """

    values: dict[str, float]
    contract: Contract
    floor: dict[str, float] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    deviation: dict[str, float] = field(default_factory=dict)
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)


def merged(first: Result, second: Result) -> Result:
    """Return both results as one, under the first one's contract; the second has figures of other names."""
    shared = first.contract
    own = {name: term for name, term in second.contract.items() if shared.get(name) != term}
    figures = own.pop("figure", {})
    figures = {name: {**terms, **own} for name, terms in figures.items() if name in second.values}
    contract = {**shared, "figure": {**shared.get("figure", {}), **figures}}
    return replace(first, values={**first.values, **second.values}, contract=contract)
