"""Marked events: read from what they are marked with, checked row by row, written as BIDS or ELAN.

file -> Rows (text and its place) -> EventTable (questions, issues, notes) -> check -> protocol
"""

from __future__ import annotations

from affectfuse.scoring.events.checking import check_events, event_notes
from affectfuse.scoring.events.layout import Layout
from affectfuse.scoring.events.needs import EVENT_NEEDS, EventNeeds
from affectfuse.scoring.events.reading import load_events, read_events
from affectfuse.scoring.events.table import EventIssue, EventTable
from affectfuse.scoring.events.writing import bids_events, bids_questions, write_events

__all__ = [
    "EVENT_NEEDS",
    "EventIssue",
    "EventNeeds",
    "EventTable",
    "Layout",
    "bids_events",
    "bids_questions",
    "check_events",
    "event_notes",
    "load_events",
    "read_events",
    "write_events",
]
