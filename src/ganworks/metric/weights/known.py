"""Every published weights file that a metric may ask for.

The hashes: Inception's, VGG's and CLIP's begin with the digits that their publishers write into name or address
(CLIP's are whole there); the whole ones of Inception, VGG, DINOv2 and I3D are those under which the files of these
addresses are pinned by many independent public projects.
"""

from __future__ import annotations

from ganworks.metric.weights import WeightsFile

RELEASES = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0"
CLIP = "https://openaipublic.azureedge.net/clip/models"
DINOV2 = "https://dl.fbaipublicfiles.com/dinov2"

INCEPTION = WeightsFile(
    network="inception-v3-2015-12-05",
    file_name="weights-inception-2015-12-05-6726825d.pth",
    address=f"{RELEASES}/weights-inception-2015-12-05-6726825d.pth",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    size_mb=96,
    figures="FID, KID, Inception score",
)


def _dinov2(size: str, sha256: str, size_mb: int) -> WeightsFile:
    name = f"dinov2_vit{size}14"
    file_name = f"{name}_pretrain.pth"
    address = f"{DINOV2}/{name}/{file_name}"
    return WeightsFile(f"dinov2-vit-{size}-14", file_name, address, sha256, size_mb, "FD on DINOv2")


def _clip(size: str, file: str, sha256: str, size_mb: int) -> WeightsFile:
    address = f"{CLIP}/{sha256}/{file}.pt"
    return WeightsFile(f"clip-vit-{size}", f"clip-vit-{size}-{sha256}.pt", address, sha256, size_mb, "CMMD")


DINOV2_SMALL = _dinov2("s", "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9", 88)
DINOV2_BASE = _dinov2("b", "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73", 346)
DINOV2_LARGE = _dinov2("l", "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428", 1218)

# fmt: off
CLIP_B_32 = _clip("b-32", "ViT-B-32", "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af", 354)
CLIP_B_16 = _clip("b-16", "ViT-B-16", "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f", 351)
CLIP_L_14 = _clip("l-14", "ViT-L-14", "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836", 933)
CLIP_L_14_336 = _clip(
    "l-14-336px", "ViT-L-14-336px", "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02", 934
)
# fmt: on

VGG16 = WeightsFile(
    network="vgg16",
    file_name="vgg16-397923af.pth",
    address="https://download.pytorch.org/models/vgg16-397923af.pth",
    sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    size_mb=553,
    figures="LPIPS, perceptual path length",
)

I3D_KINETICS = WeightsFile(
    network="i3d-kinetics-400",
    file_name="i3d_torchscript.pt",
    address="https://www.dropbox.com/s/ge9e5ujwgetktms/i3d_torchscript.pt?dl=1",
    sha256="bec6519f66ea534e953026b4ae2c65553c17bf105611c746d904657e5860a5e2",
    size_mb=51,
    figures="FVD",
)

KNOWN = (
    INCEPTION,
    DINOV2_SMALL,
    DINOV2_BASE,
    DINOV2_LARGE,
    CLIP_B_32,
    CLIP_B_16,
    CLIP_L_14,
    CLIP_L_14_336,
    VGG16,
    I3D_KINETICS,
)
