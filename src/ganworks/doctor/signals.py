"""What can be read off a training step: pure functions of logits, samples and weights.

Nothing here waits for the device: each function returns a tensor of one number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ganworks.loss import AdversarialLoss

aten = torch.ops.aten


def auc(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return the share of pairs (real, fake) with the larger logit at the real one, ties counted half.

    The area under the ROC curve, by the statistic of Mann and Whitney (Hanley and McNeil 1982): 1 where the
    discriminator tells all samples apart, .5 where it guesses.

    >>> auc(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0]))
    tensor(0.8750)
    """
    ordered, real_logits = fake_logits.float().sort().values, real_logits.float().contiguous()
    below = torch.searchsorted(ordered, real_logits)
    not_above = torch.searchsorted(ordered, real_logits, right=True)
    return (below + not_above).double().mean().float() / (2 * len(ordered))


def sign_mean(real_logits: Tensor) -> Tensor:
    """Return r_t = E sign D(x) over reals, Karras et al. 2020 (ADA), equation 1; no measure for relativistic losses."""
    return real_logits.float().sign().mean()


def slopes(loss: AdversarialLoss, real_logits: Tensor, fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean slope of a sample's loss in its logits: the discriminator's and the generator's.

    Near 0 a loss is saturated and its network learns nothing, whatever the size of the gradients behind it.
    Under cross entropy the discriminator's is 1 - D(x) and D(G(z)), averaged; a Wasserstein loss has 1 throughout.
    """
    real_logits, fake_logits = (x.detach().float().requires_grad_() for x in (real_logits, fake_logits))
    with torch.enable_grad():
        of_discriminator = loss.discriminator(real_logits, fake_logits)
        of_generator = loss.generator(fake_logits, real_logits if loss.relativistic else None)
        gradients = torch.autograd.grad(of_discriminator, (real_logits, fake_logits))
        (gradient,) = torch.autograd.grad(of_generator, fake_logits)
    return torch.cat(gradients).abs().sum() / 2, gradient.abs().sum()


def pair_distances(x: Tensor) -> Tensor:
    """Return the Euclidean distances (B, B) of all pairs among samples (B, ...).

    >>> pair_distances(torch.tensor([[0.0], [1.0], [3.0]]))[0]
    tensor([0., 1., 3.])
    """
    distances = torch.zeros(len(x), len(x), device=x.device)
    one, other = torch.triu_indices(len(x), len(x), 1, device=x.device)
    distances[one, other] = torch.pdist(x.flatten(1).float())
    return distances + distances.T


def mean_distance(distances: Tensor) -> Tensor:
    """Return the mean of `pair_distances`, those of a sample from itself left out.

    >>> mean_distance(pair_distances(torch.tensor([[0.0], [1.0], [2.0]])))
    tensor(1.3333)
    """
    return distances.sum() / (len(distances) * (len(distances) - 1))


def nearest(distances: Tensor) -> tuple[Tensor, Tensor]:
    """Return for each sample the distance (B,) of the nearest other one of `pair_distances`, and its index (B,)."""
    others = distances + torch.diag(torch.full_like(distances[0], torch.inf))
    found = others.min(1)
    return found.values, found.indices


def diversity(real: Tensor, fake: Tensor) -> Tensor:
    """Return the mean of the fakes' `pair_distances` over that of the reals': near 1 in a good run, 0 of a constant."""
    return mean_distance(fake) / mean_distance(real).clamp_min(1e-12)


def nearest_ratio(real: Tensor, fake: Tensor) -> Tensor:
    """Return how far a fake is from the nearest other one, over the same of reals; both as `pair_distances`.

    The birthday paradox test of Arora and Zhang 2017 (https://arxiv.org/abs/1706.08224) as a number: a generator with
    few different samples repeats them within a batch, however far these few lie apart.
    """
    return nearest(fake)[0].mean() / nearest(real)[0].mean().clamp_min(1e-12)


def energy_distance(real: Tensor, fake: Tensor, across: Tensor) -> Tensor:
    """Return (2 E|x - y| - E|x - x'| - E|y - y'|) / 2 E|x - y| of two sets: about 0 if they are alike.

    Szekely and Rizzo 2013, the coefficient of inhomogeneity (https://doi.org/10.1016/j.jspi.2013.03.018).

    Args:
        real, fake: their `pair_distances`.
        across: the distances of each real from each fake.
    """
    twice = 2 * across.mean()
    return (twice - mean_distance(real) - mean_distance(fake)) / twice.clamp_min(1e-12)


def label_matches(real: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return how many samples share the label of their nearest neighbour, and the mean and variance of it by chance.

    The nearest-neighbour statistic of Schilling 1986 (https://doi.org/10.1080/01621459.1986.10478337): no network is
    asked, for a discriminator can learn any labels by heart.

    Args:
        real: their `pair_distances` (B, B).
        label: (B,).
    """
    same = label[:, None] == label
    chance = (same.sum(1) - 1) / (len(label) - 1)
    matches = same.gather(1, nearest(real)[1][:, None]).sum()
    return matches, chance.sum(), (chance * (1 - chance)).sum()


def class_accuracy(class_logits: Tensor, label: Tensor) -> Tensor:
    """Return the share of samples whose class has the largest number in class_logits (B, K).

    >>> class_accuracy(torch.tensor([[0.0, 1.0], [2.0, 1.0]]), torch.tensor([1, 1]))
    tensor(0.5000)
    """
    return (class_logits.argmax(1) == label).float().mean()


def update_ratio(before: Iterable[Tensor], after: Iterable[Tensor]) -> Tensor:
    """Return |after - before| / |before| of all weights of a network together; about 1e-3 is healthy."""
    before, after = list(before), list(after)
    moved = torch.stack(torch._foreach_norm(torch._foreach_sub(after, before))).norm()
    return moved / torch.stack(torch._foreach_norm(before)).norm().clamp_min(1e-12)


def largest_singular_value(weight: Tensor, num_iterations: int = 5) -> Tensor:
    """Return the spectral norm of a matrix by the power iteration, Miyato et al. 2018, algorithm 1, from a fixed start.

    It comes from below; after five steps it lacks some percent at most where two singular values are close.
    """
    matrix = weight.detach().flatten(1).float()
    v = torch.ones(matrix.shape[1], device=matrix.device) + 0.01 * matrix[0]
    for _ in range(num_iterations):
        u = nn.functional.normalize(matrix @ v, dim=0)
        v = nn.functional.normalize(matrix.T @ u, dim=0)
    return (matrix @ v).norm()


def spectral_norm(network: nn.Module) -> Tensor:
    """Return the largest spectral norm among the weights of linear and convolutional layers.

    Its growth comes before the collapse of large networks, Brock et al. 2019, section 4.1.
    """
    norms = []
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
            is_transposed = isinstance(layer, nn.modules.conv._ConvTransposeNd)
            norms.append(
                largest_singular_value(layer.weight.transpose(0, 1) if is_transposed else layer.weight)
            )
    return torch.stack(norms).max() if norms else torch.tensor(0.0)


class DeadUnits(TorchDispatchMode):
    """Count, in the forward passes inside, the channels behind a ReLU that are 0 for every sample and place."""

    rectifiers = (aten.relu, aten.relu_)

    def __init__(self) -> None:
        super().__init__()
        self.num_dead: list[Tensor] = []
        self.num_units = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if function.overloadpacket in self.rectifiers and result.dim() > 1:
            largest = result.detach().transpose(0, 1).flatten(1).amax(1)
            self.num_dead.append((largest <= 0).sum())
            self.num_units += len(largest)
        return result

    @property
    def share(self) -> Tensor:
        """The share of dead units, 0 where there is no ReLU."""
        return torch.stack(self.num_dead).sum() / self.num_units if self.num_dead else torch.tensor(0.0)
