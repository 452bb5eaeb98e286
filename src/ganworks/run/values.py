"""Whether a value may stand where an annotation says what belongs there; pydantic does the comparison."""

from __future__ import annotations

import collections.abc as abc
import functools
import inspect
import os
import types
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    StrictBool,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
)
from pydantic import Strict as StrictMode

from ganworks.errors import SettingError

WORDS = {
    bool: "true or false",
    int: "an integer",
    float: "a finite number",
    str: "a text",
    Path: "a text",  # in which a path stands
    type(None): "null",
}
PLURALS = {
    int: "integers",
    float: "finite numbers",
    str: "texts",
    Path: "paths",
    bool: "trues and falses",
    Any: "values",
}
SEQUENCES = (list, tuple, set, frozenset, abc.Sequence, abc.Iterable, abc.Collection)
MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)
PACKAGES = ("ganworks.", "pytorch_lightning.", "lightning.", "lightning_fabric.", "torchmetrics.")
BASES = ("torch.nn.modules.module.Module", "torch.optim.optimizer.Optimizer")


class Part:
    """Stands for an object that a node describes and that is not made yet: `isinstance` takes it for its class."""

    def __init__(self, kind: type) -> None:
        self.kind = kind

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return self.kind

    def __repr__(self) -> str:
        return self.kind.__name__


class CallablePart(Part):
    """A `Part` whose class can be called."""

    def __call__(self) -> None: ...


def part_of(kind: type) -> Part:
    """Return what stands for an object of the class ``kind``."""
    can_be_called = any("__call__" in vars(base) for base in kind.__mro__)
    return CallablePart(kind) if can_be_called else Part(kind)


def checked_value(setting: str, value: Any, annotation: Any) -> Any:
    """Return ``value`` if it is what ``annotation`` says; a whole number such as 1e6 as the integer it is there.

    Numbers are finite, a boolean is no number, and no number is read out of a text. A path may be a number: 2026.

    Raises:
        SettingError: it is not.
    """
    mappings = [plain(each) for each in members_of(annotation) if get_origin(plain(each)) in MAPPINGS]
    if isinstance(value, dict) and len(mappings) == 1:  # each item by its name
        of_items = get_args(mappings[0])[1]
        of_items = int | float if of_items is int else of_items  # Lightning's max_time={hours: 1.5}
        return {name: checked_value(f"{setting}.{name}", item, of_items) for name, item in value.items()}
    adapter = adapter_of(annotation)
    if adapter is None:
        return value
    try:
        checked = adapter.validate_python(value)
    except ValidationError:
        raise SettingError(setting, shown(value), in_words(annotation)) from None
    if isinstance(checked, Path):
        return str(value)
    return checked if type(value) is float and type(checked) is int else value


def shown(value: Any) -> Any:
    """Return a value as a user writes it: null, true, and a number that is a text with its quotes."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return repr(value) if isinstance(value, str) and value.replace(".", "").isdigit() else value


def adapter_of(annotation: Any) -> TypeAdapter[Any] | None:
    """Return what holds values against ``annotation``; None where it can't be held against anything."""
    try:
        return _adapter(annotation)
    except TypeError:  # an annotation that can't be hashed
        return None


@functools.cache
def _adapter(annotation: Any) -> TypeAdapter[Any] | None:
    try:
        return TypeAdapter(strict(annotation), config=ConfigDict(arbitrary_types_allowed=True))
    except Exception:  # of a class of the user's own, in a form that pydantic does not know
        return None


def whole(value: Any) -> Any:
    """Return a whole float as an integer, and everything else as it is."""
    is_whole = (
        isinstance(value, float) and value.is_integer() and abs(value) <= 2**53
    )  # what a float says exactly
    return int(value) if is_whole else value


def as_path(value: Any) -> Any:
    """Return a text, or the number that is the name of a folder, as a path."""
    is_path = isinstance(value, str | int) and not isinstance(value, bool)
    return Path(str(value)) if is_path else value


LEAVES: dict[Any, Any] = {
    bool: StrictBool,
    int: Annotated[StrictInt, BeforeValidator(whole), Field(ge=-(2**63), lt=2**63)],  # of 64 bits, as torch's
    float: Annotated[float, StrictMode(), Field(allow_inf_nan=False)],
    str: StrictStr,
    **dict.fromkeys((Path, PurePath, os.PathLike), Annotated[Path, BeforeValidator(as_path)]),
}


def strict(annotation: Any, is_alone: bool = True) -> Any:
    """Return ``annotation`` in the form in which pydantic converts nothing but whole floats to integers.

    Args:
        is_alone: no other member of a union stands beside it.
    """
    annotation = plain(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in LEAVES:
        return LEAVES[annotation]
    if annotation is None or annotation is type(None):
        return None
    if origin in (Union, types.UnionType):
        members = [each for each in arguments if each is not type(None)]
        # Beside floats, 1.0 is another value than 1: limit_train_batches=1.0 are all of them.
        return Union[  # noqa: UP007
            tuple(
                StrictInt if each is int and float in members else strict(each, len(members) == 1)
                for each in arguments
            )
        ]
    if origin is Annotated:
        return Annotated[(strict(arguments[0]), *arguments[1:])]
    if origin is Literal:
        return annotation
    if origin is tuple:
        return tuple[tuple(each if each is Ellipsis else strict(each) for each in arguments)]  # type: ignore[misc]
    if origin in SEQUENCES:
        return list[strict(arguments[0])]  # type: ignore[misc]
    if origin in MAPPINGS:
        return dict[strict(arguments[0]), strict(arguments[1])]  # type: ignore[misc]
    if origin is abc.Callable or annotation in (Callable, abc.Callable):
        return Callable
    if annotation in (*SEQUENCES, *MAPPINGS):
        return dict[Any, Any] if annotation in MAPPINGS else list[Any]
    if (
        not inspect.isclass(annotation)
        or annotation in (Any, object)
        or getattr(annotation, "_is_protocol", False)
    ):
        return Any
    if is_alone and not is_made_of_nodes(annotation):
        return Annotated[Any, AfterValidator(functools.partial(not_another, annotation))]
    return InstanceOf[annotation]  # type: ignore[misc]


def plain(annotation: Any) -> Any:
    """Return what a bare `typing.Dict` or `typing.Tuple` stands for, and every other annotation as it is."""
    origin = get_origin(annotation)
    return origin if inspect.isclass(origin) and not get_args(annotation) else annotation


def is_made_of_nodes(kind: type) -> bool:
    """Return whether objects of a class come from nodes alone; others may be made of a text, as enums are."""
    names = (f"{base.__module__}.{base.__name__}" for base in kind.__mro__)
    return any(name.startswith(PACKAGES) or name in BASES for name in names)


def not_another(kind: type, value: Any) -> Any:
    """Return ``value`` unless it is an object of another class; raise ValueError then."""
    try:
        is_another = type(value) in (Part, CallablePart) and not isinstance(value, kind)
    except TypeError:  # a class that can't be asked, such as a TypedDict
        is_another = False
    if is_another:
        raise ValueError(f"no {kind.__name__}")
    return value


def in_words(annotation: Any) -> str:
    """Return what an annotation allows, as a user reads it.

    >>> in_words(int | None), in_words(tuple[float, float]), in_words(Literal["stop", "skip"])
    ('an integer or null', 'a list of 2 finite numbers', 'stop or skip')
    """
    words = [*dict.fromkeys(options_in_words(annotation))]
    words.sort(key="null".__eq__)  # last
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def options_in_words(annotation: Any) -> list[str]:
    """Return the alternatives that an annotation allows, in words."""
    annotation = plain(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if len(members_of(annotation)) > 1:
        shown_ones = [each for each in arguments if not is_made_in_code(each)] or arguments
        return [word for each in shown_ones for word in options_in_words(each)]
    if origin is Literal:
        return [str(value) for value in arguments]
    if origin is Annotated:
        return options_in_words(arguments[0])
    if annotation is None or annotation in WORDS:
        return [WORDS[annotation or type(None)]]
    if origin is tuple and Ellipsis not in arguments:
        return [f"a list of {len(arguments)} {plural(arguments[0])}"]
    if origin is tuple or origin in SEQUENCES:
        return [f"a list of {plural(arguments[0])}"]
    if origin in MAPPINGS:
        return [f"a mapping of names to {plural(arguments[1])}"]
    if annotation in (*SEQUENCES, *MAPPINGS):
        return ["a mapping" if annotation in MAPPINGS else "a list"]
    if origin is abc.Callable:
        return ["a node with the _target_ of a function"]
    name = getattr(annotation, "__name__", str(annotation))
    return [f"a node with the _target_ of {'an' if name[0] in 'AEIOU' else 'a'} {name}"]


def plural(annotation: Any) -> str:
    """Return the word for several values of an annotation."""
    members = [each for each in members_of(plain(annotation)) if not is_made_in_code(each)]
    return " or ".join(plural_of_one(each) for each in members if each is not type(None)) or "values"


def plural_of_one(annotation: Any) -> str:
    """Return the word for several values of an annotation that is no union."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in PLURALS:
        return PLURALS[annotation]
    if origin is Literal:
        return f"values among {', '.join(map(str, arguments))}"
    if origin in SEQUENCES and arguments:
        return f"lists of {plural(arguments[0])}"
    return f"{getattr(annotation, '__name__', annotation)} nodes"


def members_of(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the annotation alone."""
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def is_made_in_code(annotation: Any) -> bool:
    """Return whether no configuration gives such a value: a tensor among the numbers."""
    return getattr(annotation, "__module__", "") == "torch"
