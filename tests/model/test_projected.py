"""The projected discriminator against the official tensors and sizes, and on features that ship."""

import pytest
import torch

from ganworks.errors import GanworksError, SettingError
from ganworks.metric import DigitsExtractor
from ganworks.metric.extractor import Inception, Lpips
from ganworks.model.layer.projection import RandomProjection
from ganworks.model.projected import MapHead, ProjectedDiscriminator, end_of, widths_of
from ganworks.regularizer import squared_gradient_norm
from golden import close, close_group, full_size, golden, gradients

KINDS = pytest.mark.parametrize("kind", ["single", "separable", "cond"])


def head_names(kind, num_blocks=2):
    """Return official names by ours."""
    names = {}
    layers = {"0": "0"} if kind != "separable" else {"0": "0.depthwise", "1": "0.pointwise"}
    norm = len(layers)
    for place in range(num_blocks):
        theirs, ours = f"main.{place}.main", f"blocks.{place}"
        for own, official in layers.items():
            names |= spectral(f"{theirs}.{official}", f"{ours}.{own}")
        if kind != "separable":
            names[f"{ours}.0.bias"] = f"{theirs}.0.bias"
        for tensor in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            names[f"{ours}.{norm}.{tensor}"] = f"{theirs}.1.{tensor}"
    names |= spectral("cls" if kind == "cond" else f"main.{num_blocks}", "to_logits")
    if kind == "cond":
        names |= {"embedding.weight": "embed.weight", "condition.weight": "embed_proj.0.weight"}
        names["condition.bias"] = "embed_proj.0.bias"
    return names


def spectral(theirs, ours):
    return {
        f"{ours}.parametrizations.weight.original": f"{theirs}.weight_orig",
        f"{ours}.parametrizations.weight.0.u": f"{theirs}.weight_u",
        f"{ours}.parametrizations.weight.0.v": f"{theirs}.weight_v",
    }


def loaded_head(kind):
    """Return the tensors and our head with the official weights and arguments."""
    tensors = golden("projected_d_parts")
    sizes = {"num_classes": 3, "num_embedding": 8, "num_condition_maps": 7} if kind == "cond" else {}
    block = "separable" if kind == "separable" else "plain"
    head, state = MapHead(6, [5, 5], block=block, **sizes), tensors.group(f"D_{kind}")
    names = head_names(kind)
    assert set(names.values()) == set(state)
    head.load_state_dict({ours: state[theirs] for ours, theirs in names.items()})
    return tensors, head, names


@KINDS
def test_heads_equal_the_official_ones(kind):
    tensors, head, names = loaded_head(kind)
    x, label = tensors["in.x"], tensors["in.c"].argmax(1) if kind == "cond" else None
    close(head.eval()(x, label), tensors[f"out.D_{kind}"])
    logits = head.train()(x, label)
    close(logits, tensors[f"out.train.D_{kind}"])
    found = gradients((logits * tensors[f"in.v_{kind}"]).sum(), head)
    close_group({names[name]: each for name, each in found.items()}, tensors.group(f"gradD_{kind}"))
    state = {names[name]: each for name, each in head.state_dict().items()}
    after = tensors.group(f"after.D_{kind}")
    for name, tensor in after.items():
        close(state[name], tensor, 1e-4)


def test_one_hot_labels_say_what_classes_say():
    tensors, head, _ = loaded_head("cond")
    x = tensors["in.x"]
    assert torch.allclose(head.eval()(x, tensors["in.c"]), head(x, tensors["in.c"].argmax(1)), atol=1e-6)


def loaded_projection():
    tensors = golden("projected_d_parts")
    projection, state = RandomProjection([3, 4, 5, 6], 4), tensors.group("P")
    kinds = {"channel_mixing": "ccm", "scale_mixing": "csm.out_conv"}
    projection.load_state_dict(
        {
            f"{ours}.{place}.{tensor}": state.pop(f"layer{place}_{theirs}.{tensor}")
            for ours, theirs in kinds.items()
            for place in range(4)
            for tensor in ("weight", "bias")
        }
    )
    assert not state
    return tensors, projection


def test_random_mixing_equals_the_official_one():
    tensors, projection = loaded_projection()
    projected = projection([tensors[f"in.map{place}"] for place in range(4)])
    for place, each in enumerate(projected):
        close(each, tensors[f"out.projected{place}"])
    assert [each.shape[2] for each in projected] == projection.sides([16, 8, 4, 2])
    assert [each.shape[1] for each in projected] == projection.channels
    assert not any(parameter.requires_grad for parameter in projection.parameters())


def test_a_wrong_slope_of_the_leaky_relu_is_seen():
    tensors, head, _ = loaded_head("single")
    for layer in head.modules():
        if isinstance(layer, torch.nn.LeakyReLU):
            layer.negative_slope = 0.201
    with pytest.raises(AssertionError, match="of the largest value"):
        close(head.eval()(tensors["in.x"]), tensors["out.D_single"])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("projected_d", {}),
        ("projected_d_separable", {"block": "separable"}),
        ("projected_d_cond", {"num_classes": 1000}),
    ],
)
def test_parameters_have_the_published_counts_and_shapes(name, arguments):
    expected = full_size(name)
    kind = {"projected_d": "single", "projected_d_cond": "cond"}.get(name, "separable")
    with torch.device("meta"):
        projection = RandomProjection([24, 40, 112, 320])
        heads = [
            MapHead(channels, widths_of(side, 64), **arguments)
            for channels, side in zip(projection.channels, projection.sides([64, 32, 16, 8]), strict=True)
        ]
    assert projection.channels == expected["channels"]
    assert sum(each.numel() for each in projection.parameters()) == expected["projection"]
    assert sum(each.numel() for h in heads for each in h.parameters()) == expected["D_trainable"]
    shapes = {
        f"mini_discs.{place}.{theirs}": list(head.state_dict()[ours].shape)
        for place, head in enumerate(heads)
        for ours, theirs in head_names(kind, len(head.blocks)).items()
    }
    assert shapes == expected["shapes"]["D_trainable"]


def test_side_behind_the_blocks_is_the_papers():
    assert [end_of(side) for side in (128, 64, 32, 16)] == [8] * 4
    assert sum((end_of(side) - 3) ** 2 for side in (112, 56, 28, 14)) == 64  # logits at 224 pixels


@pytest.fixture(scope="module")
def digits_discriminator():
    torch.manual_seed(0)
    return ProjectedDiscriminator((1, 8, 8), DigitsExtractor(), width=4)


def test_frozen_network_is_no_part_of_the_discriminator(digits_discriminator):
    names = {name.split(".")[0] for name in digits_discriminator.state_dict()}
    assert names == {"projection", "heads"}
    trained = {n.split(".")[0] for n, each in digits_discriminator.named_parameters() if each.requires_grad}
    assert trained == {"heads"}


def test_gradient_reaches_the_images_through_the_frozen_network(digits_discriminator):
    x = torch.randn(4, 1, 8, 8, requires_grad=True)
    logits = digits_discriminator(x)
    assert logits.shape == (4, 25 + 1 + 1)
    logits.sum().backward()
    assert x.grad.abs().amax((1, 2, 3)).min() > 0
    assert all(each.grad is None for each in digits_discriminator.features.network.parameters())


def test_frozen_network_stays_in_eval_mode(digits_discriminator):
    before = {n: each.clone() for n, each in digits_discriminator.features.network.state_dict().items()}
    digits_discriminator.train()(torch.randn(4, 1, 8, 8))
    assert all(
        torch.equal(each, before[name])
        for name, each in digits_discriminator.features.network.state_dict().items()
    )


def test_conditional_one_tells_classes_apart():
    discriminator = ProjectedDiscriminator((1, 8, 8), DigitsExtractor(), 10, width=4).eval()
    x = torch.randn(1, 1, 8, 8).expand(2, -1, -1, -1)
    one, other = discriminator(x, torch.tensor([1, 2]))
    assert not torch.allclose(one, other)


def test_missing_weights_are_told_with_the_setting_of_the_discriminator(tmp_path):
    for features in (Inception(str(tmp_path / "none.pth")), Lpips(str(tmp_path / "none.pth"))):
        with pytest.raises(GanworksError, match=r"model\.discriminator\.features\.weights"):
            ProjectedDiscriminator((3, 64, 64), features)


def test_unknown_layer_is_an_error_with_the_nearest_name():
    with pytest.raises(SettingError, match=r"body\.1"):
        ProjectedDiscriminator((1, 8, 8), DigitsExtractor(), layers=["boddy.1"])


@pytest.mark.parametrize("is_bf16", [False, True])
@pytest.mark.parametrize("head", ["plain", "separable"])
def test_gradients_of_second_order_reach_the_heads_and_no_frozen_weight(head, is_bf16):
    torch.manual_seed(0)
    network = ProjectedDiscriminator((1, 8, 8), DigitsExtractor(), 10, width=4, head=head, norm="none")
    label = torch.tensor([0, 1, 2])
    with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
        penalty = squared_gradient_norm(lambda x: network(x, label), torch.randn(3, 1, 8, 8)).mean()
    penalty.backward()
    found = [each.grad for each in network.heads.parameters() if each.grad is not None]
    assert all(each.isfinite().all() for each in found)
    assert any(each.any() for each in found)
    assert all(each.grad is None for each in network.projection.parameters())
    assert all(each.grad is None for each in network.features.network.parameters())
