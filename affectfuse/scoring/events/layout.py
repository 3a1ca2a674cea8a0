"""What an event file leaves unsaid: which column, tier or stream holds what, which word which kind.

Names are taken as written here and never guessed from the contents of a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast, get_args

from affectfuse.errors import EventsError, did_you_mean
from affectfuse.scoring.base import QuestionKind

__all__ = ["KINDS", "NAMES", "Layout"]

KINDS = tuple(kind for kind in get_args(QuestionKind) if kind)

NAMES: Mapping[str, tuple[str, ...]] = {
    "onset": ("onset", "onset_s", "start", "start_s", "start (s)"),
    "duration": ("duration", "duration_s", "duration (s)"),
    "end": ("end", "end_s", "offset", "offset_s", "stop", "stop_s", "stop (s)"),
    "label": ("question", "label", "behavior", "trial_type"),
    "kind": ("kind", "type", "question_type", "behavioral category", "trial_type"),
    "series": ("series",),
    "presentation": ("presentation", "chart"),
    "answer": ("answer", "answer_s", "answer (s)"),
}
"""What can be read, and the names it may have; of several, the first that is there is taken.

A `trial_type` is the label where nothing else is, and the kind where something else is."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is to be read where its own names do not say.

    Attributes:
        columns: name of the column (of a tier, in ELAN and TextGrid; of a channel, in XDF) by what
            it holds: `{'kind': 'Modifier #1'}`; '' leaves it out.
        tiers: the tiers (XDF: streams) that hold the questions; a tier that is named by a kind
            gives it to its questions. Empty: see `affectfuse.scoring.events.tiers`.
        kinds: what the file's own words for kinds mean: `{'R': 'relevant', 'C': 'comparison'}`.
        prefixed: each label begins with its kind and a colon ('R: Did you ...?'), which are taken
            off it.

    Raises:
        EventsError: for a purpose or a kind that is none.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    tiers: Sequence[str] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    prefixed: bool = False

    def __post_init__(self) -> None:
        for purpose in self.columns:
            if purpose not in NAMES:
                raise EventsError(f"no column can hold '{purpose}'. {did_you_mean(purpose, NAMES)}")
        for word, kind in self.kinds.items():
            if kind not in KINDS:
                raise EventsError(
                    f"'{word}' cannot stand for the kind '{kind}'. {did_you_mean(kind, KINDS)}"
                )

    def kind(self, word: str) -> QuestionKind | None:
        """Return the kind that a word stands for, '' for none given, None for an unknown word."""
        for own, kind in self.kinds.items():
            if own.lower() == word.lower():
                return cast(QuestionKind, kind)
        known = word.lower().replace(" ", "_").replace("-", "_")
        return cast(QuestionKind, known) if known in ("", *KINDS) else None

    def find(self, names: Sequence[str], path: Path) -> dict[str, str]:
        """Return which of the names (of columns, tiers, channels) holds what, by purpose.

        Raises:
            EventsError: for a name of `columns` that is not there.
        """
        lower = {name.lower(): name for name in reversed(names)}
        found: dict[str, str] = {}
        for purpose, usual in NAMES.items():
            given = self.columns.get(purpose)
            if given and given.lower() not in lower:
                raise EventsError(
                    f"{path} has nothing called '{given}' for the {purpose}. "
                    f"{did_you_mean(given, filter(None, names))}"
                )
            taken = {name.lower() for name in found.values()}
            free = [name for name in usual if name in lower and name not in taken]
            if given:
                found[purpose] = lower[given.lower()]
            elif given is None and free:
                found[purpose] = lower[free[0]]
        return found
