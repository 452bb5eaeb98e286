"""Translators: any size, their features, where they begin, what they refuse."""

from __future__ import annotations

import pytest
import torch

from ganworks.errors import SettingError
from ganworks.model import BendingTranslator, ContrastiveTranslator, ResnetTranslator

SMALL = {"width": 4, "num_down": 1, "num_blocks": 1}


@pytest.mark.parametrize("size", [(8, 8), (9, 14), (7, 32)])
@pytest.mark.parametrize("network", [ResnetTranslator, ContrastiveTranslator, BendingTranslator])
def test_a_translator_takes_images_of_any_size(network: type, size: tuple[int, int]) -> None:
    translator = network((3, 8, 8), width=4)
    images = torch.rand(2, 3, *size) * 2 - 1
    made = translator(images)
    assert made.shape == images.shape
    assert float(made.abs().max()) <= 1


def test_the_residual_translator_has_the_layers_of_the_paper() -> None:
    translator = ResnetTranslator((3, 256, 256))
    weights = [tuple(p.shape[:2]) for p in translator.parameters() if p.dim() == 4]
    assert weights[:3] == [(64, 3), (128, 64), (256, 128)]
    assert weights[3:21] == [(256, 256)] * 18
    assert weights[21:] == [(256, 128), (128, 64), (3, 64)]  # transposed convolutions have their input first
    # 11.378 million in the authors' network, which has biases in front of its norms as well: 5,248 of them.
    assert sum(p.numel() for p in translator.parameters()) == 11_378_179 - 5_248


def test_a_translator_begins_as_its_source_where_it_is_asked_to() -> None:
    images = torch.rand(4, 1, 8, 8) * 2 - 1
    translator = ResnetTranslator((1, 8, 8), **SMALL, from_source=True)
    assert torch.allclose(translator(images), 0.97 * images, atol=1e-5)
    assert not torch.allclose(ResnetTranslator((1, 8, 8), **SMALL)(images), images, atol=0.1)


def test_a_bending_translator_begins_as_its_source_and_moves_no_further_than_it_may() -> None:
    smooth = torch.linspace(-0.9, 0.9, 16)[None, None, None].expand(1, 1, 16, 16)
    translator = BendingTranslator((1, 16, 16), width=4, bend=3.0)
    assert torch.allclose(translator(smooth)[..., 4:12], 0.97 * smooth[..., 4:12], atol=1e-3)
    step = float(smooth[0, 0, 0, 1] - smooth[0, 0, 0, 0])
    with torch.no_grad():
        translator.field[-1].bias.fill_(100.0)  # as far as it may: 3 pixels
    moved = translator.moved(smooth)
    assert torch.allclose(moved[..., 4:10], smooth[..., 4:10] + 3 * step, atol=1e-3)


@pytest.mark.parametrize(("num_cells", "most"), [(1, 1.0), (2, 1.0), (3, 1.5), (5, 1.95)])
def test_a_pixel_is_bent_so_many_times_further_than_a_cell_at_most(num_cells: int, most: float) -> None:
    ramp = torch.linspace(-0.9, 0.9, 32)[None, None, None].expand(512, 1, 32, 32)
    translator = BendingTranslator((1, 32, 32), width=4, bend=2.0, num_cells=num_cells)
    step = float(ramp[0, 0, 0, 1] - ramp[0, 0, 0, 0])
    signs = torch.randn(512, 2 * num_cells**2, generator=torch.Generator().manual_seed(0)).sign()
    translator.field = torch.nn.Sequential(Said(100 * signs))
    pixels = ((translator.moved(ramp) - ramp) / step)[..., 5:27]  # away from the edges, where the ramp ends
    assert 0.8 * most < float(pixels.abs().max()) / 2.0 < most + 0.005


class Said(torch.nn.Module):
    """Says the same whatever it is shown."""

    def __init__(self, said: torch.Tensor) -> None:
        super().__init__()
        self.said = said

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.said


def test_features_are_those_of_the_pass_and_stop_where_they_may() -> None:
    translator = ResnetTranslator((1, 16, 16), width=4, num_down=2, num_blocks=3)
    images = torch.rand(2, 1, 16, 16)
    features = translator.features(images, [0, 1, 3, 5])
    assert torch.equal(features[0], images)
    assert [tuple(f.shape[1:]) for f in features] == [(1, 16, 16), (4, 16, 16), (16, 4, 4), (16, 4, 4)]
    translator.blocks[2].register_forward_hook(
        lambda *_: pytest.fail("a layer behind the last one asked for")
    )
    translator.features(images, [5])


def test_a_translator_with_labels_asks_for_those_of_the_source() -> None:
    translator = ResnetTranslator((1, 8, 8), **SMALL, num_classes=10)
    assert translator.conditions == ("source", "source_label")
    images = torch.rand(1, 1, 8, 8).expand(2, -1, -1, -1)
    first, other = translator(images, source_label=torch.tensor([0, 5]))
    assert not torch.equal(first, other)
    assert torch.equal(translator(images, source_label=torch.tensor([0.0, 5.0]))[1], other)


def test_wrong_settings_are_named() -> None:
    for setting, value in (("kernel_size", 4), ("norm", "batch"), ("num_down", 0), ("width", 0)):
        with pytest.raises(SettingError, match=setting):
            ResnetTranslator((1, 8, 8), **{setting: value})
    with pytest.raises(SettingError, match="from_source"):
        ResnetTranslator((1, 8, 8), source_channels=3, from_source=True)
    for setting, value in (("bend", -1.0), ("num_cells", 0), ("reach", 1)):
        with pytest.raises(SettingError, match=setting):
            BendingTranslator((1, 8, 8), **{setting: value})
