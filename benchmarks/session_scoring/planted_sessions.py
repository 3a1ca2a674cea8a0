"""Reactions planted in rendered videos: are they found, and is nothing found where none are?

    python benchmarks/session_scoring/planted_sessions.py FOLDER [--sessions 20] [--twins 200]

Each session is 5 minutes of one animated person who is asked 8 questions. After each the heart
beats up to 4 bpm faster and 2 micro-expressions flit by. It is rendered, and scored as a user would
(`session.yaml`, `baseline_shift`), in the channels that the protocol was told beforehand: the two
that react, and two that do not. What was read is kept in FOLDER, so that a run can be interrupted;
`planted_design.py` has the design.

`found`: the p of a channel that reacts, adjusted over the four, is at most .05; `in the right
channel`: and that of no other. Twins are sessions of other seeds without reactions, made of true
tracks that are read as badly as those of the rendered sessions were.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import time
from pathlib import Path

import numpy as np
import yaml
from planted_design import CHANNELS, PLANTED, PROTOCOL, Measured, agreement, planned, questions_of
from planted_design import twin as twin_of

from affectfuse.config import build, load_node, load_recipe
from affectfuse.containers import Interval, IntervalTrack, Track
from affectfuse.datasets.synthetic import SessionScript, render, truth_of
from affectfuse.pipeline import score_session
from affectfuse.scoring.base import ScoringProtocol, SessionScore
from affectfuse.scoring.events import write_events
from affectfuse.session_file import read_session

LEVEL = 0.05


def measured(seed: int, folder: Path) -> Measured:
    """Return what is read from a session's video, from FOLDER when it is there."""
    script = planned(seed, reacts=True)
    content = json.dumps([script.to_json(), PROTOCOL], sort_keys=True)
    kept = folder / f"{hashlib.sha256(content.encode()).hexdigest()[:16]}.json"
    if not kept.exists():
        kept.write_text(json.dumps(_read(seed, script, folder)), encoding="utf-8")
    return Measured(script, _tracks(json.loads(kept.read_text(encoding="utf-8"))))


def _read(seed: int, script: SessionScript, folder: Path) -> dict[str, dict[str, list[float]]]:
    place = folder / f"session_{seed}"
    shutil.rmtree(place, ignore_errors=True)  # of a run that was interrupted
    place.mkdir(parents=True)
    begin_s = time.perf_counter()
    render(script, place / "video.mp4")
    rendered_s = time.perf_counter()
    write_events(questions_of(seed), place / "events.tsv")
    session = {
        "subject": f"synthetic-{seed}",
        "purpose": "Benchmark on an animated photograph.",
        "consent": {"given": True, "record": "nobody was recorded"},
        "recordings": {"video": {"path": "video.mp4"}},
        "modalities": {"heart_rate": "heart_rate", "micro_expression": "micro_expression"},
        "events": "events.tsv",
        "protocol": PROTOCOL,
    }
    (place / "session.yaml").write_text(yaml.safe_dump(session), encoding="utf-8")
    said = read_session(place / "session.yaml")
    result = score_session(load_recipe("score", changes=said.recipe), said)
    print(
        f"session {seed}: rendered in {rendered_s - begin_s:.0f} s, scored in "
        f"{time.perf_counter() - rendered_s:.0f} s",
        flush=True,
    )
    (place / "video.mp4").unlink()
    points = {
        name: {"times_s": t.times_s.tolist(), "values": t.values.tolist()}
        for name, t in result.tracks.items()
        if name in (*CHANNELS, "face_visible")
    }
    spotted = {
        name: {
            "onsets_s": [i.onset_s for i in t.intervals],
            "offsets_s": [i.offset_s for i in t.intervals],
        }
        for name, t in result.intervals.items()
    }
    return {**points, **spotted}


def _tracks(kept: dict[str, dict[str, list[float]]]) -> dict[str, Track | IntervalTrack]:
    tracks: dict[str, Track | IntervalTrack] = {}
    for name, of in kept.items():
        if "times_s" in of:
            times_s, values = np.array(of["times_s"]), np.array(of["values"], float)
            tracks[name] = Track(name, "1", times_s, values, np.ones(len(values)))
        else:
            spans_s = zip(of["onsets_s"], of["offsets_s"], strict=True)
            tracks[name] = IntervalTrack(name, tuple(Interval(a, b, name) for a, b in spans_s))
    return tracks


def adjusted(score: SessionScore) -> dict[str, float]:
    """Return the adjusted p of each channel."""
    return {contrast.channel: contrast.p_adjusted for contrast in score.contrasts}


def show_quality(sessions: list[Measured]) -> None:
    """Print how well the channels are read."""
    off, counts = [], {kind: np.zeros(3, int) for kind in ("micro_expression", "blink")}
    for session in sessions:
        truth, read = truth_of(session.script), session.tracks["heart_rate_bpm"]
        assert isinstance(read, Track)
        known = truth.tracks["heart_rate_bpm"]
        errors = read.values - np.interp(read.times_s, known.times_s, known.values)
        off.append(errors[np.isfinite(errors)])
        for kind, count in counts.items():
            found = session.tracks[kind]
            assert isinstance(found, IntervalTrack)
            hits, false = agreement(truth.events[kind], found.intervals)
            count += hits, len(truth.events[kind]), false
    errors = np.abs(np.concatenate(off))
    near = np.mean(errors <= 3.0)
    print(f"\nheart rate: median error {np.median(errors):.2f} bpm, {near:.1%} within 3")
    for kind, (hits, true, false) in counts.items():
        print(f"{kind}: {hits} of {true} found, {false} false")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="seed of the first")
    parser.add_argument("--twins", type=int, default=200)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    given = {name: value for name, value in PROTOCOL.items() if name != "config"}
    node = load_node("protocol", str(PROTOCOL["config"]))
    node.update(given)
    protocol = build(node, ScoringProtocol)  # type: ignore[type-abstract]

    seeds = range(options.first, options.first + options.sessions)
    sessions = [measured(seed, options.folder) for seed in seeds]
    show_quality(sessions)
    print("\nadjusted p     " + "".join(f"{name:>26}" for name in CHANNELS))
    found = []
    for seed, session in zip(seeds, sessions, strict=True):
        p = adjusted(protocol.score(session.tracks, (), questions_of(seed)))
        found.append([p[name] <= LEVEL for name in CHANNELS])
        print(f"session {seed:6} " + "".join(f"{p[name]:26.3f}" for name in CHANNELS))
    hits = np.array(found)
    right, wrong = hits[:, : len(PLANTED)], hits[:, len(PLANTED) :]
    print("found          " + "".join(f"{count:26}" for count in hits.sum(axis=0)))
    print(f"in a channel that reacts: {right.any(axis=1).sum()} of {len(hits)}")
    print(f"in both: {right.all(axis=1).sum()}")
    print(f"in the right channel and in no other: {(right.any(axis=1) & ~wrong.any(axis=1)).sum()}")

    alarms = []
    for number in range(options.twins):
        seed = 10_000 + options.first + number
        tracks = twin_of(seed, sessions[number % len(sessions)])
        p = adjusted(protocol.score(tracks, (), questions_of(seed)))
        alarms.append([p[name] <= LEVEL for name in CHANNELS])
    if alarms:
        rows = np.array(alarms)
        limit = LEVEL + 2 * np.sqrt(LEVEL * (1 - LEVEL) / len(rows))
        print(
            f"\n{len(rows)} twins without reactions: {rows.any(axis=1).mean():.3f} with any channel"
        )
        print(f"(at most {limit:.3f}); by channel {rows.mean(axis=0).round(3).tolist()}")


if __name__ == "__main__":
    main()
