"""The contract of a scoring protocol.

One file in this folder and one config in `configs/protocol/` add one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from affectfuse.containers import Estimate, Interval, IntervalTrack, Track

__all__ = ["QuestionScore", "ScoringProtocol", "SessionScore"]


@dataclass(frozen=True, slots=True)
class QuestionScore:
    """One channel's reaction to one event.

    `value` is in `unit`; NaN with a note when too little valid data was there. `coverage` in [0, 1]
    is the share of the evaluated time for which the channel was known.
    """

    question: str
    onset_s: float
    channel: str
    value: float
    unit: str
    coverage: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class SessionScore:
    """What a protocol makes of a session: one row a question and channel, a summary, and notes."""

    protocol: str
    rows: tuple[QuestionScore, ...]
    summary: Mapping[str, float]
    notes: tuple[str, ...]


class ScoringProtocol(ABC):
    """Scores one session. Too little valid data gives NaN with a note, never a number."""

    name: str

    @abstractmethod
    def score(
        self,
        tracks: Mapping[str, Track | IntervalTrack],
        estimates: Sequence[Estimate],
        events: Sequence[Interval],
    ) -> SessionScore:
        """Score the events (questions: label = the question's text or id) of one session."""
