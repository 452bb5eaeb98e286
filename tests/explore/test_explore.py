"""What the page draws is what `sample.py` draws, for every kind of samples; mistakes are said in plain words."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganworks.cli.explore import Arguments, Explorer
from ganworks.errors import GanworksError, SettingError

Of = Callable[[str], Explorer]
SAMPLE = {"seeds": "3"}
VIEWS = [
    (
        "styles",
        {**SAMPLE, "move": "1.5,0,-2", "space": "w", "truncation": ".7", "cutoff": "2", "label": "a 'bag'"},
    ),
    ("styles", {"seeds": "0-5", "label": "boot,hat"}),
    ("styles", {"interpolate": "1", "seeds": "3,8", "num": "4", "space": "w"}),
    ("styles", {"mix": "2", "seeds": "3,8", "crossover": "2"}),
    ("images", {**SAMPLE, "move": "2,-1"}),
    ("images", {"interpolate": "1", "seeds": "3,8", "num": "4", "truncation": "1.5", "out": "walk.gif"}),
    ("codes", {"seeds": "0-3", "code": "2,-.5"}),
    ("vectors", {**SAMPLE, "label": "[.5,-1]"}),
    ("points", {"num": "100", "seed": "4", "move": "1"}),
    ("table", {"num": "20", "seed": "4", "out": "rows.csv"}),
    ("series", {"seeds": "0-3", "move": "1"}),
    ("texts", {"seeds": "0-3", "temperature": ".5", "out": "words.txt"}),
    ("clips", {"seeds": "0-3", "out": "clips.gif"}),
    ("clips", {**SAMPLE, "move": "3,1", "label": "1", "out": "one.npy"}),
]


@pytest.mark.parametrize(
    ("name", "settings"), VIEWS, ids=lambda value: value if isinstance(value, str) else "+".join(value)
)
def test_command_that_the_page_shows_writes_the_file_that_it_saves(
    name: str, settings: dict[str, str], explorer_of: Of, ganworks: Callable
) -> None:
    settings = {"out": "picture.png", **settings}
    explorer = explorer_of(name)
    saved = explorer.save(settings)
    command = shlex.split(explorer.draw(settings)["command"])
    assert command[0] == "ganworks-sample"
    result = ganworks("sample", *command[1:])
    assert result.code == 0, result.err
    assert Path(settings["out"]).read_bytes() == saved


FORMS = {
    "styles": "pictures",
    "clips": "pictures",
    "texts": "texts",
    "series": "series",
    "points": "cloud",
    "table": "table",
}


@pytest.mark.parametrize("name", FORMS)
def test_samples_come_in_the_form_of_their_kind(name: str, explorer_of: Of) -> None:
    drawn = explorer_of(name).draw({"num": "3"} if name in ("points", "table") else {"seeds": "0-2"})
    assert FORMS[name] in drawn
    if name == "clips":
        assert all(url.startswith("data:image/gif;base64,R0lG") for url in drawn["pictures"])
        assert len(drawn["labels"]) == 3
    if name == "texts":
        assert all(len(text) <= 7 and set(text) <= set("abc ") for text in drawn["texts"])
    if name == "series":
        assert np.array(drawn["series"]["values"]).shape == (3, 2, 6)
    if name == "table":
        assert drawn["table"]["names"] == ["age", "income"]
        assert len(drawn["table"]["rows"]) == 3


def test_pictures_are_the_pixels_of_the_samples(explorer_of: Of, tmp_path: Path) -> None:
    url = explorer_of("images").draw({"seeds": "7"})["pictures"][0]
    (tmp_path / "x.png").write_bytes(base64.b64decode(url.partition(",")[2]))
    pixels = np.asarray(Image.open(tmp_path / "x.png"))
    value = explorer_of("images").sampler.sample(1, seed=7)[0, 0].numpy()
    assert np.array_equal(pixels, np.round((value + 1) * 127.5))


def test_sample_of_a_seed_does_not_depend_on_the_others_in_the_view(explorer_of: Of) -> None:
    many, one = (explorer_of("styles").draw({"seeds": seeds})["pictures"] for seeds in ("2-9", "5"))
    assert many[3] == one[0]
    assert many[2] != one[0]  # control


def test_move_of_nothing_is_the_sample_and_a_move_is_not(explorer_of: Of) -> None:
    still, moved, plain = (
        explorer_of("images").draw({"seeds": "5", **move})["pictures"]
        for move in ({"move": "0,0"}, {"move": "0,3"}, {})
    )
    assert still == plain
    assert moved != plain


def test_ends_of_a_walk_are_the_samples_of_its_seeds(explorer_of: Of) -> None:
    walk = explorer_of("images").draw({"interpolate": "1", "seeds": "4,9", "num": "5"})
    ends = explorer_of("images").draw({"seeds": "4,9"})["pictures"]
    assert [walk["pictures"][0], walk["pictures"][-1]] == ends
    assert walk["columns"] == 5


def test_translation_is_that_of_the_command(explorer_of: Of, ganworks: Callable) -> None:
    Image.effect_noise((10, 9), 60).save("my cat.png")
    made = explorer_of("translator").translate(
        {"out": "made.png"}, "my cat.png", Path("my cat.png").read_bytes()
    )
    assert ganworks("sample", *shlex.split(made["command"])[1:]).code == 0
    assert base64.b64decode(made["pictures"][0].partition(",")[2]) == Path("made.png").read_bytes()


FACTS = {
    "styles": {"tabs": ["sample", "grid", "between", "mix"], "truncation": "psi", "num_ws": 6},
    "images": {
        "tabs": ["sample", "grid", "between"],
        "truncation": "bound",
        "labels": None,
        "films": [".gif"],
    },
    "codes": {"codes": {"categories": [3], "continuous": 1}, "directions": []},
    "vectors": {"tabs": ["sample", "grid", "between"]},
    "points": {"tabs": ["grid", "between"], "is_cloud": True},
    "texts": {"has_temperature": True, "forms": [".txt", ".npy"]},
    "series": {"forms": [".png", ".csv", ".npy"], "films": []},
    "clips": {"forms": [".png", ".gif", ".npy"]},
    "translator": {"tabs": ["translate"], "truncation": None, "has_noise": False},
}


@pytest.mark.parametrize("name", FACTS)
def test_page_learns_which_controls_a_generator_has(name: str, explorer_of: Of) -> None:
    facts = explorer_of(name).facts()
    assert {key: facts[key] for key in FACTS[name]} == FACTS[name]
    assert bool(facts["directions"]) == (name not in ("codes", "translator"))
    assert bool(facts["no_directions"]) != bool(facts["directions"])


MISTAKES = [
    ("images", {"seeds": "x"}, "seeds=x"),
    ("images", {"seeds": "3", "truncation": "-1"}, "truncation=-1"),
    ("images", {"seeds": "3", "move": "1,2,3,4,5,6"}, "at most 5"),
    ("images", {"seeds": "3", "move": "nan"}, "move=nan"),
    ("images", {"mix": "2", "seeds": "1,2"}, "no styles"),
    ("images", {"seeds": "0-5000"}, "at most 400"),
    ("images", {"num": "1e9"}, "num"),
    ("images", {"interpolate": "1", "seeds": "1,2", "num": "5000"}, "at most 400"),
    ("styles", {"seeds": "3", "label": "boat"}, "Did you mean 'boot'"),
    ("styles", {"seeds": "3", "label": "labels.npy"}, "reads no files"),
    ("vectors", {"seeds": "3"}, "must be given"),
    ("images", {"seeds": "3", "latent": "/etc/passwd"}, "no such setting"),
    ("images", {"seeds": "3", "run": "/elsewhere"}, "no such setting"),
    ("images", {"seeds": "3", "out": "../over.png"}, "without a folder"),
]


@pytest.mark.parametrize(("name", "settings", "words"), MISTAKES)
def test_mistake_is_said_in_plain_words(
    name: str, settings: dict[str, str], words: str, explorer_of: Of
) -> None:
    with pytest.raises(GanworksError, match=words):
        explorer_of(name).draw(settings)


@pytest.mark.parametrize(
    ("name", "content"), [("a.png", b"no image"), ("a.txt", b"text"), ("", b""), ("../a.png", b"x")]
)
def test_file_that_is_no_image_is_refused_by_its_name(name: str, content: bytes, explorer_of: Of) -> None:
    with pytest.raises(GanworksError) as error:
        explorer_of("translator").translate({}, name, content)
    assert "/tmp" not in str(error.value)
    assert "input" in str(error.value)


def test_generator_that_is_not_there_is_said_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="run="):
        Explorer(Arguments(run=str(tmp_path / "missing")))
