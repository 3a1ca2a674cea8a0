"""Skin-colour traces with a known pulse, and everything that disturbs one, from a seed.

Much cheaper than rendered video (thousands a minute): what confidences are fitted on and pulse
networks are trained with. Regions are forehead, left and right cheek, and the whole skin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from affectfuse.containers import Array
from affectfuse.signals.resampling import resample

__all__ = ["PULSE_RGB", "Trace", "TraceConditions", "draw_conditions", "simulate"]

PULSE_RGB = np.array([0.33, 0.77, 0.53]) / 0.77
"""Relative pulse strength of the channels (Wang et al. 2017), green being 1."""

_MAX_GAP_S = 0.5
_FRAME_RATES_HZ = (15.0, 20.0, 24.0, 25.0, 30.0, 30.0)


@dataclass(frozen=True, slots=True)
class TraceConditions:
    """What a trace is made with; strengths of colour in fractions of the mean colour (AC/DC).

    Attributes:
        heart_rate_bpm: about which the heart rate wanders.
        amplitude: of the pulse in green.
        wander_bpm: how far heart rate wanders, half of it with the breath.
        sensor_noise: white, independent by region and channel.
        colour_noise: pink, independent by region and channel.
        light_drift: brown, common to all regions and channels, a third as much by region.
        sway: of the head, in interocular distances.
        sway_hz: its frequency.
        sway_colour: how strongly sway colours the skin.
        flicker: of the light, a sine.
        flicker_hz: its frequency.
        light_tint: relative strength of the light's changes in the channels: a camera's curve makes
            them stronger where the skin is darker.
        ramp_bpm: change of heart rate from the beginning to the end.
        tint_spread: relative standard deviation of the pulse's colour from `PULSE_RGB`.
        texture: colour of what the jitter of a region's outline takes in, along one direction of
            colour a region, with jumps; the whole skin has some of its own, and less.
        keyframes: a sawtooth as of a codec's keyframes, independent by region and channel.
        keyframe_s: its period.
        lost: share of time in which a region is missing; a fifth of it all are, in one stretch.
        frame_rates_hz: of the camera in the first and in the second half; None for the grid's.
    """

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
    light_tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    ramp_bpm: float = 0.0
    tint_spread: float = 0.06
    texture: float = 0.0
    keyframes: float = 0.0
    keyframe_s: float = 1.0
    lost: float = 0.0
    frame_rates_hz: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Colours of the skin on a uniform grid, and the truth behind them.

    Attributes:
        colours: (time, region, channel) mean R, G, B of 0 to 255, NaN where missing.
        motion: (time, 3) centre and logarithm of size of the head, NaN where missing.
        heart_rate_bpm: (time,) at each moment.
        bvp: (time,) the pulse's wave, rising with blood volume; zeros without a pulse.
    """

    colours: Array
    motion: Array
    heart_rate_bpm: Array
    bvp: Array


def draw_conditions(
    rng: np.random.Generator, pulse: bool = True, wide: bool = False
) -> TraceConditions:
    """Draw conditions from good to hopeless.

    Args:
        rng: source of the draw.
        pulse: whether there is one.
        wide: with texture, keyframes, ramps, missing regions and the frame rates of real cameras.
    """
    moving = rng.random() < 0.5
    drawn = TraceConditions(
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
    if not wide:
        return drawn
    rates = (float(rng.choice(_FRAME_RATES_HZ)), float(rng.choice(_FRAME_RATES_HZ)))
    return replace(
        drawn,
        heart_rate_bpm=rng.uniform(42, 210) if rng.random() < 0.3 else drawn.heart_rate_bpm,
        sway_hz=rng.uniform(0.6, 3.0) if rng.random() < 0.4 else drawn.sway_hz,
        ramp_bpm=rng.normal(0, 10) if rng.random() < 0.3 else 0.0,
        flicker=10 ** rng.uniform(-3.5, -1.5) if rng.random() < 0.35 else 0.0,
        light_tint=(1.0, 1 + rng.uniform(-0.05, 0.25), 1 + rng.uniform(-0.1, 0.5)),
        tint_spread=0.15,
        texture=10 ** rng.uniform(-3.5, -1.9) if rng.random() < 0.8 else 0.0,
        keyframes=10 ** rng.uniform(-4.0, -2.7) if rng.random() < 0.3 else 0.0,
        keyframe_s=float(rng.choice((0.5, 1.0, 2.0, 250 / 30, rng.uniform(0.4, 4.0)))),
        lost=rng.uniform(0.0, 1.0) if rng.random() < 0.3 else 0.0,
        frame_rates_hz=(rates[0], rates[0] if rng.random() < 0.8 else rates[1]),
    )


def simulate(conditions: TraceConditions, duration_s: float, rate_hz: float, seed: int) -> Trace:
    """Make a trace on a grid of `rate_hz`."""
    c, rng = conditions, np.random.default_rng(seed)
    count = round(duration_s * rate_hz)
    time_s = np.arange(count) / rate_hz
    rate_bpm, bvp = _pulse(c, rng, time_s, duration_s, rate_hz)
    tint = PULSE_RGB * rng.normal(1, c.tint_spread, 3)
    strength = c.amplitude * _with_whole(rng.uniform(0.4, 1.3, 3))
    colours = 1 - strength[None, :, None] * bvp[:, None, None] * tint
    drift = c.light_drift * np.array(c.light_tint)
    colours = colours + drift * _pink(rng, (count, 1, 1), 2.0)
    colours = colours + 0.3 * drift * _with_whole(_pink(rng, (count, 3, 1), 2.0), axis=1)
    light = rng.normal(1, 0.05, 3) * c.light_tint
    colours = colours + c.flicker * np.sin(2 * np.pi * c.flicker_hz * time_s)[:, None, None] * light
    noise = _with_whole(_pink(rng, (count, 3, 3), rng.uniform(0.5, 1.5)), axis=1)
    noise[:, 3] += 0.4 * _pink(rng, (count, 3), 1.0)
    colours = colours + c.colour_noise * noise
    swaying = np.sin(
        2 * np.pi * np.cumsum(c.sway_hz * (1 + 0.1 * _pink(rng, (count,), 2.0))) / rate_hz
    )
    swaying = c.sway * (swaying + 0.4 * _pink(rng, (count,), 1.5))
    heading = rng.normal(size=3) * np.array([1.0, 0.5, 0.2])
    motion = swaying[:, None] * heading + 0.003 * rng.normal(size=(count, 3))
    linear = rng.normal(size=(1, 3)) * _with_whole(rng.normal(1, 0.2, (3, 3))) * c.sway_colour
    bent = rng.normal(size=(1, 3)) * _with_whole(rng.normal(1, 0.2, (3, 3))) * c.sway_colour
    colours = colours + swaying[:, None, None] * linear + (swaying**2)[:, None, None] * 2 * bent
    colours = (
        colours
        + c.sensor_noise * rng.normal(size=(count, 4, 3)) * np.array([1.0, 1.0, 1.0, 0.4])[:, None]
    )
    skin = np.array([170.0, 125.0, 105.0]) * rng.uniform(0.3, 1.2)
    if c.texture > 0.0:
        colours = colours + _texture(c, rng, motion, count, rate_hz)
    if c.keyframes > 0.0:
        tooth = (time_s / c.keyframe_s + rng.random()) % 1.0 - 0.5
        each = c.keyframes * rng.normal(size=(4, 3)) + c.keyframes * rng.normal(size=(1, 3))
        colours = colours + tooth[:, None, None] * each
    colours = np.maximum(colours, 0.05) * skin
    if c.lost > 0.0:
        colours = _with_losses(c, rng, colours)
    if c.frame_rates_hz is not None:
        colours, motion = _as_filmed(c.frame_rates_hz, rng, colours, motion, rate_hz)
    return Trace(colours, motion, rate_bpm, bvp if c.amplitude > 0.0 else np.zeros(count))


def _pulse(
    c: TraceConditions,
    rng: np.random.Generator,
    time_s: Array,
    duration_s: float,
    rate_hz: float,
) -> tuple[Array, Array]:
    knots_s = np.arange(0, duration_s + 8, 4)
    slow = np.interp(time_s, knots_s, np.cumsum(rng.normal(size=len(knots_s))))
    breath = np.sin(2 * np.pi * rng.uniform(0.15, 0.35) * time_s + rng.uniform(0, 6))
    rate_bpm = c.heart_rate_bpm + c.wander_bpm * (0.6 * slow + 0.7 * breath)
    rate_bpm = np.clip(rate_bpm + c.ramp_bpm * (time_s / duration_s - 0.5), 41, 215)
    phase = 2 * np.pi * np.cumsum(rate_bpm) / 60 / rate_hz
    second = rng.uniform(0.1, 0.4)
    return rate_bpm, -(np.cos(phase) + second * np.cos(2 * phase + rng.uniform(0.5, 1.5)))


def _texture(
    c: TraceConditions, rng: np.random.Generator, motion: Array, count: int, rate_hz: float
) -> Array:
    """Return (time, region, channel): a region's outline wanders over what is not skin."""
    jitter = _pink(rng, (count, 4), rng.uniform(0.3, 2.0))
    moved = motion @ rng.normal(size=(3, 4)) / max(float(motion.std()), 1e-9)
    jumps = (rng.random((count, 4)) < 0.1 / rate_hz) * rng.normal(size=(count, 4)) * 2.0
    settling = np.exp(-np.arange(round(3 * rate_hz)) / rate_hz / rng.uniform(0.2, 2.0))
    jumped = np.stack([np.convolve(jumps[:, r], settling)[:count] for r in range(4)], axis=1)
    size = c.texture * 10 ** rng.normal(0, 0.25, 4)
    size[3] *= 0.4
    moved = moved + rng.uniform(0, 0.5) * (moved**2 - 1)
    wave = size * (jitter + rng.uniform(0, 1.5) * moved + jumped)
    colour = np.stack(
        [np.ones(4), 1 + rng.uniform(-0.1, 0.4, 4), 1 + rng.uniform(-0.2, 1.2, 4)], axis=1
    )
    each = wave[:, :, None] * colour + 0.15 * size[:, None] * _pink(rng, (count, 4, 3), 1.0)
    each[:, 3] += rng.uniform(0.0, 0.3) * each[:, :3].mean(axis=1)
    return np.asarray(each)


def _with_losses(c: TraceConditions, rng: np.random.Generator, colours: Array) -> Array:
    """Take one region away, on and off, and all of them once."""
    count, colours = len(colours), colours.copy()
    hidden = _pink(rng, (count,), rng.uniform(0.0, 2.0))
    region = int(rng.integers(4))
    colours[hidden < np.quantile(hidden, min(c.lost, 0.95)), region] = np.nan
    first, length = int(rng.integers(count)), round(0.2 * c.lost * count)
    colours[first : first + length] = np.nan
    return colours


def _as_filmed(
    frame_rates_hz: tuple[float, float],
    rng: np.random.Generator,
    colours: Array,
    motion: Array,
    rate_hz: float,
) -> tuple[Array, Array]:
    """Read the trace at a camera's jittered times and bring it back to the grid."""
    count = len(colours)
    duration_s = (count - 1) / rate_hz
    change_s = duration_s * rng.uniform(0.2, 0.8)
    steps_s = [1.0 / frame_rates_hz[0]] * int(change_s * frame_rates_hz[0])
    steps_s += [1.0 / frame_rates_hz[1]] * int((duration_s - change_s) * frame_rates_hz[1])
    steps = np.array(steps_s)
    times_s = np.cumsum(steps) - steps[0] + rng.uniform(-0.1, 0.1, len(steps)) * steps.min()
    times_s = times_s[rng.random(len(times_s)) > (0.02 if rng.random() < 0.3 else 0.0)]
    times_s = np.clip(times_s, 0.0, duration_s)
    times_s = np.unique(times_s)
    grid_s = np.arange(count) / rate_hz
    flat = np.concatenate([colours.reshape(count, -1), motion], axis=1)
    seen = np.stack([np.interp(times_s, grid_s, column) for column in flat.T], axis=1)
    filmed = np.full(flat.shape, np.nan)
    for columns in [slice(3 * r, 3 * r + 3) for r in range(5)]:  # four regions, and the motion
        known = np.isfinite(seen[:, columns]).all(axis=1)
        filmed[:, columns] = resample(
            times_s[known], seen[known, columns], 0.0, count, rate_hz, _MAX_GAP_S
        )
    return filmed[:, :-3].reshape(colours.shape), filmed[:, -3:]


def _pink(rng: np.random.Generator, shape: tuple[int, ...], exponent: float) -> Array:
    """Return noise of unit deviation whose power falls as 1/f**exponent along the first axis."""
    spectrum = np.fft.rfft(rng.normal(size=shape), axis=0)
    frequency = np.arange(len(spectrum), dtype=float)
    frequency[0] = np.inf
    scale = frequency ** (-exponent / 2)
    noise = np.fft.irfft(spectrum * scale.reshape(-1, *[1] * (len(shape) - 1)), shape[0], axis=0)
    return np.asarray(noise / noise.std(axis=0))


def _with_whole(parts: Array, axis: int = 0) -> Array:
    """Append, to three regions, the whole skin: their mean."""
    return np.concatenate([parts, parts.mean(axis=axis, keepdims=True)], axis=axis)
