"""Heart rate from the colour of the skin (remote photoplethysmography) as a modality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from affectfuse.containers import Interval
from affectfuse.modalities.base import Extractor, Modality, Need, Recognise
from affectfuse.modalities.heart_rate.extractor import (
    MINIMUM_VARIANCE,
    HeartRateExtractor,
    HeartRateSettings,
)
from affectfuse.modalities.heart_rate.history import CHANNELS
from affectfuse.signals.rppg import METHODS

if TYPE_CHECKING:
    from torch import nn

__all__ = ["HeartRate"]


class HeartRate(Modality):
    """Skin colours combined with least noise, a tracked rate, and a confidence (see `confidence`).

    A sample is the last `history_s` seconds at 1 Hz, float32 (channel, time), channels as in
    `history.CHANNELS`; its quality is the mean confidence of the last five ticks.

    Args:
        estimate_window_s: how much of the pulse one heart rate is estimated from; a change of heart
            rate shows about half of it later.
        least_s: how much of the window must show skin.
        band_bpm: lowest and highest heart rate.
        rate_hz: of the uniform grid the colours are resampled to.
        max_gap_s: a longer gap between readings of the skin is left missing.
        hold_s: how long after the face was last seen an estimate is still given.
        min_region_pixels: a region with fewer usable pixels is missing.
        landmark_smoothing_s: time constant of the regions' corners on a still face.
        history_s: length of a sample.
        quality_floor: a sample of lower quality counts as absent.
        embedding_dim: width of the encoder's output.
        method: 'minimum_variance', or one of `signals.rppg.METHODS` in each region, for comparison;
            `bvp` then has a unit of its own.
    """

    name = "heart_rate"
    needs: frozenset[Need] = frozenset({"face"})

    def __init__(
        self,
        estimate_window_s: float,
        least_s: float,
        band_bpm: Sequence[float],
        rate_hz: float,
        max_gap_s: float,
        hold_s: float,
        min_region_pixels: int,
        landmark_smoothing_s: float,
        history_s: int,
        quality_floor: float,
        embedding_dim: int,
        method: str = MINIMUM_VARIANCE,
    ) -> None:
        if method not in (MINIMUM_VARIANCE, *METHODS):
            raise ValueError(
                f"method is '{method}'; allowed: {', '.join([MINIMUM_VARIANCE, *METHODS])}"
            )
        low_bpm, high_bpm = band_bpm
        if not 30.0 <= low_bpm < high_bpm <= 240.0:
            raise ValueError(
                f"band_bpm is [{low_bpm:g}, {high_bpm:g}]: give two rising rates from 30 to 240"
            )
        if rate_hz < 4.0 * high_bpm / 60.0:
            raise ValueError(
                f"rate_hz is {rate_hz:g}: the second harmonic of {high_bpm:g} bpm needs at least "
                f"{4.0 * high_bpm / 60.0:g}"
            )
        if not 3.0 <= least_s <= estimate_window_s:
            raise ValueError(
                f"least_s is {least_s:g}: it must lie between 3 and estimate_window_s, "
                f"{estimate_window_s:g}"
            )
        self._settings = HeartRateSettings(
            estimate_window_s,
            least_s,
            (low_bpm, high_bpm),
            rate_hz,
            max_gap_s,
            hold_s,
            min_region_pixels,
            landmark_smoothing_s,
            history_s,
            method,
        )
        self.window_s = history_s + estimate_window_s
        self.latency_s = estimate_window_s / 2
        self.max_age_s = hold_s
        self.quality_floor = quality_floor
        self.sample_shape = (len(CHANNELS), history_s)
        self.embedding_dim = embedding_dim

    def extractor(
        self, recognise: Recognise | None = None, annotations: Sequence[Interval] | None = None
    ) -> Extractor:
        return HeartRateExtractor(self.name, self._settings)

    def encoder(self) -> nn.Module:
        from affectfuse.modalities.heart_rate.network import HistoryEncoder

        return HistoryEncoder(self.sample_shape[0], self.embedding_dim)
