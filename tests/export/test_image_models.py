"""Generators of images from noise as programs of torch.export: each is its sampler, at every size of a batch."""

from __future__ import annotations

import pytest

from exporting import BLOCKS, CLIPS, MODELS, OTHERS, ROOT, TRANSLATORS, error_of_program


def test_every_file_of_conf_model_has_a_case() -> None:
    assert {path.stem for path in (ROOT / "conf" / "model").glob("*.yaml")} == set(MODELS)


@pytest.mark.parametrize("name", sorted({*MODELS} - BLOCKS - CLIPS - OTHERS - TRANSLATORS))
def test_program_of_images_is_its_sampler_at_every_batch(name: str) -> None:
    assert error_of_program(name) <= 1e-5
