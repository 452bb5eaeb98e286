r"""Frechet distance between two Gaussians, in float64.

.. math:: d^2 = |\mu_1 - \mu_2|^2 + \mathrm{tr}(C_1 + C_2 - 2 (C_1 C_2)^{1/2})

Dowson and Landau 1982, eq. 4; as a score of images Heusel et al. 2017, eq. 6
(https://arxiv.org/abs/1706.08500). With any root :math:`C_i = L_i L_i^T` the last trace is the nuclear norm
of :math:`L_1^T L_2`. Two forms follow: the eigenvalues of the symmetric :math:`L_1^T C_2 L_1`, and, for fewer
samples than dimensions, the singular values of a matrix of the samples' size.
"""

from __future__ import annotations

import torch
from torch import Tensor

MANY_FEATURES = 1500  # a matrix that large has its eigenvalues taken, not its singular values


def frechet_distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """Return the Frechet distance of N(mean1, cov1) and N(mean2, cov2); means (D,), covariances (D, D).

    >>> frechet_distance(torch.zeros(4), torch.eye(4), torch.ones(4), 4 * torch.eye(4))
    8.0
    """
    root1, root2 = covariance_root(cov1.double()).T, covariance_root(cov2.double()).T
    return frechet_distance_of_roots(mean1.double(), root1, mean2.double(), root2)


def frechet_distance_of_roots(mean1: Tensor, root1: Tensor, mean2: Tensor, root2: Tensor) -> float:
    """Return the Frechet distance of Gaussians with means (D,) and roots R (K, D), R^T R the covariance, float64.

    A root of fewer rows than dimensions, such as the centred samples themselves, makes it cheap.
    """
    product = root1 @ root2.T
    if min(product.shape) < MANY_FEATURES:
        trace_of_root = torch.linalg.svdvals(product).sum()
    else:  # the squares' eigenvalues: fewer digits for the small ones, in two thirds of the time
        trace_of_root = torch.linalg.eigvalsh(product.T @ product).clamp(min=0).sqrt().sum()
    return _distance(mean1, root1.square().sum(), mean2, root2.square().sum(), trace_of_root)


def frechet_distance_of_features(features1: Tensor, features2: Tensor) -> float:
    """Return the Frechet distance of the Gaussians fitted to two sets of features (N, D) and (M, D).

    Covariances have N - 1 in the denominator, as everywhere in the field. With N and M below D no (D, D)
    matrix is formed.
    """
    num_features = features1.shape[1]
    if max(len(features1), len(features2)) >= num_features:
        return frechet_distance(*mean_and_covariance(features1), *mean_and_covariance(features2))
    return frechet_distance_of_roots(*mean_and_root(features1), *mean_and_root(features2))


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
