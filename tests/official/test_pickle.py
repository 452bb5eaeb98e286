"""Pickles from strangers: weights come out, and nothing of them runs."""

from __future__ import annotations

import io
import os
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganworks.errors import GanworksError
from ganworks.official import pickle as ours
from ganworks.official.allowed import UnsafeError
from ganworks.official.read import read
from ganworks.official.shell import Shell
from golden import golden
from official_files import EasyDict, Generator, Plain, module_of, stylegan2, write_pickle


class Calls:
    """Pickles as a call of a function with arguments."""

    def __init__(self, function: Any, *args: Any, state: Any = None) -> None:
        self.call = (function, args) if state is None else (function, args, state)

    def __reduce__(self) -> Any:
        return self.call


def legacy_storage(content: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


def raw(*operations: bytes) -> bytes:
    return b"\x80\x04" + b"".join(operations) + b"."


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def named(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


STORAGE = torch.zeros(3).untyped_storage()
NUMBERS = torch.storage.TypedStorage(wrap_storage=STORAGE, dtype=torch.float32, _internal=True)
REBUILD = torch._utils._rebuild_tensor_v2
HOOKS: Any = OrderedDict()
HOSTILE: dict[str, Callable[[Path], Any]] = {
    "a command": lambda mark: Calls(os.system, f"touch {mark}"),
    "eval": lambda mark: Calls(eval, f"open({str(mark)!r}, 'w')"),
    "exec": lambda mark: Calls(exec, f"open({str(mark)!r}, 'w')"),
    "open": lambda mark: Calls(open, str(mark), "w"),
    "a chain of getattr": lambda mark: Calls(getattr, Calls(getattr, {}, "__class__"), "__base__"),
    "an import": lambda mark: Calls(__import__, "os"),
    "a pickle in the pickle": lambda mark: Calls(pickle.loads, pickle.dumps(Calls(os.system, f"touch {mark}"))),
    "torch's reader": lambda mark: Calls(torch.load, str(mark)),
    "a storage that is a pickle": lambda mark: Calls(
        torch.storage._load_from_bytes, legacy_storage({"a": Calls(os.system, f"touch {mark}")})
    ),
    "a storage that is a dict": lambda mark: Calls(torch.storage._load_from_bytes, legacy_storage({"a": 1})),
    "a tensor beyond its storage": lambda mark: Calls(REBUILD, NUMBERS, 0, (1 << 40,), (1,), False, HOOKS),
    "a tensor before its storage": lambda mark: Calls(REBUILD, NUMBERS, -3, (1,), (1,), False, HOOKS),
    "a tensor that repeats a number": lambda mark: Calls(REBUILD, NUMBERS, 0, (1 << 40,), (0,), False, HOOKS),
    "an array of objects": lambda mark: np.array([Calls(os.system, f"touch {mark}")], dtype=object),
    "a class of its own": lambda mark: Calls(Calls, state={"a": 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_hostile_pickle_is_refused_and_nothing_of_it_runs(name: str, protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "it_ran"
    path = tmp_path / "network.pkl"
    path.write_bytes(pickle.dumps({"G_ema": HOSTILE[name](mark)}, protocol))
    with pytest.raises(GanworksError, match=r"network\.pkl is (not read|no complete pickle)"):
        ours.load(path)
    assert not mark.exists()


def test_the_control_does_run_in_pythons_own_reader(tmp_path: Path) -> None:
    mark = tmp_path / "it_ran"
    pickle.loads(pickle.dumps(HOSTILE["a command"](mark)))
    assert mark.exists()


RAW: dict[str, bytes] = {
    "the extension registry": raw(b"\x82\x01"),
    "a persistent id": raw(text("there"), b"Q"),
    "an instance of old": raw(b"(", b"ios\nsystem\n"),
    "an object of old": raw(b"(", named("os", "system"), text("true"), b"o"),
    "copyreg": raw(named("copyreg", "_reconstructor"), named("os", "system"), b"\x85R"),
    "a private name of a module": raw(named("training.networks", "_reconstruct")),
    "a dotted name of a module": raw(named("training.networks", "os.system")),
    "torch's library loader": raw(named("torch.ops", "load_library")),
    "a call of a module": raw(named("training.networks", "Generator"), b")R"),
    "a module with arguments": raw(named("training.networks", "Generator"), text("true"), b"\x85\x81"),
    "a state of a name": raw(named("torch._utils", "_rebuild_tensor_v2"), b"}", text("__code__"), b"Nsb"),
    "a key that takes for ever to hash": raw(b"}", b")", b"2\x86" * 60, b"Ns"),
    "items of a number": raw(b"K\x01", text("a"), b"Ns"),
    "source text of another kind": raw(
        named("torch_utils.persistence", "_reconstruct_persistent_obj"), b"}", text("type"), text("function"), b"s\x85R"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RAW)
def test_an_operation_that_no_weights_need_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "network.pkl"
    path.write_bytes(RAW[name])
    with pytest.raises(UnsafeError, match=r"is not read: .*Nothing of it was run"):
        ours.load(path)


def test_a_refusal_names_what_was_refused_and_what_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "network.pkl"
    path.write_bytes(pickle.dumps(Calls(os.system, "true")))
    with pytest.raises(UnsafeError) as error:
        ours.load(path)
    assert f"{os.system.__module__}.system" in str(error.value)
    assert all(
        each in str(error.value) for each in ("OrderedDict", "_rebuild_tensor_v2", "training", "BaselineGAN")
    )


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 0.999])
def test_a_pickle_that_is_cut_off_says_so(share: float, tmp_path: Path) -> None:
    path = stylegan2(tmp_path / "network.pkl")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(GanworksError, match="no complete pickle of networks"):
        ours.load(path)


def test_a_length_that_is_a_lie_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "network.pkl"
    path.write_bytes(b"\x80\x04\x8e" + struct.pack("<Q", 1 << 50) + b"abc.")
    with pytest.raises(GanworksError, match="cut off"):
        ours.load(path)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_and_arrays_come_out_as_they_are(protocol: int, tmp_path: Path) -> None:
    values = {
        "number": 3, "large": 1 << 80, "share": 0.5, "none": None, "text": "ä", "flags": [True, False],
        "bytes": b"\x00a", "pair": (1, "a"), "many": (1, 2, 3, 4), "names": {"a", "b"}, "type": torch.float16,
        "size": torch.Size([2, 3]),
        "np": np.float64(0.25), "flag": np.bool_(True), "ordered": OrderedDict(a=1),
    }  # fmt: skip
    content = {**values, "array": np.arange(6.0).reshape(2, 3), "easy": EasyDict(a=EasyDict(b=1))}
    found = ours.load(write_pickle(tmp_path / "values.pkl", content, protocol))
    assert {name: found[name] for name in values} == values | {"size": (2, 3)}
    assert np.array_equal(found["array"].values, content["array"])
    assert found["easy"] == {"a": {"b": 1}}
    assert type(found["easy"]) is dict


@pytest.mark.parametrize("kind", [Plain, Generator])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_the_weights_of_a_module_come_out_bit_for_bit(kind: Any, protocol: int, tmp_path: Path) -> None:
    state = golden("r3gan").group("G")
    state["wide.weight"] = torch.randn(4, 4, 3, 3).half().to(memory_format=torch.channels_last)
    state["part.weight"] = torch.arange(10.0)[2:8].view(2, 3).T
    path = write_pickle(tmp_path / "network.pkl", module_of(state, kind), protocol)
    found = ours.load(path)
    assert type(found) is Shell
    weights = found.state_dict()
    assert set(weights) == set(state)
    assert all(
        torch.equal(weights[name], tensor) and weights[name].dtype == tensor.dtype
        for name, tensor in state.items()
    )


def test_buffers_that_are_not_kept_stay_behind(tmp_path: Path) -> None:
    module = Plain()
    module.register_buffer("kept", torch.ones(1))
    module.register_buffer("passing", torch.ones(1), persistent=False)
    assert set(ours.load(write_pickle(tmp_path / "a.pkl", module)).state_dict()) == {"kept"}


def test_modules_that_hold_each_other_are_refused(tmp_path: Path) -> None:
    module = Plain()
    module._modules["again"] = module
    with pytest.raises(GanworksError, match="twice"):
        ours.load(write_pickle(tmp_path / "a.pkl", module)).state_dict()


def binput(number: int) -> bytes:
    return b"q" + bytes([number])


def binget(number: int) -> bytes:
    return b"h" + bytes([number])


LARGE = b"X" + struct.pack("<I", 5000) + b"a" * 5000
MANY = torch.storage.TypedStorage(
    wrap_storage=torch.zeros(5000).untyped_storage(), dtype=torch.float32, _internal=True
)
LEGACY = b"B" + struct.pack("<I", len(legacy_storage(MANY))) + legacy_storage(MANY)
DOUBLES = b"]" + b"".join(b"(" + binget(0) + binget(0) + b"l" + binput(0) for _ in range(60))
ENDLESS: dict[str, bytes] = {
    "a device whose text takes for ever": raw(
        b"]", binput(0), DOUBLES, named("torch", "device"), binget(0), b"\x85R"
    ),
    "a class whose name takes for ever": raw(
        b"]", binput(0), DOUBLES, named("torch_utils.persistence", "_reconstruct_persistent_obj"), b"}(",
        text("type"), text("class"), text("class_name"), binget(0), b"u\x85R",
    ),
    "one text as bytes again and again": raw(
        LARGE, binput(0), (named("_codecs", "encode") + binget(0) + text("latin1") + b"\x86R") * 200
    ),
    "one storage again and again": raw(
        LEGACY, binput(0), (named("torch.storage", "_load_from_bytes") + binget(0) + b"\x85R") * 200
    ),
    "one list of pairs again and again": raw(
        b"](", (b"K\x00K\x00\x86" * 500), b"e", binput(0),
        (named("collections", "OrderedDict") + binget(0) + b"\x85R") * 1000,
    ),
    "a storage that is a zip file": raw(b"C\x04PK\x03\x04", binput(0), named("torch.storage", "_load_from_bytes"),
                                        binget(0), b"\x85R"),
    "a size of nested lists": raw(b"]", binput(0), DOUBLES, named("torch", "Size"), binget(0), b"\x85R"),
    "a list within itself": raw(b"]", binput(0), binget(0), b"a", named("torch", "Size"), binget(0), b"\x85R"),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDLESS)
def test_a_small_file_takes_neither_time_nor_memory_without_end(name: str, tmp_path: Path) -> None:
    path = tmp_path / "network.pkl"
    path.write_bytes(ENDLESS[name])
    with pytest.raises(UnsafeError, match=r"is not read: .*Nothing of it was run"):
        ours.load(path)


def test_deep_lists_are_read_or_refused_without_an_end_of_the_process(tmp_path: Path) -> None:
    path = tmp_path / "network.pkl"
    path.write_bytes(raw(b"]" * 50_000, b"a" * 49_999))
    with pytest.raises(GanworksError, match="holds no networks"):
        read(path)


def test_a_refusal_shows_no_codes_that_a_terminal_obeys(tmp_path: Path) -> None:
    path = tmp_path / "network.pkl"
    path.write_bytes(raw(named("os\x1b[2J" + "x" * 200, "system")))
    with pytest.raises(UnsafeError) as error:
        ours.load(path)
    assert "\x1b" not in str(error.value)
    assert "x" * 150 not in str(error.value)
