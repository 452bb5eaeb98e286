"""A generator outside of training: saved, loaded, drawn from."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

import ganworks
from ganworks.errors import GanworksError, SettingError
from ganworks.sample.loading import build_generator, check_weights, load_generator, read_checkpoint
from ganworks.sample.sampler import Sampler, slerp

CONFIG: dict[str, Any] = {
    "_target_": "ganworks.model.DCGANGenerator",
    "shape": [1, 8, 8],
    "latent_dim": 6,
    "width": 8,
    "num_classes": 3,
}


def sampler(**changes: Any) -> Sampler:
    torch.manual_seed(0)
    config = {**CONFIG, **changes}
    network = build_generator(config)
    with torch.no_grad():  # away from the initial weights, where all classes look alike
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return Sampler(network, {"generator": config, "name": "test"})


def test_saved_generator_loads_with_its_weights_and_its_config(tmp_path: Path) -> None:
    saved = sampler()
    saved.save(tmp_path / "generator")
    loaded = load_generator(tmp_path / "generator")
    assert torch.equal(loaded.sample(4), saved.sample(4))
    assert not torch.equal(loaded.sample(4), sampler(latent_dim=7).sample(4))
    assert loaded.config == saved.config
    assert sorted(path.name for path in (tmp_path / "generator").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]


def test_generator_that_its_own_task_draws_from_is_not_saved_as_plain(tmp_path: Path) -> None:
    plain = sampler()
    plain.save(tmp_path / "plain")
    Sampler(plain.generator, plain.config, lambda generator, inputs: {}).save(tmp_path / "other")
    configs = {name: json.loads((tmp_path / name / "config.json").read_text()) for name in ("plain", "other")}
    assert configs["plain"].pop("produce") == "ganworks.model.base.produce"
    assert configs["plain"] == configs["other"]


def test_package_offers_loading_by_name() -> None:
    assert ganworks.load_generator is load_generator
    with pytest.raises(AttributeError, match="load_generators"):
        _ = ganworks.load_generators  # type: ignore[attr-defined]


def test_loaded_generator_is_in_evaluation_mode_and_frozen(tmp_path: Path) -> None:
    sampler().save(tmp_path)
    network = load_generator(tmp_path).generator
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_samples_are_a_function_of_the_arguments_alone() -> None:
    one = sampler()
    torch.manual_seed(1)
    first = one.sample(6, seed=4)
    torch.randn(7)
    assert torch.equal(one.sample(6, seed=4), first)
    assert not torch.equal(one.sample(6, seed=5), first)
    torch.testing.assert_close(one.sample(6, seed=4, batch_size=4), first)
    assert first.abs().max() <= 1


def test_label_for_all_or_for_each() -> None:
    one = sampler()
    assert torch.equal(one.sample(3, label=2), one.sample(3, label=torch.tensor([2, 2, 2])))
    mixed = one.sample(3, label=torch.tensor([2, 0, 2]))
    torch.testing.assert_close(mixed[0], one.sample(3, label=2)[0])
    assert not torch.allclose(mixed[1], one.sample(3, label=2)[1])
    assert set(one.labels(200).tolist()) == {0, 1, 2}  # type: ignore[union-attr]
    assert sampler(num_classes=0).labels(5) is None


@pytest.mark.parametrize(
    "label", [3, -1, torch.tensor([0, 1, 7]), torch.tensor([0, 1]), torch.tensor([0.5, 1, 1])]
)
def test_wrong_label_is_refused(label: object) -> None:
    with pytest.raises(SettingError, match="label="):
        sampler().sample(3, label=label)  # type: ignore[arg-type]


def test_label_of_an_unconditional_generator_is_refused() -> None:
    with pytest.raises(SettingError, match="unconditional"):
        sampler(num_classes=0).sample(3, label=1)


@pytest.mark.parametrize("arguments", [{"num": 0}, {"num": -1}, {"num": 3, "batch_size": 0}])
def test_counts_below_one_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(SettingError, match="an integer from 1 up"):
        sampler().sample(**arguments)


def test_great_circle_keeps_the_length_and_the_ends() -> None:
    start, end = torch.randn(2, 5, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    start, end = start / start.norm(dim=-1, keepdim=True), end / end.norm(dim=-1, keepdim=True)
    for share, expected in ((0.0, start), (1.0, end)):
        torch.testing.assert_close(
            slerp(start, end, torch.full((5, 1), share, dtype=torch.float64)), expected
        )
    middle = slerp(start, end, torch.full((5, 1), 0.5, dtype=torch.float64))
    torch.testing.assert_close(middle.norm(dim=-1), torch.ones(5, dtype=torch.float64))
    assert ((start + end) / 2).norm(dim=-1).max() < 0.95  # control: a straight line leaves the sphere
    torch.testing.assert_close((middle * start).sum(-1), (middle * end).sum(-1))


def test_great_circle_between_equal_latents_stays_finite() -> None:
    latent = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    assert torch.isfinite(slerp(latent, latent, torch.full((3, 1), 0.3))).all()


def test_path_that_does_not_exist_offers_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "run_7").mkdir()
    with pytest.raises(SettingError, match=r"Did you mean .*run_7"):
        load_generator(tmp_path / "run_8")


def test_folder_without_a_generator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="generator/"):
        load_generator(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [("config.json", b"{"), ("config.json", b"{}"), ("model.safetensors", b"x"), ("model.safetensors", b"")],
)
def test_damaged_folder_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    sampler().save(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GanworksError, match="holds no complete generator"):
        load_generator(tmp_path)


def test_folder_from_elsewhere_may_not_name_any_callable(tmp_path: Path) -> None:
    sampler().save(tmp_path)
    evil = {"format": 1, "generator": {"_target_": "builtins.print", "_args_": ["called"]}}
    (tmp_path / "config.json").write_text(json.dumps(evil))
    with pytest.raises(GanworksError):
        load_generator(tmp_path)


@pytest.mark.parametrize(
    "target", ["hydra.utils.instantiate", "subprocess.Popen", "ganworks.sample.sampler.Sampler"]
)
def test_generator_has_to_be_a_network(target: str) -> None:
    with pytest.raises((GanworksError, ValueError)):
        build_generator({"_target_": target})


def test_nested_target_in_a_generators_config_is_not_called() -> None:
    hidden = {"_target_": "builtins.print", "_args_": ["called"]}
    with pytest.raises(GanworksError):
        build_generator({**CONFIG, "width": hidden})


def test_setting_that_the_generator_does_not_take_is_named() -> None:
    with pytest.raises(GanworksError, match="depth"):
        build_generator({**CONFIG, "depth": 3})


class Surprise:
    """What a pickle may hold that is no tensor."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("called",)


def test_checkpoint_with_code_in_it_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "evil.ckpt").write_bytes(pickle.dumps(Surprise(), protocol=2))
    torch.save({"state_dict": Surprise()}, tmp_path / "evil too.ckpt")
    for name in ("evil.ckpt", "evil too.ckpt"):
        with pytest.raises(GanworksError, match="no complete checkpoint"):
            read_checkpoint(tmp_path / name)
    assert "called" not in capsys.readouterr().out


def test_truncated_checkpoint_names_the_others(tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(100)}, tmp_path / "last.ckpt")
    assert read_checkpoint(tmp_path / "last.ckpt")["weights"].shape == (100,)
    content = (tmp_path / "last.ckpt").read_bytes()
    (tmp_path / "best.ckpt").write_bytes(content)
    for length in (0, 10, len(content) // 2, len(content) - 1):
        (tmp_path / "last.ckpt").write_bytes(content[:length])
        with pytest.raises(GanworksError, match=r"last\.ckpt is no complete checkpoint.*best\.ckpt"):
            read_checkpoint(tmp_path / "last.ckpt")


def test_checkpoint_of_something_else_says_that_it_is_none_of_ours(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "last.ckpt")
    with pytest.raises(GanworksError, match="was not written by ganworks"):
        load_generator(tmp_path / "last.ckpt")


def test_first_differing_tensors_are_named_and_the_rest_counted() -> None:
    expected = {f"layer{i}": torch.zeros(i + 1) for i in range(6)}
    check_weights(expected, {name: tensor + 1 for name, tensor in expected.items()}, "file")
    found = {**expected, "layer1": torch.zeros(9), "extra": torch.zeros(2)}
    found.pop("layer0")
    with pytest.raises(GanworksError) as error:
        check_weights(expected, found, "last.ckpt")
    assert str(error.value).splitlines() == [
        "last.ckpt is from another model:",
        "  layer0: absent in the file, (1,) in this configuration",
        "  layer1: (9,) in the file, (2,) in this configuration",
        "  extra: (2,) in the file, absent in this configuration",
    ]
    with pytest.raises(GanworksError, match="and 3 more"):
        check_weights(expected, {}, "last.ckpt")


def test_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    sampler().save(tmp_path)
    with pytest.raises(SettingError, match="device=abacus"):
        load_generator(tmp_path, "abacus")
