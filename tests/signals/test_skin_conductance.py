"""Skin conductance: what rides on its level, against formulas and against NeuroKit2."""

from __future__ import annotations

import numpy as np
import pytest

from affectfuse.containers import Array
from affectfuse.signals.skin_conductance import SETTLES_S, find_responses, tonic_and_phasic

RATE_HZ = 4.0


def response(times_s: Array, onset_s: float, amplitude: float) -> Array:
    """A response that rises for about 2 s and decays over some more."""
    after = np.maximum(times_s - onset_s, 0.0)
    shape = (np.exp(-after / 4.0) - np.exp(-after / 0.75)) * (after > 0)
    peak = np.exp(-np.arange(0, 20, 0.01) / 4.0) - np.exp(-np.arange(0, 20, 0.01) / 0.75)
    return amplitude * shape / float(peak.max())


def test_planted_responses_are_found() -> None:
    times_s = np.arange(0, 120, 1 / RATE_HZ)
    onsets_s, amplitudes = [10.0, 35.0, 62.0, 90.0], [0.4, 0.05, 0.2, 0.01]
    signal = 3.0 + sum(response(times_s, o, a) for o, a in zip(onsets_s, amplitudes, strict=True))
    found = find_responses(signal, RATE_HZ, least=0.02)
    np.testing.assert_allclose(found.onsets_s, onsets_s[:3], rtol=0, atol=1.0)
    np.testing.assert_allclose(found.peaks_s - found.onsets_s, 2.0, rtol=0, atol=1.0)
    np.testing.assert_allclose(found.amplitudes, amplitudes[:3], rtol=0.15)
    assert len(find_responses(signal, RATE_HZ, least=0.3).peaks_s) == 1


def test_drifts_and_gaps_are_no_responses() -> None:
    times_s = np.arange(0, 60, 1 / RATE_HZ)
    assert len(find_responses(1.0 + 0.01 * times_s, RATE_HZ, least=0.02).peaks_s) == 0
    assert len(find_responses(np.full(240, 2.0), RATE_HZ, least=0.02).peaks_s) == 0
    slow = 1.0 + 0.5 * (1 - np.cos(2 * np.pi * times_s / 40))  # rises for 20 s
    assert len(find_responses(slow, RATE_HZ, least=0.02).peaks_s) == 0
    signal = 3.0 + response(times_s, 20.0, 0.4)
    signal[82:85] = np.nan  # within the rise
    assert len(find_responses(signal, RATE_HZ, least=0.3).peaks_s) == 0
    assert len(find_responses(np.full(240, np.nan), RATE_HZ, least=0.02).peaks_s) == 0


def test_a_response_depends_on_nothing_later() -> None:
    times_s = np.arange(0, 120, 1 / RATE_HZ)
    signal = 3.0 + response(times_s, 20.0, 0.4) + response(times_s, 60.0, 0.3)
    whole = find_responses(signal, RATE_HZ, least=0.02)
    for end in range(40, len(signal)):
        early = find_responses(signal[:end], RATE_HZ, least=0.02)
        settled = early.peaks_s <= end / RATE_HZ - 2.0
        count = int(settled.sum())
        np.testing.assert_array_equal(early.peaks_s[settled], whole.peaks_s[:count])
        np.testing.assert_array_equal(early.amplitudes[settled], whole.amplitudes[:count])
    assert len(whole.peaks_s) == 2


@pytest.mark.parametrize(("hz", "gain"), [(0.005, 0.0), (0.05, 0.5), (0.25, 1.0)])
def test_gain_of_the_phasic_part(hz: float, gain: float) -> None:
    times_s = np.arange(0, 600, 1 / RATE_HZ)
    tonic, phasic = tonic_and_phasic(5.0 + np.sin(2 * np.pi * hz * times_s), RATE_HZ)
    middle = slice(100, -100)
    assert np.sqrt(2) * phasic[middle].std() == pytest.approx(gain, abs=0.15)
    assert (tonic + phasic)[middle].mean() == pytest.approx(5.0, abs=0.05)


def test_the_settled_part_no_longer_changes() -> None:
    rng = np.random.default_rng(0)
    signal = 3.0 + np.cumsum(rng.normal(0, 0.02, 800))
    whole = tonic_and_phasic(signal, RATE_HZ)
    part = tonic_and_phasic(signal[:400], RATE_HZ)
    settled = slice(0, 400 - round(SETTLES_S * RATE_HZ))
    for one, other in zip(whole, part, strict=True):
        np.testing.assert_allclose(one[settled], other[settled], rtol=0, atol=1e-9)
    signal[50] = np.nan
    tonic, phasic = tonic_and_phasic(signal, RATE_HZ)
    assert np.flatnonzero(np.isnan(tonic)).tolist() == [50]
    assert np.flatnonzero(np.isnan(phasic)).tolist() == [50]


def test_as_neurokit_does() -> None:
    neurokit2 = pytest.importorskip("neurokit2")
    rate_hz = 16
    simulated = neurokit2.eda_simulate(
        duration=180, sampling_rate=rate_hz, scr_number=9, noise=0, drift=0.005, random_state=3
    )
    signals, info = neurokit2.eda_process(simulated, sampling_rate=rate_hz)
    ours = find_responses(simulated, rate_hz, least=0.05)
    theirs_s = info["SCR_Peaks"][1:] / rate_hz  # the first rises before the signal begins
    assert len(ours.peaks_s) == len(theirs_s) == 8
    np.testing.assert_allclose(ours.peaks_s, theirs_s, rtol=0, atol=1.0)
    _, phasic = tonic_and_phasic(simulated, rate_hz)
    inside = slice(10 * rate_hz, -10 * rate_hz)
    both = np.corrcoef(phasic[inside], signals["EDA_Phasic"].to_numpy()[inside])
    assert both[0, 1] > 0.8
