"""Heads on the features of a frozen teacher."""

import pytest
import torch
from torch import nn

from ganworks.errors import SettingError
from ganworks.model import ScorePair, TeacherHeads, VelocityMLP
from ganworks.model.score_pair import denoised, matching_loss
from ganworks.noise import keyed_rng

SHAPE = (1, 4, 4)


def teacher(depth=4):
    torch.manual_seed(0)
    network = VelocityMLP(SHAPE, width=8, depth=depth)
    nn.init.normal_(network.head.weight)
    return network


def samples(num=3, shape=SHAPE, seed=0):
    return torch.randn(num, *shape, generator=keyed_rng(seed))


class Tokens(nn.Module):
    """A teacher whose blocks return tokens (B, N, F), and whose stem returns maps (B, F, H, W)."""

    def __init__(self):
        super().__init__()
        self.stem, self.blocks = nn.Conv2d(1, 6, 2, stride=2), nn.ModuleList([nn.Linear(6, 5)])

    def forward(self, x, t):
        maps = self.stem(x) * t.view(-1, 1, 1, 1)
        return self.blocks[0](maps.flatten(2).transpose(1, 2))


@pytest.mark.parametrize(("depth", "num_heads"), [(1, 1), (3, 3), (4, 4), (6, 4)])
def test_heads_stand_on_up_to_four_blocks_of_the_teacher(depth, num_heads):
    heads = TeacherHeads(SHAPE, teacher(depth), width=8)
    assert heads(samples(), t=torch.rand(3)).shape == (3, num_heads)
    assert heads.layers[-1] == f"blocks.{depth - 1}"


def test_gradients_of_the_heads_reach_the_samples_and_leave_the_teacher_as_it_was():
    critic, x = TeacherHeads(SHAPE, teacher(), width=8), samples().requires_grad_()
    before = {name: tensor.clone() for name, tensor in critic.teacher.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in critic.parameters() if p.requires_grad], lr=0.1)
    critic(x, t=torch.full((3,), 0.3)).mean().backward()
    optimizer.step()
    assert x.grad.abs().min() > 0
    assert all(p.grad is None for p in critic.teacher.parameters())
    assert all(p.grad is not None for p in critic.heads.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in critic.teacher.state_dict().items())


def test_gradient_in_the_samples_is_that_of_finite_differences():
    critic, x = TeacherHeads(SHAPE, teacher(), width=8).double(), samples(2).double().requires_grad_()
    t = torch.tensor([0.1, 0.4], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda y: critic(y, t=t), x)


def test_features_of_tokens_and_of_maps_are_judged_at_each_place():
    critic = TeacherHeads((1, 8, 8), Tokens(), layers=["stem", "blocks.0"], width=4)
    assert critic(samples(2, (1, 8, 8)), t=torch.rand(2)).shape == (2, 16 + 16)


def test_samples_without_a_time_are_clean():
    critic, x = TeacherHeads(SHAPE, teacher(), width=8), samples()
    assert torch.equal(critic(x), critic(x, t=torch.zeros(3)))
    assert not torch.equal(critic(x), critic(x, t=torch.ones(3)))


def test_teacher_stays_in_evaluation_mode():
    network = nn.Module()
    network.blocks = nn.ModuleList([nn.Dropout()])
    network.forward = lambda x, t: network.blocks[0](x.flatten(1))
    assert not TeacherHeads(SHAPE, network, width=4).train().teacher.blocks[0].training
    pair = ScorePair(network).train()
    assert pair.fake.blocks[0].training
    assert not pair.teacher.blocks[0].training


def test_layers_are_names_of_the_teacher_with_the_nearest_offered():
    with pytest.raises(SettingError, match=r"layers=blocks.9.*'blocks\.[0-3]'"):
        TeacherHeads(SHAPE, teacher(), layers=["blocks.9"])


def test_teacher_without_blocks_needs_layers_by_name():
    class Bare(nn.Module):
        def forward(self, x, t):
            return x

    with pytest.raises(SettingError, match="layers"):
        TeacherHeads(SHAPE, Bare())


class Gaussian(nn.Module):
    """The velocity of data N(mean, std^2): E[z - x | x_t]."""

    def __init__(self, mean, std):
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, x, t):
        t = t.view(-1, *[1] * (x.dim() - 1))
        variance = (1 - t) ** 2 * self.std**2 + t**2
        centred = x - (1 - t) * self.mean
        return (t - (1 - t) * self.std**2) / variance * centred - self.mean


def expected_clean(mean, std, x, t):
    """E[x_0 | x_t] of data N(mean, std^2)."""
    return mean + (1 - t) * std**2 / ((1 - t) ** 2 * std**2 + t**2) * (x - (1 - t) * mean)


def test_velocity_of_a_gaussian_says_its_expected_clean_sample():
    x, t = samples(5).double(), torch.linspace(0.1, 0.9, 5, dtype=torch.float64)
    at = t.view(-1, 1, 1, 1)
    assert torch.allclose(denoised(Gaussian(0.3, 0.5), x, t), expected_clean(0.3, 0.5, x, at), atol=1e-12)


def test_matching_gradient_is_the_closed_form_of_two_gaussians():
    pair = ScorePair(Gaussian(1.0, 0.5))
    pair.fake = Gaussian(-1.0, 0.8)
    y, z = samples(4).double().requires_grad_(), samples(4, seed=1).double()
    t = torch.tensor([0.2, 0.4, 0.6, 0.8], dtype=torch.float64)
    (gradient,) = torch.autograd.grad(matching_loss(pair, y, t, z), y)
    at = t.view(-1, 1, 1, 1)
    x_t = (1 - at) * y.detach() + at * z
    real, fake = expected_clean(1.0, 0.5, x_t, at), expected_clean(-1.0, 0.8, x_t, at)
    scale = (y.detach() - real).abs().mean((1, 2, 3), keepdim=True)
    assert torch.allclose(gradient, (fake - real) / scale / y.numel(), atol=1e-12)
    # The generator moves toward the teacher's side.
    assert (-gradient).mean() > 0


def test_equal_scores_leave_the_generator_alone():
    pair, y = ScorePair(Gaussian(0.2, 0.5)), samples(4).double().requires_grad_()
    (gradient,) = torch.autograd.grad(
        matching_loss(pair, y, torch.full((4,), 0.5), samples(4, seed=1).double()), y
    )
    assert gradient.abs().max() == 0


def test_gradient_of_matching_does_not_flow_through_the_scores():
    pair, y = ScorePair(teacher()), samples(2).requires_grad_()
    nn.init.normal_(pair.fake.head.weight)
    matching_loss(pair, y, torch.full((2,), 0.5), samples(2, seed=1)).backward()
    assert all(p.grad is None for p in pair.parameters())
    assert y.grad.abs().max() > 0
