"""What was extracted from a recording, kept on disk by the recording's content and configuration.

A cached file is written whole or not at all, so an interrupted run goes on where it stopped. Its
name is a digest of everything that decides what is in it; whatever changes, it is made anew.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import pickle
import signal
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from functools import cache, partial
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

import safetensors.numpy

import affectfuse
from affectfuse.containers import Array
from affectfuse.datasets.base import DatasetItem, Progress
from affectfuse.errors import AffectFuseError, RecordingError
from affectfuse.files import write_whole
from affectfuse.recording.prefetch import available_cores
from affectfuse.versions import EXTRACTION, package_versions

__all__ = [
    "Extracted",
    "Task",
    "available_cores",
    "digest",
    "digest_code",
    "digest_recording",
    "run_items",
    "run_tasks",
]

Extracted = dict[str, Array]
Task = tuple[str, Path, Callable[[], Extracted]]
"""What it is about, the cached file, and the picklable function that makes what goes into it."""

_EDGE_BYTES = 1 << 20
_SOURCES = ("containers.py", "extraction.py", "signals", "recording", "checkpoints")
_KINDS = (".py", ".safetensors")
_CHECKSUM = "crc32"


def digest(facts: Mapping[str, Any]) -> str:
    """Return a short digest of facts that JSON can hold."""
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def digest_recording(path: Path, opener: object = None) -> str:
    """Return a digest of a recording: size and time of change of each file, and some content.

    Of a file that is its first and last MiB, of a folder those of its first and its last file.

    Args:
        path: a file or a folder.
        opener: what opens it, if not its path alone; its place on disk then counts too.

    Raises:
        OSError: when it cannot be read.
    """
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    found = hashlib.sha256(b"" if opener is None else pickle.dumps(opener))
    for file in files:
        facts = file.stat()
        found.update(f"{file.name} {facts.st_size} {facts.st_mtime_ns}".encode())
        if file not in (files[0], files[-1]):
            continue
        with file.open("rb") as opened:
            found.update(opened.read(_EDGE_BYTES))
            opened.seek(max(0, facts.st_size - _EDGE_BYTES))
            found.update(opened.read(_EDGE_BYTES))
    return found.hexdigest()


@cache
def digest_code(classes: frozenset[type]) -> str:
    """Return a digest of the code that extracts: affectfuse's, the given classes', the libraries'.

    A class stands for all Python files beside its own. Shipped weights of extractors count as code.
    """
    package = Path(affectfuse.__file__).parent
    roots = [package / name for name in _SOURCES]
    roots += sorted({Path(inspect.getfile(cls)).parent for cls in classes})
    found = hashlib.sha256(json.dumps(package_versions(*EXTRACTION)).encode())
    for root in roots:
        files = sorted(root.rglob("*")) if root.is_dir() else [root]
        for file in (file for file in files if file.suffix in _KINDS):
            found.update(file.name.encode() + file.read_bytes())
    return found.hexdigest()


def run_items(
    work: Iterable[tuple[DatasetItem, Callable[[], Extracted], Mapping[str, Any]]],
    folder: Path,
    workers: int,
    what: str,
    progress: Progress | None = None,
    start: Callable[[], object] | None = None,
) -> tuple[dict[str, Extracted], dict[str, str]]:
    """Extract from recordings; return what was, and why one could not be read, by recording.

    Args:
        work: a recording, the picklable function that extracts, and all that decides the outcome
            beside the recording itself.
        folder: of the cached files; an interrupted run goes on from them.
        workers, what, progress, start: see `run_tasks`.
    """
    tasks: list[Task] = []
    failed: dict[str, str] = {}
    for item, extract, facts in work:
        try:
            recording = digest_recording(item.path, item.opener)
            beside = [digest_recording(path) for path in item.beside]
            name = digest({**facts, "recording": recording, "beside": beside})
        except OSError as error:
            failed[item.key] = f"cannot read {item.path}: {error.strerror}"
        else:
            tasks.append((item.key, folder / f"{name}.safetensors", extract))
    found, broken = run_tasks(tasks, workers, what, progress, start)
    return found, failed | broken


def run_tasks(
    tasks: Sequence[Task],
    workers: int,
    what: str,
    progress: Progress | None = None,
    start: Callable[[], object] | None = None,
) -> tuple[dict[str, Extracted], dict[str, str]]:
    """Return what each task's cached file holds, making first the files that are missing.

    Args:
        tasks: in the order wanted.
        workers: processes to run at once; with 1 the tasks run in this process.
        what: named in the progress.
        progress: told how many are done.
        start: called first in each further process.

    Returns:
        what was extracted and, for tasks that failed with an error of the recording, the reason;
        both by the task's name.
    """
    done = {name: known for name, file, _ in tasks if (known := _load(file)) is not None}
    missing = [task for task in tasks if task[0] not in done]
    failed: dict[str, str] = {}
    if progress:
        progress(what, len(done), len(tasks))
    for (name, file, _), reason in _run(missing, workers, start):
        extracted = _load(file) if reason is None else None
        if extracted is None:
            failed[name] = reason or "what was extracted could not be read back"
        else:
            done[name] = extracted
        if progress:
            progress(what, len(done) + len(failed), len(tasks))
    return {name: done[name] for name, _, _ in tasks if name in done}, failed


def _run(
    tasks: Sequence[Task], workers: int, start: Callable[[], object] | None
) -> Iterator[tuple[Task, str | None]]:
    workers = min(workers, len(tasks))
    if workers <= 1:
        for task in tasks:
            yield task, _make(task[1], task[2])
        return
    # Spawned, not forked: neither torch nor MediaPipe survives a fork with its threads.
    starting = partial(_start_worker, start)
    others = set(active_children())
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=starting)
    try:
        futures = {pool.submit(_make, task[1], task[2]): task for task in tasks}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenExecutor:
        raise RecordingError(
            "a process that reads recordings was ended from outside, perhaps for want of memory: "
            "run again with fewer workers; what was read so far is kept."
        ) from None
    except BaseException:
        for worker in set(active_children()) - others:
            worker.terminate()  # otherwise the pool waits for the tasks they are at
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker(start: Callable[[], object] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it at once and without a traceback
    Thread(target=_end_with_parent, daemon=True).start()
    if start:
        start()


def _end_with_parent() -> None:
    """End this process when the one that began it has ended, however that came about."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _make(file: Path, extract: Callable[[], Extracted]) -> str | None:
    """Extract into the file; return why the recording could not be used, or None."""
    try:
        extracted = extract()
    except (AffectFuseError, OSError) as error:
        return " ".join(str(error).split())
    arrays = _contiguous(extracted.items())
    write_whole(file, safetensors.numpy.save(arrays, {_CHECKSUM: _checksum(arrays)}))
    return None


def _contiguous(items: Iterable[tuple[str, Array]]) -> Extracted:
    return {name: array if array.flags.c_contiguous else array.copy() for name, array in items}


def _load(file: Path) -> Extracted | None:
    try:
        with safetensors.safe_open(file, "np") as opened:
            told = (opened.metadata() or {}).get(_CHECKSUM)
            found = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError):
        return None  # not there, or damaged: it is made again
    # Files of earlier versions have no checksum; what they hold is the same.
    return found if told in (None, _checksum(found)) else None


def _checksum(arrays: Extracted) -> str:
    found = 0
    for name in sorted(arrays):
        found = zlib.crc32(arrays[name].data, zlib.crc32(name.encode(), found))
    return f"{found:08x}"
