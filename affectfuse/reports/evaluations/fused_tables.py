"""What is written of an evaluation of fused models, whatever run it is of: tables and text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Protocol

from affectfuse.evaluation.bootstrap import Measured
from affectfuse.evaluation.drawn_metrics import metric_names
from affectfuse.evaluation.fused import FusedPredictions
from affectfuse.evaluation.fused_evaluation import FusedEvaluation, TargetEvaluation
from affectfuse.evaluation.fused_scores import ALL, MATCHED, FusedScore
from affectfuse.reports.text_tables import (
    aligned,
    cell,
    csv_text,
    interval,
    interval_cells,
    interval_text,
)

__all__ = [
    "METRIC_TITLES",
    "FusedRun",
    "differences_csv",
    "fused_lines",
    "fused_summary",
    "scores_csv",
]

METRIC_TITLES = {
    "auroc": "AUROC",
    "uar": "UAR",
    "uf1": "UF1",
    "accuracy": "Accuracy",
    "ece": "ECE",
    "brier": "Brier score",
    "ccc": "CCC",
    "pearson_r": "Pearson r",
    "mae": "MAE",
}


class FusedRun(Protocol):
    """A run of fused models that was measured: a cross-validation, or a test of a trained one."""

    @property
    def dataset(self) -> str: ...
    @property
    def predictions(self) -> FusedPredictions: ...
    @property
    def evaluation(self) -> FusedEvaluation: ...
    @property
    def draws(self) -> int: ...
    @property
    def parameters(self) -> int: ...
    @property
    def skipped(self) -> Mapping[str, str]: ...
    @property
    def notes(self) -> Mapping[str, str]: ...
    @property
    def provenance(self) -> Mapping[str, Any]: ...


def fused_lines(result: FusedRun) -> list[str]:
    """Return what was found as lines of text: scores, differences, trust, side doors, notes."""
    lines = []
    for found in result.evaluation.targets:
        lines += ["", f"{found.target.name}: {found.rows} samples of {found.subjects} subjects"]
        lines += _scores(found) + _differences(found) + _trust(found) + _side_doors(found)
        lines += _groups(found)
    lines += [f"skipped: {key}: {reason}" for key, reason in result.skipped.items()]
    return [*lines, *(f"note: {note}" for note in result.evaluation.notes)]


def fused_summary(result: FusedRun) -> dict[str, Any]:
    """Return what was found as plain data."""
    return {
        "draws": result.draws,
        "samples": len(result.predictions),
        "modalities": result.predictions.modalities,
        "best_single_chosen": result.evaluation.chosen,
        "targets": [_plain(found) for found in result.evaluation.targets],
        "parameters": result.parameters,
        "skipped": result.skipped,
        "notes": [*result.evaluation.notes],
        "corrections": result.notes,
        "provenance": result.provenance,
    }


def _scores(found: TargetEvaluation) -> list[str]:
    names = metric_names(found.target)
    rows = [["", "samples", *(f"{METRIC_TITLES[name]} [95 %]" for name in names)]]
    shown = [(s.estimate, s.subset, s) for s in found.scores if s.metric == found.metric]
    for estimate, subset, score in shown:
        each = [found.score(estimate, subset, name) for name in names]
        words = [interval_text(one.found) for one in each if one is not None]
        rows.append([f"{estimate}, {subset}", str(score.rows), *words])
    return aligned(rows)


def _differences(found: TargetEvaluation) -> list[str]:
    return [
        f"{METRIC_TITLES[d.metric]} fused minus {d.other}: {interval_text(d.found, sign=True)}, "
        f"paired by subject, p = {d.p_value:.4f}, {d.rows} samples"
        for d in (*found.differences, *found.against)
        if d.metric == found.metric and d.rows
    ]


def _trust(found: TargetEvaluation) -> list[str]:
    lines = []
    if found.calibration:
        word = "within" if found.calibration.within_noise else "above"
        lines.append(
            f"ECE {interval_text(found.calibration.ece)}: {word} the noise of a calibrated model "
            f"(95 % below {found.calibration.expected_high:.3f})"
        )
    if found.risk:
        lines.append(
            f"area under risk and coverage {interval_text(found.risk.area)}: "
            f"{found.risk.optimal:.3f} if confidence told right from wrong, "
            f"{found.risk.random:.3f} if it meant nothing"
        )
    for held in found.conformal:
        word = "contains" if held.holds else "does not contain"
        least, median, greatest = held.spread
        lines.append(
            f"{held.name}: {interval_text(held.overall)} covered, which {word} "
            f"{held.promised:g}; by subject {least:.2f} to {greatest:.2f}, median {median:.2f}"
        )
    if found.robustness:
        title = METRIC_TITLES[found.metric]
        for subset in found.robustness.subsets:
            word = "significantly below" if subset.below_single else "not below"
            lines.append(
                f"with {subset.name}: {title} {interval_text(subset.metrics[found.metric])}, "
                f"{word} {subset.single} alone"
            )
        lines += [
            f"confidence rises when {r.removed} is taken from {' + '.join(r.modalities)}: "
            f"{interval_text(r.change, sign=True)}"
            for r in found.robustness.removals
            if r.rises
        ]
    return lines


def _side_doors(found: TargetEvaluation) -> list[str]:
    lines = [
        f"from the {door.told_from} alone: {METRIC_TITLES[door.metric]} {interval_text(door.found)}"
        for door in found.side_doors
    ]
    lines += [
        f"late against early '{drift.word}': AUROC {interval_text(drift.auroc)}, "
        f"{'in' if drift.alike else 'outside'} .4 to .6"
        for drift in found.drift
    ]
    p = found.permutation
    return [
        *lines,
        f"labels of segments in random order: {METRIC_TITLES[p.metric]} {p.chance:.3f}, 95 % below "
        f"{p.chance_high:.3f}; p = {p.p_value:.4f}",
    ]


def _groups(found: TargetEvaluation) -> list[str]:
    lines = []
    for group in found.groups:
        [fused] = [s for s in group.scores if (s.subset, s.metric) == (ALL, found.metric)]
        few = "; too few to say anything of people like them" if group.few else ""
        lines.append(
            f"{group.attribute} {group.value}: {METRIC_TITLES[found.metric]} fused "
            f"{interval_text(fused.found)}, {group.rows} samples of {group.subjects} subjects{few}"
        )
    return lines


def scores_csv(evaluation: FusedEvaluation) -> str:
    """Return `scores.csv`, one row a target, group, estimate, subset of rows and metric.

    Subsets of modalities are the estimate 'fused of NAMES', on the matched rows.
    """
    rows = []
    for found in evaluation.targets:
        rows += [_score(score, "", "") for score in found.scores]
        for group in found.groups:
            rows += [_score(score, group.attribute, group.value) for score in group.scores]
        if found.robustness:
            counts = [str(found.robustness.rows), str(found.robustness.subjects)]
            for subset in found.robustness.subsets:
                about = [found.target.name, "", "", f"fused of {subset.name}", MATCHED]
                measured = {**subset.metrics, "confidence": subset.confidence}
                rows += [
                    [*about, name, *interval_cells(value), "", *counts]
                    for name, value in measured.items()
                ]
    header = ["target", "attribute", "group", "estimate", "subset", "metric", "value", "low_95"]
    return csv_text([*header, "high_95", "by_seed", "samples", "subjects"], rows)


def _score(score: FusedScore, attribute: str, value: str) -> list[str]:
    return [
        score.target,
        attribute,
        value,
        score.estimate,
        score.subset,
        score.metric,
        *interval_cells(score.found),
        " ".join(cell(seed) for seed in score.seeds),
        str(score.rows),
        str(score.subjects),
    ]


def differences_csv(evaluation: FusedEvaluation) -> str:
    """Return `differences.csv`: fused less each other estimate, and less the other run."""
    rows = [
        [d.target, d.metric, d.other, *interval_cells(d.found), cell(d.p_value), str(d.rows),
         str(d.subjects)]
        for found in evaluation.targets
        for d in (*found.differences, *found.against)
    ]  # fmt: skip
    header = ["target", "metric", "fused_minus", "value", "low_95", "high_95", "p_value"]
    return csv_text([*header, "samples", "subjects"], rows)


def _plain(value: Any) -> Any:
    """Return a value as plain data: of a dataclass its fields and what follows from them."""
    if isinstance(value, Measured):
        return interval(value)
    if is_dataclass(value) and not isinstance(value, type):
        derived = [name for name, part in vars(type(value)).items() if isinstance(part, property)]
        names = [*(f.name for f in fields(value)), *derived]
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    return value
