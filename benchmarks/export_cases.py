"""Every model of conf/model and the generator of every application, small and without a training, for exports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from hydra.utils import get_object
from omegaconf import OmegaConf
from torch import nn

from ganworks.export.interface import example_inputs
from ganworks.model.base import produce
from ganworks.run.build import make_player
from ganworks.run.compose import compose
from ganworks.sample.columns import Series
from ganworks.sample.kind import Kind, Tokens
from ganworks.sample.latent import Latent
from ganworks.sample.sampler import Sampler
from ganworks.task import ManualTask

NUM_CLASSES = 4
TRANSLATOR = ("data=domains", "data.root=none", "data.resolution=16", "data.load_resolution=[16,16]")
CLIP = "experiment=moving_digits"
TINY = "model.width=8"


@dataclass(frozen=True)
class Case:
    """A generator.

    Args:
        overrides: that compose its configuration, small.
        kind: of its samples; None takes what their shape says.
        label_kind: see `GanDataModule.label_kind`.
    """

    overrides: tuple[str, ...]
    kind: Kind | None = None
    label_kind: str = "class"


def image(model: str, side: int = 16, *more: str) -> Case:
    """Return a model of images of a side."""
    return Case((f"model={model}", "data=digits", f"data.resolution={side}", *more))


STYLES = ("model.width=8", "model.generator.latent_dim=16", "model.generator.w_dim=16")
CLASSES = "model.conditional=true"
MODELS: dict[str, Case] = {
    "began": image("began", 16, TINY),
    "began_mlp": image("began_mlp", 8, TINY),
    "bending": Case(("model=bending", *TRANSLATOR, TINY)),
    "bending_cycle": Case(("model=bending_cycle", "task=cycle", *TRANSLATOR, TINY)),
    "biggan": image("biggan", 32, "model.width=4", CLASSES),
    "biggan_deep": image("biggan_deep", 64, "model.width=4", CLASSES),
    "cut": Case(("model=cut", "task=cut", *TRANSLATOR, TINY)),
    "cycle": Case(("model=cycle", "task=cycle", *TRANSLATOR, TINY, "model.num_blocks=2")),
    "dcgan": image("dcgan", 16, TINY, CLASSES),
    "distil": Case(("model=distil", "data=digits", "model.width=16")),
    "fastgan": image("fastgan", 32, "model.width=4"),
    "flow": Case(("model=flow", "data=digits", "model.width=16", "model.generator.num_steps=4")),
    "gru": Case(("experiment=words", TINY), Tokens(end=0)),
    "gru_series": Case(("experiment=sines", TINY), Series(["a", "b", "c", "d", "e"], [-1.0] * 5, [1.0] * 5)),
    "lstm": Case(("experiment=oracle_seqgan", TINY, "data.length=4", "data.num_tokens=12"), Tokens()),
    "mlp": Case(("model=mlp", "data=ring", TINY)),
    "mocogan": Case((CLIP + "_mocogan", TINY)),
    "pacgan_mlp": Case(("model=pacgan_mlp", "data=grid")),
    "pix2pix": Case(("experiment=fashion_edges", TINY)),
    "pix2pixhd": Case(("experiment=pix2pixhd", "data.root=none", "data.resolution=[16,32]", TINY,
                       "model.generator.num_blocks=1")),
    "projected": image("projected", 16, TINY),
    "projected_fastgan": image("projected_fastgan", 32, "model.width=4"),
    "r3gan": image("r3gan", 8, TINY, CLASSES),
    "residual_unet": Case(("experiment=digits_superres", TINY)),
    "resnet": image("resnet", 16, TINY),
    "sagan": image("sagan", 32, "model.width=4", CLASSES),
    "sngan": image("sngan", 32, "model.width=4", CLASSES),
    "sprite": Case((CLIP, TINY)),
    "stylegan2": image("stylegan2", 8, *STYLES, CLASSES),
    "stylegan2_cifar": image("stylegan2_cifar", 8, *STYLES),
    "stylegan3": image("stylegan3", 16, "model.width=8", "model.generator.latent_dim=16",
                       "model.generator.num_layers=4", "model.generator.w_dim=16"),
    "transformer": image("transformer", 8, "model.depth=4", "model.width=16", "model.num_heads=2"),
    "transformer_dcgan": image("transformer_dcgan", 16),
    "transformer_levels": Case(("experiment=digits_transformer", "model.depth=4", "model.width=16",
                                "model.num_heads=2")),
    "translator": Case(("model=translator", *TRANSLATOR, TINY, "model.generator.num_blocks=2")),
    "video3d": Case((CLIP + "_video3d", TINY)),
}  # fmt: skip
LATENTS = ("data=latents", "data.root=none", "data.shape=[4,4,4]", "model.depth=4", "model.width=16",
           "model.num_heads=2")  # fmt: skip
APPLICATIONS: dict[str, Case] = {
    "codes of infogan": image("dcgan", 8, "regularizer=infogan", TINY),
    "several classes at once": Case(image("dcgan", 8, TINY, CLASSES).overrides, None, "multi"),
    "vectors as labels": Case(image("r3gan", 8, TINY, CLASSES).overrides, None, "vector"),
    "latents": Case(LATENTS, Latent()),
    "texts of relgan": Case(("experiment=oracle_relgan", TINY, "data.length=4", "data.num_tokens=12"), Tokens()),
}  # fmt: skip


def decoded(folder: Path) -> Case:
    """Return latents with a small decoder, which diffusers writes to ``folder``."""
    from diffusers import AutoencoderKL

    blocks = {"down_block_types": ["DownEncoderBlock2D"] * 2, "up_block_types": ["UpDecoderBlock2D"] * 2}
    torch.manual_seed(0)
    vae = AutoencoderKL(block_out_channels=[4, 4], norm_num_groups=2, latent_channels=4, **blocks)
    vae.save_pretrained(folder)
    return Case(LATENTS, Latent(vae=str(folder)))


def build(case: Case) -> Sampler:
    """Return a sampler of a case: initial weights, none of them zero, and the averages of some batches."""
    config = compose(case.overrides)
    if config.data.get("num_classes") is None or config.model.get("conditional"):
        OmegaConf.update(config, "data.num_classes", NUM_CLASSES, force_add=True)
    torch.manual_seed(0)
    player = make_player("model.generator", config.model.generator)
    player = nn.ModuleDict(player) if isinstance(player, dict) else player
    task = get_object(config.task["_target_"])
    made = produce if task.produce is ManualTask.produce else task.produce
    settings = OmegaConf.to_container(config.model.generator, resolve=True)
    told = {"generator": settings, "task": config.task["_target_"], "label_kind": case.label_kind}
    sampler = Sampler(player, told, made, case.kind)
    settle(sampler)
    return sampler


@torch.no_grad()
def settle(sampler: Sampler, num_batches: int = 3) -> None:
    """Give parameters that begin at zero values, and batch norms and power iterations a state, as a training does."""
    for tensor in sampler.generator.parameters():
        if tensor.numel() and not tensor.any():
            tensor.normal_(std=0.05)
    sampler.generator.train()
    for seed in range(num_batches):
        sampler.produce(sampler.generator, example_inputs(sampler, 4, 100 + seed))
    sampler.generator.eval()
