"""Reactions of heart and skin equal NeuroKit2's event-related features on the same windows."""

from __future__ import annotations

import numpy as np
import pytest
from scoring.event_related import PAIRS, Compared, compared

RATE_HZ = 100
ONSETS = (1450, 2200, 2950, 4420)


@pytest.fixture(scope="module")
def pairs() -> list[Compared]:
    neurokit2 = pytest.importorskip("neurokit2")
    ecg = neurokit2.ecg_simulate(
        duration=60, sampling_rate=RATE_HZ, heart_rate=72, heart_rate_std=6, random_state=4
    )
    eda = neurokit2.eda_simulate(
        duration=60, sampling_rate=RATE_HZ, scr_number=4, noise=0, drift=0.01, random_state=4
    )
    processed, _ = neurokit2.bio_process(ecg=ecg, eda=eda, sampling_rate=RATE_HZ)
    return compared(processed, RATE_HZ, ONSETS, 6.9)


@pytest.mark.parametrize("feature", PAIRS)
def test_as_neurokit_does(pairs: list[Compared], feature: str) -> None:
    both = [pair for pair in pairs if pair.feature == feature and np.isfinite(pair.theirs)]
    assert len(both) >= 2
    for pair in both:
        assert pair.ours == pytest.approx(pair.theirs, rel=0.01, abs=1e-9)
