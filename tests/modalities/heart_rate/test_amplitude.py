"""Pulse amplitude from regions whose pulses are not equally strong."""

from __future__ import annotations

import numpy as np
import pytest

from affectfuse.containers import Array
from affectfuse.datasets.synthetic.physiology import pulse_wave
from affectfuse.modalities.heart_rate.amplitude import AmplitudeReader
from affectfuse.signals.pulse_amplitude import SIGNATURE

RATE_HZ = 30.0
SKIN = np.array([170.0, 125.0, 105.0])
STRENGTH = np.array([1.2, 2.0, 1.8, 1.0])
CHANNELS = (0, 1, 2)


def face(noise: Array, amplitude: Array | float = 0.004, seconds: int = 40) -> tuple[Array, Array]:
    """Return (time, region, channel) colours, the noise (time, region) of each, and the beats."""
    rng = np.random.default_rng(5)
    times_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    beats_s = np.arange(-1.0, seconds + 2.0, 0.8)
    pulse = amplitude * pulse_wave(times_s, beats_s)
    clean = 1.0 - pulse[:, None, None] * STRENGTH[:, None] * SIGNATURE
    speckle = noise[..., None] * rng.normal(size=(*noise.shape, 3))
    return SKIN * (clean + speckle), beats_s


def readings(colours: Array, beats_s: Array, reader: AmplitudeReader) -> Array:
    values = []
    for end in range(8, round(len(colours) / RATE_HZ) + 1):
        part = colours[round((end - 8) * RATE_HZ) : round(end * RATE_HZ)]
        near = beats_s[(beats_s > end - 10.0) & (beats_s < end + 1.0)] - (end - 8)
        joined = np.ones(len(near), bool)
        values.append(reader.read(part, CHANNELS, RATE_HZ, near, joined)[0])
    return np.array(values)


def test_the_scale_stays_when_the_least_noisy_region_changes() -> None:
    """A mean weighted by noise alone would go from the cheeks' pulse to the skin's: half of it."""
    noise = np.full((round(40 * RATE_HZ), 4), 0.0006)
    noise[round(20 * RATE_HZ) :, 1:3] = 0.01
    noise[: round(20 * RATE_HZ), 3] = 0.002
    values = readings(*face(noise), AmplitudeReader())
    assert np.median(values[:10]) == pytest.approx(0.4, rel=0.1)
    assert np.median(values[-8:]) == pytest.approx(np.median(values[:10]), rel=0.06)


def test_other_regions_help() -> None:
    noise = np.full((round(40 * RATE_HZ), 4), 0.002)
    colours, beats_s = face(noise)
    alone = np.full_like(colours, np.nan)
    alone[:, 3] = colours[:, 3]
    together = readings(colours, beats_s, AmplitudeReader())
    by_itself = readings(alone, beats_s, AmplitudeReader())
    assert np.std(together[5:]) < 0.7 * np.std(by_itself[5:])


def test_a_region_that_comes_and_goes_does_not_change_the_scale() -> None:
    colours, beats_s = face(np.full((round(40 * RATE_HZ), 4), 0.0003))
    colours[round(15 * RATE_HZ) : round(30 * RATE_HZ), 3] = np.nan
    values = readings(colours, beats_s, AmplitudeReader())
    np.testing.assert_allclose(values, 0.4, rtol=0.1)


def test_nothing_seen_is_nothing_known() -> None:
    colours, beats_s = face(np.full((240, 4), 0.0003), seconds=8)
    for black in (np.nan * colours, 0.0 * colours):
        value, error = AmplitudeReader().read(
            black, CHANNELS, RATE_HZ, beats_s, np.ones(len(beats_s), bool)
        )
        assert np.isnan(value)
        assert np.isinf(error)
