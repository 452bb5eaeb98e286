"""sample.py: grids, single files and arrays of what the arguments ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks import Sampler, load_generator
from ganworks.cli.sample import Arguments, Drawn, write
from ganworks.model import DCGANGenerator, MLPGenerator
from ganworks.picture import image_grid
from ganworks.sample.kind import kind_of
from ganworks.sample.sampler import slerp


@pytest.fixture
def points(tmp_path: Path) -> Path:
    """The folder of a generator of points in the plane, without classes."""
    generator = {
        "_target_": "ganworks.model.MLPGenerator",
        "shape": [2],
        "latent_dim": 4,
        "width": 8,
        "depth": 1,
    }
    network = MLPGenerator(**{name: value for name, value in generator.items() if name != "_target_"})
    Sampler(network, {"generator": generator}).save(tmp_path / "points")
    return tmp_path / "points"


def array(ganworks: Callable, *arguments: str) -> np.ndarray:
    result = ganworks("sample", *arguments, "out=array.npy")
    assert result.code == 0, result.err
    return np.load("array.npy")


def test_grid_is_that_of_the_samplers_images(ganworks: Callable, trained_run: Path) -> None:
    result = ganworks(
        "sample", f"run={trained_run}", "num=12", "seed=5", "columns=6", "out=pictures/grid.png"
    )
    assert result.code == 0, result.err
    assert "12 samples in pictures/grid.png" in result.out
    expected = image_grid(load_generator(trained_run).sample(12, seed=5), columns=6)
    assert np.array_equal(np.asarray(Image.open("pictures/grid.png")), np.asarray(expected))
    other = image_grid(load_generator(trained_run).sample(12, seed=6), columns=6)
    assert not np.array_equal(np.asarray(other), np.asarray(expected))


def test_folder_gets_one_file_a_sample_in_the_images_own_size(ganworks: Callable, trained_run: Path) -> None:
    result = ganworks("sample", f"run={trained_run}", "num=3", "out=single")
    assert result.code == 0, result.err
    paths = sorted(Path("single").iterdir())
    assert [path.name for path in paths] == ["000000.png", "000001.png", "000002.png"]
    samples = load_generator(trained_run).sample(3)
    for path, sample in zip(paths, samples, strict=True):
        pixels = np.asarray(Image.open(path).convert("L"), dtype=np.float32)
        assert np.abs(pixels / 127.5 - 1 - sample[0].numpy()).max() <= 0.5 / 127.5 + 1e-6


def test_arrays_hold_the_samples_as_they_are(ganworks: Callable, trained_run: Path) -> None:
    expected = load_generator(trained_run).sample(5, seed=2)
    assert np.array_equal(array(ganworks, f"run={trained_run}", "num=5", "seed=2"), expected.numpy())
    assert ganworks("sample", f"run={trained_run}", "num=5", "seed=2", "out=five.pt").code == 0
    assert torch.equal(torch.load("five.pt", weights_only=True), expected)


@pytest.mark.parametrize("out", ["fakes_0.5", "run.v2", "grid.PNG", "array.NPY"])
def test_name_with_a_dot_is_a_folder_and_an_ending_may_be_in_capitals(
    ganworks: Callable, trained_run: Path, out: str
) -> None:
    result = ganworks("sample", f"run={trained_run}", "num=2", f"out={out}")
    assert result.code == 0, result.err
    assert Path(out).is_dir() == (out in ("fakes_0.5", "run.v2"))
    assert [path.name for path in Path.cwd().iterdir()] == [out]


def test_samples_are_written_while_they_are_drawn(tmp_path: Path) -> None:
    def batches() -> Iterator[torch.Tensor]:
        for start in range(0, 6, 2):
            assert len(list(tmp_path.rglob("*.png"))) == start  # those before are written
            yield torch.full((2, 1, 4, 4), start / 6)

    arguments = Arguments(out=str(tmp_path / "single"))
    write(Drawn(6, batches(), kind_of((1, 4, 4))), arguments)
    assert len(list(tmp_path.rglob("*.png"))) == 6


def test_array_that_could_not_be_finished_leaves_nothing(tmp_path: Path) -> None:
    def batches() -> Iterator[torch.Tensor]:
        yield torch.zeros(2, 1, 4, 4)
        raise MemoryError

    with pytest.raises(MemoryError):
        write(Drawn(4, batches(), kind_of((1, 4, 4))), Arguments(out=str(tmp_path / "array.npy")))
    assert list(tmp_path.iterdir()) == []


def test_checkpoint_and_generator_folder_draw_the_same(ganworks: Callable, trained_run: Path) -> None:
    sources = [trained_run, trained_run / "checkpoints" / "last.ckpt", trained_run / "generator"]
    arrays = [array(ganworks, f"run={source}", "num=2") for source in sources]
    assert np.array_equal(arrays[0], arrays[1])
    assert np.array_equal(arrays[0], arrays[2])


@pytest.mark.parametrize(
    ("text", "labels"),
    [("3", [3, 3, 3, 3]), ("0,1,2", [0, 1, 2, 0]), ("[0,1,2]", [0, 1, 2, 0]), ("[7, 9]", [7, 9, 7, 9])],
)
def test_label_chooses_the_classes(
    ganworks: Callable, trained_run: Path, text: str, labels: list[int]
) -> None:
    drawn = array(ganworks, f"run={trained_run}", "num=4", f"label={text}")
    expected = load_generator(trained_run).sample(4, label=torch.tensor(labels))
    assert np.array_equal(drawn, expected.numpy())
    assert not np.array_equal(drawn, load_generator(trained_run).sample(4, label=5).numpy())


def test_truncation_bounds_the_latents(ganworks: Callable, trained_run: Path) -> None:
    sampler = load_generator(trained_run)
    assert sampler.draw_latent(500, truncation=0.5).abs().max() <= 0.5
    assert sampler.draw_latent(500).abs().max() > 0.5
    drawn = array(ganworks, f"run={trained_run}", "num=4", "truncation=0.5")
    assert np.array_equal(drawn, sampler.sample(4, truncation=0.5).numpy())


def test_batch_size_does_not_change_the_samples(ganworks: Callable, trained_run: Path) -> None:
    one = array(ganworks, f"run={trained_run}", "num=7", "batch_size=2")
    expected = load_generator(trained_run).sample(7).numpy()
    assert np.allclose(one, expected, atol=1e-5)  # float32: kernels differ with the shapes
    assert not np.allclose(one, expected[::-1], atol=1e-5)  # control


def test_strip_runs_from_one_latent_to_another_in_one_class(ganworks: Callable, trained_run: Path) -> None:
    strips = array(ganworks, f"run={trained_run}", "interpolate=2", "num=5", "label=4")
    sampler = load_generator(trained_run)
    ends = sampler.draw_latent(4)
    expected = sampler.generator(ends, torch.full((4,), 4)).numpy()
    assert strips.shape == (10, 1, 8, 8)
    assert np.allclose(strips[[0, 4, 5, 9]], expected, atol=1e-4)
    middle = slerp(ends[0], ends[1], torch.tensor([0.5]))
    assert np.allclose(strips[2], sampler.generator(middle[None], torch.tensor([4])).numpy()[0], atol=1e-4)
    result = ganworks("sample", f"run={trained_run}", "interpolate=2", "num=5", "out=strips.png")
    assert result.code == 0, result.err
    assert Image.open("strips.png").width > 2 * Image.open("strips.png").height  # one strip a row


def test_points_become_a_scatter_plot(ganworks: Callable, points: Path) -> None:
    result = ganworks("sample", f"run={points}", "num=500", "out=points.png")
    assert result.code == 0, result.err
    pixels = np.asarray(Image.open("points.png"))
    assert 0 < (pixels.sum(2) < 3 * 255).sum() < 4 * 500 + 1


def test_paths_are_taken_as_they_are_written(ganworks: Callable, trained_run: Path) -> None:
    for name in ("007", "1e3", "a: b", "[x]", "a=b"):
        Path(name).symlink_to(trained_run)
        result = ganworks("sample", f"run={name}", "num=1", f"out={name}.npy")
        assert result.code == 0, result.err
        assert Path(f"{name}.npy").exists()


MISTAKES = {
    "no run": ([], ["run=", "a run directory, a checkpoint, a generator folder or official weights"]),
    "run missing": (["run=nowhere"], ["run=nowhere", "existing"]),
    "run empty": (["run=."], ["run=.", "generator/"]),
    "zero samples": (["run={run}", "num=0"], ["num=0", "an integer from 1 up"]),
    "word for a count": (["run={run}", "num=many"], ["num=many", "an integer"]),
    "negative strips": (["run={run}", "interpolate=-1"], ["interpolate=-1", "an integer from 0 up"]),
    "zero columns": (["run={run}", "columns=0"], ["columns=0", "an integer from 1 up"]),
    "zero batch": (["run={run}", "batch_size=0"], ["batch_size=0", "an integer from 1 up"]),
    "no such class": (["run={run}", "label=10"], ["label=10", "a class from 0 to 9"]),
    "no such class in a list": (["run={run}", "label=[0,99]"], ["label=99", "a class from 0 to 9"]),
    "word for a class": (["run={run}", "label=seven"], ["label=seven", "label=0,1,2"]),
    "no class in a list": (["run={run}", "label=[]"], ["label=[]", "label=0,1,2"]),
    "class without classes": (["run={points}", "label=1"], ["label=", "left out", "unconditional"]),
    "negative truncation": (["run={run}", "truncation=-1"], ["truncation=-1", "above 0"]),
    "word for truncation": (["run={run}", "truncation=much"], ["truncation=much", "number"]),
    "unknown ending": (["run={run}", "out=x.gif"], ["out=x.gif", ".png", ".npy"]),
    "points as single files": (["run={points}", "out=folder"], ["out=folder", ".npy"]),
    "output below a file": (["run={run}", "out=/dev/null/x.png"], ["/dev/null"]),
    "no such device": (["run={run}", "device=abacus"], ["device=abacus", "cpu"]),
    "unknown setting": (["run={run}", "nums=3"], ["'nums'", "Did you mean 'num'?"]),
    "group": (["run={run}", "model.width=3"], ["model.width=3", "left out"]),
    "no setting": (["{run}"], ["name=value"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_named_in_one_line(
    ganworks: Callable, trained_run: Path, points: Path, mistake: str
) -> None:
    arguments, parts = MISTAKES[mistake]
    result = ganworks("sample", *(argument.format(run=trained_run, points=points) for argument in arguments))
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1, result.err
    for part in parts:
        assert part in result.err
    assert not list(Path.cwd().rglob("*.*"))


def test_help_names_every_setting(ganworks: Callable) -> None:
    result = ganworks("sample", "--help")
    assert result.code == 0
    for name in ("run=", "num=", "seed=", "out=", "label=", "truncation=", "interpolate="):
        assert name in result.out


def test_damaged_generator_is_named(ganworks: Callable, copied_run: Path) -> None:
    weights = copied_run / "generator" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    result = ganworks("sample", f"run={copied_run}", "out=x.png")
    assert result.code == 1
    assert result.err.startswith(f"error: {copied_run}/generator holds no complete generator")
    assert isinstance(load_generator(copied_run / "checkpoints" / "last.ckpt").generator, DCGANGenerator)
