"""Our figures beside those of other code, from the same image files and the same weights file.

    python benchmarks/agreement.py [--num 128] [--weights PATH] [--folder FOLDER]

- FID and KID: `evaluate.py real= fake=` beside torch-fidelity's own command, as processes of their own.
- FID with resize=clean: beside clean-fid's resizer and its Frechet distance on the same network.
- Frechet distance of draws from two Gaussians: beside its closed form.

Images are digits at 32 pixels, the fakes under noise. Without --weights Inception's are drawn anew and saved first:
what is compared is how a file becomes a figure, which the values of the weights do not change. KID is taken over all
pairs, where both sides leave nothing to a draw.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from ganworks.metric import Inception, digits_images, frechet_distance_of_features
from ganworks.metric.weights import file_sha256
from ganworks.noise import keyed_rng

ROOT = Path(__file__).parents[1]
SIDE = 32
Row = tuple[str, float, float, float]  # what, ours, theirs, the difference that is allowed, relative


def save_weights(path: Path) -> Path:
    """Write an Inception whose convolutions are drawn so that its features are of order 1."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Drawn(FeatureExtractorInceptionV3):
        def load_state_dict(self, state_dict: dict) -> None:
            """Keep what the constructor drew."""

    torch.save({}, path)
    network = Drawn("inception-v3-compat", ["2048"], str(path))
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=keyed_rng("weights"))
    torch.save(network.state_dict(), path)
    return path


def write_images(folder: Path, num: int) -> tuple[Path, Path]:
    """Write ``num`` real and as many fake images, RGB."""
    digits = digits_images()[0]
    order = torch.randperm(len(digits), generator=keyed_rng("images"))
    for name, noise in (("real", 0.0), ("fake", 0.4)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        rows = order[:num] if name == "real" else order[num : 2 * num]
        for index, row in enumerate(rows.tolist()):
            image = nn.functional.interpolate(digits[row][None], (SIDE, SIDE), mode="bicubic")[0].expand(
                3, -1, -1
            )
            image = image + noise * torch.randn(3, SIDE, SIDE, generator=keyed_rng(name, index))
            pixels = ((image + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
            Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(folder / name / f"{index:05}.png")
    return folder / "real", folder / "fake"


def ours(real: Path, fake: Path, weights: Path, out: Path, resize: str = "legacy") -> dict[str, float]:
    """Return the figures of `evaluate.py`, run as a command."""
    inception = {"weights": weights, "sha256": file_sha256(weights), "resize": resize, "device": "cpu"}
    settings = [f"metric.extractor.inception.{name}={value}" for name, value in inception.items()]
    settings += ["metric.measure.kid.num_subsets=null", "metric.cache=null", f"out={out}"]
    run(str(ROOT / "evaluate.py"), f"real={real}", f"fake={fake}", "metric=fid", *settings)
    return json.loads(out.read_text(encoding="utf-8"))["values"]


def torch_fidelity(real: Path, fake: Path, weights: Path, num: int, fid: bool = True) -> dict[str, float]:
    """Return the figures of torch-fidelity's command; one subset of all images is KID over all pairs."""
    paths = ["--input1", str(fake), "--input2", str(real), "--feature-extractor-weights-path", str(weights)]
    figures = ["--kid", "--kid-subsets", "1", "--kid-subset-size", str(num), *(["--fid"] if fid else [])]
    how = ["--cpu", "--no-cache", "--json", "--silent"]
    printed = run("-m", "torch_fidelity.fidelity", *how, *figures, *paths)
    found = json.loads(printed[printed.index("{") :])
    names = {"fid": "frechet_inception_distance", "kid": "kernel_inception_distance_mean"}
    return {name: found[theirs] for name, theirs in names.items() if theirs in found}


def run(*arguments: str) -> str:
    """Return what a Python process prints; show what it says where it fails."""
    found = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    if found.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{found.stdout}{found.stderr}")
    return found.stdout


def clean_fid(real: Path, fake: Path, weights: Path) -> float:
    """Return the FID of clean-fid's resizer and distance on Inception."""
    from cleanfid.fid import frechet_distance

    statistics = []
    for folder in (real, fake):
        features = clean_features(folder, weights)
        statistics += [features.mean(0).numpy(), np.cov(features.numpy(), rowvar=False)]
    return float(frechet_distance(*statistics))


def clean_features(folder: Path, weights: Path) -> Tensor:
    """Return Inception's features (N, 2048), float64, of a folder of images that clean-fid's resizer resizes."""
    from cleanfid.resize import build_resizer

    inception, resize = Inception(str(weights), file_sha256(weights), device="cpu"), build_resizer("clean")
    inception.load()
    images = (np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.iterdir()))
    resized = [torch.from_numpy(resize(image)).permute(2, 0, 1) for image in images]
    parts = [torch.stack(resized[start : start + 32]) for start in range(0, len(resized), 32)]
    return torch.cat([network(inception, part) for part in parts])


@torch.no_grad()
def network(inception: Inception, pixels: Tensor) -> Tensor:
    """Return the features, float64, of pixels (B, 3, 299, 299) in [0, 255]."""
    assert inception.model is not None
    return inception.run(inception.model, (pixels - 128) / 128).features.double()


def gaussians(num: int = 100_000, dim: int = 64) -> Row:
    """Draw from two Gaussians with common axes, where d^2 = |difference|^2 + sum (sigma_1 - sigma_2)^2."""
    axes = torch.linalg.qr(torch.randn(dim, dim, generator=keyed_rng("axes"))).Q
    scales = [torch.rand(dim, generator=keyed_rng("scale", side)) + 0.5 for side in (0, 1)]
    shift = torch.randn(dim, generator=keyed_rng("shift")) / 4
    draws = [
        torch.randn(num, dim, generator=keyed_rng("draw", side)) * scales[side] @ axes.T for side in (0, 1)
    ]
    expected = shift.square().sum() + (scales[0] - scales[1]).square().sum()
    found = frechet_distance_of_features(draws[0], draws[1] + shift)
    return f"Frechet distance of Gaussians, {dim} features, {num:,} draws", found, expected.item(), 1e-2


def rows(folder: Path, weights: Path, num: int) -> list[Row]:
    """Return all that is compared."""
    real, fake = write_images(folder, num)
    legacy, theirs = (
        ours(real, fake, weights, folder / "legacy.json"),
        torch_fidelity(real, fake, weights, num),
    )
    clean = ours(real, fake, weights, folder / "clean.json", resize="clean")["fid"]
    return [
        ("FID beside torch-fidelity", legacy["fid"], theirs["fid"], 1e-3),
        ("KID beside torch-fidelity", legacy["kid"], theirs["kid"], 1e-3),
        ("FID, clean, beside clean-fid", clean, clean_fid(real, fake, weights), 1e-3),
        ("control: FID, clean, beside torch-fidelity", clean, theirs["fid"], float("inf")),
        gaussians(),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=128, help="images on each side")
    parser.add_argument("--weights", type=Path, help="Inception's weights; drawn anew if left out")
    parser.add_argument("--folder", type=Path, help="where images are written; a temporary one if left out")
    arguments = parser.parse_args()
    table = Table(title=f"{arguments.num} images on each side", title_justify="left")
    for column in ("figure", "ours", "theirs", "relative difference", "allowed"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = rows(folder, arguments.weights or save_weights(folder / "inception.pth"), arguments.num)
    failed = False
    for name, mine, other, allowed in found:
        difference = abs(mine / other - 1)
        failed |= difference > allowed
        words = "·" if allowed == float("inf") else f"{allowed:.0e}"
        table.add_row(name, f"{mine:.6g}", f"{other:.6g}", f"{difference:.1e}", words)
    Console(width=120).print(table)
    sys.exit(failed)


if __name__ == "__main__":
    main()
