"""Sessions of an Empatica E4 as its export has them, with signals made to order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

START_UNIX_S = 1_644_227_574.0
RATES_HZ = {"BVP": 64.0, "EDA": 4.0, "TEMP": 4.0, "ACC": 32.0}


def write_empatica(
    folder: Path,
    length_s: float,
    starts_s: Mapping[str, float] | None = None,
    signals: Mapping[str, NDArray[Any]] | None = None,
) -> None:
    """Write the four sensors' files; a pulse of 72 bpm unless `signals` says otherwise.

    Args:
        folder: made if need be.
        length_s: of each file.
        starts_s: how much later than the session a file begins.
        signals: (time,) or (time, axis) in the files' own units, in place of the usual ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for name, rate_hz in RATES_HZ.items():
        times_s = np.arange(round(length_s * rate_hz)) / rate_hz
        usual = {
            "BVP": 40 * np.sin(2 * np.pi * 1.2 * times_s),
            "EDA": 0.5 + 0.01 * np.sin(2 * np.pi * 0.05 * times_s),
            "TEMP": 33.0 + 0.001 * times_s,
            "ACC": np.tile([5, -20, 60], (len(times_s), 1)) + rng.integers(0, 2, (len(times_s), 3)),
        }
        values = (signals or {}).get(name, usual[name])
        columns = np.reshape(values, (len(values), -1))
        start = START_UNIX_S + (starts_s or {}).get(name, 0.0)
        form = "%d" if name == "ACC" else "%.6f"
        head = [
            ", ".join([f"{start:.6f}"] * columns.shape[1]),
            ", ".join([f"{rate_hz:.6f}"] * columns.shape[1]),
        ]
        rows = [",".join(form % value for value in row) for row in columns]
        (folder / f"{name}.csv").write_text("\n".join([*head, *rows]) + "\n")
