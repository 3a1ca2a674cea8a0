"""MATLAB's files: small variables read at once, a video read a few frames at a time.

Files of version 7.3 are HDF5 and are read by slices. In older ones (version 5) an array is one
run of values in which time varies fastest: it is turned once, in pieces, into a temporary file of
8-bit frames, which is gone when the recording is closed.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import scipy.io

from affectfuse.containers import Array
from affectfuse.errors import RecordingError
from affectfuse.recording.sequences import FrameSequence, Images

__all__ = ["mat_shapes", "open_hdf5", "open_mat_video", "read_mat"]

_BLOCK_BYTES = 32 << 20
_MATRIX, _COMPRESSED = 14, 15
_STORED = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
_UINT8_CLASS = 9
_BROKEN = (
    OSError, ValueError, TypeError, EOFError, KeyError, NotImplementedError, zlib.error,
    scipy.io.matlab.MatReadError,
)  # fmt: skip
"""What SciPy and this file may raise over a file that is not as it should be."""


def _is_hdf5(path: Path) -> bool:
    with _reported(path), path.open("rb") as file:
        head = file.read(520)
    return b"\x89HDF\r\n\x1a\n" in (head[:8], head[512:])


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Say of a file that is not as it should be which one it is."""
    try:
        yield
    except _BROKEN as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise RecordingError(f"'{path}' cannot be read ({reason}); copy it again.") from None


def open_hdf5(path: Path) -> Any:
    """Open an HDF5 file for reading; return h5py's.

    Raises:
        RecordingError: when h5py is missing or the file cannot be read.
    """
    try:
        import h5py
    except ImportError:
        raise RecordingError(
            f"'{path}' is an HDF5 file, and h5py, which reads those, is not installed: "
            "pip install 'affectfuse[datasets]'."
        ) from None
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise RecordingError(f"'{path}' cannot be read ({error}); copy it again.") from None


def mat_shapes(path: Path) -> Mapping[str, tuple[int, ...]]:
    """Return the shape of each variable, in MATLAB's order of axes, without reading any.

    Raises:
        RecordingError: when the file cannot be read.
    """
    if _is_hdf5(path):
        with open_hdf5(path) as file:
            return {k: v.shape[::-1] for k, v in file.items() if hasattr(v, "shape")}
    with _reported(path):
        listed = scipy.io.whosmat(str(path), appendmat=False)
    return {name: tuple(shape) for name, shape, _ in listed}


def read_mat(path: Path, names: Iterable[str]) -> dict[str, Array]:
    """Return some variables, those that are there, without axes of length 1; text as one string.

    Raises:
        RecordingError: when the file cannot be read.
    """
    names = list(names)
    if not _is_hdf5(path):
        with _reported(path):
            found = scipy.io.loadmat(
                str(path), appendmat=False, variable_names=names, squeeze_me=True
            )
        return {name: np.asarray(found[name]) for name in names if name in found}
    read = {}
    with open_hdf5(path) as file:
        for name in names:
            if name in file:
                values = np.asarray(file[name]).T.squeeze()
                if file[name].attrs.get("MATLAB_class") == b"char":
                    values = np.array("".join(map(chr, np.atleast_1d(values))))
                read[name] = values
    return read


def open_mat_video(path: Path, variable: str, times_s: Array) -> FrameSequence:
    """Open a video kept as an array (time, height, width, 3) of a .mat file.

    Args:
        path: the file.
        variable: name of the array; RGB, as uint8 or as floats from 0 to 1.
        times_s: (time,) when each frame was taken.

    Raises:
        RecordingError: when the file cannot be read or holds no such array.
    """
    shape = mat_shapes(path).get(variable)
    if shape is None or len(shape) != 4 or shape[3] != 3 or shape[0] != len(times_s):
        found = "is not there" if shape is None else f"has the shape {shape}"
        raise RecordingError(
            f"'{variable}' in '{path}' {found}; it must be ({len(times_s)}, height, width, 3)."
        )
    images = _sliced(path, variable) if _is_hdf5(path) else _spooled(path, variable)
    return FrameSequence(f"{path}:{variable}", "mat", times_s, images)


def _sliced(path: Path, variable: str) -> Images:
    """Yield the frames of an HDF5 array, whose axes are (channel, width, height, time)."""
    with open_hdf5(path) as file:
        stored = file[variable]
        frame_bytes = stored.dtype.itemsize * int(np.prod(stored.shape[:3]))
        step = stored.chunks[3] if stored.chunks else 1
        step = max(1, min(max(step, 8), 2 * _BLOCK_BYTES // frame_bytes))
        for start in range(0, stored.shape[3], step):
            block = _to_uint8(stored[..., start : start + step], path)
            for index in range(block.shape[3]):
                yield np.ascontiguousarray(block[..., index].transpose(2, 1, 0))


def _spooled(path: Path, variable: str) -> Images:
    """Yield the frames of a version-5 array, in which time varies fastest, then height."""
    with path.open("rb") as file, tempfile.TemporaryFile(prefix="affectfuse-") as spool:
        with _reported(path):
            (times, height, width, channels), dtype, is_uint8, values = _find(file, variable)
            pixels = height * width * channels
            block = max(1, _BLOCK_BYTES // (times * np.dtype(dtype).itemsize))
            for start in range(0, pixels, block):
                count = min(block, pixels - start)
                raw = values.read(count * times * np.dtype(dtype).itemsize)
                part = np.frombuffer(raw, dtype).reshape(count, times)
                if not is_uint8:  # MATLAB stores whole numbers of any class in the fewest bytes
                    part = _to_uint8(part.astype(np.float32), path)
                for index, row in enumerate(np.ascontiguousarray(part.T)):
                    spool.seek(index * pixels + start)
                    spool.write(row)
        spool.seek(0)
        for _ in range(times):
            frame = np.frombuffer(spool.read(pixels), np.uint8)
            yield np.ascontiguousarray(frame.reshape(channels, width, height).transpose(2, 1, 0))


def _to_uint8(values: Array, path: Path) -> Array:
    if values.dtype == np.uint8:
        return values
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind != "f" or not (low >= -1e-3 and high <= 1 + 1e-3):
        raise RecordingError(
            f"the video in '{path}' has values from {low:g} to {high:g}; they must be bytes, or "
            "floats from 0 to 1."
        )
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)


def _find(file: IO[bytes], variable: str) -> tuple[tuple[int, ...], str, bool, _Plain | _Inflated]:
    """Go to a numeric array's values; return its shape, storage type, whether uint8, and them."""
    file.seek(124)
    order = "<" if file.read(4)[2:] == b"IM" else ">"
    while len(head := file.read(8)) == 8:
        kind, size = np.frombuffer(head, order + "u4").tolist()
        after = file.tell() + size
        source: _Plain | _Inflated = _Plain(file)
        if kind == _COMPRESSED:
            source = _Inflated(file, size)
            kind = int(np.frombuffer(source.read(8), order + "u4")[0])
        if kind == _MATRIX:
            flags = _element(source, order)[1]
            shape = np.frombuffer(_element(source, order)[1], order + "i4")
            name = _element(source, order)[1].decode()
            if name == variable:
                tag = np.frombuffer(source.read(8), order + "u4")
                array_class = int(np.frombuffer(flags, order + "u4")[0]) & 0xFF
                dtype = order + _STORED[int(tag[0])]
                return tuple(shape.tolist()), dtype, array_class == _UINT8_CLASS, source
        file.seek(after)
    raise ValueError(f"no variable '{variable}'")


def _element(source: _Plain | _Inflated, order: str) -> tuple[int, bytes]:
    """Read a small data element: its type and its bytes."""
    head = source.read(8)
    kind, size = np.frombuffer(head, order + "u4").tolist()
    if kind >> 16:  # type, size and up to four bytes share one word
        return kind & 0xFFFF, head[4 : 4 + (kind >> 16)]
    return kind, source.read(size + -size % 8)[:size]


class _Plain:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        found = self._file.read(size)
        if len(found) < size:
            raise EOFError("it breaks off")
        return found


class _Inflated:
    """Reads what a run of compressed bytes holds, keeping little in memory."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size
        self._inflate = zlib.decompressobj()

    def read(self, size: int) -> bytes:
        parts = []
        while size:
            packed = self._inflate.unconsumed_tail
            if not packed:
                packed = self._file.read(min(self._left, 1 << 16))
                self._left -= len(packed)
            part = self._inflate.decompress(packed, size)
            if not part and not packed:
                raise EOFError("it breaks off")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
