from __future__ import annotations

import math

import numpy as np
import pytest

from affectfuse.modalities.heart_rate.posterior import RATES_BPM, RatePosterior, read_rate

RATES = np.array(RATES_BPM, float)


def peak(bpm: float, share: float, sd_bpm: float = 2.0) -> np.ndarray:
    """A peak with a share of the probability; half of the rest on 'no pulse', half spread."""
    bell = np.exp(-0.5 * ((RATES - bpm) / sd_bpm) ** 2)
    flat = np.full(len(RATES), (1 - share) / 2 / len(RATES))
    return np.append(share * bell / bell.sum() + flat, (1 - share) / 2)


@pytest.mark.parametrize("bpm", [48.0, 71.3, 150.0])
def test_rate_and_confidence_of_a_peak(bpm):
    rate_bpm, confidence = read_rate(peak(bpm, 0.8, sd_bpm=1.0))
    assert rate_bpm == pytest.approx(bpm, abs=0.1)
    # 99.7 % of a normal peak lies within 3 sd; the bins of 2 bpm blur a little of that
    assert confidence == pytest.approx(0.8, abs=0.02)


def test_a_sharp_peak_beats_a_higher_total_elsewhere():
    likely = peak(60, 0.5, 1.0) + peak(140, 0.6, 20.0)
    assert read_rate(likely / likely.sum())[0] == pytest.approx(60, abs=0.5)


def test_no_probability_is_no_rate():
    rate_bpm, confidence = read_rate(np.append(np.zeros(len(RATES)), 1.0))
    assert math.isnan(rate_bpm)
    assert confidence == 0.0


def test_the_filter_passes_over_one_bad_window_but_follows_many():
    posterior = RatePosterior((40.0, 220.0))
    for _ in range(6):
        steady = posterior.update(peak(70, 0.8))
    assert steady[0] == pytest.approx(70, abs=0.3)
    once = posterior.update(peak(131, 0.4))
    assert once[0] == pytest.approx(70, abs=1)
    assert once[1] < steady[1]
    for _ in range(8):
        moved = posterior.update(peak(131, 0.8))
    assert moved[0] == pytest.approx(131, abs=0.3)


def test_certainty_does_not_grow_by_repetition():
    posterior = RatePosterior((40.0, 220.0))
    said = [posterior.update(peak(90, 0.3))[1] for _ in range(30)]
    assert max(said) < 0.35


def test_after_a_gap_the_old_rate_has_no_say():
    posterior = RatePosterior((40.0, 220.0))
    for _ in range(10):
        posterior.update(peak(70, 0.9))
    posterior.skip()
    assert posterior.update(peak(120, 0.3))[0] == pytest.approx(120, abs=0.5)


def test_a_rate_outside_the_band_is_not_given():
    posterior = RatePosterior((50.0, 150.0))
    rate_bpm, confidence = posterior.update(peak(180, 0.9))
    assert 50 <= rate_bpm <= 150
    assert confidence < 0.2
