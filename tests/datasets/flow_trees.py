"""Tiny copies of the MEGC2019 flow images: planted motion, in the community's layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

SHEET = "combined_3_class2_for_optical_flow.csv"
SUBJECTS = {"sub01": "casme2", "sub02": "casme2", "s03": "smic", "s04": "smic", "006": "samm"}


def flow_image(label: int, rng: np.random.Generator, strength: float = 1.0) -> Any:
    """Return an image (28, 28, 3) as OpenCV reads it: strain, v, u, scaled to 0..255 each.

    Brows draw together (0), mouth corners go out and up (1), brows go up (2).
    """
    y, x = np.mgrid[:28, :28].astype(np.float64)

    def bump(at_x: float, at_y: float) -> Any:
        return np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / 12)

    size = strength * rng.uniform(0.7, 1.3)
    brows, mouth = (bump(8, 7), bump(20, 7)), (bump(9, 21), bump(19, 21))
    u = {0: brows[0] - brows[1], 1: mouth[1] - mouth[0], 2: 0 * x}[label] * size
    v = {0: 0.5 * (brows[0] + brows[1]), 1: -mouth[0] - mouth[1], 2: -brows[0] - brows[1]}[label]
    u, v = u + rng.normal(0, 0.2, u.shape), size * v + rng.normal(0, 0.2, v.shape)
    strain = np.hypot(np.gradient(u)[1], np.gradient(v)[0])
    channels = [255 * (c - c.min()) / np.ptp(c) for c in (strain, v, u)]
    return np.dstack(channels).round().astype(np.uint8)


def write_megc2019_flow(
    root: Path,
    subjects: dict[str, str] | None = None,
    labels: Sequence[int] = (0, 0, 1, 1, 2),
    strength: float = 1.0,
    space: str = " ",
) -> None:
    """Write all folds and the sheet; `space` ends the files' names, as in one copy that goes
    round."""
    subjects = subjects or SUBJECTS
    rng = np.random.default_rng(0)
    clips = {
        (subject, f"EP{number:02d}"): (label, flow_image(label, rng, strength))
        for subject in subjects
        for number, label in enumerate(labels, start=1)
    }
    for held_out in subjects:
        for (subject, clip), (label, image) in clips.items():
            side = "u_test" if subject == held_out else "u_train"
            folder = root / "three_norm_u_v_os" / held_out / side / str(label)
            folder.mkdir(parents=True, exist_ok=True)
            _, encoded = cv2.imencode(".png", image)
            (folder / f"{subject}_{clip}{space}.png").write_bytes(encoded.tobytes())
    rows = [
        f"{subjects[subject]},{subject},{clip},{label},,{subject}_{clip}.jpg,"
        for (subject, clip), (label, _) in clips.items()
    ]
    header = "dataset,sub,filename_o,label,apex,imagename,sub_filename"
    (root / SHEET).write_text("\n".join([header, *rows]) + "\n", "utf-8")
