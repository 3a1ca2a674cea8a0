"""One clock for a session: what must be done to a device's times to get the session's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from affectfuse.containers import Array
from affectfuse.errors import RecordingError

__all__ = ["Clock", "between_starts", "from_marks", "own", "stated"]

_MOST_DRIFT_PPM = 1000.0
_HOUR_S = 3600.0
_NEAR_AN_HOUR_S = 120.0
_UNLIKELY_S = 600.0


@dataclass(frozen=True, slots=True)
class Clock:
    """A device's clock against the session's: session time = offset_s + (1 + drift) * device time.

    Attributes:
        offset_s: what must be added to the device's times.
        drift_ppm: how much too slowly the device's clock runs, in parts per million (one is 3.6 ms
            an hour); NaN when it is not known, and is then taken to be none.
        residual_s: largest distance of a shared event from its place after alignment; NaN without
            enough of them to tell.
        how: 'stated offset', 'start times', 'shared events' or 'own clock'.
        note: what a reader should know of it, or ''.
    """

    offset_s: float
    drift_ppm: float = math.nan
    residual_s: float = math.nan
    how: str = "stated offset"
    note: str = ""

    def to_session(self, times_s: Array) -> Array:
        """Return device times (time,) on the session's clock."""
        drift = 0.0 if math.isnan(self.drift_ppm) else self.drift_ppm * 1e-6
        return np.asarray(self.offset_s + (1.0 + drift) * times_s)

    def from_session(self, times_s: Array) -> Array:
        """Return times of the session (time,) on the device's clock."""
        drift = 0.0 if math.isnan(self.drift_ppm) else self.drift_ppm * 1e-6
        return np.asarray((times_s - self.offset_s) / (1.0 + drift))

    def __str__(self) -> str:
        if self.how == "own clock":
            return "as it stands, by its own clock"
        said = f"aligned by {self.how}, {self.offset_s:+.3f} s"
        if not math.isnan(self.drift_ppm):
            said += f", drift {self.drift_ppm:+.1f} ppm"
        if not math.isnan(self.residual_s):
            said += f", shared events within {self.residual_s:.3f} s"
        return said


def own(note: str = "") -> Clock:
    """Return the clock of a device whose own is the session's."""
    return Clock(0.0, how="own clock", note=note)


def stated(offset_s: float) -> Clock:
    """Return the clock of a device whose offset is known; its drift is not.

    Raises:
        RecordingError: when the offset is no number of seconds.
    """
    if not math.isfinite(offset_s):
        raise RecordingError(f"offset_s is {offset_s}; give the seconds to add to its times.")
    return Clock(float(offset_s), note="its drift is not known: no shared events")


def between_starts(name: str, start: datetime, session_start: datetime) -> Clock:
    """Return the clock of a device by the times of day at which it and the session began.

    Raises:
        RecordingError: when one of the two has a time zone and the other has none, or when they lie
            whole hours apart, as clocks of two time zones do.
    """
    if (start.tzinfo is None) != (session_start.tzinfo is None):
        raise RecordingError(
            f"'{name}' begins at {start.isoformat()} and the session at "
            f"{session_start.isoformat()}: give both with a time zone (2026-03-01T10:00:00+01:00), "
            "or both without."
        )
    offset_s = (start - session_start).total_seconds()
    hours = round(offset_s / _HOUR_S)
    if hours and abs(offset_s - hours * _HOUR_S) < _NEAR_AN_HOUR_S:
        raise RecordingError(
            f"'{name}' begins {offset_s:.0f} s after the session, about {hours} h: do the two "
            "clocks stand in different time zones? Correct its start, or say its offset_s."
        )
    note = "its drift is not known: no shared events"
    if abs(offset_s) > _UNLIKELY_S:
        note = f"it begins {offset_s:.0f} s from the session's start: check its clock; {note}"
    return Clock(offset_s, how="start times", note=note)


def from_marks(name: str, device_s: Sequence[float], session_s: Sequence[float]) -> Clock:
    """Return the clock that takes shared events on a device's clock to those on the session's.

    One event gives the offset; two also the drift; of more, a least-squares line, whose largest
    residual says how well they fit.

    Args:
        name: of the device, for messages.
        device_s: times of the shared events by the device's clock.
        session_s: of the same events, in the same order, by the session's.

    Raises:
        RecordingError: when they are not equally many and in order, or the drift between them is
            more than a clock's: then they are not the same events.
    """
    device, session = np.asarray(device_s, float), np.asarray(session_s, float)
    if len(device) != len(session) or not len(device):
        raise RecordingError(
            f"'{name}' has {len(device)} shared events and the session {len(session)}: give the "
            "same ones for both, at least one."
        )
    if not (np.isfinite(device).all() and np.isfinite(session).all()) or (
        np.any(np.diff(device) <= 0) or np.any(np.diff(session) <= 0)
    ):
        raise RecordingError(f"the shared events of '{name}' must be numbers of seconds, in order.")
    if len(device) == 1:
        return Clock(
            float(session[0] - device[0]),
            how="shared events",
            note="one shared event: its drift is not known",
        )
    middle = device.mean()
    slope = float(
        ((device - middle) * (session - session.mean())).sum() / np.square(device - middle).sum()
    )
    drift_ppm = (slope - 1.0) * 1e6
    offset_s = float(session.mean() - slope * middle)
    residual_s = float(np.abs(offset_s + slope * device - session).max())
    if abs(drift_ppm) > _MOST_DRIFT_PPM and abs(slope - 1.0) * np.ptp(device) > 0.25:
        raise RecordingError(
            f"the shared events of '{name}' lie {np.ptp(device):.2f} s apart by its clock and "
            f"{np.ptp(session):.2f} s by the session's, more than two clocks drift apart "
            f"({drift_ppm:.0f} ppm; at most {_MOST_DRIFT_PPM:.0f}): are they the same events?"
        )
    return Clock(
        offset_s,
        drift_ppm,
        residual_s if len(device) > 2 else math.nan,
        "shared events",
        "" if len(device) > 2 else "two shared events: how well they fit is not known",
    )
