"""FastGAN's networks against the tensors and the sizes of the official ones."""

import pytest
import torch

from ganworks.errors import SettingError
from ganworks.model import FastGANDiscriminator
from ganworks.model.fastgan import FastGANGenerator
from ganworks.model.layer.power_iteration import with_power_iteration
from ganworks.official.fastgan import generator_config, generator_state
from ganworks.regularizer import squared_gradient_norm
from golden import close, close_group, full_size, golden, gradients

BOTH = pytest.mark.parametrize("name", ["fastgan", "fastgan_lite"])


def loaded(name):
    """Return the tensors of a golden file, our network with its weights, and the inputs."""
    tensors = golden(name)
    state = tensors.group("G")
    config = generator_config(state, {"img_resolution": 128})
    config.pop("_target_")
    network = FastGANGenerator(**config)
    network.load_state_dict(generator_state(state, network))
    maps = [noise for noise in network.noise if noise != "latent"]
    noise = {name: tensors[f"in.noise{place}"] for place, name in enumerate(maps)}
    return tensors, network, {"latent": tensors["in.z"], **noise}


def names_of(network):
    """Return official names by ours."""
    from ganworks.official.fastgan import _generator_names

    return {ours: theirs for theirs, ours in _generator_names(network)}


@BOTH
def test_outputs_equal_the_official_ones(name):
    tensors, network, inputs = loaded(name)
    close(network.eval()(**inputs), tensors["out.G"])
    close(network.train()(**inputs), tensors["out.train.G"])


@BOTH
def test_gradients_and_buffers_of_a_training_pass_equal_the_official_ones(name):
    tensors, network, inputs = loaded(name)
    inputs["latent"].requires_grad_()
    samples = network.train()(**inputs)
    loss = (samples * tensors["in.v_G_tile"].repeat(1, 1, 8, 8)).sum()
    close(torch.autograd.grad(loss, inputs["latent"], retain_graph=True)[0], tensors["grad.z"], 1e-4)
    ours, expected = names_of(network), tensors.group("gradG")
    for parameter in network.parameters():
        parameter.requires_grad_()
    found = {ours[name]: gradient for name, gradient in gradients(loss, network).items()}
    close_group(found, expected, names=expected)
    assert all(not found[name].any() for name in set(found) - set(expected))  # the layers of 256 do not run
    buffers = {ours[name]: tensor for name, tensor in network.state_dict().items()}
    for name, tensor in tensors.group("after.G").items():
        close(buffers[name].float(), tensor.float(), 1e-4)


def test_a_wrong_epsilon_of_the_batch_norms_is_seen():
    tensors, network, inputs = loaded("fastgan")
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.eps = 1e-3
    with pytest.raises(AssertionError, match="of the largest value"):
        close(network.eval()(**inputs), tensors["out.G"])


@pytest.mark.parametrize(
    ("name", "resolution", "arguments"),
    [
        *((f"fastgan_{side}", side, {}) for side in (128, 256, 512, 1024)),
        ("fastgan_lite_256", 256, {"lite": True}),
        ("fastgan_cond_256", 256, {"num_classes": 1000}),
    ],
)
def test_parameters_have_the_published_counts_and_shapes(name, resolution, arguments):
    with torch.device("meta"):
        network = FastGANGenerator((3, resolution, resolution), **arguments)
    expected = full_size(name)
    assert sum(parameter.numel() for parameter in network.parameters()) == expected["G"]
    ours, found = names_of(network), network.state_dict()
    shapes = {theirs: list(found[name].shape) for name, theirs in ours.items()}
    assert shapes == expected["shapes"]["G"]


@pytest.mark.parametrize("resolution", [32, 64])
@pytest.mark.parametrize("lite", [False, True])
def test_small_images_have_no_layers_that_do_not_run(resolution, lite):
    network = FastGANGenerator((1, resolution, resolution), 8, 3, width=4, lite=lite)
    inputs = network.draw_noise(2, lambda name: torch.Generator().manual_seed(len(name)))
    samples = network(**inputs, label=torch.tensor([0, 2]))
    assert samples.shape == (2, 1, resolution, resolution)
    unused = {
        name for name, gradient in gradients(samples.square().sum(), network).items() if not gradient.any()
    }
    assert all("strengths" not in name for name in unused)
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("resolution", [16, 2048])
def test_resolutions_outside_of_the_papers_are_refused(resolution):
    with pytest.raises(SettingError, match="from 8 to 256 in FastGAN"):
        FastGANGenerator((3, resolution, resolution))


def test_first_weights_have_the_deviation_of_dcgan():
    torch.manual_seed(0)
    network = FastGANGenerator((3, 32, 32), 32, width=16)
    weight = network.blocks["8"].convs[0].parametrizations.weight.original
    assert weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert all(not strength.any() for strength in network.blocks["8"].strengths)


BF16 = pytest.mark.parametrize("is_bf16", [False, True])


def all_finite(network):
    """Say whether every parameter that learns has a finite gradient, and some one that is not 0."""
    found = [each.grad for each in network.parameters() if each.grad is not None]
    return all(each.isfinite().all() for each in found) and any(each.any() for each in found)


@BF16
def test_gradients_of_second_order_reach_the_weights_of_the_generator(is_bf16):
    torch.manual_seed(0)
    network = FastGANGenerator((1, 32, 32), 8, 3, width=4)
    inputs = network.draw_noise(3, lambda name: torch.Generator().manual_seed(len(name)))
    inputs["latent"].requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
        value = network(**inputs, label=torch.tensor([0, 1, 2])).float().square().sum()
    (slope,) = torch.autograd.grad(value, inputs["latent"], create_graph=True)
    slope.square().sum().backward()
    assert all_finite(network)


@BF16
@pytest.mark.parametrize("norm", ["none", "layer"])
def test_gradients_of_second_order_reach_the_weights_of_the_discriminator(norm, is_bf16):
    torch.manual_seed(0)
    network, x = FastGANDiscriminator((1, 32, 32), 3, width=4, norm=norm), torch.randn(3, 1, 32, 32)
    with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
        label = torch.tensor([0, 1, 2])
        squared_gradient_norm(lambda x: network(x, label)["logits"], x).mean().backward()
    assert all_finite(network)


def test_sigma_is_that_of_float32_under_autocast():
    torch.manual_seed(0)
    layer = with_power_iteration(torch.nn.Linear(64, 64)).eval()
    expected = layer.weight
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer.weight, expected)
