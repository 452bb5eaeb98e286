"""Hold a node of the configuration against the class or function that its ``_target_`` names."""

from __future__ import annotations

import collections.abc as abc
import functools
import inspect
import logging
import re
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, get_origin

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganworks.errors import SettingError
from ganworks.run.values import checked_value, members_of, part_of, shown
from ganworks.trust import GETTERS, targets_of

HYDRA_KEYS = {"_target_", "_partial_", "_recursive_", "_convert_", "_args_"}
CALLABLE = "the path of a class or a function, as ganworks.loss.Hinge is"


def check_nodes(config: DictConfig, path: str = "") -> None:
    """Hold every setting below ``config`` against the annotation of what its node instantiates.

    Whole numbers written as floats, such as 1e6, become integers where integers belong.

    Args:
        path: where ``config`` lies in the whole configuration.

    Raises:
        SettingError: a target that is not there, a setting that it does not take, or a value of another type.
    """
    settings = OmegaConf.to_container(config, resolve=True)
    # The data first: the networks take their sizes from it.
    for where, node in sorted(targets_of(settings), key=lambda found: not found[0].startswith("data")):
        with as_written(config._get_root()):
            checked = checked_settings(f"{path}.{where}".strip("."), node)
        for name, value in checked.items():
            if value is not node[name]:
                OmegaConf.update(config, f"{where}.{name}".lstrip("."), value)


@contextmanager
def as_written(root: Any) -> Iterator[None]:
    """Let a `SettingError` name the setting that a user writes: of ``width: ${model.width}`` that is model.width."""
    try:
        yield
    except SettingError as error:
        error.setting = source_of(root, error.setting)
        raise


def source_of(root: Any, setting: str) -> str:
    """Return the setting that ``setting`` takes its value from, itself where it has a value of its own."""
    parent, _, name = setting.rpartition(".")
    try:
        node = OmegaConf.select(root, parent) if parent else root
        written = OmegaConf.to_container(node, resolve=False)[name]  # type: ignore[call-overload, index]
    except (OmegaConfBaseException, ValueError, KeyError, TypeError):
        return setting
    reference = re.fullmatch(r"\$\{([\w.]+)\}", written) if isinstance(written, str) else None
    return source_of(root, reference[1]) if reference else setting


def checked_settings(path: str, node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a node with the numbers in the form that its target takes; see `check_nodes`."""
    taken, takes_others = parameters(find(f"{path}._target_", node["_target_"]))
    settings = {str(name): value for name, value in node.items() if name not in HYDRA_KEYS}
    for name, value in settings.items():
        if name in taken:
            is_made = node.get("_recursive_", True)  # otherwise the target gets the nodes as they are
            settings[name] = checked_setting(f"{path}.{name}", value, taken[name], bool(is_made))
        elif not takes_others:
            allowed = f"left out: {node['_target_']} has the settings {', '.join(taken) or 'none'}"
            error = SettingError(f"{path}.{name}", value, allowed)
            error.nearest = SettingError(path, name, "", taken).nearest
            raise error
    return settings


def checked_setting(setting: str, value: Any, parameter: inspect.Parameter, is_made: bool = True) -> Any:
    """Return ``value`` if its parameter's annotation allows it; None is allowed too where it is the default."""
    if parameter.annotation is parameter.empty or (value is None and parameter.default is None):
        return value
    try:
        as_made = made(setting, value) if is_made else value
    except UnknownKind:
        return value
    checked = checked_value(setting, as_made, parameter.annotation)
    return value if isinstance(value, dict | list) else checked


class UnknownKind(Exception):
    """A node's target is a function: what it returns may be more than its annotation says."""


def made(path: str, value: Any) -> Any:
    """Return a value with stand-ins for the objects that its nodes describe.

    Raises:
        UnknownKind: of one of them it can't be said what it is.
    """
    if isinstance(value, dict) and "_target_" in value:
        return made_of(path, value)
    if isinstance(value, dict):
        return {name: made(f"{path}.{name}", child) for name, child in value.items()}
    if isinstance(value, list):
        return [made(f"{path}[{index}]", child) for index, child in enumerate(value)]
    return value


def made_of(path: str, node: Mapping[str, Any]) -> Any:
    """Return a stand-in for the object that a node describes, or the object itself where the node names it."""
    if node["_target_"] in GETTERS:
        return named(f"{path}.path", node.get("path"))
    if node.get("_partial_"):
        return part_of(functools.partial)
    target = find(f"{path}._target_", node["_target_"])
    if not inspect.isclass(target):
        raise UnknownKind(path)
    return part_of(target)


def check_kind(path: str, node: Mapping[str, Any], kind: Any) -> None:
    """Raise `SettingError` unless a node describes an object of ``kind``, or where it is partial calls one."""
    is_function = get_origin(kind) is abc.Callable
    try:
        part = made_of(path, {**node, "_partial_": bool(node.get("_partial_")) and is_function})
    except UnknownKind:
        return
    if does_the_same(part, kind):
        return
    try:
        checked_value(path, part, kind)
    except SettingError:
        name = "path" if node["_target_"] in GETTERS else "_target_"
        allowed = (
            f"the path of {'a function' if is_function else f'a class derived from {public_path(kind)}'}"
        )
        raise SettingError(f"{path}.{name}", node.get(name), allowed) from None


def public_path(kind: Any) -> str:
    """Return how a class is imported: ganworks.loss.AdversarialLoss, whatever file it is in."""
    first = members_of(kind)[0]
    return ".".join([*first.__module__.split(".")[:2], first.__name__])


def does_the_same(part: Any, kind: Any) -> bool:
    """Return whether an object has all methods that an abstract ``kind`` asks for, whatever it derives from."""
    methods = getattr(kind, "__abstractmethods__", ())
    return (
        inspect.isclass(kind)
        and bool(methods)
        and all(hasattr(getattr(part, "kind", part), name) for name in methods)
    )


def find(setting: str, path: Any) -> Any:
    """Return the class or function at ``path``, or raise `SettingError` with the nearest name beside it."""
    found = named(setting, path)
    if not callable(found):
        raise SettingError(setting, path, CALLABLE, neighbours(f"{path}."))
    return found


def named(setting: str, path: Any) -> Any:
    """Return what is at ``path``, or raise `SettingError` with the nearest name beside it."""
    logging.getLogger("hydra.utils").setLevel(logging.CRITICAL)  # it would print what is raised here
    try:
        return get_object(path)
    except Exception as error:
        raise SettingError(setting, shown(path), CALLABLE, neighbours(str(path))) from error


def neighbours(path: str) -> list[str]:
    """Return the paths of everything beside the one at ``path``; nothing where its module can't be imported."""
    parent = path.rpartition(".")[0]
    try:
        return [f"{parent}.{name}" for name in dir(get_object(parent))]
    except Exception:
        return []


def functions_of(target: Any) -> list[Any]:
    """Return the functions whose parameters ``target`` takes: where a class hands on keywords, those of its bases."""
    if not inspect.isclass(target):
        return [target]
    functions = []
    for each in (vars(kind)["__init__"] for kind in target.__mro__ if "__init__" in vars(kind)):
        functions.append(each)
        if not takes_any(each):
            break
    return functions


def makers_of(target: Any) -> list[Any]:
    """Return the functions of ours that are called before the `__init__` of a class ``target``, and take settings."""
    kinds = type(target).__mro__ if inspect.isclass(target) else ()
    ours = [kind for kind in kinds if kind.__module__.startswith("ganworks.") and "__call__" in vars(kind)]
    return [vars(kind)["__call__"] for kind in ours]


def parameters(target: Any) -> tuple[dict[str, inspect.Parameter], bool]:
    """Return the parameters that ``target`` takes by name, with their annotations, and whether it takes others.

    A class of the user's own that takes any keyword may do with it what it likes, and not hand it on to its bases.
    """
    functions = functions_of(target)
    taken: dict[str, inspect.Parameter] = {}
    for function in [*functions, *makers_of(target)]:
        known = hints(function)
        for name, each in signature_of(function).items():
            if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY) and name not in ("self", "cls"):
                taken.setdefault(name, each.replace(annotation=known.get(name, each.empty)))
    is_ours = str(getattr(target, "__module__", "")).startswith("ganworks.")
    return taken, any(takes_any(each) for each in (functions[-1:] if is_ours else functions))


def signature_of(function: Any) -> dict[str, inspect.Parameter]:
    """Return the parameters of a function by name; any keywords where Python does not tell them."""
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {"kwargs": inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)}


def takes_any(function: Any) -> bool:
    """Return whether a function takes any keyword."""
    return any(each.kind is each.VAR_KEYWORD for each in signature_of(function).values())


def hints(function: Any) -> dict[str, Any]:
    """Return the annotations of a function by name; those that can't be evaluated at run time are left out."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:  # a name imported for type checkers alone
        written = getattr(function, "__annotations__", {})
        return {
            name: known for name, each in written.items() if (known := evaluated(each, function)) is not None
        }


def evaluated(annotation: Any, function: Any) -> Any:
    """Return the object that an annotation written as text stands for; None where it has no meaning at run time."""
    try:
        return eval(annotation, function.__globals__) if isinstance(annotation, str) else annotation
    except Exception:
        return None
