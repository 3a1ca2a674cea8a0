"""What a result is held against: null-model references, and norms where the user gave some."""

from __future__ import annotations

import math
from typing import Any

from affectfuse.reports.html import number, share
from affectfuse.scoring.base import SessionScore

__all__ = ["chance", "norms_given"]


def chance(score: SessionScore) -> dict[str, Any]:
    """Return what chance alone would do: `totals` against the cuts, and `ranks` of channels."""
    return {"totals": _totals(score), "ranks": _ranks(score), "sentences": _sentences(score)}


def _totals(score: SessionScore) -> list[dict[str, Any]]:
    """Return grand total and subtotals with the cuts of the null model."""
    summary = score.summary
    if "cut.grand_total.negative" not in summary:
        return []
    named = [("Grand total", "grand_total", summary["grand_total"])]
    named += [
        (f"Subtotal: {name.removeprefix('subtotal.')}", "subtotal", value)
        for name, value in summary.items()
        if name.startswith("subtotal.")
    ]
    rows = []
    for words, kind, total in named:
        low, high = summary[f"cut.{kind}.negative"], summary[f"cut.{kind}.positive"]
        tail = summary.get("null_tail.grand_total") if kind == "grand_total" else None
        rows.append(
            {
                "words": words,
                "total": number(total, 0, sign=True),
                "cuts": f"{_cut(low)} and {_cut(high)}",
                "place": _place(total, low, high),
                "tail": tail,
            }
        )
    return rows


def _cut(value: float) -> str:
    return number(value, 0, sign=True) if math.isfinite(value) else "none"


def _place(total: float, low: float, high: float) -> str:
    if not math.isfinite(total):
        return "not known"
    if total <= low:
        return "at or beyond the negative cut"
    if total >= high:
        return "at or beyond the positive cut"
    return "between the cuts: inconclusive"


_SIDES = {
    -1.0: "at or beyond a negative cut",
    0.0: "between the cuts, which is inconclusive",
    1.0: "at or beyond a positive cut",
}


def _sentences(score: SessionScore) -> list[str]:
    summary, said = score.summary, []
    tail = summary.get("null_tail.at_cut.positive", math.nan)
    if math.isfinite(tail):
        said.append(
            f"By chance alone a total as far out as the positive cut occurs in {share(tail)} of "
            "sessions: a cut marks odds and is no test."
        )
    sides = {
        rule: _SIDES[summary[key]]
        for rule, key in (
            ("grand total", "side.grand_total"),
            ("lowest subtotal", "side.subtotal"),
            ("two-stage rule", "side.two_stage"),
        )
        if math.isfinite(summary.get(key, math.nan))
    }
    if sides:
        said.append("; ".join(f"{rule}: {place}" for rule, place in sides.items()) + ".")
        said[-1] = said[-1][:1].upper() + said[-1][1:]
    return said


def _ranks(score: SessionScore) -> list[dict[str, Any]]:
    """Return Lykken's score of each channel, and the chance of at least as much."""
    start = "lykken."
    return [
        {
            "channel": name.removeprefix(start),
            "score": number(value, 0),
            "highest": number(score.summary[f"lykken_highest.{name.removeprefix(start)}"], 0),
            "tail": score.summary[f"null_tail.{name}"],
        }
        for name, value in score.summary.items()
        if name.startswith(start)
    ]


_PREDICTED = {
    "negative": "beyond the negative cut",
    "positive": "beyond the positive cut",
    "deceptive": "posterior, by these norms",
}
_LIKELY = {
    "p_truthful": "share of their truthful group with a score at least as low",
    "p_deceptive": "share of their deceptive group with one at least as high",
    "likelihood_ratio.deceptive_to_truthful": "likelihood ratio, deceptive to truthful",
}


def norms_given(score: SessionScore) -> dict[str, Any]:
    """Return predictive values by prior from norms that the user supplied; empty without."""
    start = "predictive_value."
    found: dict[str, dict[str, float]] = {}
    for name, value in score.summary.items():
        if name.startswith(start):
            kind, _, rate = name.removeprefix(start).partition(".base_rate_")
            found.setdefault(rate, {})[kind] = value
    if not found:
        return {}
    kinds = list(dict.fromkeys(kind for row in found.values() for kind in row))
    return {
        "columns": [_PREDICTED.get(kind, kind) for kind in kinds],
        "rates": [
            {"rate": float(rate), "shares": [row.get(kind) for kind in kinds]}
            for rate, row in found.items()
        ],
        "figures": {
            words: number(score.summary[name], 3)
            for name, words in _LIKELY.items()
            if name in score.summary
        },
        "said": [note for note in score.notes if note.startswith(("norms:", "by these norms:"))],
    }
