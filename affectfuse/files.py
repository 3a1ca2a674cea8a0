"""Writing a file whole, and telling which file it was."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from affectfuse.errors import OutputError

__all__ = ["file_sha256", "write_whole"]


def write_whole(path: Path, content: bytes) -> None:
    """Write a file: all of it or, when that fails, nothing. Its folder is made when missing.

    Files and new folders are readable by their owner alone.

    Raises:
        OutputError: when the file cannot be written.
    """
    try:
        _make_folder(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror}. Choose a folder you may write to."
        ) from error


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        _make_folder(folder.parent)  # Path.mkdir would leave parents open to all
        folder.mkdir(mode=0o700, exist_ok=True)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
