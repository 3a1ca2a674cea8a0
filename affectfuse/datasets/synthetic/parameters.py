"""Every quantity of a synthetic session, with its unit and its allowed range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np

from affectfuse.errors import ConfigError, did_you_mean

__all__ = ["CLASSES", "Parameters"]

CLASSES = ("happiness", "surprise", "disgust", "repression", "others")
"""Micro-expression classes: the five of CASME II."""


def _number(default: float | None, low: float, high: float, unit: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "unit": unit})


def _range(
    low: float, high: float, unit: str, *, least: float = 0.0, most: float = math.inf
) -> Any:
    return field(default=(low, high), metadata={"low": least, "high": most, "unit": unit})


@dataclass(frozen=True)
class Parameters:
    """What a session is drawn with.

    A number may be given as a pair (low, high): `resolve` then draws it, uniformly, once a session.
    Fields whose default is a pair are ranges from which each event draws its own value.

    The interocular distance is the one between the middles of the two eyes' corners in the
    unmoved picture. A displacement is the path of the landmark that moves farthest.
    """

    duration_s: float = _number(60.0, 0.5, 86_400, "s")
    fps: float = _number(30.0, 1, 240, "frames/s")
    second_fps: float | None = _number(None, 1, 240, "frames/s")
    second_fps_from_s: float | None = _number(None, 0, 86_400, "s")
    dropped_frames_percent: float = _number(0.0, 0, 90, "% of frames")
    timestamp_jitter_ms: float = _number(0.0, 0, 20, "ms, sd")
    width: int = _number(640, 64, 4096, "pixels")
    height: int = _number(480, 64, 4096, "pixels")
    interocular_percent: float = _number(14.0, 3, 40, "% of the frame's width")
    crf: int = _number(20, 0, 51, "x264 constant rate factor")
    noise_sd: float = _number(1.5, 0, 50, "grey levels, sd")

    hidden_state: bool = True
    stretch_s: tuple[float, float] = _range(25.0, 45.0, "s", least=1)
    stretch_heart_rate_sd_bpm: float = _number(5.0, 0, 30, "bpm, sd between stretches")
    tense_heart_rate_bpm: float = _number(10.0, -40, 40, "bpm added while tense")

    heart_rate_bpm: float = _number(70.0, 35, 200, "bpm at rest")
    heart_rate_end_bpm: float | None = _number(None, 35, 200, "bpm at the end")
    heart_rate_subject_sd_bpm: float = _number(3.0, 0, 20, "bpm, sd between subjects")
    heart_rate_drift_sd_bpm: float = _number(1.5, 0, 20, "bpm, sd")
    rsa_sd_ms: float = _number(20.0, 0, 100, "ms, sd of the beat intervals")
    beat_jitter_sd_ms: float = _number(8.0, 0, 60, "ms, sd of the beat intervals")
    breaths_per_min: float = _number(15.0, 4, 40, "breaths/min")
    respiration_percent: float = _number(15.0, 0, 50, "% of the pulse amplitude")
    pulse_amplitude_percent: float = _number(0.6, 0, 5, "% AC/DC, peak to peak, green")

    micro_expressions_per_min: float = _number(3.0, 0, 60, "1/min while calm")
    tense_micro_expressions_per_min: float = _number(12.0, 0, 60, "1/min while tense")
    micro_classes: tuple[str, ...] = CLASSES
    micro_displacement_percent: tuple[float, float] = _range(
        2.0, 4.5, "% of the interocular distance", most=20
    )
    micro_duration_s: tuple[float, float] = _range(0.2, 0.5, "s", least=0.05, most=2)
    micro_gap_s: float = _number(1.0, 0.05, 60, "s, least time between two, onset to onset")
    macro_expressions_per_min: float = _number(0.5, 0, 20, "1/min")
    macro_displacement_percent: tuple[float, float] = _range(
        6.0, 12.0, "% of the interocular distance", most=30
    )
    macro_duration_s: tuple[float, float] = _range(0.6, 3.0, "s", least=0.3, most=20)
    blinks_per_min: float = _number(12.0, 0, 60, "1/min")
    blink_duration_s: tuple[float, float] = _range(0.1, 0.35, "s", least=0.05, most=2)
    gaze_shifts_per_min: float = _number(10.0, 0, 120, "1/min")
    gaze_degrees: float = _number(6.0, 0, 20, "degrees, sd")
    speech_percent: float = _number(0.0, 0, 100, "% of the time")
    idle_percent: float = _number(0.15, 0, 3, "% of the interocular distance, sd")

    sway_degrees: float = _number(1.0, 0, 15, "degrees of yaw, amplitude; pitch and roll less")
    sway_hz: float = _number(0.3, 0.01, 5, "Hz")
    drift_degrees: float = _number(1.5, 0, 15, "degrees, amplitude")
    drift_percent: float = _number(4.0, 0, 40, "% of the interocular distance, amplitude")

    light_drift_percent: float = _number(2.0, 0, 50, "% of the light, amplitude")
    flicker_percent: float = _number(0.0, 0, 20, "% of the light, amplitude")
    flicker_hz: float = _number(100.0, 0.1, 1000, "Hz, of the light itself")
    skin_tone: float = _number(2.0, 1, 6, "Fitzpatrick type; the photograph's own skin counts as 2")
    absences_per_min: float = _number(0.0, 0, 10, "1/min, the face leaves the picture")
    absence_s: tuple[float, float] = _range(2.0, 5.0, "s", least=0.2)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return the defaults with `values` in place of some.

        Raises:
            ConfigError: for an unknown name or a value out of its range.
        """
        known = {f.name: f for f in fields(cls)}
        for name, value in values.items():
            if name not in known:
                raise ConfigError(
                    f"unknown parameter '{name}' of a synthetic session. "
                    f"{did_you_mean(name, known)}"
                )
            _check(name, value, known[name].default, known[name].metadata)
        return cls(**{name: _plain(value, known[name].default) for name, value in values.items()})

    def resolve(self, rng: np.random.Generator) -> Self:
        """Return these parameters with one number drawn for each that was given as a pair."""
        drawn: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, tuple) and not isinstance(f.default, tuple):
                number = rng.uniform(*value)
                drawn[f.name] = round(number) if isinstance(f.default, int) else round(number, 4)
        return replace(self, **drawn)

    @classmethod
    def units(cls) -> dict[str, str]:
        """Return the unit of each quantity."""
        return {f.name: f.metadata["unit"] for f in fields(cls) if "unit" in f.metadata}


def _plain(value: Any, default: Any) -> Any:
    """Return lists as tuples and whole numbers as floats, but for fields that are whole."""
    if isinstance(value, (list, tuple)):
        return tuple(_plain(item, default) for item in value)
    whole = isinstance(default, int) or isinstance(value, (bool, str)) or value is None
    return value if whole else float(value)


def _check(name: str, value: Any, default: Any, limits: Mapping[str, Any]) -> None:
    if name == "hidden_state":
        if not isinstance(value, bool):
            raise ConfigError(f"hidden_state is {value!r}; allowed are true and false.")
        return
    if name == "micro_classes":
        for label in [value] if isinstance(value, str) or not value else value:
            if label not in CLASSES:
                raise ConfigError(
                    f"unknown micro-expression class '{label}'. {did_you_mean(str(label), CLASSES)}"
                )
        if isinstance(value, str):
            raise ConfigError(f"micro_classes is '{value}'; write it as a list: [{value}].")
        return
    if value is None and default is None:
        return
    pair = isinstance(value, (list, tuple))
    numbers = list(value) if pair else [value]
    low, high = limits["low"], limits["high"]
    right = all(
        isinstance(n, (int, float)) and not isinstance(n, bool) and low <= n <= high
        for n in numbers
    )
    if pair and (len(numbers) != 2 or (right and numbers[0] > numbers[1])):
        right = False
    if isinstance(default, tuple) and not pair:
        right = False
    if isinstance(default, int) and not all(isinstance(n, int) for n in numbers):
        right = False
    if not right:
        kind = "a whole number" if isinstance(default, int) else "a number"
        shape = "a pair of numbers [low, high]" if isinstance(default, tuple) else kind
        bounds = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of at least {low:g}"
        shown = list(value) if pair else value
        raise ConfigError(f"{name} is {shown!r}; allowed is {shape} {bounds} ({limits['unit']}).")
