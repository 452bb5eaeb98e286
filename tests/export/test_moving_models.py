"""Translators and generators of clips as programs of torch.export."""

from __future__ import annotations

import pytest

from exporting import CLIPS, TRANSLATORS, error_of_program


@pytest.mark.parametrize("name", sorted(CLIPS | TRANSLATORS))
def test_program_of_a_translator_or_of_clips_is_its_sampler_at_every_batch(name: str) -> None:
    assert error_of_program(name) <= 1e-5
