r"""How far apart two sets of series are: by what a recurrent network makes of them, in time, and in each column alone.

- discriminative score |a - 1/2|, where a is the accuracy of a GRU that learned to tell the sets apart, on series that
  it did not see: 0 where nobody can tell, .5 where anyone can (Yoon et al. 2019, TimeGAN, section 5.2).
- predictive score: mean absolute error of a GRU that learned from the fakes to say the last column's next value out of
  the other columns, on reals ("train on synthetic, test on real"), in shares of the range; as in TimeGAN's published
  code. With one column it reads that one. It cannot be below what the reals leave open: read it beside its floor.
- autocorrelation distance: mean over columns d and lags k = 1 ... T - 1 of the difference of

  .. math:: \rho_d(k) = \frac{E[(x_{t,d} - \mu_d)(x_{t+k,d} - \mu_d)]}{\sigma_d^2}

  with mean and variance of the column over all series and steps.
- marginal distance: mean over the columns of the Wasserstein-1 distance between their values, in shares of the range.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganworks.metric.distance.transport import wasserstein
from ganworks.noise import keyed_rng, keyed_seed

NUM_UPDATES = 500
BATCH_SIZE = 128
LEARNING_RATE = 3e-3
RANGE = 2.0  # from -1 to 1
LAST = 5000  # series that are read at a time


class Reader(nn.Module):
    """A GRU that reads a series (B, T, D), and a linear layer on its state at each step.

    Args:
        num_inputs: D.
        width: units of the state.
    """

    def __init__(self, num_inputs: int, width: int) -> None:
        super().__init__()
        self.gru = nn.GRU(num_inputs, width, batch_first=True)
        self.head = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T)."""
        states: Tensor = self.gru(x)[0]
        return self.head(states).squeeze(-1)


def discriminative_score(
    real: Tensor, fake: Tensor, seed: int = 0, num_updates: int = NUM_UPDATES, width: int = 16
) -> float:
    """Return |accuracy - 1/2| of a GRU on the fifth of either set (N, T, D), (M, T, D) that it did not learn from.

    The sets are cut to one size, so that chance is 1/2.
    """
    num = min(len(real), len(fake))
    sides = [split(side[:num], seed, name) for side, name in ((real, "real"), (fake, "fake"))]
    train, test = (torch.cat([side[part] for side in sides]) for part in (0, 1))
    labels, truth = (
        torch.cat(
            [torch.full((len(side[part]),), float(label)) for label, side in zip((1, 0), sides, strict=True)]
        )
        for part in (0, 1)
    )

    def loss(network: nn.Module, rows: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(network(train[rows])[:, -1], labels[rows])

    reader = fit(lambda: Reader(real.shape[2], width), loss, len(train), seed, num_updates)
    with torch.no_grad():
        said = torch.cat([reader(part)[:, -1] > 0 for part in test.split(LAST)])
    return abs((said == truth.bool()).double().mean().item() - 0.5)


def predictive_score(
    real: Tensor, fake: Tensor, seed: int = 0, num_updates: int = NUM_UPDATES, width: int = 16
) -> float:
    """Return the error on reals (N, T, D) of a GRU that learned from fakes to say the next value of the last column."""
    inputs, targets = asked(fake)

    def loss(network: nn.Module, rows: Tensor) -> Tensor:
        return (network(inputs[rows]) - targets[rows]).abs().mean()

    reader = fit(lambda: Reader(inputs.shape[2], width), loss, len(inputs), seed, num_updates)
    inputs_of_reals, truth = asked(real)
    with torch.no_grad():
        said = torch.cat([reader(part) for part in inputs_of_reals.split(LAST)])
    return (said - truth).abs().double().mean().item() / RANGE


def asked(series: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the predictor reads, (N, T - 1, D - 1), and the next values of the last column, (N, T - 1)."""
    columns = series[..., :-1] if series.shape[2] > 1 else series
    return columns[:, :-1].float(), series[:, 1:, -1].float()


def autocorrelation(series: Tensor) -> Tensor:
    """Return the autocorrelation (T - 1, D), float64, of series (N, T, D) at lags 1 ... T - 1; see above."""
    x = series.double()
    x = x - x.mean((0, 1))
    variance = x.square().mean((0, 1)).clamp_min(1e-12)
    lags = [(x[:, :-lag] * x[:, lag:]).mean((0, 1)) / variance for lag in range(1, x.shape[1])]
    return torch.stack(lags)


def autocorrelation_distance(real: Tensor, fake: Tensor) -> float:
    """Return the mean difference of the autocorrelations of two sets (N, T, D), (M, T, D)."""
    return (autocorrelation(real) - autocorrelation(fake)).abs().mean().item()


def marginal_distance(real: Tensor, fake: Tensor) -> float:
    """Return the mean Wasserstein-1 distance of the columns of two sets (N, T, D), in shares of the range."""
    return wasserstein(real.flatten(0, 1), fake.flatten(0, 1)).mean().item() / RANGE


def split(series: Tensor, seed: int, name: str) -> tuple[Tensor, Tensor]:
    """Return four fifths of a set, and the fifth that is kept to test on."""
    order = torch.randperm(len(series), generator=keyed_rng(seed, "series", "split", name))
    num = max(1, len(series) // 5)
    return series[order[num:]].float(), series[order[:num]].float()


def fit(
    make: Callable[[], nn.Module],
    loss: Callable[[nn.Module, Tensor], Tensor],
    num_rows: int,
    seed: int,
    num_updates: int,
) -> nn.Module:
    """Train the network that ``make`` makes, by Adam on keyed batches of rows; its weights are keyed as well."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(keyed_seed(seed, "series", "init"))
        network = make()
        optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
        for update in range(num_updates):
            rng = keyed_rng(seed, "series", "batch", update)
            rows = torch.randint(num_rows, (BATCH_SIZE,), generator=rng)
            value = loss(network, rows)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    return network.eval().requires_grad_(False)
