"""Pickles of networks as StyleGAN2-ADA, StyleGAN3 and R3GAN write them, read without running what they hold.

A pickle is a program for a machine with a stack, and Python's own reader calls whatever that program names. This one
knows values and containers, looks no name up, and calls only the functions of `ganworks.official.allowed`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from pickletools import genops
from typing import Any, BinaryIO

from ganworks.errors import GanworksError
from ganworks.official.allowed import ALLOWED, UnsafeError, build, call, key, new, resolve

MAX_OPERATIONS = 20_000_000  # StyleGAN3's largest networks with their pipeline take 0.05 million
COPIES = 8  # of its own size, that the calls of a file may read: bytes in text in a storage are 3
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
ARGUMENTS = {  # operations that push the value beside them
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1",
    "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE",
    "BINUNICODE", "BINUNICODE8",
}  # fmt: skip
SIZED = (bytes, bytearray, str, list, tuple, dict, set, frozenset)
DAMAGE = (
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    EOFError,
    RuntimeError,
    MemoryError,
)


def load(path: Path) -> Any:
    """Return what the pickle ``path`` holds: plain types, tensors, and a `Shell` for each module.

    Raises:
        UnsafeError: it names, calls or builds something else; nothing of it was run.
        GanworksError: it is damaged, cut off or no pickle.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            return Machine(COPIES * size + 1000).run(Bounded(file, size))
    except UnsafeError as error:
        raise UnsafeError(f"{path} is not read: {str(error).rstrip('.')}. Nothing of it was run.") from error
    except GanworksError:
        raise
    except Exception as error:  # torch's reader of storages raises about anything
        text = str(error).split("\n")[0][:120] if isinstance(error, DAMAGE) else type(error).__name__
        raise GanworksError(
            f"{path} is no complete pickle of networks: damaged, cut off or of another kind ({text})."
            f" Allowed are {ALLOWED}."
        ) from error


class Bounded:
    """A file of which nobody reads more than there is: a length in a pickle may say anything."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.left = file, size

    def read(self, num: int) -> bytes:
        """Return the next ``num`` bytes, or what is left."""
        content = self.file.read(min(num, self.left))
        self.left -= len(content)
        return content

    def readline(self) -> bytes:
        """Return the rest of the line."""
        content = self.file.readline(self.left)
        self.left -= len(content)
        return content


class Machine:
    """The machine that a pickle is a program for, without what runs code.

    Args:
        allowance: bytes and items that calls may be given in all. A file may name one value many times, and what
            copies it each time would fill the memory.

    Attributes:
        stack: values since the last mark.
        marks: the stacks below.
        memo: values by number.
    """

    def __init__(self, allowance: int) -> None:
        self.allowance = allowance
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self, file: Bounded) -> Any:
        """Return the value that the pickle ends with."""
        for count, (operation, argument, _) in enumerate(genops(file)):  # type: ignore[arg-type]
            if count > MAX_OPERATIONS:
                raise UnsafeError(f"it has more than {MAX_OPERATIONS:,} operations")
            if operation.name == "STOP":
                break
            self.do(operation.name, argument)
        return self.stack.pop()

    def do(self, name: str, argument: Any) -> None:
        """Do one operation."""
        if name in ARGUMENTS:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in EMPTIES:
            self.stack.append(EMPTIES[name]())
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name == "GLOBAL":
            module, _, attribute = argument.partition(" ")
            self.stack.append(resolve(module, attribute))
        elif name in OPERATIONS:
            OPERATIONS[name](self)
        elif name not in ("PROTO", "FRAME"):
            raise UnsafeError(
                f"it has the operation {name}, which no file of weights needs; allowed are {ALLOWED}"
            )

    def above_mark(self) -> list[Any]:
        """Return the values above the last mark, which is taken away with them."""
        values, self.stack = self.stack, self.marks.pop()
        return values

    def gather(self, make: Callable[[list[Any]], Any]) -> None:
        """Push what ``make`` makes of the values above the mark."""
        values = self.above_mark()
        self.stack.append(make(values))

    def mark(self) -> None:
        """Begin a stack above this one."""
        self.marks.append(self.stack)
        self.stack = []

    def memoize(self) -> None:
        """Note the value on top under the next number."""
        self.memo[len(self.memo)] = self.stack[-1]

    def tuple_of(self, num: int) -> None:
        """Make a tuple of the ``num`` values on top."""
        self.stack[-num:] = [tuple(self.stack[-num:])]

    def append(self, values: list[Any]) -> None:
        """Put values at the end of the list below them."""
        if type(self.stack[-1]) is not list:
            raise UnsafeError("it appends to what is no list")
        self.stack[-1].extend(values)

    def set_items(self, values: list[Any]) -> None:
        """Put keys and values into the dict below them."""
        if type(self.stack[-1]) is not dict:
            raise UnsafeError("it sets items of what is no dict")
        self.stack[-1].update(pairs(values))

    def add_items(self) -> None:
        """Put the values above the mark into the set below it."""
        values = self.above_mark()
        if type(self.stack[-1]) is not set:
            raise UnsafeError("it adds to what is no set")
        self.stack[-1].update(map(key, values))

    def stack_global(self) -> None:
        """Resolve the module and the name on top."""
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise UnsafeError("it spells a name that is no text")
        self.stack.append(resolve(module, name))

    def apply(self, function: Callable[[Any, Any], Any]) -> None:
        """Replace the two values on top by what ``function`` makes of them."""
        argument = self.stack.pop()
        self.allowance -= extent(argument)
        if self.allowance < 0:
            raise UnsafeError("it copies the same values again and again")
        self.stack[-1] = function(self.stack[-1], argument)

    def new_with_names(self) -> None:
        """Make an object without arguments, named ones neither."""
        if self.stack.pop() != {}:
            raise UnsafeError("it makes an object with arguments; a module comes without")
        self.apply(new)


def extent(argument: Any) -> int:
    """Return how many bytes and items a call or a state is given: those of its arguments and of what these hold."""
    parts = argument if isinstance(argument, tuple) else (argument,)
    # One level down: the attributes of a module; its source text is noted once for all modules, and never copied.
    inner = [
        v for part in parts if isinstance(part, dict) for v in part.values() if not isinstance(v, str | bytes)
    ]
    return sum(len(part) for part in (*parts, *inner) if isinstance(part, SIZED))


def pairs(values: list[Any]) -> dict[Any, Any]:
    """Return keys and values that follow each other as a dict."""
    return {key(name): value for name, value in zip(values[::2], values[1::2], strict=True)}


EMPTIES: dict[str, Callable[[], Any]] = {
    "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict, "EMPTY_SET": set
}  # fmt: skip
OPERATIONS: dict[str, Callable[[Machine], Any]] = {
    "MARK": Machine.mark,
    "POP": lambda self: self.stack.pop() if self.stack else self.above_mark(),
    "POP_MARK": Machine.above_mark,
    "DUP": lambda self: self.stack.append(self.stack[-1]),
    "MEMOIZE": Machine.memoize,
    "TUPLE": lambda self: self.gather(tuple),
    "TUPLE1": lambda self: self.tuple_of(1),
    "TUPLE2": lambda self: self.tuple_of(2),
    "TUPLE3": lambda self: self.tuple_of(3),
    "LIST": lambda self: self.gather(list),
    "DICT": lambda self: self.gather(pairs),
    "FROZENSET": lambda self: self.gather(lambda values: frozenset(map(key, values))),
    "APPEND": lambda self: self.append([self.stack.pop()]),
    "APPENDS": lambda self: self.append(self.above_mark()),
    "SETITEM": lambda self: self.set_items([self.stack.pop(), self.stack.pop()][::-1]),
    "SETITEMS": lambda self: self.set_items(self.above_mark()),
    "ADDITEMS": Machine.add_items,
    "STACK_GLOBAL": Machine.stack_global,
    "REDUCE": lambda self: self.apply(call),
    "NEWOBJ": lambda self: self.apply(new),
    "NEWOBJ_EX": Machine.new_with_names,
    "BUILD": lambda self: self.apply(build),
}
