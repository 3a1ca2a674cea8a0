"""The exception family. Every message says what was found, what is allowed and what to do.

The command line prints the message of an `AffectFuseError` as one line and exits with code 2;
anything else is a defect in affectfuse and keeps its traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "AffectFuseError",
    "CheckpointError",
    "ConfigError",
    "DatasetError",
    "EventsError",
    "ExportError",
    "ModelNotFoundError",
    "OutputError",
    "RecordingError",
    "ResultError",
    "did_you_mean",
]


class AffectFuseError(Exception):
    """Something the user can put right."""


class ConfigError(AffectFuseError):
    """A configuration, an override or a `target` that cannot be used."""


class RecordingError(AffectFuseError):
    """A file, camera or stream that cannot be read."""


class ModelNotFoundError(AffectFuseError):
    """A model bundle that the installed MediaPipe needs and that is not on this machine."""


class DatasetError(AffectFuseError):
    """A data set whose folder, sheet or rows are not as its layout says."""


class EventsError(AffectFuseError):
    """An event file that cannot be read or used."""


class CheckpointError(AffectFuseError):
    """A checkpoint that cannot be read or does not fit."""


class ExportError(AffectFuseError):
    """A model that cannot be written in another format."""


class OutputError(AffectFuseError):
    """A place that cannot be written to."""


class ResultError(AffectFuseError):
    """A folder of results that cannot be read."""


def did_you_mean(found: str, allowed: Iterable[str]) -> str:
    """Return the advice for an unknown name: the nearest known one, then all that are allowed."""
    names = sorted(allowed)
    near = get_close_matches(found, names, n=1, cutoff=0.6)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    listed = ", ".join(f"'{name}'" for name in names) if names else "none"
    return f"{hint}Allowed: {listed}."
