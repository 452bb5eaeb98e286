"""python -m ganworks.data.encode root=IMAGES vae=FOLDER out=LATENTS: the moments of a folder of images."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ganworks.cli.arguments import parse
from ganworks.errors import GanworksError, SettingError, check_count


@dataclass
class Arguments:
    """What is encoded, by what, and where it goes."""

    root: str = field(default="", metadata={"help": "folder of images, read as data=folder reads it"})
    vae: str = field(default="", metadata={"help": "folder of an autoencoder in the layout of diffusers"})
    out: str = field(default="latents", metadata={"help": "folder that is written, for data=latents"})
    resolution: str = field(
        default="256", metadata={"help": "side to which images are brought, or HEIGHTxWIDTH, such as 192x256"}
    )
    fit: str = field(default="crop", metadata={"help": "crop, pad or stretch, as data.fit"})
    background: str = field(
        default="white", metadata={"help": "of what is clear or padded, as data.background"}
    )
    batch_size: int = field(default=16, metadata={"help": "images in a pass"})
    cache: str = field(default=".cache", metadata={"help": "folder of decoded images"})


def encode_folder(arguments: Arguments) -> Path:
    """Write ``moments.npy``, float16 (N, 2 C, h, w), and ``labels.npy`` where there are classes; return the folder.

    Raises:
        SettingError: an output folder that has moments already, or what `ganworks.data.Folder` raises.
    """
    import numpy as np

    from ganworks.data import Folder, to_float
    from ganworks.data.sample_format import parse_resolution
    from ganworks.sample.latent import check_vae, encode, load_vae

    out, size = Path(arguments.out), check_count("batch_size", arguments.batch_size)
    if (out / "moments.npy").exists():
        raise SettingError("out", out, "a folder without moments.npy")
    check_vae(arguments.vae)  # before a large folder is decoded
    data = Folder(
        arguments.root or None,
        batch_size=1,
        resolution=parse_resolution("resolution", arguments.resolution),
        cache=arguments.cache,
        fit=arguments.fit,
        background=arguments.background,
    )
    data.check()
    vae = load_vae(arguments.vae)
    vae.to("cuda" if torch.cuda.is_available() else "cpu")
    out.mkdir(parents=True, exist_ok=True)
    unfinished, moments = out / "unfinished", None
    for rows in torch.arange(len(data.samples)).split(size):
        images = data.samples.read(rows)
        assert isinstance(images, torch.Tensor)
        found = encode(vae, to_float(images).to(vae.device)).half().cpu().numpy()
        if moments is None:
            shape = (len(data.samples), *found.shape[1:])
            moments = np.lib.format.open_memmap(unfinished, "w+", np.float16, shape)
        moments[rows.numpy()] = found
    assert moments is not None
    moments.flush()
    if data.samples.labels is not None:
        np.save(out / "labels.npy", data.samples.labels.numpy())
    unfinished.rename(out / "moments.npy")
    return out


def main() -> None:
    """Run the command; a mistake is one line."""
    try:
        arguments, _ = parse(Arguments, sys.argv[1:])
        print(
            f"moments in {encode_folder(arguments)}: python train.py data=latents data.root={arguments.out}"
        )
    except GanworksError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
