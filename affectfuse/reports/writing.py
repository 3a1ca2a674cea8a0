"""Writing a session's outputs: all of them or none, readable by their owner alone."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from affectfuse.errors import OutputError
from affectfuse.reports.physio import physio_files
from affectfuse.reports.score_tables import contrasts_csv, scores_csv
from affectfuse.reports.session import SessionResult
from affectfuse.reports.session_page.media import Pictures
from affectfuse.reports.session_page.page import render
from affectfuse.reports.strict_json import strict_json
from affectfuse.reports.summary import session_summary
from affectfuse.reports.tables import micro_expressions_tsv, sidecar, timeline_csv

__all__ = ["OUTPUTS", "check_writable", "write_files", "write_session"]

OUTPUTS = (
    "timeline.csv",
    "timeline.json",
    "micro_expressions.tsv",
    "micro_expressions.json",
    "scores.csv",
    "scores.json",
    "contrasts.csv",
    "contrasts.json",
    "report.html",
    "session.json",
)
"""Every file a session may have, beside those of its signals (`recording-LABEL_physio`).

Those that a new result lacks are removed from its folder.
"""

_PHYSIO = "recording-*_physio.*"


def write_session(result: SessionResult, out: Path, pictures: Pictures | None = None) -> Path:
    """Write all outputs of a session into the folder `out`, which is created when missing.

    The files are prepared in a hidden folder and then moved into place; when anything fails, an
    earlier result in `out` is as it was. Other files in `out` are left alone.

    Args:
        result: the session.
        out: the folder.
        pictures: what the page shows of the person, see `media.take_pictures`; None: thumbnails.

    Returns:
        the path of `report.html`.

    Raises:
        OutputError: when the folder cannot be written to.
    """
    signals = sorted(path.name for path in out.glob(_PHYSIO))
    write_files(out, _files(result, pictures), owned=(*OUTPUTS, *signals))
    return out / "report.html"


def check_writable(out: Path) -> None:
    """Make sure, before long work begins, that `out` can be created or written to.

    Raises:
        OutputError: when it is a file or cannot be written to.
    """
    place = out
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        if not place.is_dir():
            raise NotADirectoryError(0, f"{place} is a file")
        with tempfile.TemporaryDirectory(prefix=".affectfuse-", dir=place):
            pass
    except OSError as error:
        raise _refusal(out, error) from None


def write_files(out: Path, files: Mapping[str, str | bytes], owned: Sequence[str]) -> None:
    """Write the files (name -> content) into `out`, all or none; `owned` ones not among them go.

    Raises:
        OutputError: when the folder cannot be written to.
    """
    check_writable(out)
    created = not out.exists()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.mkdir(mode=0o700, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".affectfuse-", dir=out))
        try:
            _prepare(staging / "new", files)
            _swap(staging, out, files, owned)
        finally:
            shutil.rmtree(staging / "new", ignore_errors=True)
            with suppress(OSError):  # an old file that could not be put back is kept there
                (staging / "old").rmdir()
            with suppress(OSError):
                staging.rmdir()
    except BaseException as error:
        if created and out.is_dir() and not any(out.iterdir()):
            out.rmdir()
        if isinstance(error, OSError):
            raise _refusal(out, error) from None
        raise


def _files(result: SessionResult, pictures: Pictures | None) -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {"timeline.csv": timeline_csv(result)}
    files["micro_expressions.tsv"] = micro_expressions_tsv(result)
    if result.score:
        files["scores.csv"] = scores_csv(result.score, result.events)
        files["contrasts.csv"] = contrasts_csv(result.score)
    for name in [Path(name).stem for name in files]:
        files[f"{name}.json"] = strict_json(sidecar(result, name)) + "\n"
    files |= physio_files(result)
    files["report.html"] = render(result, pictures)
    files["session.json"] = strict_json(session_summary(result)) + "\n"
    return files


def _prepare(folder: Path, files: Mapping[str, str | bytes]) -> None:
    folder.mkdir(mode=0o700)
    for name, content in files.items():
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())


def _swap(staging: Path, out: Path, files: Iterable[str], owned: Sequence[str]) -> None:
    """Move the old files away and the new ones in; put the old ones back when that fails."""
    old = staging / "old"
    old.mkdir()
    moved: list[tuple[Path, Path]] = []
    try:
        for name in dict.fromkeys([*owned, *files]):
            if (out / name).is_file():
                moved.append(_move(out / name, old / name))
        for name in files:
            moved.append(_move(staging / "new" / name, out / name))
    except BaseException:
        for origin, target in reversed(moved):
            target.replace(origin)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _move(origin: Path, target: Path) -> tuple[Path, Path]:
    origin.replace(target)
    return origin, target


def _refusal(out: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(f"cannot write to {out}: {reason}. Give another folder with --out.")
