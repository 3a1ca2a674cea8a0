"""What the protocols share: how reactions are measured, and how contrasts are tested."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from affectfuse.containers import Array, Estimate, IntervalTrack, Track
from affectfuse.scoring.base import (
    Contrast,
    Question,
    QuestionScore,
    Reaction,
    ScoringProtocol,
    SessionScore,
)
from affectfuse.scoring.reactions.channels import Channel, Sources
from affectfuse.scoring.reactions.measure import channels_of, reactions
from affectfuse.scoring.reactions.windows import Windows
from affectfuse.scoring.statistics.permutation import Permuted
from affectfuse.scoring.statistics.sign_flip import LEAST_PAIRS, mean_interval

__all__ = ["Measurements", "MeasuringProtocol"]


@dataclass(frozen=True, slots=True, eq=False)
class Measurements:
    """A session, measured.

    Attributes:
        questions: in order of onset.
        channels: that the session has.
        reactions: one a question and channel; of wanted channels that it lacks, without a value.
        values: (question, channel) NaN where not known.
        sources: what was measured.
    """

    questions: tuple[Question, ...]
    channels: tuple[Channel, ...]
    reactions: tuple[Reaction, ...]
    values: Array
    sources: Sources


@dataclass(eq=False)
class MeasuringProtocol(ScoringProtocol):
    """A protocol on reactions in windows around each question's onset, tested by permutation.

    The evaluated window runs from `onset + delay_s` to `onset + window_s`, the baseline over the
    `baseline_s` before the onset; 15 s and 10 s are those of polygraph practice, whose response
    onset window opens 0.5 s after the onset and closes 5 s after the answer. The windows are the
    same for all questions, however long they last.

    Channels: how the mean of every track changes, in its own unit (`watched_by` and `exclude`
    excepted), of interval tracks the rate per minute of watched time; the fused probability of
    each class (`p_tense`), unknown where no modality was present, since the estimate is then only
    the prior; and the features of `reactions/physiology.py` and `reactions/expressions.py`. Means
    are over time, not weighted by quality: a reading stands for the time since the one before it,
    at most 1.5 usual steps.

    Attributes:
        baseline_s: seconds before the onset.
        delay_s: seconds from the onset to the beginning of the window.
        window_s: seconds from the onset to the end of the window.
        after_answer_s: seconds after the answer until which a response may begin.
        min_coverage: share of the baseline, and of the window, that must be known.
        watched_by: name of the track that says, as a share, when intervals could be seen; None
            when they always could.
        exclude: names of tracks that are waveforms, whose mean says nothing.
        lags_s: by track, seconds by which a reading comes after the middle of what it was read
            from: a track that looks back answers late.
        heart_rate_smoothing_s: length of the moving means of which the heart rate's extremes are;
            0: of the rate itself.
        channels: names of those that are scored; None for all.
        permutations: arrangements that a test is against, beside the observed one.
        least_permutations: with fewer that differ there is no p.
        seed: of the draw of arrangements, where there are more than that.
        confidence: of intervals.

    Raises:
        ValueError: when the window ends before it begins or a parameter is out of range.
    """

    baseline_s: float = 10.0
    delay_s: float = 0.5
    window_s: float = 15.0
    after_answer_s: float = 5.0
    min_coverage: float = 0.5
    watched_by: str | None = "face_visible"
    exclude: Sequence[str] = ("bvp", "respiration")
    lags_s: Mapping[str, float] = field(
        default_factory=lambda: {
            "heart_rate_bpm": 5.0,
            "bvp_heart_rate_bpm": 5.0,
            "pulse_amplitude_percent": 6.3,
        }
    )
    heart_rate_smoothing_s: float = 3.0
    channels: Sequence[str] | None = None
    permutations: int = 999
    least_permutations: int = 20
    seed: int = 0
    confidence: float = 0.95

    def __post_init__(self) -> None:
        self._windows = Windows(
            self.baseline_s, self.delay_s, self.window_s, self.after_answer_s, self.min_coverage
        )
        self.exclude = tuple(self.exclude)
        self.channels = None if self.channels is None else tuple(self.channels)
        self.lags_s = dict(self.lags_s)
        for name, least in (("permutations", 19), ("least_permutations", 2)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {least}")
        if not self.heart_rate_smoothing_s >= 0:
            raise ValueError(
                f"heart_rate_smoothing_s is {self.heart_rate_smoothing_s}; it must be at least 0"
            )
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence is {self.confidence}; it must lie between 0 and 1")

    def score(
        self,
        tracks: Mapping[str, Track | IntervalTrack],
        estimates: Sequence[Estimate],
        events: Sequence[Question],
    ) -> SessionScore:
        return self.evaluate(self.measure(tracks, estimates, events))

    def measure(
        self,
        tracks: Mapping[str, Track | IntervalTrack],
        estimates: Sequence[Estimate],
        events: Sequence[Question],
    ) -> Measurements:
        """Return the reactions that are scored."""
        windows = self._windows
        sources = Sources(
            tracks,
            estimates,
            windows,
            self.watched_by,
            self.exclude,
            self.lags_s,
            self.heart_rate_smoothing_s,
        )
        questions = tuple(sorted(events, key=lambda question: question.onset_s))
        channels = tuple(c for c in channels_of(sources, self.channels) if self.uses(c))
        found = tuple(reactions(sources, questions, channels, self.channels or ()))
        by_place = {(r.question, r.channel): r.value for r in found}
        values = np.array(
            [[by_place[i, channel.name] for channel in channels] for i in range(len(questions))]
        ).reshape(len(questions), len(channels))
        return Measurements(questions, channels, found, values, sources)

    def uses(self, channel: Channel) -> bool:
        """Return whether the protocol has a use for a channel."""
        return True

    @abstractmethod
    def permuted(self, measured: Measurements) -> Permuted:
        """Return the statistic of each channel as observed and in other arrangements."""

    @abstractmethod
    def evaluate(self, measured: Measurements) -> SessionScore:
        """Score what was measured."""

    def rows(
        self, measured: Measurements, scores: Mapping[tuple[int, str], float] | None = None
    ) -> tuple[QuestionScore, ...]:
        """Return the rows of the score, with `scores` by question and channel."""
        rows = []
        for found in measured.reactions:
            question = measured.questions[found.question]
            rows.append(
                QuestionScore(
                    question.label,
                    question.onset_s,
                    found.channel,
                    found.value,
                    found.unit,
                    found.coverage,
                    found.note,
                    (scores or {}).get((found.question, found.channel), float("nan")),
                    found.artefact,
                    question.presentation,
                    found.modality,
                )
            )
        return tuple(rows)

    def contrast(
        self,
        channel: str,
        name: str,
        unit: str,
        differences: Array,
        p: tuple[float, float],
        *,
        sum_of: bool = False,
        reason: str = "",
    ) -> Contrast:
        """Return the mean (or the sum) of differences (pair,) with its interval and p values.

        Args:
            channel, name, unit: of the contrast.
            differences: NaN where a pair is not known.
            p: of the test, and adjusted.
            sum_of: the sum in place of the mean.
            reason: why there is none; then all is NaN.
        """
        known = differences[np.isfinite(differences)]
        notes = [reason] if reason else []
        if reason or not len(known):
            notes = notes or ["nothing to compare"]
            value = low = high = float("nan")
            p = (float("nan"), float("nan"))
        else:
            times = len(known) if sum_of else 1
            value = float(known.mean()) * times
            low, high = (limit * times for limit in mean_interval(known, self.confidence))
            if np.isnan(low):
                notes.append(f"{len(known)} pairs: an interval needs {LEAST_PAIRS}")
            if np.isnan(p[0]):
                notes.append("no p: too few arrangements that differ, or nothing varies")
        return Contrast(
            channel, name, value, unit, low, high, self.confidence, *p, len(known), "; ".join(notes)
        )

    def how(self) -> str:
        """Say how reactions were measured, for the methods paragraph."""
        return (
            f"Reactions were measured from {self.delay_s:g} to {self.window_s:g} s after each "
            f"onset, against a baseline of the {self.baseline_s:g} s before it where a channel "
            f"has one; the largest rise of a response had to begin no later than "
            f"{self.after_answer_s:g} s after the answer. Windows known in less than "
            f"{self.min_coverage:.0%} were left out."
        )
