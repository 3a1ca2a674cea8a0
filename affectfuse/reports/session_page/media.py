"""The pictures and the video of a page: clips of the face, and the recording itself."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from affectfuse.containers import Interval
from affectfuse.errors import OutputError, RecordingError
from affectfuse.recording.base import Recording, RecordingInfo
from affectfuse.recording.clocks import Clock
from affectfuse.recording.merged import MergedRecording
from affectfuse.reports.session import MICRO_EXPRESSION, SessionResult
from affectfuse.reports.session_page.clips import FaceClip, cut_clips

__all__ = ["PageVideo", "Pictures", "VideoChoice", "media_sources", "refuse_video", "take_pictures"]

VideoChoice = Literal["none", "link", "embed"]

_AS_IT_IS_BYTES = 16_000_000
"""A recording up to this size is embedded as it is, where every browser plays it."""
_COPY_S = 1800.0
"""Of a larger one a small copy is embedded, up to this length: about 47 MB."""
_COPY_HEIGHT_PX = 320


@dataclass(frozen=True, slots=True, eq=False)
class PageVideo:
    """The recording that a page plays.

    Attributes:
        what: it is, in words.
        clock: its own against the session's.
        url: where it lies, from the page's folder; '' when it is embedded.
        content: of the file, when it is embedded.
        media_type: of the content.
    """

    what: str
    clock: Clock
    url: str = ""
    content: bytes = b""
    media_type: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """What a page shows of the recorded person.

    Attributes:
        thumbnails: whether still pictures of the face are shown.
        clips: of the face, by the spotted expression.
        video: the recording, when it can be played on the page.
        notes: why something is not shown.
    """

    thumbnails: bool = True
    clips: Mapping[Interval, FaceClip] = field(default_factory=dict)
    video: PageVideo | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Footage:
    """The file with the pictures of a session, and its clock against the session's."""

    path: Path
    clock: Clock


def take_pictures(
    result: SessionResult, out: Path, *, thumbnails: bool = True, video: VideoChoice = "none"
) -> Pictures:
    """Return what the page of a session shows, cut from the file that was scored.

    What cannot be had is a note, never an error: a camera leaves no file, a file may have vanished.

    Args:
        result: the session.
        out: the folder of the page, from which a linked recording is found.
        thumbnails: whether pictures of the face are shown, clips among them.
        video: whether the recording is linked, or embedded, or neither.
    """
    found = result.intervals.get(MICRO_EXPRESSION)
    wanted = list(found.intervals) if found and thumbnails else []
    clips: Mapping[Interval, FaceClip] = {}
    shown: PageVideo | None = None
    notes: list[str] = []
    try:
        footage = _footage(result)
    except RecordingError as error:
        things = ["clips of the expressions"] * bool(wanted) + ["video"] * (video != "none")
        return Pictures(
            thumbnails, notes=(f"no {' and no '.join(things)}: {error}",) * bool(things)
        )
    if wanted:
        try:
            clips, left_out = cut_clips(footage.path, footage.clock, wanted)
            notes += left_out
        except RecordingError as error:
            notes.append(f"no clips of the expressions: {error}")
    if video != "none":
        try:
            shown = _linked(footage, out) if video == "link" else _embedded(footage)
            notes += _playing(footage) if video == "link" else []
        except RecordingError as error:
            notes.append(f"no video: {error}")
    return Pictures(thumbnails, clips, shown, tuple(notes))


def media_sources(pictures: Pictures) -> str:
    """Return whence a page with these pictures loads moving ones, as a policy's `media-src`.

    A policy cannot name one file on disk ("invalid source" in Chromium): it is all files or none;
    'self' is for a page that a server gives.
    """
    sources = ["data:"] * bool(pictures.clips)
    if video := pictures.video:
        sources += ["'self'", "file:"] if video.url else ["blob:"]
    return " ".join(sources)


def refuse_video(recording: Recording, video: VideoChoice, *, thumbnails: bool = True) -> None:
    """Make sure, before long work begins, that the recording can go into the page.

    Raises:
        OutputError: when it leaves no file, or is too long to be embedded, or pictures of the face
            are to be left out.
    """
    if video == "none":
        return
    if video == "embed" and not thumbnails:
        raise OutputError(
            "--no-thumbnails keeps pictures of the face out of the page, and --video embed puts "
            "all of the recording into it: leave one of the two out."
        )
    info = _with_pictures(recording)
    path = Path(info.source)
    if info.kind != "file" or not info.width or not path.is_file():
        raise OutputError(
            f"--video {video}: '{info.source}' leaves no video file that a page could play; leave "
            "--video out."
        )
    if video == "embed" and info.duration_s > _COPY_S and _as_it_is(path) is None:
        raise OutputError(
            f"--video embed: '{path.name}' is {info.duration_s / 60:.0f} minutes long and "
            f"{path.stat().st_size / 1e6:.0f} MB large; a page holds {_AS_IT_IS_BYTES / 1e6:.0f} "
            f"MB as they are, or a small copy of {_COPY_S / 60:.0f} minutes. Give --video link."
        )


def _with_pictures(recording: Recording) -> RecordingInfo:
    parts = recording.parts if isinstance(recording, MergedRecording) else ()
    infos = [part.recording.info for part in parts] or [recording.info]
    return next((info for info in infos if info.width), infos[0])


def _footage(result: SessionResult) -> _Footage:
    """Return the file with the pictures, as the result's provenance has it.

    Raises:
        RecordingError: when there is none, or it is not as it was.
    """
    facts: Mapping[str, Any] = result.provenance.get("recording") or {}
    clock = Clock(0.0)
    if parts := facts.get("parts"):
        facts = next((part for part in parts.values() if part.get("width")), {})
        if alignment := facts.get("alignment"):
            drift = alignment["drift_ppm"]
            clock = Clock(alignment["offset_s"], math.nan if drift is None else drift)
    kind, path = facts.get("kind"), Path(str(facts.get("source", "")))
    if kind in ("camera", "stream"):
        raise RecordingError(f"a {kind} leaves no file")
    if kind != "file" or not facts.get("width"):
        raise RecordingError("no recording of this session holds pictures")
    if path.is_dir() or facts.get("retimed") or "bytes" not in facts:
        raise RecordingError(f"'{path.name}' is no video file with times of its own")
    with suppress(OSError):
        if path.stat().st_size == facts["bytes"]:
            return _Footage(path, clock)
        raise RecordingError(f"'{path.name}' has changed since it was scored")
    raise RecordingError(f"'{path.name}' is not there any more")


def _linked(footage: _Footage, out: Path) -> PageVideo:
    path = footage.path.resolve()
    try:
        relative = os.path.relpath(path, out.resolve())
    except ValueError:  # another drive
        url = path.as_uri()
    else:
        url = quote(os.fsencode(relative.replace(os.sep, "/")))
    return PageVideo(f"'{path.name}', where it lay when this page was made", footage.clock, url)


def _playing(footage: _Footage) -> list[str]:
    from affectfuse.recording.web_video import media_type  # PyAV is slow to load

    if media_type(footage.path):
        return []
    return [
        f"not every browser plays '{footage.path.name}'; --video embed makes a small copy that all "
        "play"
    ]


def _embedded(footage: _Footage) -> PageVideo:
    from affectfuse.recording.web_video import PROXY_BYTES_PER_S, encode_proxy

    path, clock = footage.path, footage.clock
    if kind := _as_it_is(path):
        return PageVideo("the recording as it is", clock, "", path.read_bytes(), kind)
    most = int(_COPY_S * PROXY_BYTES_PER_S)
    content = encode_proxy(path, height_px=_COPY_HEIGHT_PX, most_bytes=most)
    what = f"a small copy of the recording, at most {_COPY_HEIGHT_PX} pixels high"
    return PageVideo(what, clock, "", content, "video/mp4")


def _as_it_is(path: Path) -> str | None:
    """Return the media type of a file that is small enough and played by all browsers, or None."""
    from affectfuse.recording.web_video import media_type

    return media_type(path) if path.stat().st_size <= _AS_IT_IS_BYTES else None
