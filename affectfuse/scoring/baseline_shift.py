"""Baseline shift: how each channel changes after an event, against just before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from affectfuse.containers import Array, IntervalTrack
from affectfuse.scoring.base import Contrast, Question, SessionScore
from affectfuse.scoring.measuring import Measurements, MeasuringProtocol
from affectfuse.scoring.reactions.channels import Channel
from affectfuse.scoring.reactions.measure import known_values
from affectfuse.scoring.reactions.windows import Moments
from affectfuse.scoring.statistics.permutation import Permuted, studentised

__all__ = ["BaselineShift"]

_MIN_WINDOWS = 3
"""Windows a session must have for a standard deviation of its own."""

_APART_S = 5.0
"""Moments nearer to each other have nearly the same windows, and do not count as different."""


@dataclass(eq=False)
class BaselineShift(MeasuringProtocol):
    """For every event and channel, how it changes after the onset, tested against other times.

    Of all channels those that are a change already: means after less before, heart-rate
    deceleration and acceleration, pulse amplitude after over before, rises.

    The summary has, by channel, `mean_shift`, `standardised_shift` (the mean shift over the
    standard deviation, N-1, of the shifts at moments every `window_s` of the session: an effect
    size, for comparison between channels of one session) and `events_scored`.

    The contrast of a channel is its mean shift less the mean at other times of the session; the
    interval is over the events. Other times are, `permutations` times over, as many pseudo-events
    at the events' own distances, in an order that is drawn, from a beginning that is drawn; the
    session counts as a circle. So they match the events in number and spacing, and slow changes
    of the signals touch both alike. The statistic is the mean shift over its standard error, so
    that missing stretches do not count as effects. p is two-sided, adjusted for all channels by
    step-down max-T. Without an effect it is exact when the distances came in any order by chance
    and signals keep their nature throughout. Events at even distances can only be shifted, which
    leaves little to tell them by: vary the distances.

    Attributes:
        min_events: with fewer in a channel there is no contrast.

    Reference:
        Westfall, Young (1993), Resampling-based multiple testing.
    """

    name = "baseline_shift"

    min_events: int = 3

    def uses(self, channel: Channel) -> bool:
        return channel.own_baseline and channel.tested

    def permuted(self, measured: Measurements) -> Permuted:
        return self._against_other_times(measured)[0]

    def _against_other_times(self, measured: Measurements) -> tuple[Permuted, Array]:
        """Return the studentised mean shifts, and the mean of all shifts (channel,)."""
        start_s, end_s = self._domain(measured)
        inside = [q for q in measured.questions if start_s <= q.onset_s <= end_s]
        names = tuple(channel.name for channel in measured.channels)
        if not inside or end_s - start_s < 1.0 or not names:
            nothing = np.full((1, len(names)), np.nan)
            return Permuted(names, nothing, 0, self.least_permutations), nothing[0]
        moments = self._windows.moments(inside).redrawn(
            start_s, end_s, self.permutations, self.seed
        )
        columns, centres = zip(
            *(
                studentised(
                    known_values(channel, moments, self.min_coverage).reshape(-1, len(inside))
                )
                for channel in measured.channels
            ),
            strict=True,
        )
        distinct = min(self.permutations + 1, int((end_s - start_s) / _APART_S))
        permuted = Permuted(names, np.stack(columns, axis=1), distinct, self.least_permutations)
        return permuted, np.array(centres)

    def evaluate(self, measured: Measurements) -> SessionScore:
        summary: dict[str, float] = {}
        permuted, centres = self._against_other_times(measured)
        p_values, adjusted = permuted.p_values(), permuted.p_adjusted()
        contrasts = []
        for index, channel in enumerate(measured.channels):
            values = measured.values[:, index]
            known = values[np.isfinite(values)]
            shift = float(known.mean()) if len(known) else math.nan
            summary[f"mean_shift.{channel.name}"] = shift
            spread = self._spread(channel, measured)
            summary[f"standardised_shift.{channel.name}"] = shift / spread
            summary[f"events_scored.{channel.name}"] = float(len(known))
            p = float(p_values[index]), float(adjusted[index])
            contrasts.append(self._contrast(channel, values - centres[index], p))
        return SessionScore(
            self.name,
            self.rows(measured),
            summary,
            self._notes(measured),
            tuple(contrasts),
            self._methods(measured),
            _REFERENCES,
        )

    def _contrast(self, channel: Channel, differences: Array, p: tuple[float, float]) -> Contrast:
        count = int(np.isfinite(differences).sum())
        reason = ""
        if count < self.min_events:
            reason = f"{count} events are known, at least {self.min_events} needed"
        name = "after against before, less the same at other times"
        return self.contrast(channel.name, name, channel.unit, differences, p, reason=reason)

    def _domain(self, measured: Measurements) -> tuple[float, float]:
        """Return between which times an event has all of its windows."""
        start_s, end_s = measured.sources.span_s()
        return start_s + self.baseline_s, end_s - self.window_s

    def _spread(self, channel: Channel, measured: Measurements) -> float:
        start_s, end_s = self._domain(measured)
        onsets_s = np.arange(start_s, end_s + 1e-6, self.window_s)
        moments = Moments(onsets_s, np.full(len(onsets_s), self.window_s))
        values = known_values(channel, moments, self.min_coverage)
        known = values[np.isfinite(values)]
        spread = float(np.std(known, ddof=1)) if len(known) >= _MIN_WINDOWS else math.nan
        return spread if spread > 0 else math.nan

    def _notes(self, measured: Measurements) -> tuple[str, ...]:
        tracks, questions = measured.sources.tracks, measured.questions
        notes = [] if questions else ["no events: nothing to score"]
        spotted = any(isinstance(track, IntervalTrack) for track in tracks.values())
        if spotted and self.watched_by and self.watched_by not in tracks:
            notes.append(f"no track '{self.watched_by}' says when intervals could be seen")
        for earlier, later in pairwise(questions):
            if later.onset_s - self.baseline_s < earlier.onset_s + self.window_s:
                notes.append(
                    f"the baseline of '{later.label}' overlaps the window of '{earlier.label}'"
                )
        if even := _even(questions):
            notes.append(even)
        return tuple(notes)

    def _methods(self, measured: Measurements) -> str:
        return (
            f"{self.how()} Of {len(measured.questions)} events and {len(measured.channels)} "
            "channels the mean change was compared with that at other times of the session, by "
            f"{self.permutations} sets of pseudo-events at the same distances in another order "
            f"(two-sided; step-down max-T over the channels); {self.confidence:.0%} intervals are "
            "exact sign-flip intervals over "
            "the events, Student's with more than 14."
        )


def _even(questions: Sequence[Question]) -> str:
    """Say when the events lie at even distances."""
    gaps_s = np.diff([question.onset_s for question in questions])
    if len(gaps_s) < 3 or gaps_s.std() > 0.02 * gaps_s.mean():
        return ""
    return "the events lie at even distances, which leaves a test little to tell them by"


_REFERENCES = (
    "Westfall P. H., Young S. S. (1993). Resampling-based multiple testing. Wiley.",
    "Phipson B., Smyth G. K. (2010). Permutation p-values should never be zero. Statistical "
    "Applications in Genetics and Molecular Biology 9(1). doi:10.2202/1544-6115.1585",
    "Hartigan J. A. (1969). Using subsample values as typical values. Journal of the American "
    "Statistical Association 64. doi:10.1080/01621459.1969.10501057",
)
