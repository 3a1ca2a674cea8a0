"""The outputs of spotting: a table of expressions, the same as JSON, a page."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from affectfuse.containers import Interval
from affectfuse.reports.session import MICRO_EXPRESSION, SessionResult
from affectfuse.reports.session_page.media import Pictures
from affectfuse.reports.session_page.page import render
from affectfuse.reports.strict_json import strict_json
from affectfuse.reports.summary import session_summary
from affectfuse.reports.writing import write_files

__all__ = ["SPOTTING_OUTPUTS", "spotted_csv", "spotted_table", "write_spotted"]

SPOTTING_OUTPUTS = ("spotted.csv", "spotted.json", "spotted.html")
"""Every file of a spotted recording."""

_TYPES = (MICRO_EXPRESSION, "macro_expression")
_SPOTTED = "p_micro_expression"
_DISPLACEMENT = "displacement_iod_percent"


def write_spotted(result: SessionResult, out: Path, pictures: Pictures | None = None) -> Path:
    """Write all outputs into the folder `out`, all or none; return the path of the page.

    Args:
        result: of `pipeline.spot_recording`.
        out: the folder.
        pictures: what the page shows of the person, see `media.take_pictures`; None: thumbnails.

    Raises:
        OutputError: when the folder cannot be written to.
    """
    files = {
        "spotted.csv": spotted_csv(result),
        "spotted.json": strict_json(session_summary(result)) + "\n",
        "spotted.html": render(result, pictures),
    }
    write_files(out, files, owned=SPOTTING_OUTPUTS)
    return out / "spotted.html"


def spotted_csv(result: SessionResult) -> str:
    """Return `spotted.csv`, one row an expression, by onset; what is not known is NaN.

    `confidence` is the probability that the expression is there, `p_CLASS` that, being there, it is
    of that class; `class` is empty where nothing named it.
    """
    found = _expressions(result)
    classes = sorted({n for _, i in found for n in i.values if n.startswith("p_")} - {_SPOTTED})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    header = ["onset_s", "apex_s", "offset_s", "type", "class", "confidence", _DISPLACEMENT]
    writer.writerow([*header, *classes])
    for kind, interval in found:
        values = interval.values
        confidence = values.get(_SPOTTED, interval.confidence)
        numbers = [values.get(name, math.nan) for name in (_DISPLACEMENT, *classes)]
        times = (_number(t) for t in (interval.onset_s, interval.apex_s, interval.offset_s))
        named = "" if interval.label == kind else interval.label
        writer.writerow([*times, kind, named, _number(confidence), *map(_number, numbers)])
    return text.getvalue()


def spotted_table(result: SessionResult) -> str:
    """Return in one line what was spotted."""
    kinds = [kind for kind, _ in _expressions(result)]
    blinks = result.intervals.get("blink")
    counts = [f"{kinds.count(kind)} {kind.replace('_', '-')}s" for kind in _TYPES]
    counts.append(f"{len(blinks.intervals) if blinks else 0} blinks")
    return f"{', '.join(counts)} in {result.duration_s:.0f} s"


def _expressions(result: SessionResult) -> list[tuple[str, Interval]]:
    found = [
        (kind, interval)
        for kind in _TYPES
        if kind in result.intervals
        for interval in result.intervals[kind].intervals
    ]
    return sorted(found, key=lambda row: row[1].onset_s)


def _number(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "NaN"
