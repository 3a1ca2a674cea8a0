from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

RATE_HZ = 30.0
TINT = np.array([0.33, 0.77, 0.53])


@pytest.fixture
def pulsating() -> Callable:
    """Skin whose reflected light falls as `volume` rises: (rgb (time, channel), volume (time,))."""

    def make(amplitude, seconds=12.0, bpm=72.0, noise=0.0, seed=0, skin=(180.0, 120.0, 100.0)):
        time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
        volume = np.sin(2 * np.pi * bpm / 60 * time_s)
        grain = noise * np.random.default_rng(seed).normal(size=(len(time_s), 3))
        return np.array(skin) * (1 - amplitude * volume[:, None] * TINT + grain), volume

    return make
