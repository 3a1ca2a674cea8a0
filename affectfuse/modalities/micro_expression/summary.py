"""What the last seconds held: the micro-expression modality's sample."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array, Interval, ModalitySample

__all__ = ["RECOGNISER_DIM", "WindowSummary"]

RECOGNISER_DIM = 16
"""Width of the recogniser's embedding."""

_NUMBERS = (
    "micro_per_min",
    "micro_in_last_half_per_min",
    "recency",
    "mean_displacement",
    "largest_displacement",
    "mean_confidence",
    "macro_per_min",
    "macro_share",
    "blinks_per_min",
    "watched_share",
    "recognised",
)
_LEAST_WATCHED_S = 5.0  # rates are taken over at least this time
_TYPICAL_PER_MIN = 10.0
_TYPICAL_PERCENT = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class _Micro:
    interval: Interval
    embedding: Array | None
    probabilities: Array | None


class WindowSummary:
    """Keeps the intervals of the last window and sums them up, float32 (feature,).

    Features: rates (in units of 10 a minute of watched time), recency of the last micro-expression
    (1 just now, falling to 0), displacements (in units of 3 % of the interocular distance), shares,
    whether a recogniser was there; then class probabilities and recogniser embedding, both means
    over the micro-expressions weighted by confidence, 0 where there are none.
    """

    def __init__(self, modality: str, window_s: float, n_classes: int) -> None:
        self.modality = modality
        self._window_s = window_s
        self._n_classes = n_classes
        self._micro: deque[_Micro] = deque()
        self._macro: deque[Interval] = deque()
        self._blinks: deque[Interval] = deque()
        self._watched: deque[tuple[float, float]] = deque()
        self._watched_now_s = 0.0

    @staticmethod
    def shape(n_classes: int) -> tuple[int]:
        """Return the shape of a summary."""
        return (len(_NUMBERS) + n_classes + RECOGNISER_DIM,)

    def watch(self, seconds: float) -> None:
        """Count time in which the face was watched (less where it was partly visible)."""
        self._watched_now_s += seconds

    def add_micro(
        self, interval: Interval, embedding: Array | None, probabilities: Array | None
    ) -> None:
        """Take a micro-expression and what the recogniser said of it."""
        self._micro.append(_Micro(interval, embedding, probabilities))

    def add_macro(self, interval: Interval) -> None:
        """Take a macro-expression."""
        self._macro.append(interval)

    def add_blink(self, interval: Interval) -> None:
        """Take a blink."""
        self._blinks.append(interval)

    def at(self, time_s: float) -> ModalitySample:
        """Return the summary of the window that ends at a time; older intervals are forgotten."""
        start_s = time_s - self._window_s
        self._watched.append((time_s, self._watched_now_s))
        self._watched_now_s = 0.0
        while self._watched and self._watched[0][0] <= start_s:
            self._watched.popleft()
        while self._micro and self._micro[0].interval.offset_s <= start_s:
            self._micro.popleft()
        for intervals in (self._macro, self._blinks):
            while intervals and intervals[0].offset_s <= start_s:
                intervals.popleft()
        watched_s = sum(seconds for _, seconds in self._watched)
        array = np.concatenate(
            [
                self._numbers(time_s, watched_s),
                self._pooled([m.probabilities for m in self._micro], self._n_classes),
                self._pooled([m.embedding for m in self._micro], RECOGNISER_DIM),
            ]
        ).astype(np.float32)
        quality = min(watched_s / self._window_s, 1.0)
        return ModalitySample(self.modality, max(start_s, 0.0), time_s, array, quality)

    def _numbers(self, time_s: float, watched_s: float) -> Array:
        micro = [m.interval for m in self._micro]
        minutes = max(watched_s, _LEAST_WATCHED_S) / 60.0 * _TYPICAL_PER_MIN
        half_s = self._window_s / 2.0
        recent = sum(i.confidence for i in micro if i.offset_s > time_s - half_s)
        displacement = [i.values["displacement_iod_percent"] / _TYPICAL_PERCENT for i in micro]
        confidence = [i.confidence for i in micro]
        recency = np.exp(-(time_s - micro[-1].offset_s) / half_s) if micro else 0.0
        share = min(watched_s / self._window_s, 1.0)
        macro_s = sum(min(i.duration_s, self._window_s) for i in self._macro)
        numbers = {
            "micro_per_min": sum(confidence) / minutes,
            "micro_in_last_half_per_min": recent / max(minutes / 2.0, _LEAST_WATCHED_S / 6.0),
            "recency": recency,
            "mean_displacement": float(np.mean(displacement)) if micro else 0.0,
            "largest_displacement": max(displacement, default=0.0),
            "mean_confidence": float(np.mean(confidence)) if micro else 0.0,
            "macro_per_min": len(self._macro) / minutes,
            "macro_share": macro_s / self._window_s,
            "blinks_per_min": len(self._blinks) / minutes,
            "watched_share": share,
            "recognised": float(any(m.probabilities is not None for m in self._micro)),
        }
        return np.array([numbers[name] for name in _NUMBERS])

    def _pooled(self, vectors: list[Array | None], width: int) -> Array:
        known = [
            (m.interval.confidence, v)
            for m, v in zip(self._micro, vectors, strict=True)
            if v is not None
        ]
        if not known:
            return np.zeros(width)
        weights = np.array([confidence for confidence, _ in known])
        return np.asarray(np.average([v for _, v in known], axis=0, weights=weights))
