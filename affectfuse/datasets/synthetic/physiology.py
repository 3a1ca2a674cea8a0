"""Heart beats, respiration and the wave of a pulse."""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array

__all__ = ["draw_beats", "mean_heart_rate", "pulse_wave", "respiration_wave"]


def respiration_wave(times_s: Array, breaths_s: Array) -> Array:
    """Return the breathing movement at `times_s`, in [-1, 1], highest in mid-breath.

    Args:
        times_s: (time,) seconds.
        breaths_s: (breath,) the beginnings of the breaths, reaching beyond `times_s`.
    """
    phase = np.interp(times_s, breaths_s, np.arange(len(breaths_s), dtype=float))
    return np.asarray(-np.cos(2 * np.pi * phase))


def draw_beats(
    rng: np.random.Generator,
    times_s: Array,
    heart_rate_bpm: Array,
    breaths_s: Array,
    rsa_sd_ms: float,
    jitter_sd_ms: float,
) -> Array:
    """Draw the times of heart beats, one interval after another.

    An interval is that of the planned rate, longer while breathing out (respiratory sinus
    arrhythmia, a sine of the given standard deviation) and jittered independently.

    Args:
        rng: source of the jitter.
        times_s: (time,) ascending; beats are drawn from its first to past its last.
        heart_rate_bpm: (time,) the planned rate.
        breaths_s: (breath,) the beginnings of the breaths.
        rsa_sd_ms: standard deviation that respiration adds to the beat intervals.
        jitter_sd_ms: standard deviation of the rest.

    Returns:
        (beat,) seconds.
    """
    now = float(times_s[0]) - rng.uniform(0.0, 60.0 / heart_rate_bpm[0])
    beats = [now]
    while now <= times_s[-1]:
        interval = 60.0 / float(np.interp(now, times_s, heart_rate_bpm))
        breath = float(respiration_wave(np.array([now]), breaths_s)[0])
        spread = -np.sqrt(2.0) * rsa_sd_ms * breath + jitter_sd_ms * rng.normal()
        now += float(np.clip(interval + spread / 1000.0, 0.6 * interval, 1.6 * interval))
        beats.append(now)
    return np.array(beats)


def mean_heart_rate(beats_s: Array, times_s: Array, window_s: float) -> Array:
    """Return the heart rate over the `window_s` before each time, in beats per minute.

    Beats are counted in fractions, interpolated between them; NaN where the window reaches beyond
    the known beats.

    Args:
        beats_s: (beat,) seconds.
        times_s: (time,) seconds.
        window_s: length of the window.
    """
    count = np.arange(len(beats_s), dtype=float)
    end = np.interp(times_s, beats_s, count, left=np.nan, right=np.nan)
    start = np.interp(times_s - window_s, beats_s, count, left=np.nan, right=np.nan)
    return np.asarray(60.0 * (end - start) / window_s)


def _template(samples: int) -> tuple[Array, Array]:
    phase = np.linspace(0.0, 1.0, samples, endpoint=False)
    wave = np.zeros(samples)
    for turn in (-1, 0, 1):  # what one beat's wave leaves in its neighbours
        wave += np.exp(-0.5 * ((phase - 0.28 + turn) / 0.11) ** 2)
        wave += 0.42 * np.exp(-0.5 * ((phase - 0.58 + turn) / 0.15) ** 2)
    wave /= np.ptp(wave)
    return np.append(phase, 1.0), np.append(wave, wave[0]) - wave.mean()


def pulse_wave(times_s: Array, beats_s: Array) -> Array:
    """Return the blood volume pulse at `times_s`: mean 0 over a beat, peak to peak 1.

    A beat is the sum of two Gaussians in its phase, the systolic wave and its reflection.

    Reference:
        Tang, Q., Chen, Z., Ward, R., Elgendi, M. (2020). Synthetic photoplethysmogram generation
        using two Gaussian functions. Scientific Reports 10, 13883. doi:10.1038/s41598-020-69076-x.
        The widths are our own.
    """
    phase = np.interp(times_s, beats_s, np.arange(len(beats_s), dtype=float)) % 1.0
    return np.asarray(np.interp(phase, *_template(256)))
