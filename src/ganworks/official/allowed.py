"""The names that a pickle of networks may hold, and what each stands for: functions of our own, which only make values.

None of them is looked up by the text of the file: a name is a key of the tables here, or refused.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganworks.errors import GanworksError
from ganworks.official.shell import Shell

# Packages of the official code whose classes become shells; and torch's own layers.
PACKAGES = ("training", "torch_utils", "dnnlib", "BaselineGAN", "R3GAN", "pg_modules")
LAYERS = "torch.nn.modules."
EASY_DICTS = (("dnnlib.util", "EasyDict"), ("dnnlib", "EasyDict"))
PERSISTENT = ("torch_utils.persistence", "_reconstruct_persistent_obj")
DTYPES = ("float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool")
FORMATS = ("contiguous_format", "channels_last")
NUMBERS = frozenset("?bBhHiIlLqQefd") | {
    kind + size for kind, sizes in {"b": "1", "i": "1248", "u": "1248", "f": "248"}.items() for size in sizes
}
ALLOWED = (
    "tensors (torch._utils._rebuild_tensor_v2, _rebuild_parameter, torch.storage._load_from_bytes, dtypes, device,"
    " Size), numpy numbers and arrays of numbers, OrderedDict, set, EasyDict, and the modules of"
    f" torch.nn and of {', '.join(PACKAGES)}, of which the weights and the arguments alone are read"
)


class UnsafeError(GanworksError):
    """A file holds what no file of weights needs."""


@dataclass(frozen=True)
class Global:
    """A name in a file that is allowed: a class of modules, or the key of a function in `CALLS`."""

    module: str
    name: str

    def __str__(self) -> str:
        return printable(f"{self.module}.{self.name}")


@dataclass(frozen=True)
class Numbers:
    """A storage: bytes, and what they are numbers of."""

    bytes: torch.UntypedStorage
    dtype: torch.dtype


@dataclass
class DType:
    """numpy's type of numbers by its code, such as "f4"; the order of bytes comes later."""

    code: str
    order: str = "<"

    @property
    def numpy(self) -> np.dtype[Any]:
        """It as numpy has it."""
        return np.dtype(self.code).newbyteorder(self.order)  # type: ignore[arg-type]


@dataclass
class Array:
    """A numpy array that is being read."""

    values: np.ndarray[Any, Any] | None = None


def resolve(module: str, name: str) -> Any:
    """Return what the name ``module.name`` of a file stands for.

    Raises:
        UnsafeError: it is none of those that a file of networks needs; it was not looked up.
    """
    if module == "torch" and name in DTYPES:
        return getattr(torch, name)
    if module == "torch" and name in FORMATS:
        return name
    found = Global(module, name)
    if (module, name) in CALLS or (module, name) in (*EMPTY, ("numpy", "ndarray")) or is_module(found):
        return found
    raise UnsafeError(
        f"it names {printable(f'{module}.{name}')}, which was not looked up; allowed are {ALLOWED}"
    )


def printable(name: str) -> str:
    """Return a name of a file as an error may show it: short, and without codes that a terminal would obey."""
    return "".join(each if each.isprintable() else "?" for each in name[:100])


def is_module(found: Global) -> bool:
    """Whether a name may be that of a class of networks: a plain one, in a package of networks."""
    is_plain = found.name.isidentifier() and not found.name.startswith("_")
    package = found.module.partition(".")[0]
    return is_plain and (package in PACKAGES or found.module.startswith(LAYERS))


def call(function: Any, args: Any) -> Any:
    """Return what a call in the file stands for."""
    if not isinstance(function, Global) or not isinstance(args, tuple):
        raise UnsafeError(f"it calls {_shown(function)}, which is no function that a file of weights needs")
    make = CALLS.get((function.module, function.name))
    if make is None:
        raise UnsafeError(f"it calls {function}, whose modules are read and not made")
    return make(*args)


def new(kind: Any, args: Any) -> Any:
    """Return an empty object of a class that the file names."""
    if not isinstance(kind, Global) or args != ():
        raise UnsafeError(f"it makes an object of {_shown(kind)} with arguments; a module comes without")
    if (kind.module, kind.name) in EMPTY:
        return {}
    if is_module(kind):
        return Shell(str(kind))
    raise UnsafeError(f"it makes an object of {kind}, which no file of weights needs")


def build(value: Any, state: Any) -> Any:
    """Return an object of the file with its state: attributes of a module, bytes of an array."""
    if type(value) is Shell and isinstance(state, dict) and not value.attributes:
        value.attributes.update(state)
    elif (
        type(value) is DType
        and isinstance(state, tuple)
        and len(state) > 1
        and state[1] in ("<", ">", "|", "=")
    ):
        value.order = state[1]
    elif type(value) is Array and value.values is None and isinstance(state, tuple) and len(state) == 5:
        _, shape, dtype, is_fortran, content = state
        value.values = _numbers(content, dtype, shape, "F" if is_fortran else "C")
    elif type(value) is not dict:  # the attributes of an OrderedDict, such as versions, say nothing
        raise UnsafeError(f"it gives a state to {_shown(value)}; only modules and arrays have one")
    return value


def storage(content: Any) -> Numbers:
    """Return the numbers that `torch.save` wrote inside the file; torch reads them without running code."""
    # Only the form before zip, which is what a pickled module has: a zip file may unpack to any size.
    _check(isinstance(content, bytes) and content[:1] == b"\x80", "a storage has bytes of torch.save")
    loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    _check(isinstance(loaded, torch.TypedStorage), "a storage holds numbers alone")
    with warnings.catch_warnings():  # torch would do away with typed storages, and old files have them
        warnings.simplefilter("ignore")
        numbers = Numbers(loaded.untyped(), loaded.dtype)
    _check(str(numbers.dtype).removeprefix("torch.") in DTYPES, "a storage holds numbers of a plain type")
    _check(numbers.bytes.nbytes() <= len(content), "a storage is as large as it says")
    return numbers


def tensor(numbers: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
    """Return a view of a storage, within its bounds: torch itself would make it larger, of whatever lies there."""
    _check(type(numbers) is Numbers, "a tensor has a storage")
    _check(_are_counts(size) and _are_counts(stride) and _are_counts((offset,)), "its sizes are counts")
    _check(len(size) == len(stride), "each of its sizes has a stride")
    num = numbers.bytes.nbytes() // numbers.dtype.itemsize
    last = offset + sum((count - 1) * step for count, step in zip(size, stride, strict=True))
    _check(0 in size or (last < num and prod(size) <= num), "a tensor lies within its storage")
    return torch.empty(0, dtype=numbers.dtype).set_(numbers.bytes, offset, tuple(size), tuple(stride))


def parameter(data: Any, *_: Any) -> Tensor:
    """Return the tensor of a parameter."""
    _check(isinstance(data, Tensor), "a parameter has a tensor")
    return data


def persistent(meta: Any) -> Shell:
    """Return a module of StyleGAN's as a shell; the source text beside it is neither run nor kept."""
    _check(isinstance(meta, dict) and meta.get("type") == "class", "a persistent object is of type class")
    state = meta.get("state")
    _check(isinstance(state, dict | None), "a persistent object has attributes")
    name = meta.get("class_name")
    _check(isinstance(name, str | None), "a class has a name")
    return Shell(f"{PERSISTENT[0]}:{printable(name or 'none')}", dict(state or {}))


def size(sizes: Any = ()) -> tuple[int, ...]:
    """Return a size as a tuple."""
    _check(_are_counts(sizes), "a size has counts")
    return tuple(sizes)


def device(*names: Any) -> str:
    """Return a device as text; of lists within lists the text could take for ever."""
    _check(all(isinstance(name, str | int) for name in names), "a device has a name and a number")
    return ":".join(map(str, names))


def ordered(pairs: Any = ()) -> dict[Any, Any]:
    """Return an OrderedDict as a dict."""
    _check(isinstance(pairs, list | tuple), "an OrderedDict has pairs")
    return {key(pair[0]): pair[1] for pair in pairs}


def a_set(values: Any = ()) -> set[Any]:
    """Return a set of names or numbers."""
    _check(isinstance(values, list | tuple), "a set has a list")
    return {key(value) for value in values}


def key(value: Any) -> Any:
    """Return ``value`` if it may be the key of a dict; nested ones could take for ever to hash."""
    _check(value is None or isinstance(value, str | int | float | bool), "a key is a name or a number")
    return value


def dtype(code: Any, *_: Any) -> DType:
    """Return numpy's type of numbers; not that of objects, which would be a pickle in the pickle."""
    _check(isinstance(code, str) and code.lstrip("<>=|") in NUMBERS, "an array holds numbers")
    return DType(code.lstrip("<>=|"))


def scalar(kind: Any, content: Any) -> Any:
    """Return a number of numpy's as Python's."""
    return _numbers(content, kind, (), "C").item()


def array(kind: Any, *_: Any) -> Array:
    """Return an array that has yet to come."""
    _check(kind == Global("numpy", "ndarray"), "an array is one of numpy's")
    return Array()


def from_buffer(content: Any, kind: Any, shape: Any, order: Any) -> Array:
    """Return an array as pickles of protocol 5 have it."""
    return Array(_numbers(content, kind, shape, order))


def encoded(text: Any, encoding: Any) -> bytes:
    """Return bytes as pickles of protocol 2 have them."""
    _check(isinstance(text, str) and encoding == "latin1", "bytes are spelled in latin1")
    return text.encode("latin1")


def _numbers(content: Any, kind: Any, shape: Any, order: Any) -> np.ndarray[Any, Any]:
    _check(isinstance(content, bytes | bytearray) and type(kind) is DType, "an array has bytes and a type")
    _check(_are_counts(shape) and order in ("C", "F"), "the sizes of an array are counts")
    return np.frombuffer(content, kind.numpy).reshape(shape, order=order)


def _are_counts(values: Any) -> bool:
    return isinstance(values, tuple | list) and all(type(value) is int and value >= 0 for value in values)


def _check(is_right: bool, rule: str) -> None:
    if not is_right:
        raise UnsafeError(f"it is no file of weights: {rule}")


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, Global) else f"a value of type {type(value).__name__}"


EMPTY = (("collections", "OrderedDict"), *EASY_DICTS)
CALLS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): ordered,
    ("torch._utils", "_rebuild_tensor_v2"): tensor,
    ("torch._utils", "_rebuild_parameter"): parameter,
    ("torch.storage", "_load_from_bytes"): storage,
    ("torch", "Size"): size,
    ("torch", "device"): device,
    ("numpy", "dtype"): dtype,
    ("_codecs", "encode"): encoded,
    PERSISTENT: persistent,
} | {
    (f"numpy.{core}.{module}", name): make
    for core in ("core", "_core")
    for module, name, make in (
        ("multiarray", "scalar", scalar),
        ("multiarray", "_reconstruct", array),
        ("numeric", "_frombuffer", from_buffer),
    )
} | {(builtins, "set"): a_set for builtins in ("builtins", "__builtin__")}  # fmt: skip
