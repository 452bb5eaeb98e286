"""Networks of many blocks as programs of torch.export: class-conditional residual ones and transformers."""

from __future__ import annotations

import pytest

from exporting import BLOCKS, error_of_program


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_program_of_many_blocks_is_its_sampler_at_every_batch(name: str) -> None:
    assert error_of_program(name) <= 1e-5
