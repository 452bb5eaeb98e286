r"""Frechet distance between two Gaussians, in float64.

.. math:: d^2 = |\mu_1 - \mu_2|^2 + \mathrm{tr}(C_1 + C_2 - 2 (C_1 C_2)^{1/2})

Dowson and Landau 1982, eq. 4; as a score of images Heusel et al. 2017, eq. 6
(https://arxiv.org/abs/1706.08500). With roots :math:`C_i = R_i^T R_i` the last trace is the sum of the singular
values of :math:`R_1 R_2^T`. A root of fewer samples than dimensions are the centred samples, and that product is as
small as their number; otherwise it is Cholesky's, computed once for the reals. The product and the values of its Gram
matrix are BLAS' and LAPACK's of triangular and symmetric matrices, through SciPy: half of the work.
"""

from __future__ import annotations

import scipy.linalg
import torch
from scipy.linalg.blas import dsyrk, dtrmm
from torch import Tensor

FEW_FEATURES = 512  # up to here singular values, which keep all digits, cost nothing that would be noticed


def frechet_distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """Return the Frechet distance of N(mean1, cov1) and N(mean2, cov2); means (D,), covariances (D, D).

    >>> frechet_distance(torch.zeros(4), torch.eye(4), torch.ones(4), 4 * torch.eye(4))
    8.0
    """
    return frechet_distance_of_roots(mean1, covariance_root(cov1), mean2, covariance_root(cov2))


def frechet_distance_of_features(features1: Tensor, features2: Tensor) -> float:
    """Return the Frechet distance of the Gaussians fitted to two sets of features (N, D) and (M, D).

    Covariances have N - 1 in the denominator, as everywhere in the field.
    """
    return frechet_distance_of_roots(*mean_and_root(features1), *mean_and_root(features2))


def frechet_distance_of_roots(mean1: Tensor, root1: Tensor, mean2: Tensor, root2: Tensor) -> float:
    """Return the Frechet distance of N(mean1, R1^T R1) and N(mean2, R2^T R2).

    Args:
        root1, root2: (K, D), float64, as `covariance_root` and `mean_and_root` return them: of K below D, or upper
            triangular.
    """
    distance = (mean1.double() - mean2.double()).square().sum() + root1.square().sum() + root2.square().sum()
    distance -= 2 * _sum_of_singular_values(_product(root1, root2))
    return max(0.0, distance.item())  # rounding may leave -1e-12 where both are the same


def mean_and_covariance(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (D,) and covariance (D, D), float64, of features (N, D) with N from 2 up."""
    mean, centred = _centred(features)
    return mean, centred.T @ centred


def mean_and_root(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (D,) and R (min(N, D), D), float64, with R^T R the covariance of features (N, D), N from 2 up."""
    mean, centred = _centred(features)
    fewer_than_dimensions = len(features) < features.shape[1]
    return mean, centred if fewer_than_dimensions else covariance_root(centred.T @ centred)


def covariance_root(cov: Tensor) -> Tensor:
    """Return R (D, D), upper triangular, with R^T R = cov: Cholesky's, or by eigenvectors where cov is singular."""
    cov = cov.double()
    root, failed = torch.linalg.cholesky_ex(cov, upper=True)
    if not failed:
        return root
    eigenvalues, eigenvectors = torch.linalg.eigh(cov)
    return torch.linalg.qr((eigenvectors * eigenvalues.clamp(min=0).sqrt()).T, mode="r").R


def _centred(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean (D,) of features (N, D), and (x - mean) / sqrt(N - 1) of each row x, float64."""
    features = features.double()
    mean = features.mean(0)
    return mean, (features - mean) / (len(features) - 1) ** 0.5


def _product(root1: Tensor, root2: Tensor) -> Tensor:
    """Return R1 R2^T, or its transpose, with no more columns than rows."""
    if len(root1) > len(root2):
        root1, root2 = root2, root1
    if len(root2) < root2.shape[1]:
        return root2 @ root1.T
    return torch.from_numpy(dtrmm(1.0, root2.T.numpy(), root1.T.numpy(), lower=1, trans_a=1))


def _sum_of_singular_values(matrix: Tensor) -> float:
    """Return the sum of the singular values of a matrix (K, L), L at most K; beyond a size through its Gram matrix."""
    if matrix.shape[1] <= FEW_FEATURES:
        return torch.linalg.svdvals(matrix).sum().item()
    gram = dsyrk(1.0, matrix.numpy(), trans=1, lower=1)
    squares = scipy.linalg.eigvalsh(gram, lower=True, overwrite_a=True, check_finite=False)
    return float((squares.clip(min=0) ** 0.5).sum())
