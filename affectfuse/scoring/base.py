"""The contract of a scoring protocol, and the values that pass between its parts.

    questions + tracks, estimates -> Reaction (question x channel) -> QuestionScore, Contrast
                                  -> SessionScore

One file in this folder and one config in `configs/protocol/` add one.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from affectfuse.containers import Estimate, IntervalTrack, Track

__all__ = [
    "Contrast",
    "Question",
    "QuestionKind",
    "QuestionScore",
    "Reaction",
    "ScoringProtocol",
    "SessionScore",
]

QuestionKind = Literal[
    "", "relevant", "comparison", "sacrifice_relevant", "neutral", "probe", "irrelevant"
]
"""What a question is for; '' where the protocol does not ask (an event of any sort)."""


@dataclass(frozen=True, slots=True)
class Question:
    """A marked question, or any other event of a session.

    Attributes:
        onset_s, offset_s: when it begins and ends, in seconds of the session.
        label: its text or its name; a question that is asked again has the same label.
        kind: what it is for.
        series: name of the fixed list of questions that it belongs to; '' when there is one.
        presentation: how manieth pass through that list, from 1 (a chart, in polygraph terms).
        answer_s: when the person answers, NaN when not marked.

    Raises:
        ValueError: when it ends before it begins, or its kind or presentation is none.
    """

    onset_s: float
    offset_s: float
    label: str
    kind: QuestionKind = ""
    series: str = ""
    presentation: int = 1
    answer_s: float = math.nan

    def __post_init__(self) -> None:
        if not self.offset_s >= self.onset_s:
            raise ValueError(
                f"question '{self.label}' has onset {self.onset_s} s and offset {self.offset_s} s; "
                "the offset must not come before the onset"
            )
        if self.kind not in get_args(QuestionKind):
            allowed = ", ".join(kind for kind in get_args(QuestionKind) if kind)
            raise ValueError(
                f"question '{self.label}' is of kind '{self.kind}'; allowed: {allowed}"
            )
        if self.presentation < 1:
            raise ValueError(
                f"question '{self.label}' has presentation {self.presentation}; from 1"
            )

    @property
    def duration_s(self) -> float:
        return self.offset_s - self.onset_s


@dataclass(frozen=True, slots=True)
class Reaction:
    """What one channel did at one question: a feature in the field's window.

    Attributes:
        question: index among the session's questions.
        channel: name of the feature, such as 'heart_rate_deceleration'.
        modality: what it was measured by, for leaving one modality out.
        value: in `unit`; NaN, with a note, when too little was known.
        unit: of the value.
        stronger: 1 when a larger value is a stronger reaction, -1 when a smaller one is; 0 when the
            protocol must say.
        ratio: whether two values can be divided (lengths, rises), or only subtracted.
        coverage: share of the evaluated time for which the channel was known, in [0, 1].
        artefact: what disturbed it ('head motion', 'answer within the window'), or ''.
        note: why the value is NaN, or ''.
    """

    question: int
    channel: str
    modality: str
    value: float
    unit: str
    stronger: Literal[-1, 0, 1]
    ratio: bool
    coverage: float
    artefact: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class QuestionScore:
    """One channel's reaction to one event.

    `value` is in `unit`; NaN with a note when too little valid data was there. `coverage` in [0, 1]
    is the share of the evaluated time for which the channel was known.

    Attributes:
        score: what the protocol makes of it (a three-position score, a z score, a rank), NaN when
            it makes nothing of a single question.
        artefact: what disturbed it, or ''.
        modality: what the channel was measured by; '' when not said.
    """

    question: str
    onset_s: float
    channel: str
    value: float
    unit: str
    coverage: float
    note: str = ""
    score: float = math.nan
    artefact: str = ""
    presentation: int = 1
    modality: str = ""


@dataclass(frozen=True, slots=True)
class Contrast:
    """One comparison within the session, of a channel or of all together, with its uncertainty.

    Attributes:
        channel: of which channel; 'all' for a total, 'all but NAME' with a modality left out.
        name: what is compared ('relevant against comparison', 'total', 'after against before').
        value: of the comparison, in `unit`; NaN, with a note, when it may not be said.
        low, high: its interval at `confidence`; NaN where there is none.
        confidence: of the interval, such as .95.
        p_value: of the permutation test, one- or two-sided as the note of the protocol says.
        p_adjusted: the same, adjusted for all channels of the session.
        pairs: how many independent comparisons stand behind it.
        note: why something is NaN.
    """

    channel: str
    name: str
    value: float
    unit: str
    low: float = math.nan
    high: float = math.nan
    confidence: float = 0.95
    p_value: float = math.nan
    p_adjusted: float = math.nan
    pairs: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class SessionScore:
    """What a protocol makes of a session.

    Attributes:
        protocol: its name.
        rows: one a question and channel.
        summary: further figures by name.
        notes: what a reader must know.
        contrasts: comparisons within the session.
        methods: a paragraph that says what was done, for a publication.
        references: the works that it cites.
        counted: channels that make up its total.
        absent: channels that would, and that the session lacks.
    """

    protocol: str
    rows: tuple[QuestionScore, ...]
    summary: Mapping[str, float]
    notes: tuple[str, ...]
    contrasts: tuple[Contrast, ...] = ()
    methods: str = ""
    references: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


class ScoringProtocol(ABC):
    """Scores one session. Too little valid data gives NaN with a note, never a number."""

    name: str
    needs_consent: ClassVar[bool] = False
    """Whether a session is scored only with a declared purpose and consent."""

    @abstractmethod
    def score(
        self,
        tracks: Mapping[str, Track | IntervalTrack],
        estimates: Sequence[Estimate],
        events: Sequence[Question],
    ) -> SessionScore:
        """Score the questions of one session."""
