"""The protocol `toolbox`: heart rate of whole waveforms, as rPPG-Toolbox measures it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from affectfuse.containers import Track
from affectfuse.evaluation.base import Compared, HeartRateProtocol, sound
from affectfuse.evaluation.stretches import sampling_rate_hz, shared_stretch, whole_stretch
from affectfuse.evaluation.waveforms import LEAST_SAMPLES, clean, macc, peak_bpm, snr_db

__all__ = ["Toolbox"]


class Toolbox(HeartRateProtocol):
    """Estimated and reference waveform alike detrended, band-passed, and read off a periodogram.

    One row a recording, or one a window side by side. The estimate is made from all of the window,
    so it is not causal, and the tracked heart rate is not looked at. Its confidence is the mean
    confidence of the waveform. SNR is about the heart rate read off the reference waveform.
    Deviation: the Toolbox resamples the reference to the video's frames, here it is read at the
    times of the estimated waveform; gaps, which the Toolbox does not know, are bridged by lines.
    Reference: Liu et al. 2023, arXiv:2210.00716.

    Args:
        window_s: length of the windows; None is the whole recording.
        band_hz: pass band, and where the periodogram's peak is sought.
        detrend_lambda: of the detrending.
        least_known: share of a window in which the waveform must be known.
    """

    name = "toolbox"
    references = ("bvp",)

    def __init__(
        self,
        window_s: float | None,
        band_hz: Sequence[float],
        detrend_lambda: float,
        least_known: float,
    ) -> None:
        if window_s is not None and not window_s > 0.0:
            raise ValueError(f"window_s is {window_s:g}: give seconds, or null for all of it")
        low_hz, high_hz = band_hz
        if not 0.0 < low_hz < high_hz:
            raise ValueError(f"band_hz is [{low_hz:g}, {high_hz:g}]: give two rising frequencies")
        if not 0.0 < least_known <= 1.0:
            raise ValueError(f"least_known is {least_known:g}: it must lie in (0, 1]")
        self._window_s, self._least = window_s, least_known
        self._band_hz, self._lambda = (low_hz, high_hz), detrend_lambda

    def compare(self, tracks: Mapping[str, Track], references: Mapping[str, Track]) -> Compared:
        bvp, reference = tracks["bvp"], references["bvp"]
        rows = [
            (end_s, *row)
            for start_s, end_s in self._windows(bvp, reference)
            if (row := self._row(bvp, reference, start_s, end_s)) is not None
        ]
        times_s, label, estimate, confidence, snr, macc_ = np.array(rows, float).reshape(-1, 6).T
        return Compared(times_s, label, estimate, confidence, snr, macc_, "bvp")

    def _windows(self, bvp: Track, reference: Track) -> list[tuple[float, float]]:
        """Return the windows side by side; the last one, as in the Toolbox, may be shorter."""
        known = np.isfinite(bvp.values)
        track = bvp if known.any() else reference
        times_s = track.times_s[known if known.any() else sound(reference)]
        step_s = 1.0 / sampling_rate_hz(track)
        if not np.isfinite(step_s):
            return []
        start_s, end_s = float(times_s[0]) - 0.5 * step_s, float(times_s[-1]) + 0.5 * step_s
        if self._window_s is None:
            return [(start_s, end_s)]
        edges = np.append(np.arange(start_s, end_s, self._window_s), end_s)
        return [(float(a), float(b)) for a, b in pairwise(edges)]

    def _row(
        self, bvp: Track, reference: Track, start_s: float, end_s: float
    ) -> tuple[float, float, float, float, float] | None:
        """Return reference, estimate, confidence, SNR and MACC; None without a reference."""
        rate_hz = sampling_rate_hz(bvp)
        stretch = whole_stretch(bvp, start_s, end_s, self._least)
        both = shared_stretch(stretch, reference, self._least) if stretch else None
        if both is None or len(both[0]) < LEAST_SAMPLES:
            alone = self._reference_bpm(reference, start_s, end_s)
            return (alone, np.nan, 0.0, np.nan, np.nan) if np.isfinite(alone) else None
        estimated, label = (clean(part, rate_hz, self._band_hz, self._lambda) for part in both)
        label_bpm = peak_bpm(label, rate_hz, self._band_hz)
        if not np.isfinite(label_bpm):
            return None
        quality = bvp.between(start_s, end_s)
        return (
            label_bpm,
            peak_bpm(estimated, rate_hz, self._band_hz),
            float(quality.quality[np.isfinite(quality.values)].mean()),
            snr_db(estimated, rate_hz, label_bpm, self._band_hz),
            macc(estimated, label),
        )

    def _reference_bpm(self, reference: Track, start_s: float, end_s: float) -> float:
        """Return the reference heart rate of a window in which nothing was estimated."""
        stretch = whole_stretch(reference, start_s, end_s, self._least)
        rate_hz = sampling_rate_hz(reference)
        if stretch is None or len(stretch[1]) < LEAST_SAMPLES or rate_hz <= 2 * self._band_hz[1]:
            return float("nan")
        label = clean(stretch[1], rate_hz, self._band_hz, self._lambda)
        return peak_bpm(label, rate_hz, self._band_hz)

    def describe(self, used: Mapping[str, int]) -> list[str]:
        low_hz, high_hz = self._band_hz
        per = "recording" if self._window_s is None else f"window of {self._window_s:g} s"
        return [
            f"Protocol toolbox, that of rPPG-Toolbox: one row a {per}. Estimated and reference "
            f"pulse waveform are alike detrended (smoothness priors, lambda {self._lambda:g}) and "
            f"band-passed (Butterworth of first order, {low_hz:g} to {high_hz:g} Hz, forth and "
            "back); the heart rate of each is the highest bin of its periodogram, padded to the "
            "next power of two, in that band. SNR: power within 6 bpm of the reference rate and "
            "its double over the rest of the band, as the Toolbox has it since December 2024. "
            "MACC: largest absolute correlation over circular lags. Each row uses all of its "
            "window, so this protocol is not causal; and the tracked heart rate is not looked at.",
            "Reference: the sensor's pulse waveform, at the times of the estimated one.",
        ]
