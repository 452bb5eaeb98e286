"""R3GAN's networks equal the paper's own, and start as the paper says."""

import copy

import pytest
import torch
from hydra.utils import instantiate
from torch.nn.functional import softplus

from games import make_task
from ganworks.errors import GanworksError, SettingError
from ganworks.loss import RelativisticPairing
from ganworks.model import R3GANDiscriminator, R3GANGenerator
from ganworks.official import r3gan as official
from ganworks.regularizer import R1, R2
from golden import close, close_group, full_size, golden, gradients

GOLDEN = golden("r3gan")
SIZES = {
    "CIFAR10": {"shape": (3, 32, 32), "num_classes": 10},
    "CIFAR10_uncond": {"shape": (3, 32, 32)},
    "FFHQ-64": {"shape": (3, 64, 64)},
    "FFHQ-256": {"shape": (3, 256, 256)},
    "ImageNet-32": {"shape": (3, 32, 32), "num_classes": 1000, "width": 1536, "group_size": 32},
    "ImageNet-64": {"shape": (3, 64, 64), "num_classes": 1000, "widths": [1536] * 5, "group_size": 32},
}
GAMMA = 0.7


def generator(state=None, **kwargs):
    state = state or GOLDEN.group("G")
    network = instantiate(official.generator_config(state, {}), **kwargs)
    network.load_state_dict(official.generator_state(state, network))
    return network


def discriminator(**kwargs):
    state = GOLDEN.group("D")
    network = instantiate(official.discriminator_config(state, {}), **kwargs)
    network.load_state_dict(official.discriminator_state(state, network))
    return network


def of_generator(name, network):
    return official.generator_state(GOLDEN.group(name), network)


def of_discriminator(name, network):
    return official.discriminator_state(GOLDEN.group(name), network)


def penalty(logits, x):
    return torch.autograd.grad(logits.sum(), x, create_graph=True)[0].square().sum((1, 2, 3))


def test_generator_equals_the_official_one():
    network, z = generator(), GOLDEN["in.z"].requires_grad_()
    fake = network(z)
    close(fake, GOLDEN["out.G"])
    value = (fake * GOLDEN["in.v_G"]).sum()
    close_group(gradients(value, network, create_graph=True), of_generator("gradG", network))
    close(torch.autograd.grad(value, z)[0], GOLDEN["grad.z"], 1e-4)


@pytest.mark.parametrize("double_backward", ["grouped", "native"])
def test_discriminator_equals_the_official_one_to_second_order(double_backward):
    network, x = discriminator(double_backward=double_backward), GOLDEN["in.x"].requires_grad_()
    logits = network(x)
    close(logits, GOLDEN["out.D_real"])
    close_group(
        gradients((logits * GOLDEN["in.v_D"]).sum(), network, True), of_discriminator("gradD", network)
    )
    close(torch.autograd.grad(logits.sum(), x, retain_graph=True)[0], GOLDEN["grad.x"], 1e-4)
    r1 = 0.5 * penalty(logits, x).mean()
    close(r1[None], GOLDEN["r1"], 1e-4)
    close_group(gradients(r1, network), of_discriminator("gradR1", network))


def test_step_of_the_discriminator_equals_the_official_one():
    network, real = discriminator(), GOLDEN["in.x"].requires_grad_()
    fake = generator()(GOLDEN["in.z"]).detach().requires_grad_()
    real_logits, fake_logits = network(real), network(fake)
    close(fake_logits, GOLDEN["out.D_fake"])
    loss, r1, r2 = (
        softplus(fake_logits - real_logits),
        penalty(real_logits, real),
        penalty(fake_logits, fake),
    )
    close(loss, GOLDEN["out.D_step_loss"])
    close(r1, GOLDEN["out.D_step_r1"], 1e-4)
    close(r2, GOLDEN["out.D_step_r2"], 1e-4)
    total = (loss + GAMMA / 2 * (r1 + r2)).mean()
    close_group(gradients(total, network), of_discriminator("gradDstep", network))


def test_step_of_the_generator_equals_the_official_one():
    network, critic = generator(), discriminator().requires_grad_(False)
    loss = softplus(critic(GOLDEN["in.x"]) - critic(network(GOLDEN["in.z"])))
    close(loss, GOLDEN["out.G_step_loss"])
    close_group(gradients(loss.mean(), network), of_generator("gradGstep", network))


@pytest.mark.parametrize("share_forward", [True, False])
def test_the_tasks_terms_give_the_gradients_of_the_official_steps(share_forward):
    networks = {"generator": generator(), "discriminator": discriminator()}
    penalties = {"r1": R1(GAMMA), "r2": R2(GAMMA)}
    task = make_task(
        RelativisticPairing(), regularizers=penalties, share_forward=share_forward, **networks
    ).float()
    batch = {"real": GOLDEN["in.x"], "latent": GOLDEN["in.z"]}
    total = sum(task.discriminator_terms(batch).values())
    close_group(
        gradients(total, task.discriminator), of_discriminator("gradDstep", networks["discriminator"])
    )
    total = sum(task.generator_terms(batch).values())
    close_group(gradients(total, task.generator), of_generator("gradGstep", networks["generator"]))


def test_a_wrong_slope_is_seen(monkeypatch):
    monkeypatch.setattr("ganworks.model.r3gan.SLOPE", 0.1)
    with pytest.raises(AssertionError, match="largest value"):
        close(generator()(GOLDEN["in.z"]), GOLDEN["out.G"])


def test_a_tensor_that_the_layout_does_not_know_is_an_error():
    with pytest.raises(GanworksError, match=r"Extra\.weight"):
        generator(GOLDEN.group("G") | {"Extra.weight": torch.zeros(1)})


@pytest.mark.parametrize("name", SIZES)
def test_published_sizes_have_the_official_shapes(name):
    for role, kind in (("G", R3GANGenerator), ("D", R3GANDiscriminator)):
        facts = full_size(f"r3gan_{name}_{role}")
        theirs = {key: torch.empty(shape, device="meta") for key, shape in facts["shapes"][role].items()}
        with torch.device("meta"):
            ours = kind(**SIZES[name])
        assert sum(parameter.numel() for parameter in ours.parameters()) == facts[role]
        as_ours = {"G": official.generator_state, "D": official.discriminator_state}[role](theirs, ours)
        assert {k: v.shape for k, v in as_ours.items()} == {k: v.shape for k, v in ours.state_dict().items()}
        config = {"G": official.generator_config, "D": official.discriminator_config}[role](theirs, {})
        with torch.device("meta"):
            read = instantiate(config)
        assert {k: v.shape for k, v in read.state_dict().items()} == {
            k: v.shape for k, v in ours.state_dict().items()
        }


def test_networks_start_as_published():
    torch.manual_seed(0)
    pair = (
        R3GANGenerator((3, 16, 16), 64, 10, width=64, group_size=32),
        R3GANDiscriminator((3, 16, 16), 10, width=64, group_size=32),
    )
    for network in pair:
        block = network.stages[0][0]
        gain = (2 / 1.04) ** 0.5 * 6**-0.25  # six blocks
        assert block.first.weight.std().item() == pytest.approx(gain * 64**-0.5, rel=0.03)
        assert block.middle.weight.std().item() == pytest.approx(gain * (32 * 9) ** -0.5, rel=0.03)
        assert block.last.weight.abs().max() == block.first_bias.abs().max() == 0
    assert pair[0].basis.std().item() == pytest.approx(1, rel=0.1)
    assert pair[0].embedding.weight.std().item() == pytest.approx(10**-0.5, rel=0.1)
    assert pair[1].embedding.weight.std().item() == pytest.approx(640**-0.5, rel=0.1)
    assert pair[1].basis.weight.std().item() == pytest.approx(1 / 4, rel=0.1)


def test_blocks_start_as_the_identity_and_the_discriminator_as_linear():
    network, x = R3GANDiscriminator((3, 16, 16), width=16), torch.randn(2, 3, 16, 16)
    stream = torch.randn(2, 16, 4, 4)
    assert torch.equal(network.stages[0](stream), stream)
    assert torch.allclose(network(3 * x), 3 * network(x), atol=1e-5)
    slopes = [torch.func.grad(lambda x: network(x).sum())(scale * x) for scale in (1, 5)]
    assert torch.allclose(*slopes)


def test_generator_starts_bilinear_in_basis_and_latent():
    network, z = R3GANGenerator((3, 16, 16), 5, width=16), torch.randn(2, 5)
    twice = copy.deepcopy(network)
    twice.basis.data *= 2
    assert torch.allclose(twice(3 * z), 6 * network(z), atol=1e-5)


def test_logit_of_a_conditional_discriminator_is_a_product_of_features_and_class():
    network, x = R3GANDiscriminator((1, 8, 8), 3, width=16, embedding_dim=7), torch.randn(2, 1, 8, 8)
    seen = {}
    network.head.register_forward_hook(lambda module, inputs, output: seen.update(features=output))
    logits = network(x, torch.tensor([2, 0]))
    assert torch.allclose(logits, (seen["features"] * network.embedding.weight[[2, 0]]).sum(1))
    assert seen["features"].shape == (2, 7)


@pytest.mark.parametrize("double_backward", ["grouped", "native"])
@pytest.mark.parametrize("autocast", [False, True])
def test_penalty_under_half_precision_is_near_that_in_float32(double_backward, autocast):
    full, x = discriminator(double_backward=double_backward), GOLDEN["in.x"].requires_grad_()
    half = discriminator(
        double_backward=double_backward, half_type="bfloat16", num_half_res=0 if autocast else 2
    )
    expected = gradients(penalty(full(x), x).mean(), full)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        logits = half(x)
        found = gradients(penalty(logits.float(), x).mean(), half)
    scale = max(gradient.abs().max() for gradient in expected.values())
    assert all((found[name] - expected[name]).abs().max() < 0.1 * scale for name in expected)
    assert not all(torch.equal(found[name], expected[name]) for name in expected)


def test_half_precision_keeps_parameters_image_and_4x4_stage_in_float32():
    network = R3GANGenerator((3, 16, 16), 8, width=16, num_half_res=2, half_type="bfloat16")
    types = []
    for blocks in network.stages:
        blocks.register_forward_hook(lambda module, inputs, output: types.append(output.dtype))
    assert network(torch.randn(2, 8)).dtype == torch.float32
    assert types == [torch.float32, torch.bfloat16, torch.bfloat16]
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    network.precision = R3GANGenerator((3, 16, 16), 8, width=16).precision
    assert network(torch.randn(2, 8)).dtype == types[4] == torch.float32  # auto: float32 on a CPU


@pytest.mark.parametrize(
    ("setting", "kwargs"),
    [
        ("widths", {"widths": [8, 8]}),
        ("num_blocks", {"num_blocks": [1]}),
        ("group_size", {"width": 12, "group_size": 16}),
        ("half_type", {"half_type": "float8"}),
        ("double_backward", {"double_backward": "grupped"}),
    ],
)
def test_a_setting_that_it_cannot_have_is_named(setting, kwargs):
    for kind in (R3GANGenerator, R3GANDiscriminator):
        with pytest.raises(SettingError, match=f"{setting}="):
            kind((3, 16, 16), **{"width": 8} | kwargs)
