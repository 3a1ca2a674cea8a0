"""Scored sessions side by side: never pooled, and what makes them hard to compare said first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from affectfuse.errors import ResultError
from affectfuse.reports.score_tables import CONTRASTS, contrast_cells
from affectfuse.reports.scored_folder import ScoredSession, read_scored
from affectfuse.reports.text_tables import csv_text, number_cell, text_cell
from affectfuse.scoring.base import Contrast

__all__ = ["COLUMNS", "Column", "Comparison", "compare_folders", "comparison_csv"]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Column:
    """What is held side by side: one contrast of one protocol, in one unit."""

    protocol: str
    channel: str
    name: str
    unit: str

    @classmethod
    def of(cls, session: ScoredSession, contrast: Contrast) -> Column:
        """Return where a session's contrast belongs."""
        return cls(session.protocol, contrast.channel, contrast.name, contrast.unit)

    @property
    def is_total(self) -> bool:
        """Whether it is over channels: a total, or one with a modality left out."""
        return self.channel == "all" or self.channel.startswith("all but ")


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Sessions side by side.

    Attributes:
        sessions: by subject; of one subject by when they began, if all say so.
        by_time: whether the sessions of each subject are in order of time.
        left_out: why, of folders that could not be read.
    """

    sessions: Sequence[ScoredSession]
    by_time: bool
    left_out: Sequence[str] = ()

    @property
    def subjects(self) -> list[str]:
        """The persons that are named, once each."""
        return list(dict.fromkeys(s.subject for s in self.sessions if s.subject is not None))

    @property
    def everyone_is_named(self) -> bool:
        """Whether all sessions say who was recorded."""
        return all(session.subject is not None for session in self.sessions)

    @property
    def of_one_person(self) -> bool:
        """Whether all sessions say that they are of the same person."""
        return self.everyone_is_named and len(self.subjects) == 1

    @property
    def protocols(self) -> list[str]:
        """By which the sessions were scored, once each."""
        return list(dict.fromkeys(session.protocol for session in self.sessions))

    def of_protocol(self, protocol: str) -> list[ScoredSession]:
        """Return the sessions that were scored by a protocol."""
        return [session for session in self.sessions if session.protocol == protocol]

    def columns(self, protocol: str) -> list[Column]:
        """Return what can be held side by side of a protocol's sessions, totals first."""
        sessions = self.of_protocol(protocol)
        found = dict.fromkeys(Column.of(s, c) for s in sessions for c in s.contrasts)
        return sorted(found, key=lambda column: not column.is_total)

    def contrast(self, session: ScoredSession, column: Column) -> Contrast | None:
        """Return a session's contrast of a column; None where it has none."""
        return next((c for c in session.contrasts if Column.of(session, c) == column), None)

    def chance_of_any(self, level: float = 0.05) -> float:
        """Return how likely an adjusted p below `level` is in any session, were there no effect."""
        tested = [s for s in self.sessions if any(math.isfinite(c.p_adjusted) for c in s.contrasts)]
        return 1.0 - (1.0 - level) ** len(tested)

    def warnings(self) -> list[str]:
        """Return what makes the sessions hard to compare, a sentence each."""
        return [*_differences(self.sessions), *_doubts(self)]


def compare_folders(folders: Sequence[Path]) -> Comparison:
    """Read scored sessions; a folder that cannot be read is left out, as long as two remain.

    Raises:
        ResultError: when fewer than two can be compared.
    """
    sessions: list[ScoredSession] = []
    left_out: list[str] = []
    seen: set[Path] = set()
    for folder in folders:
        if folder.resolve() in seen:
            left_out.append(f"{folder} is given twice")
            continue
        seen.add(folder.resolve())
        try:
            sessions.append(read_scored(folder))
        except ResultError as error:
            left_out.append(str(error))
    if len(sessions) < 2:
        why = f": {left_out[0]}" if left_out else "; give two folders or more."
        raise ResultError(f"{len(sessions)} of {len(folders)} sessions can be compared{why}")
    sessions, by_time = _in_order(_named_apart(sessions))
    return Comparison(sessions, by_time, left_out)


def comparison_csv(comparison: Comparison) -> str:
    """Return `comparison.csv`, one row a session and contrast; unknown values are NaN."""
    rows = []
    for session in comparison.sessions:
        for found in session.contrasts:
            rows.append(
                [
                    text_cell(session.name),
                    text_cell(session.subject or ""),
                    session.began.isoformat() if session.began else "",
                    text_cell(session.protocol),
                    *contrast_cells(found),
                    number_cell(session.coverage.get(found.channel, math.nan)),
                    str(session.questions),
                    number_cell(session.duration_s),
                    number_cell(session.face_visible),
                    number_cell(session.known),
                    number_cell(session.disturbed),
                    text_cell(session.version),
                    text_cell(session.model),
                    text_cell(found.note),
                ]
            )
    return csv_text(COLUMNS, rows)


COLUMNS: Mapping[str, Any] = {
    "session": {"Description": "Name of its folder."},
    "subject": {"Description": "Who was recorded; empty when not said."},
    "session_start": {"Description": "Time of day at its time 0, ISO 8601; empty when not said."},
    "protocol": {"Description": "By which it was scored."},
    **{
        name: said
        for name, said in CONTRASTS.items()
        if name not in ("note", "p_adjusted", "pairs")
    },
    "p_adjusted": {
        "Description": "p_value adjusted for the channels of its session, not for the sessions."
    },
    "pairs": CONTRASTS["pairs"],
    "coverage": {
        "Description": "Mean share of the evaluated time the channel was known, 0 to 1; NaN of a "
        "total."
    },
    "questions": {"Description": "Marked questions of the session."},
    "duration_s": {"Description": "How long the session lasted.", "Units": "s"},
    "face_visible": {"Description": "Share of the session's frames that show a face, 0 to 1."},
    "known": {"Description": "Share of the cells question x channel that have a value, 0 to 1."},
    "disturbed": {"Description": "Share of those cells that have an artefact, 0 to 1."},
    "affectfuse": {"Description": "Version that scored it."},
    "model": {"Description": "The checkpoint and when it was written; empty without one."},
    "note": CONTRASTS["note"],
}
"""The columns of `comparison.csv`, described in the manner of BIDS."""


def _in_order(sessions: Sequence[ScoredSession]) -> tuple[list[ScoredSession], bool]:
    """Return the sessions by subject, each subject's by time if all of them say when they began."""
    subjects = list(dict.fromkeys(session.subject for session in sessions))
    ordered: list[ScoredSession] = []
    by_time = True
    for subject in subjects:
        own = [session for session in sessions if session.subject == subject]
        moments = [session.began for session in own]
        zones = {moment.tzinfo is None for moment in moments if moment}
        if subject is not None and all(moments) and len(zones) == 1:
            own.sort(key=lambda session: session.began.timestamp() if session.began else 0.0)
        elif len(own) > 1:
            by_time = False
        ordered += own
    return ordered, by_time


def _named_apart(sessions: Sequence[ScoredSession]) -> list[ScoredSession]:
    """Return the sessions, those that share a folder's name called by their whole path."""
    names = [session.name for session in sessions]
    return [
        replace(session, name=str(session.folder)) if names.count(session.name) > 1 else session
        for session in sessions
    ]


def _differences(sessions: Sequence[ScoredSession]) -> list[str]:
    """Say in what the sessions were not treated alike."""
    found = [
        *_told_apart("Protocols differ", sessions, [s.protocol for s in sessions]),
        *_told_apart("Numbers of questions differ", sessions, [s.questions for s in sessions]),
        *_told_apart("Presentations differ", sessions, [s.presentations for s in sessions]),
        *_told_apart("Models differ", sessions, [s.model or "none" for s in sessions]),
        *_told_apart("Versions of affectfuse differ", sessions, [s.version for s in sessions]),
        *_told_apart("They were read differently", sessions, [s.mode for s in sessions]),
    ]
    for protocol in dict.fromkeys(session.protocol for session in sessions):
        own = [session for session in sessions if session.protocol == protocol]
        for key in dict.fromkeys(key for session in own for key in session.parameters):
            said = [session.parameters.get(key) for session in own]
            found += _told_apart(f"'{key}' of {protocol} differs", own, said)
    for name in dict.fromkeys(name for session in sessions for name in session.modalities):
        measured = [session.modalities.get(name) for session in sessions]
        found += _told_apart(f"How {name} was measured differs", sessions, measured)
    return found


def _doubts(comparison: Comparison) -> list[str]:
    """Say what the sessions lack, or have in common, so that they cannot be compared."""
    sessions, found = comparison.sessions, []
    for protocol in comparison.protocols:
        own = comparison.of_protocol(protocol)
        channels = dict.fromkeys(c.channel for session in own for c in session.contrasts)
        for channel in channels:
            lack = [s.name for s in own if all(c.channel != channel for c in s.contrasts)]
            if lack:
                named = f" ({protocol})" if len(comparison.protocols) > 1 else ""
                found.append(f"Without {channel}{named}: {_listed(lack)}.")
    nameless = [session.name for session in sessions if session.subject is None]
    if nameless:
        found.append(f"Not said who was recorded: {_listed(nameless)}.")
    for index, session in enumerate(sessions):
        shared = [o.name for o in sessions[index + 1 :] if o.recordings & session.recordings]
        if shared:
            found.append(f"{session.name} was made from the same recording as {_listed(shared)}.")
    several = [s for s in comparison.subjects if [o.subject for o in sessions].count(s) > 1]
    if several and not comparison.by_time:
        found.append("Not every session says when it began: those of one person stand as given.")
    return found


def _told_apart(what: str, sessions: Sequence[ScoredSession], values: Sequence[Any]) -> list[str]:
    groups: dict[str, list[str]] = {}
    for session, value in zip(sessions, values, strict=True):
        groups.setdefault("nothing" if value is None else str(value), []).append(session.name)
    if len(groups) < 2:
        return []
    told = [f"{_shortened(value)} ({_listed(names)})" for value, names in groups.items()]
    more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return [f"{what}: {'; '.join(told[:_SHOWN])}{more}."]


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _shortened(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:119]}\N{HORIZONTAL ELLIPSIS}"
