"""Sessions made to order: a file, tables of a temperature and of a skin conductance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from affectfuse.config import load_recipe
from affectfuse.pipeline import score_session
from affectfuse.reports.session import SessionResult
from affectfuse.session_file import read_session

CONSENT = {"given": True, "record": "form 12, signed 2026-03-01"}
SKIN = {"skin_temperature": {"config": "skin_temperature", "past_s": [], "window_s": 10.0}}


def step(time_s: float) -> float:
    """A temperature that jumps at 60 s of the session: a mark to find again."""
    return 33.0 + (time_s >= 60.0)


def table(
    path: Path,
    length_s: float = 120.0,
    value: Callable[[float], float] = step,
    begin_s: float = 0.0,
    drift: float = 0.0,
) -> Path:
    """Readings of the session by a device that is `begin_s` ahead at 0, and `drift` slow."""
    rows = [
        f"{(t + begin_s) / (1.0 + drift):.6f},{value(t):.4f}" for t in np.arange(0, length_s, 0.25)
    ]
    path.write_text("\n".join(["time_s,value", *rows]) + "\n")
    return path


def write(folder: Path, **said: Any) -> Path:
    """A session file with what it must say, changed; None takes a key away."""
    keys: dict[str, Any] = {
        "subject": "P-07",
        "purpose": "usability of a form",
        "consent": CONSENT,
        "recordings": {"temperature": {"path": "temperature.csv"}},
        "modalities": SKIN,
        "protocol": {"config": "baseline_shift", "permutations": 19},
    }
    keys = {key: value for key, value in (keys | said).items() if value is not None}
    path = folder / "session.yaml"
    path.write_text(yaml.safe_dump(keys, sort_keys=False), "utf-8")
    return path


def score(path: Path) -> SessionResult:
    session = read_session(path)
    return score_session(load_recipe("score", changes=session.recipe), session)
