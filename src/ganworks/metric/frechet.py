r"""Frechet distance between two Gaussians, in float64.

.. math:: d^2 = |\mu_1 - \mu_2|^2 + \mathrm{tr}(C_1 + C_2 - 2 (C_1 C_2)^{1/2})

Dowson and Landau 1982, eq. 4; as a score of images Heusel et al. 2017, eq. 6
(https://arxiv.org/abs/1706.08500). With any root :math:`C_1 = R^T R` the last trace is the sum of the roots of the
eigenvalues of the symmetric :math:`R C_2 R^T`. Of fewer samples than dimensions the centred samples are a root, and
that matrix is as small as their number; otherwise the root is Cholesky's, of the reals, computed once.
"""

from __future__ import annotations

import torch
from torch import Tensor

FEW_FEATURES = 512  # up to here singular values, which keep all digits, cost nothing that would be noticed


def frechet_distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """Return the Frechet distance of N(mean1, cov1) and N(mean2, cov2); means (D,), covariances (D, D).

    >>> frechet_distance(torch.zeros(4), torch.eye(4), torch.ones(4), 4 * torch.eye(4))
    8.0
    """
    return frechet_distance_of_root(mean1, covariance_root(cov1.double()).T, mean2, cov2)


def frechet_distance_of_root(mean1: Tensor, root1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """Return the Frechet distance of N(mean1, R^T R) and N(mean2, cov2).

    Args:
        root1: R (K, D); the time goes with K^3 + K D^2, so take the root of the set that has fewer samples.
    """
    mean1, root1, mean2, cov2 = (x.double() for x in (mean1, root1, mean2, cov2))
    if len(cov2) <= FEW_FEATURES:
        trace_of_root = torch.linalg.svdvals(root1 @ covariance_root(cov2)).sum()
    else:
        trace_of_root = torch.linalg.eigvalsh(root1 @ cov2 @ root1.T).clamp(min=0).sqrt().sum()
    return _distance(mean1, root1.square().sum(), mean2, cov2.trace(), trace_of_root)


def frechet_distance_of_features(features1: Tensor, features2: Tensor) -> float:
    """Return the Frechet distance of the Gaussians fitted to two sets of features (N, D) and (M, D).

    Covariances have N - 1 in the denominator, as everywhere in the field. With N and M below D no (D, D)
    matrix is formed.
    """
    num_features = features1.shape[1]
    if max(len(features1), len(features2)) >= num_features:
        return frechet_distance(*mean_and_covariance(features1), *mean_and_covariance(features2))
    (mean1, root1), (mean2, root2) = mean_and_root(features1), mean_and_root(features2)
    trace_of_root = torch.linalg.svdvals(root1 @ root2.T).sum()
    return _distance(mean1, root1.square().sum(), mean2, root2.square().sum(), trace_of_root)


def mean_and_covariance(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (D,) and covariance (D, D), float64, of features (N, D) with N from 2 up."""
    mean, root = mean_and_root(features)
    return mean, root.T @ root


def mean_and_root(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean (D,) of features (N, D) and R (N, D) with R^T R their covariance, float64."""
    features = features.double()
    mean = features.mean(0)
    return mean, (features - mean) / (len(features) - 1) ** 0.5


def covariance_root(cov: Tensor) -> Tensor:
    """Return L (D, D) with L L^T = cov: Cholesky's, or the eigenvectors' where cov is singular."""
    root, failed = torch.linalg.cholesky_ex(cov)
    if not failed:
        return root
    eigenvalues, eigenvectors = torch.linalg.eigh(cov)
    return eigenvectors * eigenvalues.clamp(min=0).sqrt()


def _distance(mean1: Tensor, trace1: Tensor, mean2: Tensor, trace2: Tensor, trace_of_root: Tensor) -> float:
    distance = (mean1 - mean2).square().sum() + trace1 + trace2 - 2 * trace_of_root
    return max(0.0, distance.item())  # rounding may leave -1e-12 where both are the same
