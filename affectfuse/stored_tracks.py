"""The tracks of a recording that was passed over once, kept on disk for other questions.

A file is found by the content of the recordings and by all that decides what a pass over them
yields. It holds every number as it was, so that a score made from it equals one made anew.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from affectfuse import gathering
from affectfuse.caching import digest, digest_code
from affectfuse.containers import Array, Estimate, Interval, IntervalTrack, Place, Track
from affectfuse.errors import OutputError
from affectfuse.files import file_sha256, write_whole
from affectfuse.gathering import Gathered
from affectfuse.recording.base import Recording, RecordingSource
from affectfuse.recording.merged import MergedRecording
from affectfuse.recording.models import BUNDLE
from affectfuse.versions import package_versions

__all__ = ["kept_or_made", "load_tracks", "save_tracks", "tracks_key"]

_COLUMNS = ("times_s", "values", "quality")
_NOT_DECISIVE = ("AFFECTFUSE_CACHE", "AFFECTFUSE_SHARED_DATA")


def tracks_key(
    recording: Recording,
    facts: Mapping[str, Any],
    configuration: Mapping[str, Any],
    classes: Iterable[type],
) -> str | None:
    """Return the name under which the tracks of a recording are kept.

    None when it is not known what opened the recording, or a part of it.

    Args:
        recording: open, of files.
        facts: `recording_facts` of it: the digest of each file, the clock of each part.
        configuration: what else decides what a pass yields: modalities, face, checkpoint.
        classes: of modalities and of whatever else computes; a class stands for all Python files
            beside its own.
    """
    merged = recording if isinstance(recording, MergedRecording) else None
    parts = merged.parts if merged else ()
    openers = [part.recording.opener for part in parts] if merged else [recording.opener]
    if None in openers:
        return None
    code = [digest_code(frozenset(classes)), *(file_sha256(Path(f)) for f in _own_code())]
    return digest(
        {
            "recording": _without_folders(facts),
            "parts": [part.name for part in parts],
            "until": merged.until if merged else None,
            "openers": [_opener_facts(opener) for opener in openers if opener is not None],
            "configuration": configuration,
            "files": _named_files([configuration, _environment()]),
            "environment": _environment(),
            "code": code,
            "versions": package_versions(),
        }
    )


def kept_or_made(
    folder: Path, key: str, recording: Recording, make: Callable[[], Gathered]
) -> Gathered:
    """Return the tracks that are kept under the key; make and keep them when there are none.

    Of a recording that was stopped, or whose reading failed, they are not kept. Where they cannot
    be written, a note says so.
    """
    file = folder / f"{key}.safetensors"
    if (kept := load_tracks(file)) is not None:
        return kept
    made = make()
    if recording.cut_short:
        return made
    try:
        save_tracks(file, made)
    except OutputError as error:
        note = f"the tracks of this recording are not kept for other questions: {error}"
        return replace(made, notes=[*made.notes, note])
    return made


def save_tracks(file: Path, gathered: Gathered) -> None:
    """Write what a pass yielded: all of it or nothing, readable by its owner alone.

    Raises:
        OutputError: when the file cannot be written.
    """
    content: dict[str, Any] = {
        "duration_s": gathered.duration_s,
        "frames": gathered.frames,
        "notes": list(gathered.notes),
        "face_landmarks": gathered.face_landmarks,
        "created": gathered.created,
        "estimates": [asdict(estimate) for estimate in gathered.estimates],
    }
    arrays: dict[str, Array] = {}
    for kind, tracks in (("tracks", gathered.tracks), ("quality", gathered.quality)):
        content[kind] = [[t.name, t.unit, t.note] for t in tracks.values()]
        for index, track in enumerate(tracks.values()):
            for column in _COLUMNS:
                arrays[f"{kind}.{index}.{column}"] = getattr(track, column)
    content["intervals"] = []
    pictures: list[bytes] = []
    for found in gathered.intervals.values():
        rows = [{**_plain(i), "thumbnail_jpeg": len(i.thumbnail_jpeg)} for i in found.intervals]
        content["intervals"].append([found.name, found.note, rows])
        pictures += [interval.thumbnail_jpeg for interval in found.intervals]
    arrays["thumbnails"] = np.frombuffer(b"".join(pictures), np.uint8)
    text = json.dumps(content, default=float)  # NumPy's numbers; a double is written exactly
    metadata = {"content": text, "sha256": _checksum(text, arrays)}
    write_whole(file, safetensors.numpy.save(arrays, metadata))


def load_tracks(file: Path) -> Gathered | None:
    """Return what `save_tracks` wrote; None when it is not there, or damaged."""
    try:
        with safetensors.safe_open(file, "numpy") as opened:
            metadata = opened.metadata()
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        if metadata["sha256"] != _checksum(metadata["content"], arrays):
            return None
        return _gathered(json.loads(metadata["content"]), arrays)
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError):
        return None


def _gathered(content: dict[str, Any], arrays: Mapping[str, Array]) -> Gathered:
    tracks, quality = (
        {
            name: Track(
                name, unit, **{c: arrays[f"{kind}.{index}.{c}"] for c in _COLUMNS}, note=note
            )
            for index, (name, unit, note) in enumerate(content.pop(kind))
        }
        for kind in ("tracks", "quality")
    )
    pictures = arrays["thumbnails"].tobytes()
    begin = 0
    intervals = {}
    for name, note, rows in content.pop("intervals"):
        found = []
        for row in rows:
            end = begin + row.pop("thumbnail_jpeg")
            place = row.pop("place")
            found.append(
                Interval(
                    **row,
                    thumbnail_jpeg=pictures[begin:end],
                    place=Place(**place) if place else None,
                )
            )
            begin = end
        intervals[name] = IntervalTrack(name, tuple(found), note)
    estimates = [_estimate(row) for row in content.pop("estimates")]
    return Gathered(
        tracks=tracks,
        quality=quality,
        intervals=intervals,
        estimates=estimates,
        from_cache=True,
        **content,
    )


def _estimate(row: dict[str, Any]) -> Estimate:
    sets = {name: tuple(classes) for name, classes in row.pop("prediction_sets").items()}
    return Estimate(**row, prediction_sets=sets)


def _plain(interval: Interval) -> dict[str, Any]:
    names = ("onset_s", "offset_s", "label", "apex_s", "confidence")
    place = asdict(interval.place) if interval.place else None
    plain = {n: getattr(interval, n) for n in names}
    return {**plain, "values": dict(interval.values), "place": place}


def _checksum(text: str, arrays: Mapping[str, Array]) -> str:
    found = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        found.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        found.update(arrays[name].tobytes())
    return found.hexdigest()


def _opener_facts(source: RecordingSource) -> Any:
    """Return what decides how a source is opened, its place on disk aside.

    Of a `functools.partial` that is its function and arguments, with the content of files among
    them (a table's JSON file); of a path nothing: its content counts anyway.
    """
    if not callable(source):
        return None
    function, arguments = source, []
    if isinstance(source, partial):
        function, arguments = source.func, [*source.args, *sorted(source.keywords.items())]
    said = [file_sha256(a) if isinstance(a, Path) and a.is_file() else a for a in arguments]
    name = f"{function.__module__}.{function.__qualname__}"
    return [name, file_sha256(Path(inspect.getfile(function))), said]


def _own_code() -> Sequence[str]:
    return (__file__, str(gathering.__file__))


def _without_folders(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recording's facts with file names in place of paths: files may move.

    Of a session those of its parts: its own file says much that has no part in the tracks.
    """
    if "parts" in facts:
        return {name: _without_folders(part) for name, part in facts["parts"].items()}
    return {**facts, "source": Path(facts["source"]).name}


def _environment() -> dict[str, str]:
    """Return the variables that may name models."""
    return {
        name: value
        for name, value in sorted(os.environ.items())
        if name.startswith("AFFECTFUSE_") and name not in _NOT_DECISIVE
    }


def _named_files(value: Any) -> dict[str, str]:
    """Return the digest of each file that a text in the value, at any depth, is the path of."""
    return {text: sha for text in sorted(set(_texts(value))) if (sha := _file_digest(text))}


def _file_digest(text: str) -> str:
    try:
        for path in (Path(text), Path(text) / BUNDLE):
            if path.is_file():
                return file_sha256(path)
    except (OSError, ValueError):  # no name that a file could have
        pass
    return ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value:
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
