"""Tiny copies of StressID: its recordings, and its published tables of features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from datasets.media import pictures, wave, write_avi


def write_stressid(root: Path) -> None:
    """Baselines without video; one task without physiology; one without label."""
    for person in ("2ea4", "b9w0"):
        for task in ("Baseline", "Stroop", "Relax"):
            if (person, task) != ("b9w0", "Relax"):
                write_physiology(root / "Physiological" / person / f"{person}_{task}.txt")
            if task != "Baseline":
                write_avi(root / "Videos" / person / f"{person}_{task}.avi", pictures(15), 15)
    (root / "labels.csv").write_text(
        "subject/task,binary-stress,affect3-class\n2ea4_Relax,0,0\n2ea4_Stroop,1,2\n"
        "b9w0_Relax,0.0,1.0\nb9w0_Stroop,1,1\nz1z1_Math,1,2\n"
    )
    ratings = ["Tasks;2ea4;b9w0"]
    for task, (relax, stress) in {"Relax": (9, 0), "Stroop": (2, 8)}.items():
        ratings += [f"{task}_relax;{relax};{relax}", f"{task}_stress;{stress};"]
        ratings += [f"{task}_valence;5;6", f"{task}_arousal;;7"]
    (root / "self_assessments.csv").write_text("\n".join(ratings) + "\n")


def write_physiology(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    times_s = np.arange(1500) / 500
    rows = [
        f"{v:.4f},{2 + 0.1 * t:.4f},{v / 2:.4f}"
        for t, v in zip(times_s, wave(times_s), strict=True)
    ]
    path.write_text("ECG,EDA,RR\n" + "\n".join(rows) + "\n")


def write_stressid_features(root: Path) -> None:
    """As they are published: physiology with a nameless key, voices with file names, no header."""
    root.mkdir(exist_ok=True)
    keys = [f"{person}_{task}" for person in ("2ea4", "b9w0") for task in ("Baseline", "Stroop")]
    tables = {
        "all_physiological_features.csv": ",meanHR,ULF",
        "video11tasks_aus_gaze_mean_std.csv": "id,mean_AU01_r",
    }
    for name, header in tables.items():
        rows = [f"{key},{60 + n}" + ",0.0" * ("ULF" in header) for n, key in enumerate(keys)]
        (root / name).write_text("\n".join([header, *rows]) + "\n")
    voices = [f"{key}.wav,{n / 2},{n}" for n, key in enumerate(keys) if "Stroop" in key]
    (root / "HCfeatures.csv").write_text("\n".join(voices) + "\n")
    (root / "labels.csv").write_text(
        "subject/task,binary-stress,affect3-class\n2ea4_Stroop,1,2\nb9w0_Stroop,0,0\n"
    )
