"""Baseline shift: how each channel changes after an event, against just before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from affectfuse.containers import Array, Estimate, IntervalTrack, Track
from affectfuse.scoring.base import Question, QuestionScore, ScoringProtocol, SessionScore

__all__ = ["BaselineShift"]

_MIN_WINDOWS = 3
"""Windows a session must have for a standard deviation of its own."""

_MAX_STRETCH = 1.5
"""A reading stands for the time since the one before, at most so many usual steps."""

Mean = Callable[[float, float], tuple[float, float]]
"""A channel: (start_s, end_s) -> its mean between them and the share of that time it was known."""


class BaselineShift(ScoringProtocol):
    """For every event and channel, the mean after the event's onset minus the mean before it.

    The evaluated window runs from `onset + delay_s` to `onset + window_s`, the baseline over the
    `baseline_s` before the onset. The defaults, 15 s after the onset and 10 s before it, are the
    evaluation window and baseline of polygraph practice, whose response onset window opens 0.5 s
    after the onset. The window is the same for all events, however long they last.

    Channels: every track in its own unit (`watched_by` and `exclude` excepted); the fused
    probability of each class (`p_tense`), unknown where no modality was present, since the
    estimate is then only the prior; and every interval track as a rate per minute of watched
    time, an interval counting where its onset lies. Means are over time, not weighted by quality:
    a reading stands for the time since the one before it, at most 1.5 usual steps. A track that
    looks back (heart rate over its spectral window) answers late, and its shift is smaller than
    the true one.

    The summary has, by channel, `mean_shift`, `standardised_shift` (the mean shift over the
    standard deviation, N-1, of the means of the session's consecutive windows of `window_s`; for
    comparison between channels of one session) and `events_scored`.

    Args:
        baseline_s: seconds before the onset.
        delay_s: seconds from the onset to the beginning of the window.
        window_s: seconds from the onset to the end of the window.
        min_coverage: share of the baseline, and of the window, that must be known.
        watched_by: name of the track that says, as a share, when intervals could be seen; None
            when they always could.
        exclude: names of tracks that are waveforms, whose mean says nothing.

    Raises:
        ValueError: when the window ends before it begins or a parameter is out of range.
    """

    name = "baseline_shift"

    def __init__(
        self,
        baseline_s: float = 10.0,
        delay_s: float = 0.5,
        window_s: float = 15.0,
        min_coverage: float = 0.5,
        watched_by: str | None = "face_visible",
        exclude: Sequence[str] = ("bvp",),
    ) -> None:
        if baseline_s <= 0:
            raise ValueError(f"baseline_s is {baseline_s}; it must be above 0")
        if not 0 <= delay_s < window_s:
            raise ValueError(f"delay_s is {delay_s}, window_s {window_s}; 0 <= delay_s < window_s")
        if not 0 < min_coverage <= 1:
            raise ValueError(f"min_coverage is {min_coverage}; it must be above 0 and at most 1")
        self.baseline_s, self.delay_s, self.window_s = baseline_s, delay_s, window_s
        self.min_coverage, self.watched_by = min_coverage, watched_by
        self.exclude = tuple(exclude)

    def score(
        self,
        tracks: Mapping[str, Track | IntervalTrack],
        estimates: Sequence[Estimate],
        events: Sequence[Question],
    ) -> SessionScore:
        channels = self._channels(tracks, estimates)
        timed = [t for t in tracks.values() if isinstance(t, Track) and len(t.times_s)]
        end_s = max((float(track.times_s[-1]) for track in timed), default=0.0)
        rows, summary = [], {}
        for name, (unit, mean) in channels.items():
            scored = [self._row(event, name, unit, mean) for event in events]
            rows.extend(scored)
            known = np.array([row.value for row in scored if np.isfinite(row.value)])
            shift = float(known.mean()) if known.size else np.nan
            summary[f"mean_shift.{name}"] = shift
            summary[f"standardised_shift.{name}"] = shift / self._spread(mean, end_s)
            summary[f"events_scored.{name}"] = float(known.size)
        rows.sort(key=lambda row: row.onset_s)
        return SessionScore(self.name, tuple(rows), summary, self._notes(tracks, events))

    def _channels(
        self, tracks: Mapping[str, Track | IntervalTrack], estimates: Sequence[Estimate]
    ) -> dict[str, tuple[str, Mean]]:
        watched = tracks.get(self.watched_by) if self.watched_by else None
        channels: dict[str, tuple[str, Mean]] = {}
        for name, track in tracks.items():
            if isinstance(track, IntervalTrack):
                seen = watched if isinstance(watched, Track) else None
                channels[name] = "per minute", _rate(track, seen, always=not self.watched_by)
            elif name not in {self.watched_by, *self.exclude}:
                channels[name] = track.unit, _mean(track.times_s, track.values)
        times_s = np.array([estimate.time_s for estimate in estimates])
        present = np.array([any(w > 0 for w in e.weights.values()) for e in estimates], bool)
        for label in estimates[0].probabilities if estimates else ():
            p = np.array([estimate.probabilities[label] for estimate in estimates])
            channels[f"p_{label}"] = "probability", _mean(times_s, np.where(present, p, np.nan))
        return channels

    def _row(self, event: Question, channel: str, unit: str, mean: Mean) -> QuestionScore:
        onset_s, length_s = event.onset_s, self.window_s - self.delay_s
        before, share_before = mean(onset_s - self.baseline_s, onset_s)
        after, share_after = mean(onset_s + self.delay_s, onset_s + self.window_s)
        known_s = share_before * self.baseline_s + share_after * length_s
        coverage = known_s / (self.baseline_s + length_s)
        lacking = [
            f"known in {share:.0%} of the {part}, at least {self.min_coverage:.0%} needed"
            for part, share in (("baseline", share_before), ("window", share_after))
            if share < self.min_coverage
        ]
        value = np.nan if lacking else after - before
        note = "; ".join(lacking)
        return QuestionScore(event.label, onset_s, channel, float(value), unit, coverage, note)

    def _spread(self, mean: Mean, end_s: float) -> float:
        starts = np.arange(0.0, end_s - self.window_s + 1e-6, self.window_s)
        windows = [mean(start, start + self.window_s) for start in starts]
        known = [value for value, share in windows if share >= self.min_coverage]
        spread = float(np.std(known, ddof=1)) if len(known) >= _MIN_WINDOWS else np.nan
        return spread if spread > 0 else np.nan

    def _notes(
        self, tracks: Mapping[str, Track | IntervalTrack], events: Sequence[Question]
    ) -> tuple[str, ...]:
        notes = [] if events else ["no events: nothing to score"]
        spotted = any(isinstance(track, IntervalTrack) for track in tracks.values())
        if spotted and self.watched_by and self.watched_by not in tracks:
            notes.append(f"no track '{self.watched_by}' says when intervals could be seen")
        for earlier, later in pairwise(sorted(events, key=lambda event: event.onset_s)):
            if later.onset_s - self.baseline_s < earlier.onset_s + self.window_s:
                notes.append(
                    f"the baseline of '{later.label}' overlaps the window of '{earlier.label}'"
                )
        return tuple(notes)


def _mean(times_s: Array, values: Array) -> Mean:
    """Return a track's channel: its mean over time, a reading standing for the step up to it."""
    steps_s = np.diff(times_s)
    usual_s = float(np.median(steps_s)) if len(steps_s) else 0.0
    starts_s = times_s - np.minimum(np.r_[usual_s, steps_s], _MAX_STRETCH * usual_s)
    known = np.isfinite(values)

    def mean(start_s: float, end_s: float) -> tuple[float, float]:
        overlap_s = np.minimum(times_s, end_s) - np.maximum(starts_s, start_s)
        weight = np.where(known, np.maximum(overlap_s, 0.0), 0.0)
        total_s = float(weight.sum())
        if total_s <= 0:
            return np.nan, 0.0
        share = min(total_s / (end_s - start_s), 1.0)
        return float(np.where(known, values, 0.0) @ weight / total_s), share

    return mean


def _rate(track: IntervalTrack, watched: Track | None, *, always: bool) -> Mean:
    """Return the channel of an interval track: onsets per minute of watched time."""
    onsets_s = np.array([interval.onset_s for interval in track.intervals])
    seen = _mean(watched.times_s, watched.values) if watched else None

    def mean(start_s: float, end_s: float) -> tuple[float, float]:
        if seen:
            level, known = seen(start_s, end_s)
            share = level * known if known else 0.0
        else:
            share = float(always)
        if share <= 0:
            return np.nan, 0.0
        count = np.count_nonzero((onsets_s >= start_s) & (onsets_s < end_s))
        return 60.0 * float(count) / (share * (end_s - start_s)), share

    return mean
