"""Face alignment: from a frame to a crop in which the eyes always lie at the same place.

A similarity transform (shift, turn, scale) takes the stable points of the face to a canonical
crop. Its parameters pass a one-euro filter: a still face gives a still crop although its landmarks
jitter, and a moving head is followed at once.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

import cv2
import numpy as np

from affectfuse.containers import Array, Face, Frame, Place
from affectfuse.recording.landmarks import STABLE

__all__ = ["INTEROCULAR_SHARE", "AlignedFace", "FaceAligner", "crop_place"]

INTEROCULAR_SHARE = 0.34
"""Distance between the eye centres in the crop, as a share of the crop's side."""
_EYE_LINE_SHARE = 0.33
_STABLE = np.array(STABLE)
_TEMPLATE = np.array(
    [
        (-0.74, 0.00), (-0.27, 0.02), (0.27, 0.02), (0.74, 0.00),  # eye corners
        (0.00, -0.02), (0.00, 0.18), (0.00, 0.36), (0.00, 0.53),  # nose bridge
    ]
)  # fmt: skip
"""Where STABLE lies on a frontal face, in interocular distances from the middle of the eyes."""

_SPEED_CUTOFF_HZ = 1.0
_CUTOFF_PER_SPEED = 20.0  # Hz for each interocular distance a second
_SLOW = 0.15  # interocular distances a second: what jitter alone may look like
_GAP_S = 0.5
_JUMP = 0.7  # interocular distances between two frames: another face, or a cut


@dataclass(frozen=True, slots=True, eq=False)
class AlignedFace:
    """A face at its canonical place.

    Attributes:
        time_s: of the frame.
        crop: RGB uint8 (size, size, 3).
        matrix: (2, 3), frame pixels -> crop pixels.
        face: the face as it was found in the frame.
    """

    time_s: float
    crop: Array
    matrix: Array
    face: Face

    @property
    def landmarks(self) -> Array:
        """The landmarks in crop pixels, (landmark, 3) float64; depth is scaled alike."""
        points = self.face.landmarks.astype(np.float64)
        out = np.empty_like(points)
        out[:, :2] = points[:, :2] @ self.matrix[:, :2].T + self.matrix[:, 2]
        out[:, 2] = points[:, 2] * math.hypot(self.matrix[0, 0], self.matrix[1, 0])
        return out

    @property
    def interocular_px(self) -> float:
        """Distance between the eye centres in the crop, in pixels."""
        return INTEROCULAR_SHARE * float(self.crop.shape[0])

    @property
    def place(self) -> Place:
        """Where in the frame the crop lies."""
        turn = complex(self.matrix[0, 0], self.matrix[1, 0])
        size_px = float(self.crop.shape[0])
        middle = (size_px * complex(0.5, 0.5) - complex(*self.matrix[:, 2])) / turn
        angle = -math.degrees(cmath.phase(turn))
        return Place(middle.real, middle.imag, size_px / abs(turn), angle)


def crop_place(image: Array, place: Place, size_px: int) -> Array:
    """Return a square of an image upright, as (size_px, size_px, 3); black beyond the image."""
    finer = max(1, int(place.side_px / size_px))  # sampled so finely, then averaged
    sampled_px = size_px * finer
    turn = cmath.rect(sampled_px / place.side_px, -math.radians(place.turn_degrees))
    shift = sampled_px * complex(0.5, 0.5) - turn * complex(place.x_px, place.y_px)
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    crop = cv2.warpAffine(image, matrix, (sampled_px, sampled_px))
    return cv2.resize(crop, (size_px, size_px), interpolation=cv2.INTER_AREA)


class FaceAligner:
    """Crops the face of each frame; frames come in order of time.

    The filter restarts after a frame without a face, after a gap in time, and when the face jumps.

    Reference: Casiez, Roussel and Vogel 2012, "1 euro filter", doi:10.1145/2207676.2208639.
    Deviations: one cutoff for all four parameters, from the speed of the whole face measured in
    interocular distances a second, so that it is the same at every size of the face; and a cutoff
    that rises with the square of the speed while that is small, so that jitter does not raise it.

    Args:
        size_px: side of the crop.
        smoothing_s: time constant at rest; 0 turns smoothing off.
    """

    def __init__(self, size_px: int, smoothing_s: float) -> None:
        if size_px < 16:
            raise ValueError(f"size_px is {size_px}; a crop needs at least 16 pixels")
        if not smoothing_s >= 0:
            raise ValueError(f"smoothing_s is {smoothing_s}; it must be 0 or more")
        self.size_px = size_px
        self.smoothing_s = smoothing_s
        self._eyes_middle = size_px * complex(0.5, _EYE_LINE_SHARE)
        self._unit_px = size_px * INTEROCULAR_SHARE
        template = _TEMPLATE[:, 0] + 1j * _TEMPLATE[:, 1]
        self._template_mean = complex(template.mean())
        centred = template - self._template_mean
        self._fit = centred.conj() / float(np.sum(np.abs(centred) ** 2))
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next frame is taken as it is."""
        self._time_s = -math.inf
        self._raw = self._smooth = (0j, 0j)
        self._speed = (0j, 0j)

    def align(self, frame: Frame) -> AlignedFace | None:
        """Return the aligned face of a frame, or None when the frame has no face."""
        if frame.face is None:
            self.reset()
            return None
        matrix = self._matrix(*self._filtered(frame.time_s, *self._pose(frame.face)))
        crop = cv2.warpAffine(
            frame.image, matrix, (self.size_px, self.size_px), borderMode=cv2.BORDER_REPLICATE
        )
        return AlignedFace(frame.time_s, crop, matrix, frame.face)

    def _pose(self, face: Face) -> tuple[complex, complex]:
        """Return the middle of the eyes and the eye-to-eye vector in frame pixels, least squares.

        A point of the template at t (interocular distances) lies at middle + t * vector.
        """
        points = face.landmarks[_STABLE, :2].astype(np.float64)
        points_complex = points[:, 0] + 1j * points[:, 1]
        vector = complex(self._fit @ points_complex)
        return complex(points_complex.mean()) - vector * self._template_mean, vector

    def _filtered(self, time_s: float, middle: complex, vector: complex) -> tuple[complex, complex]:
        step_s, size = time_s - self._time_s, abs(vector)
        motion = ((middle - self._raw[0]) / size, (vector - self._raw[1]) / size)
        self._raw, self._time_s = (middle, vector), time_s
        if not 0 < step_s <= _GAP_S or abs(motion[0]) + abs(motion[1]) > _JUMP:
            self._smooth, self._speed = self._raw, (0j, 0j)
            return self._smooth
        gain = _gain(_SPEED_CUTOFF_HZ, step_s)
        shifting, turning = self._speed
        self._speed = (
            shifting + gain * (motion[0] / step_s - shifting),
            turning + gain * (motion[1] / step_s - turning),
        )
        if self.smoothing_s > 0:
            speed = math.hypot(abs(self._speed[0]), abs(self._speed[1]))
            rest_hz = 1.0 / (2.0 * math.pi * self.smoothing_s)
            gain = _gain(rest_hz + _CUTOFF_PER_SPEED * speed**2 / (speed + _SLOW), step_s)
        else:
            gain = 1.0
        before = self._smooth
        self._smooth = (
            before[0] + gain * (middle - before[0]),
            before[1] + gain * (vector - before[1]),
        )
        return self._smooth

    def _matrix(self, middle: complex, vector: complex) -> Array:
        """Return the (2, 3) matrix that takes the eyes to their place in the crop."""
        turn = self._unit_px / vector
        shift = self._eyes_middle - turn * middle
        return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _gain(cutoff_hz: float, step_s: float) -> float:
    """Return the gain of a first-order low-pass for one step."""
    return 1.0 / (1.0 + 1.0 / (2.0 * math.pi * cutoff_hz * step_s))
