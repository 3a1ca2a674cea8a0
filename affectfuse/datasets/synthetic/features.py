"""Eyes that blink and look, and a mouth that opens: what a smooth warp cannot show."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from affectfuse.containers import Array
from affectfuse.datasets.synthetic.portrait import Portrait, resample
from affectfuse.datasets.synthetic.variants import LIP_CURVES, curve

__all__ = ["Eye", "Mouth"]

_EYE_RADIUS = 0.19  # of the eyeball, in interocular distances: 12 mm of 63 mm
_LASH, _RIM = 0.02, 0.03  # of the upper lid, below and above its edge
_INTERIOR = np.array([52.0, 22.0, 22.0])  # colour of an open mouth's inside, grey levels

_EYES = {
    "right": ((33, 246, 161, 160, 159, 158, 157, 173, 133),
              (33, 7, 163, 144, 145, 153, 154, 155, 133), (46, 53, 52, 65, 55), 468),
    "left": ((362, 398, 384, 385, 386, 387, 388, 466, 263),
             (362, 382, 381, 380, 374, 373, 390, 249, 263), (276, 283, 282, 295, 285), 473),
}  # fmt: skip


class _Patch:
    """A rectangle of the portrait in head coordinates, repainted in place."""

    def __init__(
        self, portrait: Portrait, low: tuple[float, float], high: tuple[float, float]
    ) -> None:
        corners = portrait.to_pixels(
            np.array([(low[0], low[1]), (low[0], high[1]), (high[0], low[1]), (high[0], high[1])])
        )
        height, width = portrait.image.shape[:2]
        x0, y0 = np.maximum(np.floor(corners.min(0)), 0).astype(int)
        x1, y1 = np.minimum(np.ceil(corners.max(0)) + 1, (width, height)).astype(int)
        self.window = (slice(y0, max(y1, y0)), slice(x0, max(x1, x0)))
        self.empty = x1 - x0 < 2 or y1 - y0 < 2
        self._origin = np.array([x0, y0], float)
        self._portrait = portrait
        grid = portrait.grid()[self.window]
        self.u, self.v = grid[..., 0], grid[..., 1]
        self.pixel = 1.0 / portrait.interocular_px

    def sample(self, texture: Array, u: Array, v: Array) -> Array:
        """Return the texture's patch as seen at (u, v), each (height, width)."""
        source = self._portrait.to_pixels(np.stack([u, v], axis=-1)) - self._origin
        patch = np.ascontiguousarray(texture[self.window])
        return resample(patch, source.astype(np.float32), border=cv2.BORDER_REPLICATE)


class Eye(_Patch):
    """One eye: an iris that turns behind the lids, and an upper lid that comes down.

    The lid's skin, from the brow to the lashes, stretches over what it covers.

    Args:
        portrait: with the eye open.
        side: 'right' or 'left', the subject's own.
    """

    def __init__(self, portrait: Portrait, side: str) -> None:
        upper, lower, brow, iris = _EYES[side]
        points = portrait.head_landmarks
        edge = points[list(upper + lower)]
        super().__init__(
            portrait,
            (edge[:, 0].min() - 0.08, points[list(brow), 1].min() - 0.05),
            (edge[:, 0].max() + 0.08, edge[:, 1].max() + 0.10),
        )
        self._upper = curve(portrait, upper, self.u)
        self._lower = np.maximum(curve(portrait, lower, self.u), self._upper)
        crease = np.minimum(curve(portrait, brow, self.u) + 0.03, self._upper - 0.08)
        self._brow = crease
        self._iris = points[iris]
        opening = np.minimum(self.v - self._upper, self._lower - self.v) / self.pixel
        self._opening = np.clip(opening + 0.5, 0, 1)[..., None].astype(np.float32)
        distance = np.hypot(self.u - self._iris[0], 0.6 * (self.v - self._iris[1]))
        self._turned = np.clip(1.6 - distance / 0.13, 0, 1)

    def paint(self, texture: Array, closure: float, gaze: tuple[float, float]) -> None:
        """Repaint the eye.

        Args:
            texture: (height, width, channel) float32, as of the portrait, changed in place.
            closure: 0 open as photographed, 1 closed.
            gaze: degrees to the image's right and down, from the photographed direction.
        """
        if self.empty:
            return
        patch = texture[self.window].copy()
        if any(gaze):
            shift = _EYE_RADIUS * np.sin(np.deg2rad(np.clip(gaze, -25, 25)))
            turned = self.sample(
                texture, self.u - shift[0] * self._turned, self.v - shift[1] * self._turned
            )
            patch += self._opening * (turned - patch)
        if closure > 0:
            down = closure * (self._lower - self._upper)
            rim = (
                self._upper - _RIM
            )  # the lashes and their rim move as they are, the rest stretches
            stretch = (rim - self._brow) / (rim + down - self._brow)
            above = self._brow + (self.v - self._brow) * stretch
            above = np.where(self.v > rim + down, self.v - down, above)
            lid = self.sample(texture, self.u, np.where(self.v > self._brow, above, self.v))
            cover = np.clip((self._upper + down + _LASH - self.v) / self.pixel + 0.5, 0, 1)
            fading = np.clip((self._lower - self._upper) / 0.03, 0, 1)
            patch += (cover * fading)[..., None].astype(np.float32) * (lid - patch)
        texture[self.window] = patch


class Mouth(_Patch):
    """The lower lip and the jaw, which come down and show a dark inside.

    Args:
        portrait: with the mouth closed.
    """

    def __init__(self, portrait: Portrait) -> None:
        points = portrait.head_landmarks
        left, right = points[78], points[308]
        self._chin = points[152, 1]
        super().__init__(
            portrait, (left[0] - 0.5, points[0, 1] - 0.15), (right[0] + 0.5, self._chin + 0.45)
        )
        inner: Sequence[str] = ("upper_inner", "lower_inner")
        self._line = 0.5 * sum(curve(portrait, LIP_CURVES[edge], self.u) for edge in inner)
        middle, half = (left[0] + right[0]) / 2, 0.92 * (right[0] - left[0]) / 2
        self._lips = np.clip(1 - ((self.u - middle) / half) ** 2, 0, None)
        jaw = np.exp(-0.5 * ((self.u - middle) / 0.42) ** 2)
        below = np.clip(self.v - self._line, 0, None)
        near = np.exp(-below / 0.14)
        fall = np.clip((self._chin + 0.42 - self.v) / 0.36, 0, 1)
        edge = np.clip((0.5 - np.abs(self.u - middle) + half) / 0.25, 0, 1)
        self._drop = (self._lips * near + jaw * (1 - near)) * fall * fall * (3 - 2 * fall) * edge
        up = np.clip(self._line - self.v, 0, None)
        self._raise = self._lips * np.exp(-up / 0.10)

    def paint(self, texture: Array, opening: float) -> None:
        """Repaint the mouth.

        Args:
            texture: (height, width, channel) float32, as of the portrait, changed in place; the
                first three channels are colours.
            opening: gap between the lips in interocular distances.
        """
        if self.empty or opening <= 0:
            return
        upper_edge = self._line - 0.2 * opening * self._lips
        lower_edge = self._line + 0.8 * opening * self._lips
        upper = self.sample(texture, self.u, self.v + 0.2 * opening * self._raise)
        source = self.v - 0.8 * opening * self._drop
        lower = self.sample(texture, self.u, np.maximum(source, self._line))
        is_lower = np.clip((self.v - lower_edge) / self.pixel + 0.5, 0, 1)[..., None]
        is_upper = np.clip((upper_edge - self.v) / self.pixel + 0.5, 0, 1)[..., None]
        inside = np.zeros(upper.shape[-1], np.float32)
        inside[:3] = _INTERIOR
        gap = np.clip(1 - is_lower - is_upper, 0, 1)
        total = is_lower * lower + is_upper * upper + gap * inside
        total /= is_lower + is_upper + gap
        texture[self.window] = total.astype(np.float32)
