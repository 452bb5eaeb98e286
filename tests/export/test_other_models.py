"""Texts, series, points, flows and labels of every kind as programs of torch.export."""

from __future__ import annotations

import pytest

from exporting import APPLICATIONS, OTHERS, error_of_program


@pytest.mark.parametrize("name", sorted(OTHERS | {*APPLICATIONS}))
def test_program_of_another_kind_is_its_sampler_at_every_batch(name: str) -> None:
    assert error_of_program(name) <= 1e-5
