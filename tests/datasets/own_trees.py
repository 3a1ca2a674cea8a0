"""Tiny data sets of one's own: a manifest, feature tables, a BIDS folder."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from datasets.media import pictures, wave, write_avi

MANIFEST: dict[str, Any] = {
    "modalities": {
        "face": {"kind": "recording"},
        "wrist": {"kind": "signal", "sources": {"eda": ["eda_us"]}, "offset_s": "wrist_offset"},
        "voice": {"kind": "features"},
    },
    "targets": {
        "affect": {"kind": "scales", "columns": ["valence", "arousal"]},
        "state": {"kind": "classes", "column": "label", "classes": ["calm", "stressed"]},
        "units": {"kind": "labels", "columns": ["au4"]},
    },
    "attributes": ["sex"],
}


def write_manifest(root: Path) -> None:
    """Two people before a camera, one with a wristband; a third known by her voice alone."""
    for name in ("ann", "bob"):
        write_avi(root / "video" / f"{name}.avi", pictures(30), 10)
    (root / "wrist").mkdir()
    rows = [f"{t:g},{2 + v:.3f},ok" for t, v in zip(range(5), wave(np.arange(5)), strict=True)]
    (root / "wrist" / "bob.csv").write_text("time_s,eda_us,state\n" + "\n".join(rows) + "\n")
    (root / "voice").mkdir()
    for n in (1, 2):
        np.save(root / "voice" / f"cat{n}.npy", np.arange(4, dtype=np.float64) * n)
    lines = [
        "recording,onset,duration,subject,label,valence,arousal,au4,sex,face,wrist,wrist_offset,voice",
        "ann,0,1.5,A,calm,0.5,-0.25,0,female,video/ann.avi,,,",
        "ann,1.5,1.5,A,stressed,,0.75,1,female,video/ann.avi,,,",
        "bob,0.5,2,B,stressed,-0.5,,,male,video/bob.avi,wrist/bob.csv,-1.5,",
        "cat,0,60,C,calm,,,,female,,,,voice/cat1.npy",
        "cat,60,60,C,,,0.1,,female,,,,voice/cat2.npy",
    ]
    (root / "manifest.csv").write_text("\n".join(lines) + "\n")


FEATURE_TABLES: dict[str, Any] = {
    "keys": ["id", "task"],
    "tables": {
        "ecg": "ecg.csv",
        "voice": {"path": "voice.tsv", "keys": ["0"], "header": False, "strip": ".wav"},
    },
    "targets": {"stress": {"kind": "classes", "classes": {0: "calm", 1: "stressed"}}},
    "attributes": ["sex"],
}


def write_feature_tables(root: Path) -> None:
    """Three people, two tasks; not everyone has a voice; columns that are no features."""
    labels, ecg = ["id,task,subject,sex,stress"], ["task,id,rate,flat,device,spread"]
    for n, person in enumerate(("p1", "p2", "p3")):
        for k, task in enumerate(("rest", "math")):
            labels.append(f"{person},{task},{person},{'fm'[n % 2]},{k if person != 'p3' else ''}")
            ecg.append(f"{task},{person},{60 + 10 * k + n},7,strap,{'' if (n, k) == (1, 1) else k}")
    (root / "labels.csv").write_text("\n".join(labels) + "\n")
    (root / "ecg.csv").write_text("\n".join([*ecg, "rest,p9,1,7,strap,1"]) + "\n")
    voice = ["p1_math.wav\t0.5\t1", "p2_math.wav\t0.25\t2"]
    (root / "voice.tsv").write_text("\n".join(voice) + "\n")


BIDS: dict[str, Any] = {
    "sources": {"eda": ["eda"], "bvp": ["cardiac"]},
    "targets": {
        "phase": {"kind": "classes", "column": "trial_type", "classes": ["rest", "stroop"]}
    },
    "attributes": ["sex", "skin_tone"],
}


def write_bids(root: Path) -> None:
    """One with physiology in two files and a video, another in a session with physiology alone."""
    root.mkdir(exist_ok=True)
    people = "participant_id\tsex\tage\tskin_tone\nsub-01\tF\t30\t4\nsub-02\tM\t31\tn/a\n"
    (root / "participants.tsv").write_text(people)
    (root / "task-stroop_physio.json").write_text(json.dumps({"StartTime": 0}))
    events = (
        "onset\tduration\ttrial_type\n0\t1\trest\n1.5\t1\tstroop\n2.5\tn/a\tstroop\n3\t0\tkey\n"
    )
    for run in ("sub-01/beh/sub-01_task-stroop", "sub-02/ses-1/beh/sub-02_ses-1_task-stroop"):
        stem = root / run
        stem.parent.mkdir(parents=True)
        stem.with_name(f"{stem.name}_events.tsv").write_text(events)
        write_physio(stem, "_recording-eda", {"eda": [2.0, 2.5] * 6}, 4.0)
    write_physio(root / "sub-01/beh/sub-01_task-stroop", "", {"cardiac": [0.5] * 192}, 64.0)
    write_avi(root / "sub-01/video/sub-01_task-stroop_video.avi", pictures(30), 10)


def write_physio(stem: Path, part: str, columns: dict[str, list[float]], rate_hz: float) -> None:
    name = f"{stem.name}{part}_physio"
    with gzip.open(stem.with_name(f"{name}.tsv.gz"), "wt") as file:
        for row in zip(*columns.values(), strict=True):
            file.write("\t".join(f"{value:g}" for value in row) + "\n")
    said = {"SamplingFrequency": rate_hz, "Columns": list(columns), "eda": {"Units": "uS"}}
    stem.with_name(f"{name}.json").write_text(json.dumps(said))


OWN_TREES: dict[str, Callable[[Path], None]] = {
    "bids": write_bids,
    "feature_tables": write_feature_tables,
    "manifest": write_manifest,
}
OWN_GIVEN: dict[str, dict[str, Any]] = {
    "bids": BIDS,
    "feature_tables": FEATURE_TABLES,
    "manifest": MANIFEST,
}
