"""The protocol `affectfuse`: one causal estimate a second against its own window's mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from affectfuse.containers import Track
from affectfuse.errors import did_you_mean
from affectfuse.evaluation.base import Compared, HeartRateProtocol
from affectfuse.evaluation.references import METHODS, reference_heart_rate
from affectfuse.evaluation.stretches import sampling_rate_hz, shared_stretch, whole_stretch
from affectfuse.evaluation.waveforms import LEAST_SAMPLES, clean, macc, snr_db

__all__ = ["EverySecond"]


class EverySecond(HeartRateProtocol):
    """Every estimate of the streaming path, once a second, against the mean of the same window.

    An estimate at time t was made from the `window_s` before t, so it is held against the mean
    reference heart rate from t - window_s to t (from the recording's beginning where that is
    later). Every second from `from_s` on whose reference is known counts; where it has no
    estimate, coverage falls and nothing else. SNR and MACC are of the waveform in that window.

    Args:
        window_s: that an estimate is made from, and its reference averaged over.
        from_s: the first second that counts; earlier no estimate is due.
        references: tracks that the reference heart rate may come from, the preferred first.
        least_known: share of a window that a waveform or reference must cover.
        band_hz: of the waveform behind SNR and MACC.
        detrend_lambda: of that waveform.
    """

    name = "affectfuse"

    def __init__(
        self,
        window_s: float,
        from_s: float,
        references: Sequence[str],
        least_known: float,
        band_hz: Sequence[float],
        detrend_lambda: float,
    ) -> None:
        if not window_s > 0.0:
            raise ValueError(f"window_s is {window_s:g}: it must be more than 0")
        if not 0.0 < least_known <= 1.0:
            raise ValueError(f"least_known is {least_known:g}: it must lie in (0, 1]")
        for name in references:
            if name not in METHODS:
                raise ValueError(f"unknown reference '{name}'. {did_you_mean(name, METHODS)}")
        low_hz, high_hz = band_hz
        if not 0.0 < low_hz < high_hz:
            raise ValueError(f"band_hz is [{low_hz:g}, {high_hz:g}]: give two rising frequencies")
        self.references = tuple(references)
        self._window_s, self._from_s, self._least = window_s, from_s, least_known
        self._band_hz, self._lambda = (low_hz, high_hz), detrend_lambda

    def compare(self, tracks: Mapping[str, Track], references: Mapping[str, Track]) -> Compared:
        name = self.usable(references)
        assert name is not None
        heart_rate = tracks["heart_rate_bpm"]
        due = heart_rate.times_s >= self._from_s - 1e-6
        ends_s = heart_rate.times_s[due]
        starts_s = np.maximum(ends_s - self._window_s, 0.0)
        reference = reference_heart_rate(references, name, starts_s, ends_s, self._least)
        counts = np.isfinite(reference)
        ends_s, reference = ends_s[counts], reference[counts]
        quality = np.array(
            [
                self._waveform(tracks["bvp"], references.get("bvp"), end_s, bpm)
                for end_s, bpm in zip(ends_s, reference, strict=True)
            ]
        ).reshape(-1, 2)
        return Compared(
            times_s=ends_s,
            reference_bpm=reference,
            estimate_bpm=heart_rate.values[due][counts],
            confidence=heart_rate.quality[due][counts],
            snr_db=quality[:, 0],
            macc=quality[:, 1],
            reference=name,
        )

    def _waveform(
        self, bvp: Track, reference: Track | None, end_s: float, reference_bpm: float
    ) -> tuple[float, float]:
        """Return SNR and MACC of the window that ends at a time; NaN where undefined."""
        rate_hz = sampling_rate_hz(bvp)
        stretch = whole_stretch(bvp, end_s - self._window_s, end_s, self._least)
        if stretch is None or len(stretch[1]) < LEAST_SAMPLES:
            return float("nan"), float("nan")
        settings = (rate_hz, self._band_hz, self._lambda)
        snr = snr_db(clean(stretch[1], *settings), rate_hz, reference_bpm, self._band_hz)
        both = shared_stretch(stretch, reference, self._least)
        if both is None or len(both[0]) < LEAST_SAMPLES:
            return snr, float("nan")
        return snr, macc(clean(both[0], *settings), clean(both[1], *settings))

    def describe(self, used: Mapping[str, int]) -> list[str]:
        low_hz, high_hz = self._band_hz
        sources = [
            f"{name} in {count} recording{'' if count == 1 else 's'} ({METHODS[name]})"
            for name, count in used.items()
        ]
        return [
            f"Protocol affectfuse: one estimate a second, each made from the {self._window_s:g} s "
            "before it and nothing later, held against the mean reference heart rate of those same "
            f"{self._window_s:g} s (aligned in time: both windows end at the estimate's second; "
            "where the recording began later, both begin with it). Every second from "
            f"{self._from_s:g} s on with a reference for at least {self._least:.0%} of its window "
            "counts; a second without an estimate lowers the coverage and enters nothing else. SNR "
            "and MACC are of the pulse waveform in that window, detrended "
            f"(lambda {self._lambda:g}) and band-passed ({low_hz:g} to {high_hz:g} Hz). Windows of "
            "neighbouring seconds overlap, so rows of one recording are not independent.",
            f"Reference heart rate from {'; '.join(sources)}.",
        ]
