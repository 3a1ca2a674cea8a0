"""Signals and tables whose figures are known."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectfuse.config import custom_package
from affectfuse.containers import Array, Track
from affectfuse.evaluation.base import Pairs

MakePairs = Callable[..., Pairs]

RATE_HZ = 30.0
BAND_HZ = (0.6, 3.3)


def sine(times_s: Array, hz: float, phase: float = 0.0) -> Array:
    return np.sin(2 * np.pi * hz * times_s + phase)


def example() -> tuple[Array, Array]:
    """A disturbed and a clean pulse of 78 bpm, both with a trend: 30 s."""
    t = np.arange(900) / RATE_HZ
    label = sine(t, 1.3) + 0.4 * sine(t, 2.6, 0.5) + 0.3 * t
    estimated = 0.7 * sine(t, 1.3, 1) + 0.5 * sine(t, 0.95) + 0.4 * sine(t, 2.1, 2)
    return estimated + np.cos(2 * np.pi * 0.05 * t), label


# What rPPG-Toolbox's calculate_metric_per_video(estimated, label, fs=30, diff_flag=False) returns
# for the example, whole and in windows of 10 s: reference, estimate, SNR, MACC. Its commit d807b01.
TOOLBOX = {
    (0, 900): (77.34375, 77.34375, 2.0484528585925488, 0.7566750260788351),
    (0, 300): (77.34375, 77.34375, 1.67891193329187, 0.7476194149311206),
    (300, 600): (77.34375, 77.34375, 0.5030350835373244, 0.7201170553506453),
}


def track(name: str, times_s: Any, values: Any, quality: Any = 1.0) -> Track:
    values = np.asarray(values, float)
    level: Array = np.broadcast_to(np.asarray(quality, float), values.shape).copy()
    return Track(name, "1", np.asarray(times_s, float), values, level)


@contextmanager
def pulse_recipe(folder: Path) -> Iterator[Path]:
    """A recipe of the planted data set in `custom/`, reached as a user's own would be."""
    with custom_package(Path(__file__).parent), pytest.MonkeyPatch.context() as patch:
        from custom.pulses import read

        patch.setattr("affectfuse.evaluation.tracks.extract_recording", read)
        recipe = folder / "pulses.yaml"
        recipe.write_text(
            "extends: evaluate_heart_rate\n"
            "dataset:\n"
            "  target: custom.pulses.Pulses\n"
            f"  root: {folder / 'data'}\n"
            "  subjects: 6\n"
            "  references: [heart_rate_bpm, bvp]\n"
            f"cache: {folder / 'cache'}\n"
            "draws: 100\n"
            "workers: 1\n"
        )
        yield recipe
    for name in [name for name in sys.modules if name.partition(".")[0] == "custom"]:
        del sys.modules[name]
