"""Face, pulse from the same video, skin conductance, fused: whole recipes on generated trees."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from datasets.coded_trees import write_xlsx
from datasets.media import write_avi
from training.expressive_casme2 import RATE_HZ, write_expressive_casme2

from affectfuse.cli import main
from affectfuse.containers import Frame

pytestmark = pytest.mark.slow

SECONDS = 10
EDA_HZ, BVP_HZ = 4, 64
CLASSES = ("happiness", "surprise", "disgust", "repression", "others")


@pytest.fixture(scope="module")
def expressions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Coded clips for the recogniser, of nobody else's face."""
    root = tmp_path_factory.mktemp("casme2")
    write_expressive_casme2(root, subjects=2)
    return root


def skin(subject: int, level: float) -> np.ndarray:
    rng = np.random.default_rng(subject)
    return level + subject + rng.normal(0, 0.05, SECONDS * EDA_HZ)


def run(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expressions: Path, *more: str
) -> Path:
    overrides = [
        "recogniser_dataset=casme2",
        f"recogniser_dataset.root={expressions}",
        f"recogniser_dataset.frame_rate_hz={RATE_HZ}",
        f"recogniser_label_map={{{', '.join(f'{word}: {word}' for word in CLASSES)}}}",
        "recogniser_training.max_epochs=1",
        "modalities.electrodermal_activity.window_s=4.0",
        "modalities.electrodermal_activity.period_s=1.0",
        "modalities.electrodermal_activity.past_s=[]",
        "sampling.settle_s=6.0",
        "sampling.every_s=1.0",
        "split.protocol=grouped_k_fold",
        "split.folds=2",
        "training.inner_folds=0",
        "training.max_epochs=30",
        "seeds=[0]",
        "draws=50",
        "workers=1",
        f"cache={tmp_path / 'cache'}",
        *more,
    ]
    out = tmp_path / "out"
    monkeypatch.setattr(
        sys, "argv", ["affectfuse", "crossval", recipe, *overrides, "--out", str(out)]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    return out


def checked(out: Path, recordings: int) -> None:
    """Every modality was there, everybody was tested, and conductance told the label."""
    with (out / "predictions.csv").open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert len({row["recording"] for row in rows}) == recordings
    modalities = {"heart_rate", "micro_expression", "electrodermal_activity"}
    for name in modalities:
        assert any(row[f"present_{name}"] in ("1", "True", "true") for row in rows), name
    report = json.loads((out / "crossval.json").read_text())
    text = json.dumps(report)
    assert all(name in text for name in modalities)
    assert (out / "crossval.html").stat().st_size > 10_000


def test_ubfc_phys(
    face_video: list[Frame], expressions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [frame.image for frame in face_video[: SECONDS * 30 : 2]]
    root = tmp_path / "ubfc"
    for subject in range(1, 5):
        for task, level in (("T1", 0.0), ("T2", 3.0), ("T3", 6.0)):
            name = f"s{subject}_{task}"
            write_avi(root / f"s{subject}" / f"vid_{name}.avi", images, 15)
            np.savetxt(root / f"s{subject}" / f"eda_{name}.csv", skin(subject, level), "%.4f")
            bvp = np.sin(2 * np.pi * 1.2 * np.arange(SECONDS * BVP_HZ) / BVP_HZ)
            np.savetxt(root / f"s{subject}" / f"bvp_{name}.csv", bvp, "%.4f")
        sex = "m" if subject % 2 else "f"
        (root / f"s{subject}" / f"info_s{subject}.txt").write_text(f"s{subject}\n{sex}\ntest\n")
    out = run("ubfc_phys", tmp_path, monkeypatch, expressions, f"dataset.root={root}")
    checked(out, recordings=12)
    groups = (out / "scores.csv").read_text()
    assert "female" in groups
    assert "male" in groups


def test_casme3_c(
    face_video: list[Frame], expressions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "casme3"
    rows = {1: ("sub", "count", "onset", "offset", "au")}
    conditions = ["sub,condition"]
    for subject in range(1, 7):
        folder = root / "part_C" / f"{subject:02d}" / "a" / "color"
        folder.mkdir(parents=True)
        for number, frame in enumerate(face_video[: SECONDS * 30], start=1):
            picture = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
            (folder / f"{number}.jpg").write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
        guilty = subject % 2
        (root / "physiology").mkdir(exist_ok=True)
        times = np.repeat(skin(subject, 4.0 * guilty), 1)
        table = "\n".join(f"{value:.4f}\t{value:.4f}" for value in times)
        (root / "physiology" / f"{subject:02d}.txt").write_text(f"EDA100C\tECG100C\n{table}\n")
        rows[len(rows) + 1] = (subject, 1, 30, 40, "4")
        conditions.append(f"{subject:02d},{'guilty' if guilty else 'innocent'}")
    write_xlsx(root / "CAS(ME)3_part_C_ME.xlsx", {"Sheet1": rows})
    (root / "conditions.csv").write_text("\n".join(conditions) + "\n")
    out = run(
        "casme3_c", tmp_path, monkeypatch, expressions, f"dataset.root={root}",
        "dataset.conditions=conditions.csv", f"dataset.physiology_rate_hz={EDA_HZ}",
    )  # fmt: skip
    checked(out, recordings=6)
