"""What an evaluation writes and prints, through the command, and the page in a real browser."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from evaluation.planted import pulse_recipe

from affectfuse.cli import main
from affectfuse.evaluation.heart_rate import (
    HeartRateEvaluation,
    evaluate_heart_rate,
    heart_rate_recipe,
)
from affectfuse.evaluation.metrics import METRICS
from affectfuse.reports.evaluations.evaluation import EVALUATION_OUTPUTS, write_evaluation
from affectfuse.reports.evaluations.evaluation_page import figures, render_evaluation

Run = Callable[..., tuple[int, str, str]]
HOSTILE = "<script>document.title='owned'</script><i onmouseover='x'>&amp;"
SCRIPT = re.compile(r"<script.*?</script>", re.DOTALL)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `affectfuse evaluate ...`; return its exit code and what it printed."""

    def command(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["affectfuse", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return command


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> HeartRateEvaluation:
    with pulse_recipe(tmp_path_factory.mktemp("pulses")) as recipe:
        return evaluate_heart_rate(heart_rate_recipe(str(recipe)))


def hostile(result: HeartRateEvaluation) -> HeartRateEvaluation:
    """Every text that may come from outside tries to be markup."""
    pairs = replace(result.pairs, items=np.full(len(result.pairs), HOSTILE))
    groups = [replace(group, attribute=HOSTILE, value=HOSTILE) for group in result.groups]
    provenance = {"dataset_provenance": f"synthetic {HOSTILE}", "created": HOSTILE, HOSTILE: 1}
    return replace(
        result, dataset=HOSTILE, pairs=pairs, groups=groups, skipped={HOSTILE: HOSTILE},
        notes=[HOSTILE], provenance=provenance,
    )  # fmt: skip


def one_subject(result: HeartRateEvaluation) -> HeartRateEvaluation:
    """As good as nothing known: no estimate at all."""
    from affectfuse.evaluation.agreement import bland_altman
    from affectfuse.evaluation.bootstrap import draw_subjects, measure
    from affectfuse.evaluation.confidence import reliability, risk_coverage

    nothing = np.full(36, np.nan)
    pairs = replace(
        result.pairs.take(np.arange(36)), estimate_bpm=nothing, snr_db=nothing, macc=nothing
    )
    draws = draw_subjects(pairs, 100, 0)
    overall = replace(result.overall, subjects=1, metrics=measure(pairs, draws))
    return replace(
        result, pairs=pairs, overall=overall, groups=[], agreement=bland_altman(pairs),
        reliability=reliability(pairs, draws), risk_coverage=risk_coverage(pairs),
    )  # fmt: skip


class Page(HTMLParser):
    """The elements of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def test_the_command_writes_and_prints_what_was_measured(
    run: Run, pulses: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "03-still.npz").write_bytes(b"torn")
    code, printed, _ = run("heart_rate", pulses, "--out", out)
    assert code == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(EVALUATION_OUTPUTS)
    predictions = list(csv.DictReader(io.StringIO((out / "predictions.csv").read_text())))
    assert len(predictions) == 11 * 36
    first = predictions[0]
    assert list(first)[:7] == [
        "item", "subject", "time_s", "reference_bpm", "estimate_bpm", "confidence", "error_bpm",
    ]  # fmt: skip
    assert (first["item"], first["subject"], first["time_s"]) == ("00-moving", "person 0", "5")
    assert first["reference_bpm"] == "60"
    errors = np.array([float(row["error_bpm"]) for row in predictions])
    assert np.isnan(errors).sum() == 11
    metrics = json.loads((out / "metrics.json").read_text())
    mae = metrics["overall"]["metrics"]["mae_bpm"]
    assert mae["value"] == pytest.approx(np.nanmean(np.abs(errors)), abs=1e-4)
    assert mae["low_95"] < mae["value"] < mae["high_95"]
    assert metrics["left_out"] == {"03-still": "03-still.npz is no recording"}
    assert metrics["provenance"]["configuration"]["draws"] == 100
    assert metrics["provenance"]["versions"]["affectfuse"]
    table = list(csv.DictReader(io.StringIO((out / "metrics.csv").read_text())))
    assert {row["metric"] for row in table} == set(METRICS)
    assert float(table[0]["result"]) == pytest.approx(mae["value"], abs=1e-4)
    assert f"MAE           {mae['value']:.2f} bpm" in printed
    assert "03-still: 03-still.npz is no recording" in printed
    assert "only 6 subjects" in printed
    assert printed.splitlines()[-1] == str(out / "evaluation.html")


def test_synthetic_recordings_through_the_command(run: Run, tmp_path: Path) -> None:
    session = ["duration_s=7", "fps=15", "width=160", "height=160", "interocular_percent=30"]
    overrides = ["dataset.subjects=1", "dataset.workers=1", "workers=1", f"dataset.root={tmp_path}"]
    overrides += [f"dataset.session.{setting}" for setting in session]
    code, printed, err = run("heart_rate", "synthetic", *overrides, "--out", tmp_path / "out")
    assert code == 0, err
    assert "subjects 1, recordings 1, rows 3" in printed
    assert "note: The recordings are synthetic." in printed
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["warning"].startswith("The recordings are synthetic.")
    assert metrics["overall"]["metrics"]["coverage_percent"]["value"] == 100.0
    assert "Not a result about people" in (tmp_path / "out" / "evaluation.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "unknown recipe or data set 'nothing'"),
        (["missing.yaml"], "no config at missing.yaml"),
        (["synthetic", "evaluation=other"], "unknown evaluation 'other'"),
        (["synthetic", "evaluation.other=1"], "unknown key 'evaluation.other'"),
        (["synthetic", "other=1"], "unknown key 'other'"),
        (["synthetic", "dataset=other"], "unknown dataset 'other'"),
        (["synthetic", "evaluation.window_s=-1"], "window_s is -1"),
        (["synthetic", "--out", __file__], "cannot write to"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_bad_input_is_one_clear_line(run: Run, arguments: list[str], said: str) -> None:
    code, _, err = run("heart_rate", *arguments)
    lines = [line for line in err.splitlines() if line.startswith("affectfuse: ")]
    assert code == 2
    assert len(lines) == 1
    assert said in lines[0]
    assert "Traceback" not in err


def test_the_help_says_how_it_is_used(run: Run) -> None:
    code, printed, _ = run("heart_rate", "--help")
    assert code == 0
    for word in ("extends: evaluate_heart_rate", "evaluation=toolbox", "dataset.root=DIR"):
        assert word in " ".join(re.sub(r"[│\n]", " ", printed).split())


def test_the_page_loads_nothing_and_holds_no_foreign_markup(result: HeartRateEvaluation) -> None:
    html = render_evaluation(hostile(result))
    assert len(html.encode()) < 6e6
    page = Page(html)
    assert len([tag for tag, _ in page.elements if tag == "script"]) == 3
    assert not [tag for tag, _ in page.elements if tag == "i"]
    linked = [a[key] for _, a in page.elements for key in ("src", "href") if key in a]
    assert linked == ["#content"]
    assert not re.search(r"url\(|@import", SCRIPT.sub("", html))


def test_few_points_of_many_are_drawn(result: HeartRateEvaluation) -> None:
    many = replace(result, pairs=result.pairs.take(np.tile(np.arange(len(result.pairs)), 30)))
    shown = figures(many)["pairs"]
    assert len(shown["reference"]) == len(shown["text"]) == 4000
    assert "4000 of 12960 rows are drawn" in render_evaluation(many)


def test_an_earlier_result_stays_whole_when_writing_fails(
    result: HeartRateEvaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write_evaluation(result, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr(
        "affectfuse.reports.evaluations.evaluation.render_evaluation", lambda _: math.nan
    )
    with pytest.raises(TypeError):
        write_evaluation(replace(result, dataset="other"), out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "chrome"])), None)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the path")
@pytest.mark.parametrize("kind", ["full", "bare", "hostile"])
def test_the_plots_are_drawn_without_a_word_on_the_console(
    result: HeartRateEvaluation, tmp_path: Path, kind: str
) -> None:
    shown = {"full": result, "bare": one_subject(result), "hostile": hostile(result)}[kind]
    page = tmp_path / "page.html"
    page.write_text(render_evaluation(shown), "utf-8")
    flags = (
        "--headless --dump-dom --no-sandbox --disable-gpu --disable-quic --no-first-run "
        "--disable-background-networking --disable-component-update --disable-sync "
        "--enable-logging=stderr --v=0 --virtual-time-budget=5000 --window-size=1200,2400"
    )
    browser = subprocess.run(
        [str(CHROMIUM), *flags.split(), f"--user-data-dir={tmp_path / 'profile'}", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    document = SCRIPT.sub("", browser.stdout)
    assert not [line for line in browser.stderr.splitlines() if "CONSOLE" in line]
    assert 'data-ready="true"' in document
    assert "affectfuse evaluation" in re.search(r"<title>(.*?)</title>", document, re.S)[1]
    assert document.count('class="main-svg"') >= 8  # two layers of each plot
    assert document.count('class="trace scatter') == (0 if kind == "bare" else 4)
