"""Frames from a script: every pixel follows from it, and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from affectfuse.containers import Array, Frame
from affectfuse.datasets.synthetic.action_units import basis_names, displacement_field
from affectfuse.datasets.synthetic.animation import Animation, animate
from affectfuse.datasets.synthetic.features import Eye, Mouth
from affectfuse.datasets.synthetic.head import Head
from affectfuse.datasets.synthetic.portrait import Portrait, frame_portrait, load_photo, resample
from affectfuse.datasets.synthetic.script import SessionScript
from affectfuse.datasets.synthetic.variants import (
    apply_subject,
    neutralise_mouth,
    pulse_map,
    skin_mask,
)

__all__ = ["PULSE_RGB", "Renderer", "effective_pulse_percent"]

PULSE_RGB = np.array([0.33, 0.77, 0.53]) / 0.77
"""Relative AC/DC of the pulse in red, green and blue: the blood-volume pulse signature of
de Haan, G., van Leest, A. (2014), Physiological Measurement 35, 1913.
doi:10.1088/0967-3334/35/9/1913."""

_TILES, _SPARE = 4, 128


def effective_pulse_percent(script: SessionScript) -> float:
    """Return the pulse's AC/DC (%, peak to peak, green) on the cheeks of this subject's skin.

    It falls with melanin, to 0.4 of the stated amplitude at type VI: an assumption, in the range
    of what is reported of dark skin, not a measurement.
    """
    melanin = max(0.0, (script.parameters.skin_tone - 2.0) / 4.0)
    return script.parameters.pulse_amplitude_percent * float(np.exp(-0.9 * melanin))


class Renderer:
    """Renders the frames of one script.

    Args:
        script: what happens.
        photo: the photograph; None is the default one.

    Attributes:
        portrait: the subject at rest.
        pulse_map: (height, width) relative strength of the pulse at rest.

    Raises:
        DatasetError: when the photograph cannot be read or shows no face.
    """

    def __init__(self, script: SessionScript, photo: Path | None = None) -> None:
        p = script.parameters
        self.script = script
        framed = frame_portrait(
            load_photo(photo, script.subject.mirrored), p.width, p.height, p.interocular_percent
        )
        self.portrait = apply_subject(neutralise_mouth(framed), script.subject, p.skin_tone)
        self._texture = np.ascontiguousarray(self.portrait.image)
        self.pulse_map = pulse_map(self.portrait, skin_mask(self.portrait))
        amplitude = effective_pulse_percent(script) / 100.0
        pulsing = self._texture * self.pulse_map[..., None] * (amplitude * PULSE_RGB)
        self._pulsing = np.ascontiguousarray(pulsing, dtype=np.float32)
        self._head = Head(self.portrait)
        self._eyes = (Eye(self.portrait, "right"), Eye(self.portrait, "left"))
        self._mouth = Mouth(self.portrait)
        self._fields = self._basis(self._head.points)
        self._at_landmarks = self._basis(self.portrait.head_landmarks[:468])
        rng = np.random.default_rng(script.noise_seed)
        self._noise = rng.standard_normal(
            (_TILES, p.height + _SPARE, p.width + _SPARE, 3), dtype=np.float32
        )
        self._absent = Backdrop(self.portrait) if script.absences else None

    def _basis(self, points: Array) -> Array:
        landmarks, turn = self.portrait.head_landmarks, self.script.subject.turn_degrees
        fields = [
            displacement_field(name, landmarks, points, turn[name[:-1]]) for name in basis_names()
        ]
        return np.asarray(np.stack(fields), dtype=np.float32)

    def peak(self, weights: Array) -> float:
        """Return how far the landmark that moves farthest moves, in interocular distances."""
        moved = np.tensordot(weights, self._at_landmarks, axes=1)
        return float(np.linalg.norm(moved, axis=-1).max())

    def animation(self) -> Animation:
        """Return the tracks at the times of the frames."""
        return animate(self.script, np.array(self.script.frame_times_s), self.peak)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order, without compression."""
        tracks = self.animation()
        rng = np.random.default_rng([self.script.noise_seed, 1])
        for index, time_s in enumerate(self.script.frame_times_s):
            yield Frame(time_s, self._expose(self._draw(tracks, index), tracks.light[index], rng))

    def _draw(self, tracks: Animation, i: int) -> Array:
        picture = cv2.scaleAdd(self._pulsing, -float(tracks.pulse[i]), self._texture)
        gaze = (float(tracks.gaze_degrees[i, 0]), float(tracks.gaze_degrees[i, 1]))
        for eye in self._eyes:
            eye.paint(picture, float(tracks.closure[i]), gaze)
        self._mouth.paint(picture, float(tracks.opening[i]))
        expression = np.tensordot(tracks.units[i].astype(np.float32), self._fields, axes=1)
        motion = self._head.motion(tracks.angles_degrees[i], tracks.shift[i])
        source = self._head.source_map(motion, expression)
        drawn = resample(picture, source)
        if self._absent is not None and tracks.away[i] > 0:
            return self._absent.slide(drawn, float(tracks.away[i]))
        return np.asarray(drawn)

    def _expose(self, drawn: Array, light: float, rng: np.random.Generator) -> Array:
        """Light, noise, then rounding to 8 bits: the noise carries what is below a grey level."""
        height, width = drawn.shape[:2]
        tile, y, x = rng.integers(_TILES), *rng.integers(_SPARE, size=2)
        sd = self.script.parameters.noise_sd * (1 if rng.random() < 0.5 else -1)
        noise = self._noise[tile, y : y + height, x : x + width]
        return np.asarray(cv2.addWeighted(drawn, light, noise, sd, 0.0, dtype=cv2.CV_8U))


class Backdrop:
    """What is seen when the person slides out of the picture: the background, filled in."""

    def __init__(self, portrait: Portrait) -> None:
        grid = portrait.grid()
        u, v = np.abs(grid[..., 0]), grid[..., 1]
        head = np.hypot(u / 2.3, (v - 0.1) / 2.75) - 1.0
        body = np.where(v > 0.9, u - 1.3 - 1.5 * (v - 0.9), 1.0)
        matte = np.clip(0.5 - np.minimum(head, body) / 0.25, 0, 1)
        self._matte = matte.astype(np.float32)[..., None]
        self._plate = _fill(portrait.image, self._matte)

    def slide(self, picture: Array, away: float) -> Array:
        """Return the picture with the person moved to the right by `away` of its width."""
        height, width = picture.shape[:2]
        move = np.array([[1.0, 0.0, away * width], [0.0, 1.0, 0.0]])
        person = cv2.warpAffine(picture, move, (width, height))
        matte = cv2.warpAffine(self._matte, move, (width, height))[..., None]
        behind = picture + self._matte * (self._plate - picture)
        return np.asarray(behind + matte * (person - behind), dtype=np.float32)


def _fill(image: Array, hole: Array) -> Array:
    """Fill the hole from around it: averages of known pixels, from the widest to the nearest."""
    height, width = image.shape[:2]
    known = (1.0 - hole).astype(np.float32)
    filled = np.full_like(image, (image * known).sum((0, 1)) / max(float(known.sum()), 1.0))
    for share in (0.5, 0.25, 0.12, 0.06, 0.03, 0.015):
        sigma = share * width
        small = max(1, int(sigma / 4))
        size = (max(2, width // small), max(2, height // small))
        mean = _blur(image * known, size, sigma / small)
        weight = _blur(np.repeat(known, 3, axis=-1), size, sigma / small)
        estimate = cv2.resize(mean / np.maximum(weight, 1e-6), (width, height))
        trust = np.clip(cv2.resize(weight, (width, height)) * 3.0, 0, 1)
        filled += trust * (estimate - filled)
    return np.asarray(filled + known * (image - filled), dtype=np.float32)


def _blur(image: Array, size: tuple[int, int], sigma: float) -> Array:
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))
