"""What an exported file says of its inputs and outputs, and how its error is counted."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from exporting import CASES, build
from ganworks.errors import SettingError
from ganworks.export.interface import Exportable, describe, example_inputs
from ganworks.export.program import Named, traced
from ganworks.export.verify import ExportError, error, largest_error
from ganworks.model import MLPGenerator
from ganworks.sample import latent
from ganworks.sample.sampler import Sampler


def described(name: str) -> dict:
    sampler = build(CASES[name])
    inputs = example_inputs(sampler, 2, 0)
    return describe(sampler, inputs, Exportable(sampler)(inputs))


def test_texts_return_their_tokens_beside_the_one_hots() -> None:
    told = described("lstm")
    assert told["outputs"]["tokens"] == {
        "shape": ["batch", 4], "dtype": "int64",
        "meaning": "the id of the token at each place; `kind_settings` has the vocabulary",
    }  # fmt: skip
    assert told["inputs"]["gumbel"]["law"] == "gumbel"


def test_series_say_what_their_ends_stand_for() -> None:
    told = described("gru_series")
    assert "lowest" in told["outputs"]["samples"]["meaning"]
    assert told["kind_settings"]["columns"] == ["a", "b", "c", "d", "e"]


def test_several_classes_are_an_input_of_zeros_and_ones() -> None:
    told = described("several classes at once")
    assert told["inputs"]["label"]["shape"] == ["batch", 4]
    assert told["inputs"]["label"]["dtype"] == "float32"


def test_latents_with_a_decoder_return_their_images(monkeypatch: pytest.MonkeyPatch) -> None:
    class Decoder(nn.Module):
        def decode(self, x: torch.Tensor) -> object:
            return type("Decoded", (), {"sample": nn.functional.interpolate(x[:, :3], scale_factor=2.0)})

    monkeypatch.setattr("ganworks.export.interface.load_vae", lambda folder: Decoder())
    sampler = build(CASES["latents"])
    sampler.kind = latent.Latent(scale=0.5, vae="vae")
    program = traced(sampler).module()
    inputs = sampler.inputs(3, seed=1)
    made = program(**inputs)
    assert made["images"].shape == (3, 3, 8, 8)
    assert made["images"].abs().max() <= 1
    assert largest_error(lambda rows: program(**rows), sampler) <= 1e-5


def test_the_error_is_absolute_within_the_range_and_relative_beyond() -> None:
    assert error(torch.tensor([0.5]), torch.tensor([0.25])) == 0.25
    assert error(torch.tensor([101.0]), torch.tensor([100.0])) == pytest.approx(0.01)
    assert error(torch.tensor([math.nan]), torch.tensor([1.0])) == math.inf


def test_a_program_that_differs_is_seen() -> None:
    sampler, other = build(CASES["mlp"]), build(CASES["mlp"])
    with torch.no_grad():
        next(other.generator.parameters()).mul_(1.5)
    module = traced(other).module()
    assert largest_error(lambda inputs: module(**inputs), sampler) > 1e-3


class BatchReader(MLPGenerator):
    """Its samples depend on how many there are in Python's eyes."""

    def forward(self, latent: torch.Tensor, label: torch.Tensor | None = None) -> torch.Tensor:
        return super().forward(latent, label) + len(latent)


def test_a_network_that_fixes_the_batch_is_refused_in_one_line() -> None:
    with pytest.raises(ExportError, match=r"format=torch: .*batch"):
        traced(Sampler(BatchReader((2,), 4, width=8), {}))


class Needy(MLPGenerator):
    """A generator with a condition that nothing says the shape of."""

    conditions = ("pose",)


def test_a_condition_of_unknown_shape_is_named() -> None:
    with pytest.raises(SettingError, match="nothing says the shape of 'pose'"):
        example_inputs(Sampler(Needy((2,), 4, width=8), {}), 2, 0)


def test_arguments_are_named_as_the_inputs() -> None:
    sampler = build(CASES["r3gan"])
    inputs = sampler.inputs(2, 0)
    network = Named(Exportable(sampler), list(inputs))
    by_name, by_place = network(**dict(reversed(inputs.items()))), network(*inputs.values())
    assert torch.equal(by_name["samples"], by_place["samples"])
