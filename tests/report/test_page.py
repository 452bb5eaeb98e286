"""What stands in the page is what stands in the files, whatever of them is there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from ganworks.errors import GanworksError, SettingError
from ganworks.report import write_report
from ganworks.report.__main__ import main
from ganworks.report.curves import groups, heading
from ganworks.report.record import read
from report_runs import CONFIG, EPISODE, SUMMARY, rows, write_rows

HOSTILE = "</script><script>alert(1)</script><b onmouseover=alert(1)>&"
Run = Callable[..., Path]


def words(path: Path) -> str:
    """The text of a page as a reader sees it, blanks made one."""
    page = re.sub(r"<(style|script)\b.*?</\1>", " ", path.read_text(), flags=re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def table(path: Path, heading: str) -> list[list[str]]:
    """The rows of the table in the section with an id."""
    section = path.read_text().split(f'<section id="{heading}">')[1].split("</section>")[0]
    found = re.findall(r"<tr.*?</tr>", section, flags=re.S)
    return [
        [unescape(re.sub(r"<.*?>", "", cell)) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, flags=re.S)]
        for row in found
    ]


def test_figures_stand_beside_the_floor_and_the_baselines_with_their_contract(make_run: Run) -> None:
    path = write_report([make_run()])
    assert path.name == "report.html"
    assert table(path, "figures") == [
        ["figure", "this run", "held-out real data", "untranslated source"],
        ["fd_digits", "1.5", "0.69", "61.5"],
        ["recall", "0.9", "0.97", "–"],
    ]
    text = words(path)
    assert "num_real 1,797 extractor digits ganworks digits classifier, resize antialiased" in text
    assert "figures recall, coverage: reads digits, num_neighbours 5" in text
    assert "Finished. 10,000 of 10,000 images. fd_digits 1.5, where held-out real data scores 0.69" in text
    assert "Its best was 1.25 at 8,000 images" in text


def test_verdict_and_figures_come_before_everything_else(make_run: Run) -> None:
    page = write_report([make_run()]).read_text()
    order = [
        page.index(f'id="{name}"')
        for name in ("figures", "samples", "doctor", "curves", "settings", "commands")
    ]
    assert order == sorted(order)
    assert page.index('class="verdict"') < order[0]


def test_episodes_are_told_and_marked_in_every_chart(make_run: Run) -> None:
    path = write_report([make_run()])
    text = words(path)
    said = "Mode collapse: samples' mean pair distance is .31 of the data's"
    assert f"{said} Try regularizer=r1_r2 mode collapse, from" in text  # the advice stands once
    assert EPISODE["link"] in text
    assert "mode collapse, from 4,000 to 6,000 images · value 0.31, limit 0.5" in text
    page = path.read_text()
    assert page.count('class="band critical"') == page.count('class="chart"') > 0
    healthy = write_report(
        [make_run("healthy", summary={**SUMMARY, "doctor": {"verdict": "healthy", "episodes": []}})]
    )
    assert 'class="band' not in healthy.read_text().split("</style>")[1]
    assert 'id="doctor"' not in healthy.read_text()


def test_open_episode_lasts_to_the_end(make_run: Run) -> None:
    doctor = {"verdict": "sick", "episodes": [{**EPISODE, "until": None}]}
    text = words(write_report([make_run(summary={**SUMMARY, "doctor": doctor})]))
    assert "from 4,000 on, to the end at 10,000 images" in text


def test_a_norm_that_training_and_doctor_both_log_is_drawn_once(make_run: Run) -> None:
    run = make_run()
    content = [
        {**row, "doctor/generator_gradient_norm": row["train/generator/gradient_norm"]} for row in rows()
    ]
    write_rows(run / "metrics.csv", content)
    drawn = [name for names in groups([read(run)]) for name in names]
    assert "train/generator/gradient_norm" in drawn
    assert "doctor/generator_gradient_norm" not in drawn
    write_rows(run / "metrics.csv", [{k: v for k, v in row.items() if k[:5] != "train"} for row in content])
    assert ["doctor/generator_gradient_norm"] in groups([read(run)])  # of an old run, say


def test_both_networks_share_the_chart_of_a_quantity(make_run: Run) -> None:
    record = read(make_run())
    assert ["train/generator/adversarial", "train/discriminator/adversarial"] in groups([record])
    assert heading("doctor/auc") == heading("train/discriminator/real_logit") == "Logits"
    assert all(len(names) == 1 for names in groups([record, record]))


def test_every_scalar_is_in_a_chart(make_run: Run) -> None:
    content = [{"images_seen": 1, "theirs": 1.0, "a/b/c/d": 2.0, "metric/x": 3.0}]
    page = write_report([make_run(table=content)]).read_text()
    assert re.findall(r"<h4>(.*?)</h4>", page) == ["x", "theirs", "b/c/d"]


def test_signal_that_never_moves_is_named_instead_of_drawn(make_run: Run) -> None:
    content = [
        {"images_seen": i, "doctor/bad_updates": 0.0, "doctor/dead_units": 0.1 * i, "a": 1.0} for i in (1, 2)
    ]
    path = write_report([make_run(table=content)])
    assert re.findall(r"<h4>(.*?)</h4>", path.read_text()) == [
        "a",
        "dead units",
    ]  # one's own scalars are drawn
    assert "Never moved: bad updates 0." in words(path)


@pytest.mark.parametrize(
    "parts",
    [
        {"summary": None},
        {"config": None},
        {"table": []},
        {"table": [{"images_seen": 64, "train/generator/adversarial": 1.0}]},
        {"table": [{"images_seen": 64, "train/generator/adversarial": float("nan")}]},
        {
            "table": [
                {"images_seen": i, "a": float(v)}
                for i, v in enumerate(["nan", "inf", "-inf", "1e308", "-1e308"])
            ]
        },
        {"num_grids": 0},
        {"num_grids": 1},
        {"summary": {**SUMMARY, "metrics": {}, "floor": {}, "contract": {}, "best": {}}},
        {"summary": {**SUMMARY, "metrics": {"fd_digits": None}, "best": {"num_evaluations": 1}}},
        {"summary": {k: v for k, v in SUMMARY.items() if k != "doctor"}},
        {"summary": {**SUMMARY, "doctor": {"episodes": [{"rule": "loss"}]}}},
        {"summary": {"status": "running", "images_seen": 0, "num_images": 100}},
    ],
    ids=lambda parts: " ".join(f"{k}={str(v)[:40]}" for k, v in parts.items()),
)
def test_page_is_written_whatever_is_missing(make_run: Run, parts: dict[str, Any]) -> None:
    page = write_report([make_run(**parts)]).read_text()
    assert "Go on from here" in page
    assert not re.search(r"[MLH,\" ](nan|inf)\b", page.split("</style>")[1])


def test_figures_of_a_run_that_goes_on_are_those_logged_last(make_run: Run) -> None:
    path = write_report([make_run(summary={"status": "running", "images_seen": 0, "num_images": 20_000})])
    assert table(path, "figures") == [["figure", "this run"], ["fd_digits", "20"]]
    assert "10,000 of 20,000 images. fd_digits 20." in words(path)


def test_error_of_a_failed_run_is_shown(make_run: Run) -> None:
    path = write_report(
        [make_run(summary={**SUMMARY, "status": "diverged", "error": "NonFiniteLossError: D was NaN"})]
    )
    assert "Diverged." in words(path)
    assert "NonFiniteLossError: D was NaN" in words(path)


def test_hostile_names_stay_text(make_run: Run) -> None:
    summary = {
        **SUMMARY,
        "metrics": {HOSTILE: 1.0},
        "floor": {HOSTILE: 1.0},
        "error": HOSTILE,
        "contract": {HOSTILE: HOSTILE},
    }
    summary["doctor"] = {"verdict": HOSTILE, "episodes": [dict.fromkeys(EPISODE, HOSTILE)]}
    config = {**CONFIG, "name": HOSTILE, "tags": [HOSTILE], HOSTILE: HOSTILE}
    run = make_run(summary=summary, config=config, table=[{"images_seen": 1, f"metric/{HOSTILE}": 1.0}])
    for paths in ([run], [run, run]):
        page = write_report(paths, run / "page.html").read_text()
        assert "<b onmouseover" not in page
        assert page.count("<script>") == 1
        assert "&lt;b onmouseover" in page


def test_runs_side_by_side(make_run: Run, tmp_path: Path) -> None:
    first = make_run("a")
    second = make_run("b", {**SUMMARY, "metrics": {"fd_digits": 2.5}}, {**CONFIG, "name": "other", "seed": 1})
    path = write_report([first, second], tmp_path / "both.html")
    assert table(path, "figures")[:3] == [
        ["run", "digits", "other", "held-out real data", "untranslated source"],
        ["fd_digits", "1.5", "2.5", "0.69", "61.5"],
        ["recall", "0.9", "–", "0.97", "–"],
    ]
    assert table(path, "settings")[1:] == [["seed", "0", "1"]]
    lines = re.findall(r'<path class="line (s\d)" d="[^"]+"/>', path.read_text())
    assert set(lines) == {"s0", "s1"}  # one colour a run
    assert lines.count("s0") == lines.count("s1")


def test_contracts_that_differ_are_said_to(make_run: Run, tmp_path: Path) -> None:
    contracts = [{**SUMMARY["contract"], "num_fake": n} for n in (100, 200)]
    runs = [make_run(str(c["num_fake"]), {**SUMMARY, "contract": c}) for c in contracts]
    text = words(write_report(runs, tmp_path / "page.html"))
    assert "The contracts differ , and figures compare only where they agree: num_fake: 100 and 200." in text
    assert "The contracts differ" not in words(write_report([runs[0]] * 2, tmp_path / "page.html"))  # control


def test_long_run_stays_below_three_megabytes(make_run: Run, tmp_path: Path) -> None:
    run = make_run(table=rows(20_000), num_grids=200, side=400)
    assert sum(path.stat().st_size for path in run.rglob("*.*")) > 50_000_000  # control: what it is made of
    assert write_report([run]).stat().st_size < 3_000_000
    assert write_report([run] * 8, tmp_path / "eight.html").stat().st_size < 3_000_000


def test_page_needs_nothing_from_elsewhere(make_run: Run) -> None:
    page = write_report([make_run()]).read_text()
    assert re.findall(r"(?:src|href)=\"(?!data:)([^\"]*)", page) == []
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_damaged_files_are_named(make_run: Run) -> None:
    run = make_run()
    (run / "summary.json").write_text('{"status": ')
    with pytest.raises(GanworksError, match=r"summary\.json is damaged"):
        write_report([run])
    with pytest.raises(SettingError, match="existing run directory"):
        write_report([run / "nowhere"])
    with pytest.raises(SettingError, match="a run directory"):
        write_report([run / "samples"])
    with pytest.raises(GanworksError, match="at most 32"):
        write_report([run] * 33)


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["report", *arguments])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_command_writes_into_the_run_or_where_it_is_told(
    make_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = make_run("sweep/0"), make_run("sweep/1")
    assert call(monkeypatch, str(first)) == 0
    assert capsys.readouterr().out == "sweep/0/report.html\n"
    assert call(monkeypatch, str(first), str(second)) == 0
    assert (tmp_path / "report.html").exists()
    assert call(monkeypatch, "sweep", "out=pages/all.html") == 0  # a folder of runs stands for them all
    assert "2 runs" in words(tmp_path / "pages" / "all.html")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "error: run=: must be given: one or more run directories."),
        (["nowhere"], "error: run=nowhere: must be an existing run directory."),
        (["output=a.html"], "error: there is no setting 'output'; there are out. Did you mean 'out'?"),
    ],
)
def test_mistakes_of_the_command_are_named(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, *arguments) == 1
    assert capsys.readouterr().err.strip() == message


def test_module_is_a_command() -> None:
    run = subprocess.run([sys.executable, "-m", "ganworks.report", "--help"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "python -m ganworks.report RUN_DIR..." in run.stdout


def test_summary_of_the_fixture_has_the_keys_of_a_real_one(trained_run: Path) -> None:
    assert set(SUMMARY) - {"doctor"} <= set(json.loads((trained_run / "summary.json").read_text()))
