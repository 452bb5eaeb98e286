"""Codes at the end of a generator's latent: of any network, in copies, with chosen values."""

import copy
import math
import pickle

import pytest
import torch

from ganworks.cli.sample_arguments import Arguments, check_draws
from ganworks.errors import SettingError
from ganworks.model import (
    BigGANGenerator,
    Coded,
    DCGANGenerator,
    FastGANGenerator,
    MLPGenerator,
    R3GANGenerator,
    ResnetGenerator,
    SNGANGenerator,
    StyleGAN2Generator,
    TransformerGenerator,
    UNetGenerator,
    Video3DGenerator,
)
from ganworks.model.base import draw_noise, produce
from ganworks.model.codes import Codes
from ganworks.model.noise import Noise
from ganworks.noise import keyed_rng
from ganworks.sample.build import build_generator
from ganworks.sample.codes import CodedSampler, parse_code
from ganworks.sample.loading import load_generator
from ganworks.sample.sampler import Sampler

CODES = {"categories": [3, 2], "continuous": 2}
GENERATORS = {
    "mlp": lambda **s: MLPGenerator((2,), 9, width=4, **s),
    "dcgan": lambda **s: DCGANGenerator((1, 8, 8), 9, width=2, **s),
    "resnet": lambda **s: ResnetGenerator((1, 8, 8), 9, width=4, **s),
    "r3gan": lambda **s: R3GANGenerator((1, 8, 8), 9, width=4, group_size=4, num_blocks=1, **s),
    "sngan": lambda **s: SNGANGenerator((1, 32, 32), 9, width=2, **s),
    "biggan": lambda **s: BigGANGenerator((1, 32, 32), 12, width=2, **s),
    "fastgan": lambda **s: FastGANGenerator((1, 32, 32), 9, width=2, **s),
    "stylegan2": lambda **s: StyleGAN2Generator(
        (1, 8, 8), 9, w_dim=4, num_mapping=1, channel_base=32, channel_max=4, style_mixing=0.0, **s
    ),
    "transformer": lambda **s: TransformerGenerator((1, 8, 8), 9, depth=4, width=8, num_heads=2, **s),
    "video3d": lambda **s: Video3DGenerator((1, 4, 16, 16), 9, width=2, **s),
}


def draw(generator, num=4):
    return draw_noise(generator, num, lambda name: keyed_rng(0, name))


@pytest.mark.parametrize("name", GENERATORS)
def test_every_generator_with_a_latent_takes_codes_at_its_end(name):
    torch.manual_seed(0)
    plain = GENERATORS[name]().eval()
    torch.manual_seed(0)
    coded = GENERATORS[name](codes=CODES).eval()
    assert isinstance(coded, type(plain))
    noise = draw(coded)
    assert noise["latent"].shape == (4, plain.latent_dim - 7)
    codes = torch.cat([noise["category_0"], noise["category_1"], 2 * noise["continuous"] - 1], 1)
    others = {key: value for key, value in noise.items() if key not in coded.codes.noise}
    whole = {**others, "latent": torch.cat([noise["latent"], codes], 1)}
    assert torch.equal(produce(coded, noise)["fake"], produce(plain, whole)["fake"])
    assert list(coded.state_dict()) == list(plain.state_dict())


def test_generator_without_codes_is_of_its_own_class_and_draws_as_ever():
    for generator in (GENERATORS["dcgan"](), GENERATORS["dcgan"](codes=None)):
        assert type(generator) is DCGANGenerator
        assert list(generator.noise) == ["latent"]


def test_copies_and_pickles_keep_their_codes():
    generator = GENERATORS["mlp"](codes=CODES)
    noise = draw(generator)
    for other in (copy.deepcopy(generator), pickle.loads(pickle.dumps(generator))):
        assert isinstance(other, Coded)
        assert torch.equal(produce(other, noise)["fake"], produce(generator, noise)["fake"])


def test_categories_are_one_hot_and_each_as_frequent():
    drawn = Noise((2, 5), "one_hot").draw(4000, keyed_rng(0))
    assert drawn.shape == (4000, 2, 5)
    assert torch.equal(drawn.sum(-1), torch.ones(4000, 2))
    assert torch.allclose(drawn.mean((0, 1)), torch.full((5,), 0.2), atol=0.02)


def test_chosen_codes_take_the_place_of_drawn_ones_and_leave_the_others():
    codes, noise = Codes((3, 2), 2), draw(GENERATORS["mlp"](codes=CODES))
    chosen = codes.chosen([2, 1, -0.5], noise)
    assert torch.equal(codes.of(chosen)[:, :6], torch.tensor([[0, 0, 1, 0, 1, -0.5]]).expand(4, -1))
    assert torch.equal(chosen["continuous"][:, 1], noise["continuous"][:, 1])
    assert torch.equal(codes.chosen([1], noise)["category_1"], noise["category_1"])


@pytest.mark.parametrize(
    "values", [[3], [0.5], [0, 0, 2.0], [0, 0, 0, 0, 0], [-1], [math.nan], [math.inf], [0, 0, math.nan]]
)
def test_code_that_is_none_is_refused(values):
    with pytest.raises(SettingError, match="code="):
        Codes((3, 2), 2).chosen(values, draw(GENERATORS["mlp"](codes=CODES)))


@pytest.mark.parametrize(
    ("setting", "make"),
    [
        ("latent_dim", lambda: MLPGenerator((2,), 7, codes=CODES)),
        ("codes", lambda: StyleGAN2Generator((1, 8, 8), 9, w_dim=4, num_mapping=1, codes=CODES)),
        ("codes", lambda: UNetGenerator((1, 16, 16), width=2, codes=CODES)),
        ("categories", lambda: Codes(())),
        ("categories", lambda: Codes((1,))),
    ],
)
def test_generator_that_cannot_have_codes_says_why(setting, make):
    with pytest.raises(SettingError, match=f"^{setting}="):
        make()


def test_generator_folder_with_codes_draws_them_as_asked(tmp_path):
    config = {"_target_": "ganworks.model.MLPGenerator", "shape": [2], "latent_dim": 9, "codes": CODES}
    generator = build_generator(config).requires_grad_(False)
    Sampler(generator, {"generator": config}).save(tmp_path)
    sampler = load_generator(tmp_path)
    coded = CodedSampler(sampler, parse_code("2,0,.25"))
    noise = draw_noise(generator, 3, lambda name: keyed_rng(5, f"sample/{name}"))
    expected = produce(generator, generator.codes.chosen([2, 0, 0.25], noise))["fake"]
    assert torch.equal(coded.sample(3, seed=5), expected)
    assert not torch.equal(sampler.sample(3, seed=5), expected)


def test_code_of_a_generator_without_codes_is_refused():
    with pytest.raises(SettingError, match="has no codes"):
        CodedSampler(Sampler(GENERATORS["mlp"](), {}), [1.0])
    with pytest.raises(SettingError, match="code=a"):
        parse_code("a")


@pytest.mark.parametrize("other", [{"input": "photos"}, {"direction": "back"}, {"latent": "z.safetensors"}])
def test_code_where_nothing_is_drawn_is_refused(other):
    with pytest.raises(SettingError, match=f"code=3: must be left out with {next(iter(other))}="):
        check_draws(Arguments(run="run", code="3", **other))
    check_draws(Arguments(run="run", code="3"))
