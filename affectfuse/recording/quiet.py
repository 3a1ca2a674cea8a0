"""Keeping what native libraries write to the error stream off the user's screen."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_stderr"]

_lock = threading.RLock()
_depth = 0


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send the process's error stream (descriptor 2) to nowhere inside the block.

    MediaPipe's native code logs its loading there and has no switch for it. Blocks may overlap in
    several threads; the first one in redirects, the last one out restores. Errors still raise.
    """
    global _depth, _saved
    with _lock:
        if _depth == 0:
            _saved = _redirect()
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0 and _saved is not None:
                os.dup2(_saved, 2)
                os.close(_saved)


_saved: int | None = None


def _redirect() -> int | None:
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, ValueError):  # a program without an error stream
        return None
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return saved
