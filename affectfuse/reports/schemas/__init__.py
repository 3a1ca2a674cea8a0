"""What the JSON outputs hold, as JSON Schemas (draft 2020-12)."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["session_schema"]


def session_schema() -> str:
    """Return the schema of `session.json` and of `spotted.json`, as text."""
    return (files("affectfuse.reports.schemas") / "session.schema.json").read_text("utf-8")
