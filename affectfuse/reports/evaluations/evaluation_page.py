"""The page of an evaluation of heart rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from affectfuse.containers import Array
from affectfuse.evaluation.heart_rate import HeartRateEvaluation
from affectfuse.evaluation.metrics import METRICS
from affectfuse.reports.html import render_page
from affectfuse.reports.strict_json import strict_json

__all__ = ["figures", "render_evaluation", "synthetic_warning"]

_MAX_POINTS = 4000
"""Points of one plot; of more, as many are drawn at random."""

_FOLDED = {"versions", "configuration"}
_IN_GROUPS = (
    "mae_bpm",
    "median_ae_bpm",
    "rmse_bpm",
    "pearson_r",
    "within_3_bpm_percent",
    "coverage_percent",
    "snr_db",
    "macc",
)


def render_evaluation(result: HeartRateEvaluation) -> str:
    """Return the page as HTML: one file that loads nothing from anywhere."""
    provenance = dict(result.provenance)
    return render_page(
        "evaluation.html.j2",
        ["evaluation.js"],
        figures(result),
        result=result,
        warning=synthetic_warning(result),
        definitions=METRICS,
        in_groups=_IN_GROUPS,
        shown=min(len(result.pairs), _MAX_POINTS),
        facts_shown={k: v for k, v in provenance.items() if k not in _FOLDED},
        everything=strict_json(provenance),
    )


class _Evaluated(Protocol):
    @property
    def dataset(self) -> str: ...
    @property
    def provenance(self) -> Mapping[str, Any]: ...


def synthetic_warning(result: _Evaluated) -> str:
    """Return what every output must say first of a synthetic data set, else nothing."""
    provenance = str(result.provenance.get("dataset_provenance", ""))
    if "synthetic" not in f"{result.dataset} {provenance}".lower():
        return ""
    return (
        f"The recordings are synthetic. {provenance} The figures show how the software works, not "
        "how well it does on people."
    )


def figures(result: HeartRateEvaluation) -> dict[str, Any]:
    """Return what the page's plots show, as plain data."""
    pairs = result.pairs.take(_sample(result.pairs.covered))
    agreement = result.agreement
    coverage, risk = result.risk_coverage
    return {
        "pairs": {
            "reference": np.round(pairs.reference_bpm, 2),
            "estimate": np.round(pairs.estimate_bpm, 2),
            "text": [
                f"{item}, {time_s:.0f} s, confidence {confidence:.2f}"
                for item, time_s, confidence in zip(
                    pairs.items, pairs.times_s, pairs.confidence, strict=True
                )
            ],
        },
        "limits": {
            "bias": agreement.bias_bpm,
            "low": agreement.low_bpm,
            "high": agreement.high_bpm,
        },
        "bins": [
            {
                "confidence": part.confidence,
                "share": part.share,
                "low": part.low,
                "high": part.high,
                "rows": part.rows,
            }
            for part in result.reliability
        ],
        "risk": {"coverage": np.round(100.0 * coverage, 2), "mae": np.round(risk, 3)},
    }


def _sample(covered: Array) -> Array:
    rows = np.flatnonzero(covered)
    if len(rows) <= _MAX_POINTS:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, _MAX_POINTS, replace=False))
