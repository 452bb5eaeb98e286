"""Files of official weights: which networks are in them, and ours with those weights.

StyleGAN2-ADA, StyleGAN3 and R3GAN write pickles of whole modules; the others state dicts by `torch.save`. Neither is
trusted: a pickle goes through `ganworks.official.pickle`, the rest through `torch.load(weights_only=True)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganworks.errors import GanworksError, SettingError
from ganworks.official import pickle
from ganworks.official.allowed import UnsafeError, printable
from ganworks.official.recognise import DISCRIMINATOR, GENERATOR, known, recognise, unwrapped
from ganworks.official.shell import Shell
from ganworks.official.torch_file import is_torch, read_torch
from ganworks.sample.build import build_generator, check_weights, reason
from ganworks.sample.sampler import PLAIN, Sampler

AVERAGE = f"ema_{GENERATOR}"
PLAYERS = {
    "G_ema": AVERAGE, "g_ema": AVERAGE, "ema": AVERAGE, AVERAGE: AVERAGE,
    "G": GENERATOR, "g": GENERATOR, GENERATOR: GENERATOR,
    "D": DISCRIMINATOR, "d": DISCRIMINATOR, DISCRIMINATOR: DISCRIMINATOR,
}  # fmt: skip
SPARE = 4  # times the numbers in a file that our network may have, filters and running means among them
LARGEST = 1 << 17  # of a network's arguments; config-F has channel_base 32,768, StyleGAN3's large ones 65,536
# Arguments of the official constructors in their order, for those that were given by position.
POSITIONS = {
    GENERATOR: ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels", "mapping_kwargs", "synthesis_kwargs"),
    DISCRIMINATOR: ("c_dim", "img_resolution", "img_channels", "architecture", "channel_base", "channel_max"),
}  # fmt: skip


@dataclass(frozen=True)
class Weights:
    """One network of a file.

    Args:
        family: the module of `ganworks.official` that knows it.
        role: "generator" or "discriminator".
        state: its tensors by official name.
        arguments: of its official constructor, as far as the file says them.
    """

    family: str
    role: str
    state: dict[str, Tensor]
    arguments: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration of our network of its size."""
        with self._complete():
            check_arguments(self.arguments)
            made: dict[str, Any] = self._function("config")(self.state, self.arguments)
        return made

    def network(self) -> nn.Module:
        """Return our network with these weights.

        Raises:
            GanworksError: a tensor that our network has no place for, or one that is missing.
        """
        with self._complete():
            check_arguments(self.config)
            with torch.device(
                "meta"
            ):  # names may say any resolution: what it takes is known before it is taken
                planned = sum(tensor.numel() for tensor in build_generator(self.config).state_dict().values())
            given = sum(tensor.numel() for tensor in self.state.values())
            if planned > SPARE * given:
                raise GanworksError(
                    f"These are no complete weights of a {self.role} of {self.family}: a network of the size that"
                    f" they say has {planned:,} numbers, and they are {given:,}."
                )
            network = build_generator(self.config)
            weights = self._function("state")(self.state, network)
        check_weights(network.state_dict(), weights, "What the file holds")
        network.load_state_dict(weights)
        return network

    @contextmanager
    def _complete(self) -> Iterator[None]:
        """Say what is wrong of anything that goes wrong because the file says something strange."""
        try:
            yield
        except GanworksError:
            raise
        except pickle.DAMAGE as error:
            text = printable(f"{type(error).__name__}: {error}")
            raise GanworksError(
                f"These are no complete weights of a {self.role} of {self.family} ({text})."
            ) from error

    def _function(self, name: str) -> Any:
        found = getattr(import_module(f"ganworks.official.{self.family}"), f"{self.role}_{name}", None)
        if found is None:
            raise GanworksError(
                f"A {self.role} of {self.family} cannot be taken from a file of official weights."
            )
        return found


@dataclass(frozen=True)
class Official:
    """What a file of official weights holds.

    Args:
        path: of the file.
        players: its networks: ``generator``, ``ema_generator`` (its average), ``discriminator``, those that are there.
        images_seen: in the training, where the file says it.
    """

    path: Path
    players: dict[str, Weights]
    images_seen: int | None = None

    def player(self, name: str | None = None) -> Weights:
        """Return a player; None for the generator's average, or else the generator.

        Raises:
            SettingError: it is not in the file.
        """
        names = {
            None: (AVERAGE, GENERATOR),
            GENERATOR: (GENERATOR, AVERAGE),
            AVERAGE: (AVERAGE, GENERATOR),
        }.get(name, (str(name),))
        if found := next((self.players[each] for each in names if each in self.players), None):
            return found
        raise SettingError(
            "player",
            name or GENERATOR,
            f"one that {self.path} holds: {', '.join(self.players)}",
            self.players,
        )

    def state(self, player: str | None = None) -> dict[str, Tensor]:
        """Return the tensors of ``player``, or of all, under our names, each with its player's before it."""
        players = self.players if player is None else {player: self.player(player)}
        with about(self.path):
            networks = {name: weights.network() for name, weights in players.items()}
        return {
            f"{name}.{key}": tensor
            for name, network in networks.items()
            for key, tensor in network.state_dict().items()
        }

    def sampler(self, player: str | None = None) -> Sampler:
        """Return the average of the generator, or else the generator, ready to draw from and to be saved."""
        weights = self.player(player)
        network = self.network(player)  # first, for it says which file is at fault
        config: dict[str, Any] = {"generator": weights.config, "produce": PLAIN, "name": self.path.stem}
        config |= {
            "official": weights.family,
            "label_kind": "class" if weights.config.get("num_classes") else "none",
        }
        if self.images_seen is not None:
            config["images_seen"] = self.images_seen
        return Sampler(network, config)

    def network(self, name: str | None = None) -> nn.Module:
        """Return a player as our network; None for the generator's average, or else the generator."""
        with about(self.path):
            return self.player(name).network()


def read(path: str | Path) -> Official:
    """Return the networks in a file of official weights; no code in it is run.

    Raises:
        GanworksError: it is damaged, holds what no file of weights needs, or networks that nobody knows.
    """
    path = Path(path)
    content = read_torch(path) if is_torch(path) else pickle.load(path)
    players: dict[str, Weights] = {}
    with about(path):
        for name, each in found_in(content).items():
            try:
                weights = network_of(*each)
            except (
                TypeError,
                AttributeError,
                KeyError,
                RecursionError,
            ) as error:  # names that are no text, and so on
                raise GanworksError(f"it holds no networks that can be read ({reason(error)}).") from error
            players[name or weights.role] = weights
    images = content.get("cur_nimg") if isinstance(content, Mapping) else None
    return Official(path, players, images if type(images) is int else None)


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Put the name of a file before errors that only say what is wrong in it."""
    try:
        yield
    except GanworksError as error:
        if type(error) is not GanworksError:
            raise
        raise GanworksError(f"{path}: {error}") from error


def found_in(content: Any) -> dict[str, tuple[Any, str | None]]:
    """Return by player what a file holds of it, and its role: modules, or state dicts, one or several."""
    if isinstance(content, Shell):
        return {"": (content, None)}
    if isinstance(content, Mapping):
        by_player = {
            player: (content[name], player.removeprefix("ema_"))
            for name, player in PLAYERS.items()
            if isinstance(content.get(name), Mapping | Shell)
        }
        if by_player:
            average = content.get("latent_avg")  # rosinality's mean of w stands beside the networks
            return {n: ({**s, "latent_avg": average}, r) if r == GENERATOR and isinstance(average, Tensor) else (s, r)
                    for n, (s, r) in by_player.items()}  # fmt: skip
        if isinstance(content.get("state_dict"), Mapping):
            return {"": (content["state_dict"], None)}
        if content and all(isinstance(tensor, Tensor) for tensor in content.values()):
            return {"": (content, None)}
    raise GanworksError(
        f"it holds no networks: neither {', '.join(PLAYERS)} nor state_dict, nor tensors alone. Known are {known()}."
    )


def network_of(content: Any, role: str | None) -> Weights:
    """Return the network that a module or a state dict is."""
    is_shell = isinstance(content, Shell)
    state = unwrapped(content.state_dict() if is_shell else content)
    state = {name: tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}
    check_tensors(state)
    layout = recognise(state, role)
    arguments = arguments_of(content, layout.role) if is_shell else {}
    if layout.dialect is not None:
        dialect = import_module(f"ganworks.official.{layout.dialect}")
        state, arguments = dialect.official_state(state, layout.role), {**dialect.ARGUMENTS, **arguments}
    return Weights(layout.family, layout.role, state, arguments)


def check_tensors(state: Mapping[str, Tensor]) -> None:
    """Raise `UnsafeError` for a tensor that says to be larger than its numbers, or is of a kind that no weights are.

    Sizes of networks are read off tensors: one that repeats a number, or has none, would make a network of any size.
    """
    for name, tensor in state.items():
        is_plain = type(tensor) in (Tensor, nn.Parameter, nn.Buffer) and tensor.layout == torch.strided
        if not is_plain or tensor.device.type != "cpu" or tensor.is_quantized:
            raise UnsafeError(
                f"it holds no plain tensor as {printable(name)}. Allowed are strided tensors of numbers."
            )
        there = tensor.untyped_storage().nbytes()
        if tensor.numel() * tensor.element_size() > there or (
            tensor.numel() == 0 and max(tensor.shape) > LARGEST
        ):
            raise UnsafeError(
                f"it holds {tuple(tensor.shape)} numbers as {printable(name)} and has {there} bytes of them."
            )


def check_arguments(value: Any, depth: int = 0) -> None:
    """Raise `GanworksError` for a number among a network's arguments that no network has: it would take all memory."""
    parts = (
        list(value.values()) if isinstance(value, dict) else value if isinstance(value, list | tuple) else []
    )
    if depth > 4 or len(parts) > LARGEST or (isinstance(value, int) and abs(value) > LARGEST):
        raise GanworksError(f"its network has an argument beyond {LARGEST:,}, or too many of them.")
    for part in parts:
        check_arguments(part, depth + 1)


def arguments_of(shell: Shell, role: str) -> dict[str, Any]:
    """Return the arguments of a module's constructor, and of its parts where defaults differed between releases.

    StyleGAN2-ADA's layers have no clamp and no half precision by default, those of stylegan3 have both, and a file
    says what it had in the attributes of its layers alone. A network that is pickled without its arguments notes some
    of them as attributes.
    """
    noted = {name: shell.attributes[name] for name in POSITIONS[role] if name in shell.attributes}
    arguments = noted | shell.arguments(POSITIONS[role])
    parts = {
        name: dict(arguments.get(name) or {})
        for name in ("synthesis_kwargs", "mapping_kwargs", "epilogue_kwargs")
    }
    given = {**arguments, **parts["synthesis_kwargs"]}
    for name, value in (("conv_clamp", shell.first("conv_clamp")), ("num_fp16_res", shell.count("use_fp16"))):
        if name not in given and value is not None:
            arguments[name] = value
    for part, name, attribute in (
        ("mapping_kwargs", "w_avg_beta", "w_avg_beta"),
        ("epilogue_kwargs", "mbstd_group_size", "group_size"),
    ):
        value = shell.first(attribute)
        if name not in parts[part] and value is not None:
            arguments[part] = {**parts[part], name: value}
    return arguments
