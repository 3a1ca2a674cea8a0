"""Short clips of the face around expressions, cut from the file that was scored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affectfuse.containers import Array, Interval, Place
from affectfuse.recording.alignment import crop_place
from affectfuse.recording.clocks import Clock

if TYPE_CHECKING:
    from affectfuse.recording.excerpts import VideoExcerpts

__all__ = ["CLIPS_BYTES", "MOST_CLIPS", "FaceClip", "cut_clips"]

MOST_CLIPS = 60
"""Expressions of one page that get a clip; the most confident ones."""
CLIPS_BYTES = 3_000_000
"""What all clips of a page may take of it, as text."""

_MARGIN_S = 0.3
_SIZE_PX = 176
_WIDER = 1.25  # than the thumbnail, so that the head may move
_STEP_S = 1 / 120  # frames of a clip lie at least about so far apart
_LONGEST_S = 5.0  # a clip of something that lasts longer ends there
_MOST_DECODED = 30_000  # frames, after which a file with too few key frames is given up
_BASE64 = 4 / 3


@dataclass(frozen=True, slots=True, eq=False)
class FaceClip:
    """The face around an expression, always the same square of the frame.

    Attributes:
        start_s: when it begins, by the session's clock.
        mp4: H.264, at true speed, without sound.
    """

    start_s: float
    mp4: bytes


def cut_clips(
    path: Path, clock: Clock, intervals: Sequence[Interval]
) -> tuple[dict[Interval, FaceClip], list[str]]:
    """Cut a clip of each expression, from 0.3 s before its onset to 0.3 s after its offset.

    The most confident ones come first, up to `MOST_CLIPS` and `CLIPS_BYTES`. Only the frames from
    the last key frame before each are decoded.

    Args:
        path: of the video file.
        clock: of the file against the session's.
        intervals: by the session's clock.

    Returns:
        the clips by interval, and what to say of those that have none.

    Raises:
        RecordingError: when the file cannot be read.
    """
    from affectfuse.recording.excerpts import VideoExcerpts  # PyAV is slow to load

    placed = [interval for interval in intervals if interval.place is not None]
    chosen = sorted(placed, key=_confidence, reverse=True)[:MOST_CLIPS]
    clips: dict[Interval, FaceClip] = {}
    with VideoExcerpts(path) as video:
        for interval in sorted(chosen, key=lambda found: found.onset_s):
            if video.decoded > _MOST_DECODED:
                break
            if clip := _cut(video, clock, interval):
                clips[interval] = clip
    kept: dict[Interval, FaceClip] = {}
    left = float(CLIPS_BYTES)
    for interval in chosen:
        if interval in clips and (left := left - _BASE64 * len(clips[interval].mp4)) >= 0:
            kept[interval] = clips[interval]
    return kept, _notes(len(intervals), len(chosen), len(clips), len(kept))


def _cut(video: VideoExcerpts, clock: Clock, interval: Interval) -> FaceClip | None:
    """Return the clip of an interval; None when its frames cannot be read."""
    assert interval.place is not None
    end_s = min(interval.offset_s, interval.onset_s + _LONGEST_S)
    span = np.array([interval.onset_s - _MARGIN_S, interval.onset_s, end_s, end_s + _MARGIN_S])
    first_s, onset_s, offset_s, last_s = clock.from_session(span).tolist()
    images: list[Array] = []
    times_s: list[float] = []
    square = _widened(interval.place)
    for frame in video.between(first_s, last_s):
        if not times_s or frame.time_s - times_s[-1] > 0.9 * _STEP_S:
            images.append(crop_place(frame.image, square, _SIZE_PX))
            times_s.append(frame.time_s)
    if len(times_s) < 2 or times_s[0] > onset_s or times_s[-1] < offset_s - _MARGIN_S:
        return None
    from affectfuse.recording.web_video import encode_clip

    mp4 = encode_clip(images, [time_s - times_s[0] for time_s in times_s])
    return FaceClip(float(clock.to_session(np.array(times_s[0]))), mp4)


def _widened(place: Place) -> Place:
    return replace(place, side_px=_WIDER * place.side_px)


def _confidence(interval: Interval) -> float:
    return interval.confidence if math.isfinite(interval.confidence) else -1.0


def _notes(found: int, chosen: int, cut: int, kept: int) -> list[str]:
    notes = []
    if chosen == 0 and found:
        notes.append("no clips of the expressions: where the face was is not known")
    elif found - chosen + cut - kept:
        notes.append(
            f"{found - chosen + cut - kept} of {found} expressions have no clip: the page holds "
            f"the {kept} most confident, at most {MOST_CLIPS} and {CLIPS_BYTES / 1e6:.0f} MB"
        )
    if chosen - cut:
        notes.append(f"{chosen - cut} expressions have no clip: their frames cannot be read again")
    return notes
