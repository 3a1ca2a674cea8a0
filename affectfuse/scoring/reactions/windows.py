"""The windows around a question's onset, and the moments at which they are laid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.scoring.base import Question

__all__ = ["Moments", "Windows"]


@dataclass(frozen=True, slots=True)
class Windows:
    """Where a reaction is looked for, in seconds from a question's onset.

    Attributes:
        baseline_s: length of the baseline, which ends at the onset.
        delay_s: beginning of the evaluated window, and earliest begin of a response.
        window_s: end of the evaluated window.
        after_answer_s: a response begins at most so long after the answer (after the end of the
            question where no answer is marked).
        min_coverage: share of the baseline, and of the window, that must be known.

    Raises:
        ValueError: when the window ends before it begins or a parameter is out of range.
    """

    baseline_s: float = 10.0
    delay_s: float = 0.5
    window_s: float = 15.0
    after_answer_s: float = 5.0
    min_coverage: float = 0.5

    def __post_init__(self) -> None:
        if not self.baseline_s > 0:
            raise ValueError(f"baseline_s is {self.baseline_s}; it must be above 0")
        if not 0 <= self.delay_s < self.window_s:
            raise ValueError(
                f"delay_s is {self.delay_s}, window_s {self.window_s}; 0 <= delay_s < window_s"
            )
        if not self.after_answer_s > 0:
            raise ValueError(f"after_answer_s is {self.after_answer_s}; it must be above 0")
        if not 0 < self.min_coverage <= 1:
            raise ValueError(
                f"min_coverage is {self.min_coverage}; it must be above 0 and at most 1"
            )

    def moments(self, questions: Sequence[Question]) -> Moments:
        """Return the moments at which questions are asked."""
        onsets_s = np.array([question.onset_s for question in questions])
        answers_s = [q.offset_s if math.isnan(q.answer_s) else q.answer_s for q in questions]
        latest_s = np.array(answers_s) + self.after_answer_s - onsets_s
        return Moments(onsets_s, np.clip(latest_s, self.delay_s, self.window_s))


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Times at which a reaction may begin, of questions or of moments chosen in their stead.

    Attributes:
        onsets_s: (moment,) in seconds of the session.
        latest_s: (moment,) until when a response may begin, from the onset.
    """

    onsets_s: Array
    latest_s: Array

    def __len__(self) -> int:
        return len(self.onsets_s)

    def part(self, first: int, last: int) -> Moments:
        """Return the moments from `first` to before `last`."""
        return Moments(self.onsets_s[first:last], self.latest_s[first:last])

    def redrawn(self, start_s: float, end_s: float, count: int, seed: int) -> Moments:
        """Return the moments and `count` sets of as many others in their stead, as one row.

        The others have the moments' own distances to each other, in an order that is drawn, and
        begin anywhere in a span, which is taken as a circle: what overlaps, and how a mean
        varies, is as with the moments.

        Shape: ((1 + count) * moment,), all moments of one set after another.
        """
        span_s, order = end_s - start_s, np.argsort(self.onsets_s, kind="stable")
        onsets_s = self.onsets_s[order]
        generator = np.random.default_rng(seed)
        gaps_s = np.tile(np.diff(onsets_s), (count, 1))
        gaps_s = generator.permuted(gaps_s, axis=1)
        since_s = np.concatenate([np.zeros((count, 1)), np.cumsum(gaps_s, axis=1)], axis=1)
        begins_s = span_s * generator.random((count, 1))
        drawn_s = start_s + np.mod(begins_s + since_s, span_s)
        both_s = np.concatenate([onsets_s[None], drawn_s])
        return Moments(both_s.ravel(), np.tile(self.latest_s[order], count + 1))
