"""Reading `session.yaml`: every key checked, every path found, before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from affectfuse.datasets.modality_columns import RecordingColumn, SignalColumn
from affectfuse.errors import AffectFuseError, ConfigError, did_you_mean
from affectfuse.recording.base import RecordingSource
from affectfuse.reports.session import HOW_TO_DECLARE, Declaration
from affectfuse.scoring.events import Layout
from affectfuse.session_file import values
from affectfuse.session_file.recordings import RECORDED, TAGS, SessionRecording
from affectfuse.session_file.session import SessionEvents, SessionFile
from affectfuse.session_file.yaml_text import read_mapping

__all__ = ["read_session"]

_KEYS = (
    "subject", "purpose", "consent", "recordings", "reference", "start", "marks", "events",
    "protocol", "modalities", "checkpoint",
)  # fmt: skip
_ALIGNED_BY = ("offset_s", "start", "marks")
_SIGNAL = {field.name: values.TABLE_OPTIONS[field.name] for field in fields(SignalColumn)
           if field.name != "offset_s"}  # fmt: skip
_KINDS = ("recording", "signal")
_TABLES = (".csv", ".tsv", ".txt")


def read_session(path: str | Path) -> SessionFile:
    """Read a session file, see docs/sessions.md; paths in it start from its own folder.

    Raises:
        ConfigError: when it is no YAML, lacks a key or has an unknown one, declares no purpose or
            no consent, or names a file that is not there.
        DatasetError: when a table of readings lacks a column that it names.
    """
    path = Path(path)
    said = read_mapping(path)
    try:
        values.known_keys("the session", said, _KEYS)
        recordings = _recordings(path.parent, said.get("recordings"))
        reference = values.text("reference", said["reference"]) if "reference" in said else None
        names = [recording.name for recording in recordings]
        if reference is not None and reference not in names:
            raise ConfigError(f"reference is '{reference}'. {did_you_mean(reference, names)}")
        session = SessionFile(
            path,
            _declaration(said),
            recordings,
            values.moment("start", said["start"]) if "start" in said else None,
            values.seconds("marks", said["marks"]) if "marks" in said else None,
            reference,
            _events(path.parent, said["events"], names) if "events" in said else None,
            _checkpoint(path.parent, said["checkpoint"]) if "checkpoint" in said else None,
            {
                key: _beside(path.parent, read(key, said[key]))
                for key, read in (("modalities", values.configs), ("protocol", values.config))
                if key in said
            },
        )
        _check_alignment(session)
    except AffectFuseError as error:
        raise type(error)(f"{path}: {error}") from None
    return session


def _declaration(said: Mapping[str, Any]) -> Declaration:
    subject = values.text("subject", said["subject"]) if "subject" in said else ""
    if "purpose" not in said or not str(said["purpose"] or "").strip():
        raise ConfigError(f"no purpose is declared: {HOW_TO_DECLARE}")
    consent = said.get("consent")
    if consent is None:
        raise ConfigError(f"no consent is declared: {HOW_TO_DECLARE}")
    if not isinstance(consent, Mapping):
        raise ConfigError(f"'consent' is '{consent}': {HOW_TO_DECLARE}")
    values.known_keys("consent", consent, ("given", "record"))
    if consent.get("given") is False:
        raise ConfigError(
            "consent was not given, by its own word (given: false): a session is not scored "
            "without it."
        )
    if consent.get("given") is not True:
        raise ConfigError(f"consent does not say 'given: true': {HOW_TO_DECLARE}")
    if not str(consent.get("record") or "").strip():
        raise ConfigError(f"consent names no record of it: {HOW_TO_DECLARE}")
    return Declaration(
        values.text("purpose", said["purpose"]),
        values.text("consent.record", consent["record"]),
        subject,
    )


def _recordings(folder: Path, said: Any) -> tuple[SessionRecording, ...]:
    if not isinstance(said, Mapping) or not said:
        raise ConfigError(
            "'recordings' names none: write 'recordings: {video: {path: interview.mp4}}'."
        )
    return tuple(_recording(folder, values.name(name), given) for name, given in said.items())


def _recording(folder: Path, name: str, said: Any) -> SessionRecording:
    what = f"recording '{name}'"
    said = {"path": said} if isinstance(said, str) else said
    if not isinstance(said, Mapping) or "path" not in said:
        raise ConfigError(f"{what} has no path: write '{name}: {{path: FILE}}'.")
    path = _found(folder, what, said["path"])
    kind = said.get("kind", "signal" if _is_table(path) else "recording")
    if kind not in _KINDS:
        raise ConfigError(f"{what} is of kind '{kind}'. {did_you_mean(str(kind), _KINDS)}")
    options = _SIGNAL if kind == "signal" else {}
    values.known_keys(what, said, ("path", "kind", *_ALIGNED_BY, *options))
    aligned = [key for key in _ALIGNED_BY if key in said]
    if len(aligned) > 1:
        raise ConfigError(f"{what} says {' and '.join(aligned)}: one of them aligns it.")
    given = {key: read(f"{what}: {key}", said[key]) for key, read in options.items() if key in said}
    source: RecordingSource = path
    if kind == "signal":
        source = SignalColumn(**given).source(name, path)
    else:
        source = RecordingColumn().source(name, path)
    start, marks = said.get("start"), said.get("marks")
    return SessionRecording(
        name,
        path,
        source,
        values.number(f"{what}: offset_s", said["offset_s"]) if "offset_s" in said else None,
        start if start in (None, RECORDED) else values.moment(f"{what}: start", start),
        marks if marks in (None, TAGS) else values.seconds(f"{what}: marks", marks),
    )


def _check_alignment(session: SessionFile) -> None:
    starts = [s for s in (session.start, *(r.start for r in session.recordings))
              if isinstance(s, datetime)]  # fmt: skip
    if len({values.is_dated(start) for start in starts}) > 1:
        raise ConfigError("some starts have a date and some have none: write all alike.")
    for said in session.recordings:
        if said.name == session.reference and (said.offset_s is not None or said.start is not None):
            raise ConfigError(
                f"'{said.name}' is the reference, whose clock is the session's: take its offset_s "
                "or start away."
            )
        if said.name == session.reference or said.marks_s is None or session.marks_s is not None:
            continue
        first = next((r for r in session.recordings if r.name == session.reference), None)
        if first is None or first.marks_s is None:
            raise ConfigError(
                f"recording '{said.name}' has marks and nothing to hold them against: say the "
                "session's 'marks' beside 'recordings', or the 'reference' (name of a recording) "
                "and its marks."
            )


def _events(folder: Path, said: Any, recordings: list[str]) -> SessionEvents:
    said = {"path": said} if isinstance(said, str) else said
    if not isinstance(said, Mapping) or "path" not in said:
        raise ConfigError("'events' has no path: write 'events: {path: events.tsv}'.")
    values.known_keys("events", said, ("path", "columns", "tiers", "kinds", "prefixed", "clock"))
    clock = said.get("clock")
    if clock is not None and clock not in recordings:
        raise ConfigError(f"events: clock is '{clock}'. {did_you_mean(str(clock), recordings)}")
    layout = Layout(
        values.texts_by_name("events: columns", said.get("columns") or {}),
        values.texts("events: tiers", said.get("tiers") or []),
        values.texts_by_name("events: kinds", said.get("kinds") or {}),
        values.flag("events: prefixed", said.get("prefixed", False)),
    )
    return SessionEvents(_found(folder, "events", said["path"]), layout, clock)


def _checkpoint(folder: Path, said: Any) -> str:
    name = values.text("checkpoint", said)
    return name if name == "demo" else str(folder / name)


def _found(folder: Path, what: str, said: Any) -> Path:
    path = folder / values.text(f"{what}: path", said)
    try:
        there = path.exists()
    except (OSError, ValueError):  # no name that a file could have
        there = False
    if not there:
        raise ConfigError(
            f"{what} names '{path}', which does not exist; paths start from the session file."
        )
    return path


def _is_table(path: Path) -> bool:
    return path.is_file() and Path(path.name.lower().removesuffix(".gz")).suffix in _TABLES


def _beside(folder: Path, said: Any) -> Any:
    """Return a config's value with paths of YAML files in it taken from the session's folder."""
    if isinstance(said, Mapping):
        return {str(key): _beside(folder, value) for key, value in said.items()}
    if isinstance(said, list):
        return [_beside(folder, value) for value in said]
    if isinstance(said, str) and said.endswith((".yaml", ".yml")):
        return str(folder / said)
    return cast(Any, said)
