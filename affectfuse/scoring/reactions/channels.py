"""A channel: one feature of one track, measurable at any moment; and the means of every track."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from affectfuse.containers import Array, Estimate, IntervalTrack, Track
from affectfuse.scoring.reactions.series import Counts, Series
from affectfuse.scoring.reactions.windows import Moments, Windows

__all__ = ["Channel", "Measure", "Measured", "Sources", "mean_changes"]

MODALITIES: Mapping[str, str] = {
    "heart_rate_bpm": "heart_rate",
    "beat_interval_ms": "heart_rate",
    "rmssd_ms": "heart_rate",
    "sdnn_ms": "heart_rate",
    "lf_hf": "heart_rate",
    "respiration_rate_per_min": "heart_rate",
    "pulse_amplitude_percent": "heart_rate",
    "micro_expression": "micro_expression",
    "macro_expression": "micro_expression",
    "blink": "micro_expression",
    "facial_motion": "micro_expression",
    "eda_us": "electrodermal_activity",
    "eda_tonic_us": "electrodermal_activity",
    "eda_phasic_us": "electrodermal_activity",
    "skin_conductance_responses": "electrodermal_activity",
    "bvp_heart_rate_bpm": "blood_volume_pulse",
    "bvp_beat_interval_ms": "blood_volume_pulse",
    "bvp_amplitude": "blood_volume_pulse",
    "bvp_rmssd_ms": "blood_volume_pulse",
    "movement_g": "movement",
    "skin_temperature_degc": "skin_temperature",
}
"""What a track of a known name was measured by; any other track is a modality of its own."""

FELT_BY: Mapping[str, str] = {"skin_conductance_responses": "eda_phasic_us"}
"""Intervals that no camera sees, and the track that is known when they could be found."""

FUSED = "fused"


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A channel at some moments.

    Attributes:
        values: (moment,) NaN where nothing is known.
        baseline_share: (moment,) share of the baseline that was known; 1 where there is none.
        window_share: (moment,) share of the evaluated window that was known.
        notes: (moment,) why a value is NaN for another reason than its shares, or empty.
    """

    values: Array
    baseline_share: Array
    window_share: Array
    notes: Sequence[str] = ()


Measure = Callable[[Moments], Measured]


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """A feature of a session.

    Attributes:
        name, modality, unit: of the feature.
        stronger: 1 when a larger value is a stronger reaction, -1 when a smaller one is, 0 when
            that is for the protocol to say.
        ratio: whether two values can be divided, or only subtracted.
        baseline_s, window_s: how long what it reads before and after an onset is; 0: nothing.
        measure: what it is at given moments.
        own_baseline: whether its value is a change already, against the time before the onset.
        tested: whether it may be tested by itself; False of what only describes.
    """

    name: str
    modality: str
    unit: str
    stronger: Literal[-1, 0, 1]
    ratio: bool
    baseline_s: float
    window_s: float
    measure: Measure
    own_baseline: bool = True
    tested: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """The tracks of a session as series, and what says how to read them.

    Attributes:
        tracks, estimates: of the session.
        windows: in which reactions are looked for.
        watched_by: name of the track that says, as a share, when intervals could be seen; None
            when they always could. Responses of the skin could where its conductance is known.
        exclude: tracks whose mean says nothing.
        lags_s: by track, how long after the middle of what it was read from a reading comes.
        heart_rate_smoothing_s: of the moving means of which the heart rate's extremes are; 0: of
            the rate itself.
    """

    tracks: Mapping[str, Track | IntervalTrack]
    estimates: Sequence[Estimate]
    windows: Windows
    watched_by: str | None
    exclude: Sequence[str]
    lags_s: Mapping[str, float] = field(default_factory=dict)
    heart_rate_smoothing_s: float = 3.0
    _made: dict[str, Series | Counts] = field(default_factory=dict, init=False, repr=False)

    def series(self, name: str) -> Series | None:
        """Return a track's series; None when the session has none of that name."""
        track, made = self.tracks.get(name), self._made.get(name)
        if not isinstance(track, Track):
            return None
        if not isinstance(made, Series):
            made = self._made[name] = Series.of(track, self.lags_s.get(name, 0.0))
        return made

    def counts(self, name: str) -> Counts | None:
        """Return the onsets of an interval track; None when the session has none of that name."""
        track, made = self.tracks.get(name), self._made.get(name)
        if not isinstance(track, IntervalTrack):
            return None
        if not isinstance(made, Counts):
            felt = self.tracks.get(FELT_BY.get(name, ""))
            if isinstance(felt, Track):
                known = np.where(np.isfinite(felt.values) & (felt.quality > 0), 1.0, np.nan)
                made = Counts(track, Series(felt.times_s, known), always=False)
            else:
                watched = self.series(self.watched_by) if self.watched_by else None
                made = Counts(track, watched, always=not self.watched_by)
            self._made[name] = made
        return made

    def unit(self, name: str) -> str:
        """Return a track's unit."""
        track = self.tracks[name]
        return track.unit if isinstance(track, Track) else ""

    def span_s(self) -> tuple[float, float]:
        """Return from when to when the session was recorded, (0, 0) when nothing was."""
        tracks = [t for t in self.tracks.values() if isinstance(t, Track) and len(t.times_s)]
        times_s = [track.times_s[[0, -1]] for track in tracks]
        times_s += [np.array([e.time_s]) for e in (*self.estimates[:1], *self.estimates[-1:])]
        if not times_s:
            return 0.0, 0.0
        every = np.concatenate(times_s)
        return float(every.min()), float(every.max())


def mean_changes(sources: Sources) -> Iterator[Channel]:
    """Yield, of every track and fused estimate, how its mean changes; of intervals, their rate."""
    for name, track in sources.tracks.items():
        modality = MODALITIES.get(name, name)
        if isinstance(track, IntervalTrack):
            counts = sources.counts(name)
            assert counts is not None
            yield _change(name, modality, "per minute", counts.per_minute, sources.windows)
        elif name not in {sources.watched_by, *sources.exclude}:
            series = sources.series(name)
            assert series is not None
            yield _change(name, modality, track.unit, series.mean, sources.windows)
    yield from _fused(sources)


def _fused(sources: Sources) -> Iterator[Channel]:
    """Yield the fused probabilities and scales, unknown where they are only the prior."""
    estimates = sources.estimates
    times_s = np.array([estimate.time_s for estimate in estimates])
    present = np.array([any(w > 0 for w in e.weights.values()) for e in estimates], bool)
    for label in estimates[0].probabilities if estimates else ():
        p = np.array([estimate.probabilities[label] for estimate in estimates])
        series = Series(times_s, np.where(present, p, np.nan))
        yield _change(f"p_{label}", FUSED, "probability", series.mean, sources.windows)
    for name in estimates[0].values if estimates else ():
        values = np.array([estimate.values[name] for estimate in estimates])
        series = Series(times_s, np.where(present, values, np.nan))
        yield _change(name, FUSED, "", series.mean, sources.windows)


Mean = Callable[[Array, Array], tuple[Array, Array]]


def _change(name: str, modality: str, unit: str, mean: Mean, windows: Windows) -> Channel:
    def measure(moments: Moments) -> Measured:
        onsets_s = moments.onsets_s
        before, before_share = mean(onsets_s - windows.baseline_s, onsets_s)
        after, after_share = mean(onsets_s + windows.delay_s, onsets_s + windows.window_s)
        return Measured(after - before, before_share, after_share)

    length_s = windows.window_s - windows.delay_s
    return Channel(name, modality, unit, 0, False, windows.baseline_s, length_s, measure)
