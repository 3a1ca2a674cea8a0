"""The forest plot: contrasts with their intervals, as places in percent of an axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from affectfuse.reports.html import number
from affectfuse.scoring.base import Contrast, SessionScore

__all__ = ["forest", "forest_plot", "is_total"]

_MARGIN = 3.0
"""Percent of the width on either side of what is drawn."""

_WIDEST = 4.0
"""Times the usual reach of an interval beyond which one is cut off, with an arrow."""

_TICKS = 5


def is_total(contrast: Contrast) -> bool:
    """Return whether a contrast is over channels: a total, or one with a modality left out."""
    return contrast.channel == "all" or contrast.channel.startswith("all but ")


def forest(score: SessionScore) -> list[dict[str, Any]]:
    """Return the plots: that of the channels, and that of the totals where there are any.

    Channels of one unit are drawn in it; channels of several each in standard deviations (N-1) of
    its own values over the session's questions, so that they can be read side by side.
    """
    channels = [c for c in score.contrasts if not is_total(c)]
    totals = [c for c in score.contrasts if is_total(c)]
    modalities = {row.channel: row.modality for row in score.rows}
    one_unit = len({contrast.unit for contrast in channels}) < 2
    spreads = {c.channel: 1.0 if one_unit else _spread(score, c.channel) for c in channels}
    unit = channels[0].unit if channels and one_unit else "SD of the channel's values"
    plots = []
    for kind, drawn, scale, axis in (
        ("channels", channels, spreads, unit),
        ("totals", totals, {}, totals[0].unit if totals else ""),
    ):
        if drawn:
            plots.append(forest_plot(kind, drawn, axis, scale, modalities))
    return plots


def _spread(score: SessionScore, channel: str) -> float:
    values = np.array([row.value for row in score.rows if row.channel == channel])
    known = values[np.isfinite(values)]
    spread = float(known.std(ddof=1)) if len(known) > 1 else math.nan
    return spread if spread > 0.0 else math.nan


def forest_plot(
    kind: str,
    contrasts: Sequence[Contrast],
    unit: str,
    scale: Mapping[str, float] = MappingProxyType({}),
    modalities: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return one plot: rows with places on its axis, which is in `unit`.

    Args:
        kind: 'channels' or 'totals'.
        contrasts: one a row.
        unit: of the axis.
        scale: by channel, what its values are divided by; 1 where not said.
        modalities: by channel, what it was measured by.
    """
    scaled = [np.array([c.value, c.low, c.high]) / scale.get(c.channel, 1.0) for c in contrasts]
    first, last = _span(scaled)

    def place(value: float) -> float | None:
        if not math.isfinite(value):
            return None
        inside = (min(max(value, first), last) - first) / (last - first)
        return round(_MARGIN + (100.0 - 2 * _MARGIN) * inside, 2)

    rows = []
    for contrast, (value, low, high) in zip(contrasts, scaled, strict=True):
        rows.append(
            {
                "contrast": contrast,
                "modality": modalities.get(contrast.channel, ""),
                "at": place(value),
                "low": place(low),
                "high": place(high),
                "cut_low": low < first,
                "cut_high": high > last,
            }
        )
    total = next((row["at"] for row in rows if row["contrast"].channel == "all"), None)
    step = _step(last - first)
    marks = np.arange(math.ceil(first / step), math.floor(last / step) + 1) * step
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = [{"at": place(mark), "text": number(mark + 0.0, digits)} for mark in marks.tolist()]
    return {
        "kind": kind,
        "rows": rows,
        "ticks": ticks,
        "zero": place(0.0),
        "total": total,
        "unit": "" if unit == "1" else unit,
    }


def _span(scaled: Sequence[np.ndarray[Any, Any]]) -> tuple[float, float]:
    """Return from where to where the axis goes: always over 0, and not over a lone wide one."""
    found = np.concatenate(scaled)
    found = found[np.isfinite(found)]
    if not len(found) or not np.any(found):
        return -1.0, 1.0
    reaches = [np.nanmax(np.abs(three)) for three in scaled if np.isfinite(three).any()]
    middle = max((abs(three[0]) for three in scaled if np.isfinite(three[0])), default=0.0)
    most = max(_WIDEST * float(np.median(reaches)), 1.1 * float(middle))
    return max(min(found.min(), 0.0), -most), min(max(found.max(), 0.0), most)


def _step(span: float) -> float:
    """Return the distance of round ticks, of which about five lie in a span."""
    rough = span / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
