"""Skin-colour traces with a known pulse, and everything that disturbs one, from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PULSE_RGB = np.array([0.33, 0.77, 0.53]) / 0.77
"""Relative pulse strength of the channels (Wang et al. 2017), green being 1."""


@dataclass(frozen=True)
class Conditions:
    """What a trace is made with; AC/DC in fractions of the mean colour."""

    heart_rate_bpm: float = 72.0
    amplitude: float = 0.004
    wander_bpm: float = 2.0
    sensor_noise: float = 0.0005
    colour_noise: float = 0.0005
    light_drift: float = 0.01
    sway: float = 0.0
    sway_hz: float = 0.3
    sway_colour: float = 0.0
    flicker: float = 0.0
    flicker_hz: float = 1.0


def draw(rng: np.random.Generator, pulse: bool = True) -> Conditions:
    """Draw conditions from good to hopeless."""
    moving = rng.random() < 0.5
    return Conditions(
        heart_rate_bpm=rng.uniform(45, 190)
        if rng.random() < 0.5
        else max(rng.normal(78, 14), 45.0),
        amplitude=10 ** rng.uniform(-3.5, -2.1) if pulse else 0.0,
        wander_bpm=rng.uniform(0.3, 4.0),
        sensor_noise=10 ** rng.uniform(-4.0, -2.3),
        colour_noise=10 ** rng.uniform(-4.0, -2.5),
        light_drift=10 ** rng.uniform(-3, -1),
        sway=10 ** rng.uniform(-2.5, -0.7) if moving else 0.0,
        sway_hz=rng.uniform(0.1, 2.0),
        sway_colour=10 ** rng.uniform(-2.5, -0.7),
        flicker=10 ** rng.uniform(-4.5, -2.7) if rng.random() < 0.3 else 0.0,
        flicker_hz=rng.uniform(0.5, 4.0),
    )


def pink(rng: np.random.Generator, shape: tuple[int, ...], exponent: float) -> NDArray[np.float64]:
    """Return noise of unit deviation whose power falls as 1/f**exponent along the first axis."""
    spectrum = np.fft.rfft(rng.normal(size=shape), axis=0)
    frequency = np.arange(len(spectrum), dtype=float)
    frequency[0] = np.inf
    scale = frequency ** (-exponent / 2)
    noise = np.fft.irfft(spectrum * scale.reshape(-1, *[1] * (len(shape) - 1)), shape[0], axis=0)
    return noise / noise.std(axis=0)


def with_whole(parts: NDArray[np.float64], axis: int = 0) -> NDArray[np.float64]:
    """Append, to three regions, the whole skin: their mean."""
    return np.concatenate([parts, parts.mean(axis=axis, keepdims=True)], axis=axis)


def trace(
    conditions: Conditions, duration_s: float, rate_hz: float, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return colours (time, region, channel), motion (time, 3) and the true heart rate (time,)."""
    c, rng = conditions, np.random.default_rng(seed)
    count = round(duration_s * rate_hz)
    time_s = np.arange(count) / rate_hz
    slow = np.interp(
        time_s,
        np.arange(0, duration_s + 8, 4),
        np.cumsum(rng.normal(size=len(np.arange(0, duration_s + 8, 4)))),
    )
    breath = np.sin(2 * np.pi * rng.uniform(0.15, 0.35) * time_s + rng.uniform(0, 6))
    rate_bpm = c.heart_rate_bpm + c.wander_bpm * (0.6 * slow + 0.7 * breath)
    rate_bpm = np.clip(rate_bpm, 41, 215)
    phase = 2 * np.pi * np.cumsum(rate_bpm) / 60 / rate_hz
    second = rng.uniform(0.1, 0.4)
    wave = -(np.cos(phase) + second * np.cos(2 * phase + rng.uniform(0.5, 1.5)))
    tint = PULSE_RGB * rng.normal(1, 0.06, 3)
    strength = c.amplitude * with_whole(rng.uniform(0.4, 1.3, 3))
    colours = 1 - strength[None, :, None] * wave[:, None, None] * tint
    colours = colours + c.light_drift * pink(rng, (count, 1, 1), 2.0)
    colours = colours + 0.3 * c.light_drift * with_whole(pink(rng, (count, 3, 1), 2.0), axis=1)
    light = rng.normal(1, 0.05, 3)
    colours = colours + c.flicker * np.sin(2 * np.pi * c.flicker_hz * time_s)[:, None, None] * light
    noise = with_whole(pink(rng, (count, 3, 3), rng.uniform(0.5, 1.5)), axis=1)
    noise[:, 3] += 0.4 * pink(rng, (count, 3), 1.0)
    colours = colours + c.colour_noise * noise
    swaying = np.sin(
        2 * np.pi * np.cumsum(c.sway_hz * (1 + 0.1 * pink(rng, (count,), 2.0))) / rate_hz
    )
    swaying = c.sway * (swaying + 0.4 * pink(rng, (count,), 1.5))
    heading = rng.normal(size=3) * np.array([1.0, 0.5, 0.2])
    motion = swaying[:, None] * heading + 0.003 * rng.normal(size=(count, 3))
    linear = rng.normal(size=(1, 3)) * with_whole(rng.normal(1, 0.2, (3, 3))) * c.sway_colour
    bent = rng.normal(size=(1, 3)) * with_whole(rng.normal(1, 0.2, (3, 3))) * c.sway_colour
    colours = colours + swaying[:, None, None] * linear + (swaying**2)[:, None, None] * 2 * bent
    colours = (
        colours
        + c.sensor_noise * rng.normal(size=(count, 4, 3)) * np.array([1.0, 1.0, 1.0, 0.4])[:, None]
    )
    skin = np.array([170.0, 125.0, 105.0]) * rng.uniform(0.3, 1.2)
    return colours * skin, motion, rate_bpm
