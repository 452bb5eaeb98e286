"""StyleGAN3's generator equals the paper's own, and moves its images as it is told."""

import copy
import math

import pytest
import torch
from hydra.utils import instantiate

from ganworks.errors import SettingError
from ganworks.model import StyleGAN3Generator
from ganworks.model.layer.filtered_lrelu import filtered_lrelu, upsampled
from ganworks.model.layer.resample import upfirdn
from ganworks.model.stylegan3_schedule import low_pass, schedule
from ganworks.official import stylegan3 as official
from ganworks.regularizer.path_length import path_lengths
from ganworks.run.compose import compose
from golden import close, close_group, full_size, golden, gradients

GOLDEN, OPS = golden("sg3_t"), golden("ops")
ARGUMENTS = {
    "channel_base": 64,
    "channel_max": 12,
    "magnitude_ema_beta": 0.9,
    "num_critical": 2,
}
TINY = {"latent_dim": 8, "w_dim": 10, "channel_base": 64, "channel_max": 12, "num_layers": 6}


def generator(**kwargs):
    state = GOLDEN.group("G")
    network = instantiate(official.generator_config(state, ARGUMENTS), **kwargs)
    network.load_state_dict(official.generator_state(state, network))
    return network.eval()


def ours(name):
    """Return official gradients under our names; buffers have none."""
    network, found = generator(), GOLDEN.group(name)
    layers = official.layers_of(GOLDEN.group("G"))
    names = {official.official(key, layers): key for key, _ in network.named_parameters()}
    return {theirs: found[theirs] for theirs in names}, names


def held(found, name):
    expected, names = ours(name)
    close_group({theirs: found[mine] for theirs, mine in names.items()}, expected)


def test_filtered_activation_equals_the_official_one():
    x = OPS["in.x"].requires_grad_()
    settings = {"up": 2, "down": 2, "padding": (9, 8, 7, 10), "gain": 1.3, "slope": 0.2, "clamp": 0.6}
    y = filtered_lrelu(x, OPS["flrelu.fu"], OPS["flrelu.fd"], OPS["act.b"], **settings)
    close(y, OPS["flrelu.out"])
    close(torch.autograd.grad((y * OPS["flrelu.v"]).sum(), x)[0], OPS["flrelu.grad_x"], 1e-4)


@pytest.mark.parametrize("up", [1, 2, 4])
@pytest.mark.parametrize("padding", [(9, 8, 7, 10), (-6, -9, 2, 30), (0, 40, -11, -12)])
def test_upsampling_without_zeros_equals_its_definition(up, padding):
    torch.manual_seed(0)
    x, f = torch.randn(2, 3, 40, 38), torch.rand(6 * up)
    expected = upfirdn(x, f, up, padding=padding, gain=up**2)
    close(upsampled(x, f, up, padding), expected, 1e-6)


def test_layers_are_those_of_the_official_schedule():
    network, table = generator(), GOLDEN.facts["layers"]
    for layer, facts in zip(network.layers, table, strict=True):
        assert list(layer.padding) == facts["padding"]
        assert [layer.up, layer.down] == facts["up/down"]
        taps = [1 if f is None else len(f) for f in (layer.up_filter, layer.down_filter)]
        assert taps == facts["taps"]
    state = GOLDEN.group("G")
    for name, layer in zip(official.layers_of(state), network.layers, strict=True):
        if not layer.is_image:
            assert torch.allclose(layer.up_filter, state[f"synthesis.{name}.up_filter"], atol=1e-7)
            assert torch.allclose(layer.down_filter, state[f"synthesis.{name}.down_filter"], atol=1e-7)
    specs = schedule(32, 3, 64, 12, 6)
    assert [spec.cutoff for spec in specs] == pytest.approx([facts["cutoffs"][1] for facts in table])
    assert [spec.half_width for spec in specs] == pytest.approx([f["half_widths"][1] for f in table])


def test_generator_equals_the_official_one():
    network, z = generator(), GOLDEN["in.z"].requires_grad_()
    seen = {}
    for place in (0, 2):
        network.layers[place].register_forward_hook(lambda m, i, y, place=place: seen.update({place: y}))
    ws = network.to_w(z)
    close(ws, GOLDEN["out.ws"])
    close(network.input(ws[:, 0]), GOLDEN["out.input"])
    image = network(z)
    close(image, GOLDEN["out.G"])
    for place, found in seen.items():
        close(found[:1], GOLDEN[f"out.layer{place}"])
    value = (image * GOLDEN["in.v_G"]).sum()
    held(gradients(value, network, create_graph=True), "gradG")
    close(torch.autograd.grad(value, z)[0], GOLDEN["grad.z"], 1e-4)
    close(network.from_w(network.truncated(ws, 0.5)), GOLDEN["out.G_psi05"])


def test_path_length_equals_the_official_one_to_second_order():
    network = generator()
    ws = network.to_w(GOLDEN["in.z"])
    lengths = path_lengths(network.from_w(ws), ws, GOLDEN["in.pl_noise"] * 32)
    close(lengths, GOLDEN["out.pl_lengths"], 1e-4)
    held(gradients((lengths - 0.1).square().mean(), network), "gradPL")


def test_running_magnitudes_and_mean_of_w_move_in_a_pass_that_is_learned_from_only():
    network, before = generator().train(), generator().state_dict()
    with torch.no_grad():
        network(GOLDEN["in.z"])
    network.from_w(network.to_w(GOLDEN["in.z"]))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    network(GOLDEN["in.z"])
    layers = official.layers_of(GOLDEN.group("G"))
    after = {official.official(name, layers): value for name, value in network.state_dict().items()}
    moved = GOLDEN.group("after.G")
    assert len(moved) == 8
    for name, expected in moved.items():
        close(after[name], expected)


def test_two_halves_of_a_batch_on_two_ranks_have_the_magnitudes_of_the_whole(monkeypatch):
    torch.manual_seed(0)
    layer = generator().layers[2]
    w, x = torch.randn(4, layer.affine.weight.shape[1]), torch.randn(4, layer.weight.shape[1], 36, 36)
    x = x * torch.tensor([1.0, 1.0, 3.0, 3.0])[:, None, None, None]
    alone, before = copy.deepcopy(layer), layer.magnitude.clone()
    expected = alone(x, w, torch.float32, follow=True)
    magnitudes = torch.stack([half.square().mean() for half in x.chunk(2)])
    layer(x[:2], w[:2], torch.float32, follow=True)
    assert not torch.allclose(layer.magnitude, alone.magnitude)  # a rank by itself
    layer.magnitude.copy_(before)
    monkeypatch.setattr("ganworks.model.stylegan3_synthesis.is_shared", lambda: True)
    monkeypatch.setattr("ganworks.model.stylegan3_synthesis.gather", lambda mean: magnitudes)
    pairs = zip(x.chunk(2), w.chunk(2), strict=True)
    halves = [copy.deepcopy(layer)(*pair, torch.float32, follow=True) for pair in pairs]
    layer(x[:2], w[:2], torch.float32, follow=True)
    assert torch.allclose(layer.magnitude, alone.magnitude)
    close(torch.cat(halves), expected, 1e-5)


@pytest.mark.parametrize("wrong", ["GAIN", "SLOPE"])
def test_a_wrong_constant_is_seen(wrong, monkeypatch):
    monkeypatch.setattr(f"ganworks.model.stylegan3_synthesis.{wrong}", 0.3)
    with pytest.raises(AssertionError, match="largest value"):
        close(generator()(GOLDEN["in.z"]), GOLDEN["out.G"])


@pytest.mark.parametrize("kind", ["t", "r"])
@pytest.mark.parametrize("resolution", [32, 64, 128, 256, 512, 1024])
def test_published_sizes_have_the_official_shapes(kind, resolution):
    facts = full_size(f"sg3_{kind}_{resolution}")
    theirs = {key: torch.empty(shape, device="meta") for key, shape in facts["shapes"]["G"].items()}
    with torch.device("meta"):
        network = StyleGAN3Generator((3, resolution, resolution), kind=kind)
    assert sum(parameter.numel() for parameter in network.parameters()) == facts["G"]
    shapes = {k: v.shape for k, v in official.generator_state(theirs, network).items()}
    assert shapes == {k: v.shape for k, v in network.state_dict().items()}
    names = official.layers_of(theirs)
    for name, layer in zip(names, network.layers, strict=True):
        if not layer.is_image:
            assert layer.up_filter.shape == theirs[f"synthesis.{name}.up_filter"].shape
            assert layer.down_filter.shape == theirs[f"synthesis.{name}.down_filter"].shape


def test_radial_filters_are_round_and_keep_the_mean():
    f = low_pass(12, 4.0, 4.0, 32.0, radial=True)
    assert f.sum().item() == pytest.approx(1, abs=1e-6)
    assert torch.allclose(f, f.t())
    assert torch.allclose(f, f.flip(0))
    assert torch.linalg.matrix_rank(f) > 1  # not separable


@pytest.mark.parametrize(("cutoff", "half_width"), [(4.0, 4.0), (2.0, 6.0), (6.5, 1.9)])
def test_a_radial_filter_is_the_jinc_under_a_kaiser_window(cutoff, half_width):
    taps, rate = 12, 32.0

    def bessel(order, x, sign):  # power series: J for sign -1, I for 1
        parts = [
            sign**k * (x / 2) ** (2 * k + order) / math.factorial(k) / math.factorial(k + order)
            for k in range(40)
        ]
        return sum(parts)

    attenuation = 2.285 * (taps - 1) * math.pi * 2 * half_width / (rate / 2) + 7.95
    over = attenuation - 21
    low = 0.5842 * over**0.4 + 0.07886 * over if over > 0 else 0.0
    beta = 0.1102 * (attenuation - 8.7) if attenuation > 50 else low
    window = [bessel(0, beta * math.sqrt(1 - (2 * k / (taps - 1) - 1) ** 2), 1) for k in range(taps)]
    f = torch.zeros(taps, taps, dtype=torch.float64)
    for i in range(taps):
        for j in range(taps):
            distance = math.hypot(i - (taps - 1) / 2, j - (taps - 1) / 2) / rate
            f[i, j] = bessel(1, 2 * math.pi * cutoff * distance, -1) / (math.pi * distance)
            f[i, j] *= window[i] * window[j]
    close(low_pass(taps, cutoff, half_width, rate, radial=True), f / f.sum(), 1e-6)


@pytest.mark.parametrize("kind", ["t", "r"])
def test_the_users_shift_moves_the_image(kind):
    torch.manual_seed(0)
    network = StyleGAN3Generator(
        (3, 32, 32), kind=kind, **TINY | {"channel_max": 32, "channel_base": 1024}
    ).eval()
    z = torch.randn(1, 8)
    still = network(z)
    network.input.transform[0, 2] = 2 / 32  # two pixels, seen from the features
    moved = network(z)
    inside = slice(8, 24)
    difference = (moved - still)[..., inside, inside].square().mean()
    error = (moved[..., inside, inside] - still[..., inside, 10:26]).square().mean()
    assert error < 0.05 * difference


def test_a_quarter_turn_turns_the_image_of_kind_r_only():
    torch.manual_seed(0)
    errors = {}
    for kind in ("t", "r"):
        network = StyleGAN3Generator((3, 32, 32), kind=kind, **TINY).eval()
        z = torch.randn(1, 8)
        still = network(z)
        network.input.transform[:2, :2] = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
        turned = network(z)
        ways = [(turned - still.rot90(k, (2, 3))).square().mean() for k in (1, 3)]
        errors[kind] = (min(ways) / still.square().mean()).item()
    assert errors["r"] < 1e-3 < 0.1 < errors["t"]


@pytest.mark.parametrize("half_type", ["bfloat16", "float16"])
def test_half_precision_is_near_float32_and_differentiable_twice(half_type):
    full, half = generator(), generator(half_type=half_type, num_half_res=4)
    z = GOLDEN["in.z"]
    image = half(z)
    assert image.dtype == torch.float32
    assert (image - full(z)).abs().max() < 0.1 * full(z).abs().max()
    ws = half.to_w(z)
    with torch.autocast("cpu", torch.bfloat16, enabled=half_type == "bfloat16"):
        lengths = path_lengths(half.from_w(ws), ws, GOLDEN["in.pl_noise"] * 32)
        found = gradients(lengths.mean(), half)
    assert all(gradient.isfinite().all() for gradient in found.values())


@pytest.mark.parametrize("kind", ["t", "r"])
def test_configuration_of_official_arguments_has_the_official_sizes(kind):
    facts, twice = full_size(f"sg3_{kind}_64"), 1 + (kind == "r")
    theirs = {key: torch.empty(shape, device="meta") for key, shape in facts["shapes"]["G"].items()}
    arguments = {"channel_base": 32768 * twice, "channel_max": 512 * twice, "conv_clamp": None}
    config = official.generator_config(theirs, arguments)
    assert config["kind"] == kind
    assert config["clamp"] is None
    with torch.device("meta"):
        network = instantiate(config)
    assert sum(parameter.numel() for parameter in network.parameters()) == facts["G"]


@pytest.mark.parametrize("kind", ["t", "r"])
@pytest.mark.parametrize("conditional", [False, True])
def test_configuration_builds_a_pair(kind, conditional):
    data = ["data.channels=3", "data.resolution=16"]
    switches = [f"model.kind={kind}", f"model.conditional={conditional}", "model.width=4"]
    config = compose(["model=stylegan3", *data, *switches]).model
    pair = [instantiate(config[player], _convert_="all") for player in ("generator", "discriminator")]
    label = torch.tensor([0, 3]) if conditional else None
    assert pair[1](pair[0](torch.randn(2, 512), label), label).shape == (2,)


def test_a_label_changes_the_image_of_a_conditional_generator():
    network = StyleGAN3Generator((1, 16, 16), num_classes=3, **TINY)
    z = torch.randn(1, 8).expand(2, -1)
    images = network(z, torch.tensor([0, 2]))
    assert images.shape == (2, 1, 16, 16)
    assert not torch.allclose(images[0], images[1], atol=1e-3)


@pytest.mark.parametrize(
    ("setting", "kwargs"),
    [("kind", {"kind": "x"}), ("resolution", {"shape": (3, 8, 8)}), ("num_layers", {"num_layers": 2})],
)
def test_a_setting_that_it_cannot_have_is_named(setting, kwargs):
    with pytest.raises(SettingError, match=f"{setting}="):
        StyleGAN3Generator(**{"shape": (3, 16, 16), **kwargs})
