"""Heart rate by a trained pulse network, whose embedding the fusion head sees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from affectfuse.containers import Array, Interval, ModalitySample, Reading
from affectfuse.modalities.base import Extractor, Recognise
from affectfuse.modalities.heart_rate.disturbances import ColourWindow
from affectfuse.modalities.heart_rate.extractor import HeartRateExtractor, HeartRateSettings
from affectfuse.modalities.heart_rate.modality import HeartRate
from affectfuse.modalities.heart_rate.posterior import RatePosterior
from affectfuse.modalities.heart_rate.pulse_signals import N_CHANNELS, pulse_signals
from affectfuse.modalities.heart_rate.regions import SKIN
from affectfuse.modalities.heart_rate.tracker import HeartRateEstimate, HeartRateTracker

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Estimator", "LearnedHeartRate", "LearnedHeartRateExtractor", "PosteriorTracker"]

Estimator = Literal["network", "tracker"]
ESTIMATORS: tuple[Estimator, ...] = ("network", "tracker")


class LearnedHeartRate(HeartRate):
    """Heart rate whose encoder, and by choice whose estimate, is a trained `PulseNetwork`.

    A sample is the normalised colours of the last `signals_s` seconds (see `pulse_signals`),
    followed by the history of `HeartRate`, float32 in a row.

    Args:
        signals_s: how much of the signals the network sees.
        estimator: what gives `heart_rate_bpm` and its confidence: 'network', or 'tracker', which
            has learned nothing (see `HeartRate`). Without colour it is the tracker.
        weights: path of a trained network; None is the one shipped, which has seen no real person.
        fine_tune: whether the network in the encoder learns with the fusion head.
        estimate_window_s, least_s, band_bpm, rate_hz, max_gap_s, hold_s, min_region_pixels,
            landmark_smoothing_s, history_s, quality_floor, embedding_dim: see `HeartRate`.
    """

    name = "heart_rate_learned"

    def __init__(
        self,
        signals_s: float,
        estimator: Estimator,
        weights: str | None,
        fine_tune: bool,
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
    ) -> None:
        super().__init__(
            estimate_window_s,
            least_s,
            band_bpm,
            rate_hz,
            max_gap_s,
            hold_s,
            min_region_pixels,
            landmark_smoothing_s,
            history_s,
            quality_floor,
            embedding_dim,
        )
        if estimator not in ESTIMATORS:
            raise ValueError(f"estimator is '{estimator}'; allowed: 'network', 'tracker'")
        if not least_s <= signals_s <= estimate_window_s + 5.0:
            raise ValueError(
                f"signals_s is {signals_s:g}: it must lie between least_s, {least_s:g}, and 5 s "
                f"above estimate_window_s, {estimate_window_s:g}"
            )
        self._estimator = estimator
        self._weights = None if weights is None else Path(weights)
        self._fine_tune = fine_tune
        self.signals_shape = (N_CHANNELS, round(signals_s * rate_hz))
        self._history_shape = self.sample_shape
        self.rate_hz = rate_hz
        self.window_s = max(self.window_s, signals_s)
        self.sample_shape = (int(np.prod(self.signals_shape) + np.prod(self._history_shape)),)

    def signals(self, sample: Array) -> Array:
        """Return the signals (channel, time) that a sample begins with."""
        return sample[: int(np.prod(self.signals_shape))].reshape(self.signals_shape)

    def extractor(
        self, recognise: Recognise | None = None, annotations: Sequence[Interval] | None = None
    ) -> Extractor:
        tracker = None
        if self._estimator == "network":
            tracker = PosteriorTracker(self._settings.band_bpm, recognise, self._weights)
        return LearnedHeartRateExtractor(self.name, self._settings, self.signals_shape[1], tracker)

    def encoder(self) -> nn.Module:
        from affectfuse.modalities.heart_rate.pulse_encoder import PulseEncoder
        from affectfuse.modalities.heart_rate.pulse_weights import load_pulse_network

        return PulseEncoder(
            load_pulse_network(self._weights),
            self.signals_shape,
            (self._history_shape[0], self._history_shape[1]),
            self.embedding_dim,
            self._fine_tune,
        )


class PosteriorTracker(HeartRateTracker):
    """Follows the heart rate that a pulse network reads; regions are weighted as ever.

    Args:
        band_bpm: lowest and highest heart rate.
        recognise: the network: signals (channel, time) -> (embedding, probabilities); None loads
            the weights when the first estimate is due, and only then imports torch.
        weights: path for that; None is what is shipped.
    """

    def __init__(
        self, band_bpm: tuple[float, float], recognise: Recognise | None, weights: Path | None
    ) -> None:
        super().__init__(band_bpm)
        self._recognise, self._weights = recognise, weights
        self._posterior = RatePosterior(band_bpm)
        self.signals = np.zeros((N_CHANNELS, 0), np.float32)

    def update(self, window: ColourWindow, newest: slice) -> HeartRateEstimate:
        estimate = super().update(window, newest)
        if window.signals.shape[1] != len(SKIN) * 3:  # no colours, or those of a trace
            return estimate
        if self._recognise is None:
            from affectfuse.modalities.heart_rate.pulse_weights import load_pulse_network
            from affectfuse.modalities.recognition import FrozenRecogniser

            self._recognise = FrozenRecogniser(load_pulse_network(self._weights))
        _, probabilities = self._recognise(self.signals)
        rate_bpm, confidence = self._posterior.update(probabilities)
        self._newest_bpm = rate_bpm
        return replace(estimate, heart_rate_bpm=rate_bpm, confidence=confidence)

    def skip(self) -> None:
        super().skip()
        self._posterior.skip()


class LearnedHeartRateExtractor(HeartRateExtractor):
    """`HeartRateExtractor` whose samples carry the network's signals.

    Args:
        name: of the modality.
        settings: see there.
        length: samples of the signals.
        tracker: that the signals are handed to, or None for the one of `HeartRateExtractor`.
    """

    def __init__(
        self,
        name: str,
        settings: HeartRateSettings,
        length: int,
        tracker: PosteriorTracker | None,
    ) -> None:
        super().__init__(name, settings)
        self._length = length
        self._network = tracker
        self._tracker = tracker or self._tracker

    def tick(self, time_s: float) -> Iterable[Reading]:
        colours, motion, _ = self._window(time_s)
        signals = pulse_signals(colours[:, : len(SKIN)], motion, self._settings.rate_hz)[
            :, -self._length :
        ]
        if self._network is not None:
            self._network.signals = signals
        for reading in super().tick(time_s):
            if isinstance(reading, ModalitySample):
                array = np.concatenate([signals.ravel(), reading.array.ravel()])
                yield replace(reading, array=array)
            else:
                yield reading
