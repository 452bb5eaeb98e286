"""Every precision trains; penalties keep float32 in all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganworks.run.build import build_run
from running import compose, train


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed", "64-true", "bf16-true"])
@pytest.mark.parametrize("loss", ["bce", "wgan_gp"])
def test_a_precision_trains_and_its_penalty_is_refused_where_it_cannot_be(
    precision: str, loss: str, tmp_path: Path
) -> None:
    overrides = [f"loss={loss}", f"trainer.precision={precision}", "num_images=640"]
    if (precision, loss) == ("bf16-true", "wgan_gp"):
        with pytest.raises(ValueError, match=r"trainer\.precision=bf16-true: must be bf16-mixed"):
            build_run(compose(*overrides, "trainer=cpu"))
        return
    assert train(tmp_path / "run", *overrides, "callback.sample_grid.every_images=320").status == "finished"
    weights = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert all(bool(torch.isfinite(tensor).all()) for tensor in weights.values())
