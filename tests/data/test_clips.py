"""A user's clips: frames, animations, videos; windows keyed by the epoch; what cannot be read or is too short."""

from __future__ import annotations

import logging
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks.data import Clips
from ganworks.data import decode_clip as reading
from ganworks.data.decode import decode
from ganworks.data.sample_format import SampleFormat
from ganworks.errors import GanworksError, SettingError

SIZE = 12


def frames_of(number: int, num_frames: int) -> list[Image.Image]:
    """Return gray frames whose value says the clip and the time."""
    return [Image.fromarray(np.full((SIZE, SIZE), 20 * number + t, np.uint8)) for t in range(num_frames)]


def write_folder(path: Path, number: int, num_frames: int) -> None:
    path.mkdir(parents=True)
    for t, frame in enumerate(frames_of(number, num_frames)):
        frame.save(path / f"{t}.png")


def clips(root: Path, **settings: object) -> Clips:
    defaults = {"frames": 4, "resolution": 8, "channels": 1, "batch_size": 2, "cache": root.parent / "cache"}
    return Clips(root, **{**defaults, **settings})


def values(windows: torch.Tensor) -> list[list[int]]:
    """Return the value of each frame of windows (B, 1, T, H, W)."""
    assert (windows == windows[..., :1, :1]).all()
    return windows[:, 0, :, 0, 0].tolist()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, length in enumerate((12, 9, 8, 4)):
        write_folder(tmp_path / "root" / f"clip{number}", number, length)
    return tmp_path / "root"


def test_frames_come_in_the_order_of_their_numbers_and_as_images_are_decoded(root: Path) -> None:
    window = clips(root, frames=12, random_start=False).samples.read(torch.tensor([0]))
    assert values(window) == [list(range(12))]  # 10.png behind 9.png
    expected = decode(root / "clip0" / "3.png", SampleFormat(8, 1, "dtype"))
    assert torch.equal(window[0, :, 3], expected)


def test_windows_lie_inside_their_clips_and_differ_from_epoch_to_epoch(root: Path) -> None:
    samples = clips(root, stride=2).samples
    seen = [values(samples.read_epoch(torch.arange(3), epoch)) for epoch in range(20)]
    for windows in seen:
        for number, window in enumerate(windows):
            assert window == list(range(window[0], window[0] + 8, 2))
            assert 20 * number <= window[0]
            assert window[-1] < 20 * number + (12, 9, 8)[number]
    assert {windows[0][0] for windows in seen} == set(range(6))  # every start that there is
    assert values(samples.read(torch.arange(3))) == seen[0]


def test_windows_are_keyed_and_a_resumed_loader_shows_the_same(root: Path) -> None:
    whole = list(islice(iter(clips(root, min_batches=50).train_dataloader()), 10))
    data = clips(root, min_batches=50)
    list(islice(iter(data.train_dataloader()), 5))
    resumed = clips(root, min_batches=50)
    resumed.load_state_dict(data.state_dict())
    for batch, expected in zip(iter(resumed.train_dataloader()), whole[5:], strict=False):
        assert torch.equal(batch["real"], expected["real"])
    other = next(iter(clips(root, seed=1).train_dataloader()))
    assert not torch.equal(other["real"], whole[0]["real"])


def test_clips_that_are_too_short_are_counted(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert len(clips(root, frames=9).samples) == 2
    assert "2 of 4 clips are too short" in caplog.text
    with pytest.raises(SettingError, match=r"frames=13: must be less.*the longest clip has 12"):
        len(clips(root, frames=13).samples)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_animations_are_clips(suffix: str, tmp_path: Path) -> None:
    for number in range(2):
        first, *others = frames_of(number, 6)
        (tmp_path / "root").mkdir(exist_ok=True)
        path = tmp_path / "root" / f"{number}{suffix}"
        first.save(
            path, save_all=True, append_images=others, **({"lossless": True} if suffix == ".webp" else {})
        )
    data = clips(tmp_path / "root", frames=6, random_start=False)
    assert values(data.samples.read(torch.arange(2))) == [list(range(6)), list(range(20, 26))]


def test_subfolders_of_clips_are_classes(tmp_path: Path) -> None:
    for number, name in enumerate(("walk/a", "walk/b", "run/c")):
        write_folder(tmp_path / "root" / name, number, 5)
    data = clips(tmp_path / "root")
    assert (data.samples.labels.tolist(), list(data.classes), data.num_classes) == (
        [0, 1, 1],
        ["run", "walk"],
        2,
    )
    assert clips(tmp_path / "root", num_classes=0).samples.labels is None
    with pytest.raises(SettingError, match="num_classes=5: must be 2"):
        len(clips(tmp_path / "root", num_classes=5).samples)


def labels_of(data: Clips) -> tuple[list[str], list[int]]:
    labels = data.samples.labels
    return list(data.classes), [] if labels is None else labels.tolist()


@pytest.mark.parametrize("cover", ["cover.png", "walk/cover.png", "walk/films/cover.jpg"])
def test_a_picture_beside_clips_is_no_clip_and_takes_no_labels_away(
    cover: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "root"
    for number, name in enumerate(("walk/a", "walk/b", "run/c")):
        write_folder(root / name, number, 5)
    first, *others = frames_of(3, 5)
    (root / "walk" / "films").mkdir()
    first.save(root / "walk" / "films" / "d.gif", save_all=True, append_images=others)
    first.save(root / cover)
    with caplog.at_level(logging.WARNING):
        assert labels_of(clips(root)) == (["run", "walk"], [0, 1, 1, 1])
    assert f"1 loose pictures are left out, as they lie in folders that hold clips: {cover}" in caplog.text


def test_a_clip_at_the_top_that_is_too_short_takes_no_labels_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "root"
    for number, name in enumerate(("walk/a", "walk/b", "run/c", "intro")):
        write_folder(root / name, number, 2 if name == "intro" else 5)
    assert labels_of(clips(root)) == (["run", "walk"], [0, 1, 1])
    with caplog.at_level(logging.WARNING):
        assert labels_of(clips(root, frames=2)) == ([], [])
    assert "there are no classes: 1 of 4 clips lie in no subfolder, such as intro" in caplog.text


def test_subfolders_of_one_clip_each_are_no_classes_unless_they_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "root"
    for number in range(3):
        write_folder(root / f"v{number}" / "frames", number, 5)
    with caplog.at_level(logging.WARNING):
        data = clips(root)
        assert labels_of(data) == ([], [])
    assert (data.num_classes, len(data.samples)) == (0, 3)
    assert "each subfolder holds one clip" in caplog.text
    assert labels_of(clips(root, classes=["v2", "v0", "v1"])) == (["v2", "v0", "v1"], [1, 2, 0])


def test_classes_that_have_one_clip_left_stay_classes(tmp_path: Path) -> None:
    for number, name in enumerate(("walk/a", "walk/b", "run/c")):
        write_folder(tmp_path / "root" / name, number, 2 if name == "walk/b" else 5)
    assert labels_of(clips(tmp_path / "root")) == (["run", "walk"], [0, 1])


def test_a_corrupt_frame_makes_its_clip_corrupt(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "clip1" / "5.png").write_bytes(b"no image")
    with pytest.raises(SettingError, match=r"max_corrupt=0.1.*clip1 \(5.png"):
        len(clips(root).samples)
    with caplog.at_level(logging.WARNING):
        data = clips(root, max_corrupt=0.5)
        assert values(data.samples.read(torch.tensor([1])))[0][0] >= 40  # clip2
    assert "1 of 4 clips cannot be read" in caplog.text


def test_the_cache_is_made_once_and_anew_for_other_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    len(clips(root).samples)
    with monkeypatch.context() as context:
        context.setattr("ganworks.data.clips.decode_clip", None)
        len(clips(root, frames=3, stride=2).samples)  # another window of the same frames
    Image.new("L", (SIZE, SIZE), 200).save(root / "clip3" / "4.png")
    assert values(clips(root, frames=5).samples.read_epoch(torch.tensor([3]), 0))[0][-1] == 200


def test_a_cache_that_would_be_too_large_is_an_error(root: Path) -> None:
    with pytest.raises(SettingError, match="cache_limit_gb"):
        len(clips(root, cache_limit_gb=1e-6).samples)


def test_other_files_are_noticed_when_a_run_is_resumed(root: Path) -> None:
    state = clips(root).state_dict()
    clips(root).check_same(state)
    (root / "clip0" / "7.png").unlink()
    with pytest.raises(SettingError, match="changed=error: must be accept"):
        clips(root).check_same(state)
    clips(root, changed="accept").check_same(state)


@pytest.mark.parametrize(
    ("name", "words"), [("nowhere", "a folder that exists"), ("empty", "a folder of clips")]
)
def test_a_folder_without_clips_is_an_error(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingError, match=words):
        len(clips(tmp_path / name).samples)


def test_a_video_without_a_reader_says_what_to_install(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "film.mp4").write_bytes(b"")
    monkeypatch.setattr(reading, "READERS", ())
    with pytest.raises(GanworksError, match=r"pip install 'ganworks\[video\]'"):
        len(clips(root).samples)


def test_video_files_are_read(tmp_path: Path) -> None:
    av = pytest.importorskip(
        "av", reason="no package that writes and reads videos: pip install ganworks[video]"
    )
    root = tmp_path / "root"
    root.mkdir()
    for number in range(2):
        with av.open(str(root / f"{number}.mp4"), "w") as container:
            stream = container.add_stream("mpeg4", rate=8)
            stream.width = stream.height = 32
            stream.pix_fmt = "yuv420p"
            for t in range(6):
                pixels = np.full((32, 32, 3), 100 * number + 20 * t, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())
    found = clips(root, frames=6, random_start=False).samples.read(torch.arange(2)).float().mean((1, 3, 4))
    expected = torch.tensor([[20.0 * t for t in range(6)], [100 + 20.0 * t for t in range(6)]])
    assert (found - expected).abs().max() < 6  # the codec is lossy
