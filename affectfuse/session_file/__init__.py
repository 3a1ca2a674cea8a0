"""A session as its examiner declares it: `session.yaml`.

file -> SessionFile (checked, nothing opened) -> one recording on one clock, and its questions
"""

from __future__ import annotations

from affectfuse.session_file.reading import read_session
from affectfuse.session_file.recordings import SessionRecording
from affectfuse.session_file.session import SessionEvents, SessionFile

__all__ = ["SessionEvents", "SessionFile", "SessionRecording", "read_session"]
