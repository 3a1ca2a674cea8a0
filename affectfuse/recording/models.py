"""Finding the model bundle that newer releases of MediaPipe need and do not bring along."""

from __future__ import annotations

import os
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from affectfuse.config import cache_dir
from affectfuse.errors import ModelNotFoundError

__all__ = ["BUNDLE", "find_bundle"]

BUNDLE = "face_landmarker.task"
_ADDRESS = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
)
_SIZE_BYTES = 3_758_596
_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
_TIMEOUT_S = 15.0


def find_bundle(path: str | Path | None = None) -> Path:
    """Return the file of MediaPipe's face landmarker.

    Looked for in this order: `path`; the environment variable AFFECTFUSE_MODELS; the cache;
    Google's own address, from which it is downloaded into the cache (3.8 MB, checked by SHA-256).

    Args:
        path: the file or its folder; nothing else is looked at when it is given.

    Raises:
        ModelNotFoundError: when it is in none of them; names what was looked at and what to do.
    """
    if path is not None:
        return _given(Path(path), "the path in the config")
    variable = os.environ.get("AFFECTFUSE_MODELS")
    if variable:
        return _given(Path(variable), "AFFECTFUSE_MODELS")
    cached = cache_dir() / "models" / BUNDLE
    if cached.is_file() and cached.stat().st_size == _SIZE_BYTES:
        return cached
    return _download(cached)


def _given(place: Path, named_by: str) -> Path:
    file = place / BUNDLE if place.is_dir() else place
    if not file.is_file():
        raise ModelNotFoundError(
            f"{BUNDLE} is not at '{file}' ({named_by}); put it there: {_ADDRESS}{BUNDLE}"
        )
    return file


def _download(cached: Path) -> Path:
    import pooch  # only a first run with a newer MediaPipe downloads

    progress = _ProgressBar()
    try:
        pooch.get_logger().setLevel("WARNING")
        pooch.retrieve(
            f"{_ADDRESS}{BUNDLE}",
            f"sha256:{_SHA256}",
            fname=cached.name,
            path=cached.parent,
            downloader=pooch.HTTPDownloader(progressbar=progress, timeout=_TIMEOUT_S),
        )
    except (OSError, ValueError) as error:  # no network, no room, or not the file it should be
        reason = " ".join(str(error).split())[:120]
        raise ModelNotFoundError(
            f"this MediaPipe needs {BUNDLE}, which is neither named by AFFECTFUSE_MODELS nor in "
            f"'{cached.parent}', and cannot be downloaded ({reason}). Download {_ADDRESS}{BUNDLE} "
            "and set AFFECTFUSE_MODELS to its folder, or install mediapipe==0.10.21, which brings "
            "its own."
        ) from None
    finally:
        progress.close()
    return cached


class _ProgressBar:
    """The progress bar that pooch asks for, drawn by Rich."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("Downloading " + BUNDLE), BarColumn(), DownloadColumn(),
            TimeRemainingColumn(), transient=True,
        )  # fmt: skip
        self._task = self._bar.add_task("", total=_SIZE_BYTES)

    @property
    def total(self) -> float:
        return float(_SIZE_BYTES)

    @total.setter
    def total(self, size_bytes: float) -> None:
        self._bar.start()
        self._bar.update(self._task, total=size_bytes)

    def update(self, size_bytes: float) -> None:
        self._bar.advance(self._task, size_bytes)

    def reset(self) -> None:
        self._bar.reset(self._task)

    def close(self) -> None:
        self._bar.stop()
