"""Markers in XDF files of the Lab Streaming Layer: streams without a rate that hold words."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from affectfuse.errors import EventsError, did_you_mean
from affectfuse.scoring.events.layout import Layout
from affectfuse.scoring.events.rows import Row, Rows, one_line
from affectfuse.scoring.events.xdf_chunks import check_chunks

__all__ = ["read_xdf"]


def read_xdf(path: Path, layout: Layout) -> Rows:
    """Read the markers of an XDF file as events without a duration.

    A stream of markers has no regular rate and holds text (or is of type 'Markers'). A stream of
    several channels says by its channels' labels what they hold, as a table by its columns.
    Times are on the clock of the recording computer, counted from the first sample of any stream.

    Raises:
        EventsError: when pyxdf is missing, the file cannot be read, or it is not clear which
            stream holds the questions.
    """
    try:
        import pyxdf
    except ImportError:
        raise EventsError(
            f"{path} needs pyxdf, which is not installed: pip install 'affectfuse[lsl]'."
        ) from None
    check_chunks(path)
    with _said() as said:
        try:
            streams, _ = pyxdf.load_xdf(path, on_chunk=_thinned, dejitter_timestamps=False)
        except Exception as error:  # of many kinds, when a file is not what its name says
            reason = one_line(str(error))[:200] or type(error).__name__
            raise EventsError(f"{path} cannot be read as XDF ({reason}); copy it again.") from None
    begins = [stream["time_stamps"][0] for stream in streams if len(stream["time_stamps"])]
    if not begins:
        raise EventsError(f"{path} holds no samples: no stream was recorded.")
    zero_s = float(min(begins))
    chosen, notes = _chosen(path, [s for s in streams if _marks(s["info"])], layout)
    notes.append(f"times are counted from the first sample of any stream ({zero_s:.6f} s of LSL)")
    notes += [f"pyxdf says: {line}" for line in said[:5]]
    rows = [row for stream in chosen for row in _rows(path, stream, zero_s, layout)]
    return Rows(tuple(rows), tuple(notes))


@contextmanager
def _said() -> Iterator[list[str]]:
    """Collect what pyxdf logs of a damaged file, instead of printing it."""
    handler = _Collected(logging.WARNING)
    logger = logging.getLogger("pyxdf")
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated


class _Collected(logging.Handler):
    """Log messages as lines of text."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(one_line(record.getMessage())[:200])


def _marks(info: Mapping[str, Any]) -> bool:
    words = info["channel_format"][0] == "string" or "marker" in str(_first(info, "type")).lower()
    return words and float(info["nominal_srate"][0]) == 0


def _thinned(values: Any, stamps: Any, header: Mapping[str, Any], _: int) -> tuple[Any, Any, Any]:
    """Keep of signals only when each chunk begins: they may fill the memory."""
    if _marks(header["info"]):
        return values, stamps, header
    return values[:1], stamps[:1], header


def _first(info: Mapping[str, Any], key: str) -> Any:
    return (info.get(key) or [""])[0] or ""


def _name(stream: Mapping[str, Any]) -> str:
    return one_line(str(_first(stream["info"], "name")))


def _chosen(
    path: Path, streams: Sequence[Mapping[str, Any]], layout: Layout
) -> tuple[list[Mapping[str, Any]], list[str]]:
    # A stream that was interrupted comes back as another of the same name.
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for stream in streams:
        by_name.setdefault(_name(stream), []).append(stream)
    for name in layout.tiers:
        if name not in by_name:
            raise EventsError(
                f"{path} has no stream of markers '{name}'. {did_you_mean(name, by_name)}"
            )
    if layout.tiers:
        return [stream for name in layout.tiers for stream in by_name[name]], []
    if len(by_name) == 1:
        return list(streams), [f"the questions are those of the only stream, '{min(by_name)}'"]
    if not streams:
        raise EventsError(f"{path} has no stream of markers: record one beside the signals.")
    known = ", ".join(map(repr, by_name))
    raise EventsError(
        f"{path} has the streams of markers {known}: say which hold the questions (--tier NAME)."
    )


def _rows(path: Path, stream: Mapping[str, Any], zero_s: float, layout: Layout) -> Iterator[Row]:
    info = stream["info"]
    name = _name(stream)
    columns = _channels(path, name, info, layout)
    kind = {"kind": name} if layout.kind(name) else {}
    samples = zip(stream["time_stamps"], stream["time_series"], strict=True)
    for number, (stamp, sample) in enumerate(samples, start=1):
        cells = {purpose: str(sample[i]).strip() for purpose, i in columns.items()}
        if any(cells.values()):
            onset = repr(round(float(stamp) - zero_s, 6))
            yield Row(f"marker {number} of stream '{name}'", {**cells, **kind, "onset": onset})


def _channels(path: Path, name: str, info: Mapping[str, Any], layout: Layout) -> dict[str, int]:
    count = int(info["channel_count"][0])
    if count == 1:
        return {"label": 0}
    described = _first(_first(info, "desc") or {}, "channels") or {}
    labels = [one_line(str(_first(channel, "label"))) for channel in described.get("channel", ())]
    found = layout.find(labels, path)
    found.pop("onset", None)
    if len(labels) != count or "label" not in found:
        raise EventsError(
            f"{path}: the stream '{name}' has {count} channels, labelled {labels}: one must be "
            "labelled 'question', or be named (--column label=NAME)."
        )
    return {purpose: labels.index(label) for purpose, label in found.items()}
