"""An hour, 60 questions, five modalities: how long scoring takes from kept tracks, and its page.

    python benchmarks/session_scoring/long_session.py [--protocol NAME ...] [--out DIR]

The session is simulated (`simulated_hour.py`) and kept in the cache as a pass over its recordings
would leave it; then it is scored, and all outputs written, from there. Seconds are those of this
process, the start of Python aside; memory is the process's largest so far.

Where Chromium is on the path, the page is opened in it without a window: its errors on the console,
the time to load, and the time from a click (zoom in, later, out, ...) to the frame after the next,
of which the page's own script takes `script` (median); beside it what the browser needs anyway, to
change one line of an empty drawing. `cpu` is the processor time a click of all the browser's
processes, which tells what an idle machine would take where this one has other work.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import torch
import yaml
from in_chromium import CHROMIUM, measured_page
from omegaconf import OmegaConf
from simulated_hour import CLASSES, KINDS, MODALITIES, gathered_hour, questions, write_events

from affectfuse import pipeline
from affectfuse.checkpoint import Checkpoint, build_model, sample_spec
from affectfuse.config import load_recipe
from affectfuse.containers import Target
from affectfuse.fusion.calibration import Calibration
from affectfuse.pipeline import build_modalities, score_session
from affectfuse.reports.session import SessionResult
from affectfuse.reports.writing import write_session
from affectfuse.session_file import read_session

FUSION = {"target": "affectfuse.fusion.log_linear_pool.LogLinearPool", "initial_weight": 1.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--protocol", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--out", type=Path, default=None, help="keep the outputs there")
    parser.add_argument("--clicks", type=int, default=24, help="on the page")
    parser.add_argument("--rounds", type=int, default=3, help="openings of the page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.out or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        cache, model = keep(folder, Path(scratch)), untrained()
        print(f"made in {time.perf_counter() - began:.1f} s; kept in "
              f"{sum(f.stat().st_size for f in cache.iterdir()) / 1e6:.1f} MB")  # fmt: skip
        print(f"\n{'protocol':24} {'score':>7} {'write':>7} {'all':>7} {'memory':>8} {'page':>8}")
        print(f"{'':24} {'s':>7} {'s':>7} {'s':>7} {'MB':>8} {'MB':>8}")
        for protocol in options.protocol:
            scored(folder, protocol, cache, model)
        if CHROMIUM is None:
            print("\nno Chromium on the path: the page was not opened")
            return
        for protocol in options.protocol:
            opened(folder / protocol / "report.html", options.clicks, options.rounds)


def keep(folder: Path, scratch: Path) -> Path:
    """Write the session's recording, a table, and keep the tracks of the hour for it."""
    rows = "\n".join(f"{i / 4:.2f},{5 + (i % 7) / 100:.2f}" for i in range(4 * 3600))
    (folder / "wristband.csv").write_text(f"time_s,eda_us\n{rows}\n")
    cache = scratch / "cache"
    gather = pipeline.gather
    pipeline.gather = lambda *_, **__: gathered_hour()  # type: ignore[attr-defined]
    try:
        score(folder, "baseline_shift", cache, untrained(), count=3)
    finally:
        pipeline.gather = gather  # type: ignore[attr-defined]
    return cache


def score(
    folder: Path, protocol: str, cache: Path, model: Checkpoint, count: int = 60
) -> SessionResult:
    write_events(folder / f"{protocol}.tsv", questions(protocol, count=count))
    said = {
        "subject": "P-07",
        "purpose": "how long it takes",
        "consent": {"given": True, "record": "nobody was recorded"},
        "recordings": {"wristband": {"path": "wristband.csv", "sources": {"eda": "eda_us"}}},
        "events": f"{protocol}.tsv",
        "protocol": protocol,
    }
    (folder / f"{protocol}.yaml").write_text(yaml.safe_dump(said, sort_keys=False), "utf-8")
    session = read_session(folder / f"{protocol}.yaml")
    recipe = load_recipe("score", changes=session.recipe)
    return score_session(recipe, session, checkpoint=model, cache=cache)


def untrained() -> Checkpoint:
    """Return a model of all five modalities that is asked nothing: its estimates are kept."""
    recipe = load_recipe("score", [f"modalities=[{','.join(MODALITIES)}]"])
    modalities = build_modalities(recipe)
    torch.manual_seed(0)
    prior = [0.0] * len(CLASSES)
    return Checkpoint(
        OmegaConf.to_container(recipe.modalities, resolve=True),
        {name: sample_spec(modality) for name, modality in modalities.items()},
        FUSION,
        (Target("hidden_state", CLASSES, "window", "planted"),),
        prior,
        Calibration(),
        build_model(modalities, FUSION, prior).state_dict(),
        {},
        {"dataset": "synthetic", "provenance": "untrained", "subjects": {}},
        [],
        {},
        "2026-01-01T00:00:00+00:00",
    )


def scored(folder: Path, protocol: str, cache: Path, model: Checkpoint) -> None:
    began = time.perf_counter()
    result = score(folder, protocol, cache, model)
    assert result.provenance["extraction"]["from_cache"], "a pass was taken"
    between = time.perf_counter()
    page = write_session(result, folder / protocol)
    ended = time.perf_counter()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{protocol:24} {between - began:7.1f} {ended - between:7.1f} {ended - began:7.1f} "
          f"{memory:8.0f} {page.stat().st_size / 1e6:8.2f}", flush=True)  # fmt: skip


def opened(page: Path, clicks: int, rounds: int) -> None:
    print(f"\n{page.parent.name}: in Chromium, ms")
    columns = ("loaded", "script", "cpu", "median", "worst", "one line", "worst")
    print(f"{'':9} " + " ".join(f"{name:>8}" for name in columns))
    for number in range(rounds):
        found = measured_page(page, clicks)
        script, own = ([row[name] for row in found["clicks"]] for name in ("script", "ms"))
        told = [found["loaded"], statistics.median(script), found["cpu"]]
        for times in (own, found["empty"]):
            told += [statistics.median(times), max(times)]
        print(f"round {number + 1:<3} " + " ".join(f"{value:8.0f}" for value in told))
        for line in found["console"]:
            print(f"          console: {line}")
        print(f"          errors on the console: {len(found['console'])}", flush=True)


if __name__ == "__main__":
    main()
