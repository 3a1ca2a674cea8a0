"""The page of an evaluation of fused models, of a cross-validation or of one trained model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from affectfuse.evaluation.bootstrap import Measured
from affectfuse.evaluation.drawn_metrics import metric_names
from affectfuse.evaluation.fused import BEST_SINGLE, FUSED
from affectfuse.evaluation.fused_evaluation import MIDDLE, TargetEvaluation
from affectfuse.evaluation.fused_scores import ALL, MATCHED, FusedDifference
from affectfuse.reports.evaluations.evaluation_page import synthetic_warning
from affectfuse.reports.evaluations.fused_tables import METRIC_TITLES, FusedRun
from affectfuse.reports.html import render_page
from affectfuse.reports.strict_json import strict_json

__all__ = ["FusedPage", "render_fused"]

_LOWER_IS_BETTER = ("ece", "brier", "mae")
_FOLDED = {"versions", "configuration"}
_CHANCE = {"auroc": 0.5, "ccc": 0.0}


@dataclass(frozen=True, slots=True)
class FusedPage:
    """What a page says of the run that its figures are of.

    Attributes:
        title: of the document.
        kicker: the line above the name of the data set.
        about: facts below it.
        of_what: whose figures these are: "Of ..., with intervals over subjects".
        by_seed: whether each seed's value is shown beside.
        summary: name of the JSON file beside the page.
        banner: title and sentence that must be read first, if any.
    """

    title: str
    kicker: str
    about: tuple[str, ...]
    of_what: str
    by_seed: bool
    summary: str
    banner: tuple[str, str] | None = None


def render_fused(result: FusedRun, page: FusedPage) -> str:
    """Return the page as HTML: one file that loads nothing from anywhere."""
    provenance = dict(result.provenance)
    people = len(np.unique(result.predictions.subjects))
    return render_page(
        "fused.html.j2",
        ["fused.js"],
        {"targets": [figures(found) for found in result.evaluation.targets]},
        result=result,
        page=page,
        people=people,
        warning=synthetic_warning(result),
        titles=METRIC_TITLES,
        lower_is_better=_LOWER_IS_BETTER,
        metric_names=metric_names,
        difference_of=difference_of,
        estimates_of=result.predictions.names_of,
        fused=FUSED,
        best_single=BEST_SINGLE,
        subsets={"all": ALL, "matched": MATCHED, "middle": MIDDLE},
        facts_shown={k: v for k, v in provenance.items() if k not in _FOLDED},
        everything=strict_json(provenance),
    )


def difference_of(found: TargetEvaluation, other: str, metric: str) -> FusedDifference | None:
    """Return fused less another estimate, or the other run; None where it was not measured."""
    every = (*found.differences, *found.against)
    return next((d for d in every if (d.other, d.metric) == (other, metric)), None)


def figures(found: TargetEvaluation) -> dict[str, Any]:
    """Return what the plots of one target show, as plain data."""
    drawn: dict[str, Any] = {
        "title": METRIC_TITLES[found.metric],
        "chance": _CHANCE[found.metric],
        "estimates": [
            {
                "name": s.estimate.replace("_", " "),
                "subset": s.subset,
                "seeds": s.seeds,
                **_ends(s.found),
            }
            for s in found.scores
            if s.metric == found.metric and s.subset == MATCHED
        ],
    }
    if found.robustness:
        full = found.robustness.subsets[0].modalities
        drawn["subsets"] = [
            {
                "name": _words(s.modalities, full),
                "below": s.below_single,
                **_ends(s.metrics[found.metric]),
            }
            for s in found.robustness.subsets
        ]
    if found.calibration:
        drawn["bins"] = [
            {"confidence": part.confidence, "rows": part.rows,
             **_ends(Measured(part.share, part.low, part.high))}
            for part in found.calibration.bins
        ]  # fmt: skip
    if found.risk:
        drawn["risk"] = {
            "coverage": np.round(100 * found.risk.coverage, 2),
            "risk": np.round(100 * found.risk.risk, 3),
            "random": 100 * found.risk.random,
        }
    drawn["coverage"] = [
        {
            "promised": held.promised,
            "subjects": [one.subject for one in held.by_subject],
            "held": np.round([one.coverage for one in held.by_subject], 4),
            "rows": [one.rows for one in held.by_subject],
        }
        for held in found.conformal
    ]
    return drawn


def _words(modalities: tuple[str, ...], full: tuple[str, ...]) -> str:
    """Return a subset in few words: 'all', 'without pulse', 'eda + skin temperature'."""
    missing = [name for name in full if name not in modalities]
    if not missing:
        return "all"
    if len(missing) == 1 and len(full) > 2:
        return f"without {missing[0]}".replace("_", " ")
    return " + ".join(modalities).replace("_", " ")


def _ends(found: Measured) -> dict[str, float]:
    return {"value": found.value, "low": found.low, "high": found.high}
