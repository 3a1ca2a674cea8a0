"""What a recording's name stands for (a file, a camera, a stream), and opening it."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import av.device

from affectfuse.errors import RecordingError
from affectfuse.recording.base import Kind

__all__ = ["Source", "open_container", "parse_source"]

_STREAMS = ("rtsp", "rtsps", "http", "https")
_OPEN_TIMEOUT_S = 15.0
READ_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Source:
    """Where a recording comes from.

    Attributes:
        label: the name to show, without a password.
        url: what FFmpeg opens.
        format: FFmpeg's name of the input format, None to find out.
        options: FFmpeg's options for it.
    """

    label: str
    kind: Kind
    url: str
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)


def parse_source(source: str | Path) -> Source:
    """Return what a source's name stands for.

    Args:
        source: a path; `camera:0` (`camera:NAME` on Windows) or `/dev/video0`; or an address that
            begins with rtsp://, rtsps://, http:// or https://.

    Raises:
        RecordingError: for a camera that is not there and an address of another kind.
    """
    text = str(source)
    if text.startswith("camera:") or re.fullmatch(r"/dev/video\d+", text):
        return _camera(text)
    scheme, separator, rest = text.partition("://")
    if not separator or isinstance(source, Path):
        return Source(text, "file", f"file:{text}")
    if scheme.lower() not in _STREAMS:
        raise RecordingError(
            f"'{scheme}://' addresses are not read; give a file, camera:0, or an address that "
            f"begins with {', '.join(f'{name}://' for name in _STREAMS)}."
        )
    label = f"{scheme}://{re.sub(r'^[^/?#]*@', '', rest)}"
    # Packets of a UDP stream get lost, and each loss spoils a second of video.
    options = {"rtsp_flags": "prefer_tcp"} if scheme.lower().startswith("rtsp") else {}
    return Source(label, "stream", text, options=options)


def _camera(text: str) -> Source:
    name = text.removeprefix("camera:")
    if sys.platform == "darwin":
        # Without a rate AVFoundation asks for 29.97, which many cameras refuse.
        return Source(text, "camera", f"{name}:none", "avfoundation", {"framerate": "30"})
    if sys.platform == "win32":
        devices = av.device.enumerate_input_devices("dshow")
        names = [device.description for device in devices if "video" in device.media_types]
        if name.isdigit() and int(name) < len(names):
            name = names[int(name)]
        if name not in names:
            raise RecordingError(f"there is no '{text}'. {_cameras(names)}")
        return Source(text, "camera", f"video={name}", "dshow")
    device = name if name.startswith("/dev/") else f"/dev/video{name}"
    if not Path(device).exists():
        found = sorted(str(path) for path in Path("/dev").glob("video*"))
        raise RecordingError(f"there is no '{text}' ({device}). {_cameras(found)}")
    return Source(text, "camera", device, "v4l2")


def _cameras(found: list[str]) -> str:
    listed = ", ".join(found) or "none; connect one, or give a file"
    return f"Cameras on this machine: {listed}."


def open_container(source: Source) -> Any:
    """Open a source with FFmpeg; return PyAV's container.

    Raises:
        RecordingError: when it cannot be read, saying what was found.
    """
    if source.kind == "file":
        _check_file(Path(source.label))
    timeout = (_OPEN_TIMEOUT_S, READ_TIMEOUT_S) if source.kind == "stream" else None
    try:
        return av.open(source.url, format=source.format, options=source.options, timeout=timeout)
    except (av.FFmpegError, OSError) as error:
        raise RecordingError(_why_not(source, error)) from None


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise RecordingError(f"'{path}' is a folder; give one video file.")
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError:
        raise RecordingError(f"'{path}' does not exist; check the path.") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RecordingError(f"'{path}' cannot be read ({reason}); check its rights.") from None
    if empty:
        raise RecordingError(f"'{path}' is empty (0 bytes); copy or record it again.")


def _why_not(source: Source, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    if source.kind == "camera":
        return (
            f"'{source.label}' cannot be opened ({reason}); close other programs that use the "
            "camera and check that you may use it."
        )
    if source.kind == "stream":
        if isinstance(error, av.error.ExitError):
            reason = f"no answer within {_OPEN_TIMEOUT_S:g} s"
        return (
            f"'{source.label}' cannot be opened ({reason}); check the address, and that its "
            "server runs and can be reached."
        )
    if _lacks_index(Path(source.label)):
        return (
            f"'{source.label}' is incomplete: it breaks off before its index (the 'moov' box), "
            "without which no frame can be read; copy or record it again."
        )
    return (
        f"'{source.label}' is not a video: FFmpeg finds no known format in it ({reason}); give a "
        "video file such as .mp4, .mov, .mkv, .webm or .avi."
    )


def _lacks_index(path: Path) -> bool:
    """Return whether a file is MP4 or QuickTime and has no index: walk its outermost boxes."""
    kinds = set()
    with path.open("rb") as file:
        while len(head := file.read(16)) >= 8:
            size, kind = int.from_bytes(head[:4]), head[4:8]
            kinds.add(kind)
            if size == 1:
                size = int.from_bytes(head[8:])
            if size < 8:  # 0: reaches to the end of the file
                break
            file.seek(size - len(head), 1)
    return b"moov" not in kinds and bool(kinds & {b"ftyp", b"mdat"})
