"""What a protocol needs of the questions, and which needs are not met."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from affectfuse.scoring.base import Question, QuestionKind
from affectfuse.scoring.events.table import Severity

__all__ = ["EVENT_NEEDS", "EventNeeds", "Finding", "unmet_needs"]

Finding = tuple[int, Severity, str]
"""Index of the question that it is about (-1: all of them), how bad it is, what is wrong."""


@dataclass(frozen=True, slots=True)
class EventNeeds:
    """What a protocol needs of the questions.

    Attributes:
        scored: the kind that it scores; '' any event.
        against: the kind that each scored question is held against, in its own series and
            presentation; '' none.
        min_scored: different questions of the scored kind.
        min_against: different questions of the other kind.
        min_against_each: questions of the other kind that a presentation needs to be used.
        min_presentations: how many must be used, over all series.
        min_pairs: scored questions x presentations below which there is no interval.
        answers: whether the answers' times bound the evaluated window.
    """

    scored: QuestionKind = ""
    against: QuestionKind = ""
    min_scored: int = 1
    min_against: int = 1
    min_against_each: int = 1
    min_presentations: int = 3
    min_pairs: int = 6
    answers: bool = True


EVENT_NEEDS: Mapping[str, EventNeeds] = {
    "baseline_shift": EventNeeds(),
    "comparison_question": EventNeeds("relevant", "comparison", min_scored=2, min_against=2),
    "concealed_information": EventNeeds("probe", "irrelevant", min_against_each=3, answers=False),
    "oss3": EventNeeds("relevant", "comparison", min_scored=2, min_against=2),
}
"""By the protocol's name, with the floors of its config."""


def unmet_needs(questions: Sequence[Question], needs: EventNeeds | None) -> Iterator[Finding]:
    """Yield what is missing, each with the index of the question it is about, -1 for all.

    Without needs, a relevant question without a comparison question is still pointed out.
    """
    if not questions:
        return
    if needs is None:
        if any(question.kind == "comparison" for question in questions):
            yield from _unpaired(questions, "relevant", "comparison", "warning")
        return
    if not needs.against:
        return
    kinds = {question.kind for question in questions}
    missing = [kind for kind in (needs.scored, needs.against) if kind not in kinds]
    if missing:
        told = (
            f"no question is of the kind '{missing[0]}', which the protocol needs: say which "
            "column has the kinds (--column kind=NAME)"
        )
        yield -1, "error", told
        return
    yield from _unpaired(questions, needs.scored, needs.against, "error")
    yield from _too_few(questions, needs)
    if needs.answers:
        yield from _unanswered(questions, {needs.scored, needs.against})


def _unpaired(
    questions: Sequence[Question], scored: QuestionKind, against: QuestionKind, severity: Severity
) -> Iterator[Finding]:
    held = {(q.series, q.presentation) for q in questions if q.kind == against}
    for index, question in enumerate(questions):
        if question.kind == scored and (question.series, question.presentation) not in held:
            series = f" of series '{question.series}'" if question.series else ""
            told = (
                f"is a {scored} question ('{question.label}') without a {against} question in "
                f"presentation {question.presentation}{series}"
            )
            yield index, severity, told


def _too_few(questions: Sequence[Question], needs: EventNeeds) -> Iterator[Finding]:
    labels: dict[QuestionKind, set[tuple[str, str]]] = defaultdict(set)
    held: dict[tuple[str, int], dict[QuestionKind, list[int]]] = {}
    for index, question in enumerate(questions):
        labels[question.kind].add((question.series, question.label))
        kinds = held.setdefault((question.series, question.presentation), defaultdict(list))
        kinds[question.kind].append(index)
    for kind, least in ((needs.scored, needs.min_scored), (needs.against, needs.min_against)):
        if len(labels[kind]) < least:
            told = f"{len(labels[kind])} different {kind} question(s), at least {least} needed"
            yield -1, "error", told
    used = 0
    for (_, presentation), kinds in held.items():
        scored, against = kinds[needs.scored], kinds[needs.against]
        used += bool(scored) and len(against) >= needs.min_against_each
        if scored and 0 < len(against) < needs.min_against_each:
            told = (
                f"is held against {len(against)} {needs.against} question(s) in presentation "
                f"{presentation}, at least {needs.min_against_each} needed"
            )
            yield scored[0], "error", told
    if used < needs.min_presentations:
        told = (
            f"{used} presentation(s) hold what is needed of both kinds, at least "
            f"{needs.min_presentations} needed"
        )
        yield -1, "error", told
    pairs = sum(question.kind == needs.scored for question in questions)
    if pairs < needs.min_pairs:
        told = (
            f"{pairs} presentation(s) of {needs.scored} questions: there is no interval below "
            f"{needs.min_pairs}"
        )
        yield -1, "warning", told


def _unanswered(questions: Sequence[Question], kinds: set[QuestionKind]) -> Iterator[Finding]:
    without = [
        index for index, q in enumerate(questions) if q.kind in kinds and q.answer_s != q.answer_s
    ]
    if without and len(without) == sum(question.kind in kinds for question in questions):
        yield -1, "warning", "no answer has a time: questions' ends stand for them"
        return
    for index in without:
        yield index, "warning", f"has no answer ('{questions[index].label}')"
