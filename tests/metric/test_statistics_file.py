"""Statistics that other code reads and writes."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from cleanfid.fid import frechet_distance as clean_fid_distance

from ganworks.errors import GanworksError
from ganworks.metric import frechet_distance
from ganworks.metric.statistics_file import Statistics, is_statistics


@pytest.fixture
def features() -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(50, 8, generator=rng) @ torch.randn(8, 8, generator=rng)


def statistics(features: torch.Tensor, **terms: str) -> Statistics:
    return Statistics(features.double().mean(0), torch.cov(features.double().T), len(features), terms)


def test_written_file_is_read_back(features: torch.Tensor, tmp_path: Path) -> None:
    path = tmp_path / "new" / "real.npz"
    statistics(features, extractor="a", resizer="clean", split="cats").save(path)
    read = Statistics.load(path)
    torch.testing.assert_close(read.covariance, torch.cov(features.double().T))
    assert read.num == 50
    assert read.terms == {"extractor": "a", "resizer": "clean", "split": "cats"}
    assert [file.name for file in path.parent.iterdir()] == ["real.npz"]


def test_written_file_is_one_of_mu_and_sigma_as_others_read_it(
    features: torch.Tensor, tmp_path: Path
) -> None:
    statistics(features).save(tmp_path / "real.npz")
    with np.load(tmp_path / "real.npz") as file:
        mu, sigma = file["mu"][:], file["sigma"][:]
    other = features.roll(1, 1).double()
    theirs = clean_fid_distance(mu, sigma, other.mean(0).numpy(), torch.cov(other.T).numpy())
    ours = frechet_distance(torch.from_numpy(mu), torch.from_numpy(sigma), other.mean(0), torch.cov(other.T))
    assert ours == pytest.approx(theirs, rel=1e-6)
    assert ours > 1


def test_file_without_terms_is_named_by_its_content(features: torch.Tensor, tmp_path: Path) -> None:
    for name, scale in (("one", 1), ("same", 1), ("other", 2)):
        values = features.numpy() * scale
        np.savez(tmp_path / f"{name}.npz", mu=values.mean(0), sigma=np.cov(values, rowvar=False))
    one, same, other = (Statistics.load(tmp_path / f"{name}.npz") for name in ("one", "same", "other"))
    assert one.num is None
    assert one.mean.dtype == one.covariance.dtype == torch.float64
    hashes = [read.terms["split"].split()[1] for read in (one, same, other)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_running_sums_of_stylegan_are_read(features: torch.Tensor, tmp_path: Path) -> None:
    values = features.double().numpy()
    np.savez(tmp_path / "sums.npz", raw_mean=values.sum(0), raw_cov=values.T @ values, num_items=50)
    read = Statistics.load(tmp_path / "sums.npz")
    torch.testing.assert_close(read.mean, features.double().mean(0))
    torch.testing.assert_close(read.covariance, torch.cov(features.double().T))
    assert read.num == 50


def test_terms_that_disagree_are_refused(features: torch.Tensor) -> None:
    read = statistics(features, resizer="clean", weights_sha256="ab")
    read.check_terms("real.npz", {"resizer": "clean", "weights_sha256": "ab", "extractor": "x"}, 8)
    with pytest.raises(GanworksError, match=r"real\.npz.*resizer=clean.*legacy"):
        read.check_terms("real.npz", {"resizer": "legacy"})
    with pytest.raises(GanworksError, match=r"has 8 features.*2048"):
        read.check_terms("real.npz", {}, 2048)


WRONG = {
    "other names": ({"mean": np.zeros(2)}, "mu and sigma, or raw_mean.*it holds mean"),
    "shapes": ({"mu": np.zeros(2), "sigma": np.zeros((3, 3))}, r"\(2,\).*\(3, 3\)"),
    "not finite": ({"mu": np.zeros(2), "sigma": np.full((2, 2), np.nan)}, "not finite"),
    "objects": ({"mu": np.array([object()]), "sigma": np.zeros((1, 1))}, "plain arrays"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_statistics_is_named(name: str, tmp_path: Path) -> None:
    arrays, message = WRONG[name]
    np.savez(tmp_path / "real.npz", **arrays)
    with pytest.raises(GanworksError, match=message):
        Statistics.load(tmp_path / "real.npz")


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(GanworksError, match=r"no\.npz is missing"):
        Statistics.load(tmp_path / "no.npz")
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 cut off")
    for name in ("text.npz", "cut.npz"):
        with pytest.raises(GanworksError, match=r"damaged"):
            Statistics.load(tmp_path / name)


def test_statistics_are_told_from_folders_by_their_suffix() -> None:
    assert is_statistics("a/real.npz")
    assert not is_statistics("a/real")
    assert not is_statistics(None)


def test_damaged_statistics_are_refused_by_name(features: torch.Tensor, tmp_path: Path) -> None:
    path, rng = tmp_path / "real.npz", random.Random(0)
    statistics(features, extractor="a", split="cats").save(path)
    whole, read = path.read_bytes(), Statistics.load(path)
    versions = [whole[:-1], whole[: len(whole) // 2], bytes(len(whole)), b""]
    for _ in range(60):
        flipped = bytearray(whole)
        flipped[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        versions.append(bytes(flipped))
    num_refused = 0
    for version in versions:
        path.write_bytes(version)
        try:
            found = Statistics.load(path)
        except GanworksError as error:
            num_refused += "real.npz" in str(error)
        else:  # a bit of the zip file that says nothing, such as a date
            assert torch.equal(found.covariance, read.covariance)
            assert found.terms == read.terms
    assert num_refused > 40
