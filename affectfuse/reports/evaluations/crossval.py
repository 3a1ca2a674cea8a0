"""The outputs of a cross-validation: predictions, scores, confusion, printed table, page."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from affectfuse.evaluation.recognition import RecognitionGroup
from affectfuse.reports.html import render_page
from affectfuse.reports.strict_json import strict_json
from affectfuse.reports.text_tables import (
    aligned,
    cell,
    csv_text,
    interval,
    interval_cells,
    interval_text,
)
from affectfuse.reports.writing import write_files
from affectfuse.training.recognition.crossval import CrossValidation

__all__ = ["CROSSVAL_OUTPUTS", "crossval_table", "write_crossval"]

SCHEMA_VERSION = "1.0"
CROSSVAL_OUTPUTS = (
    "predictions.csv",
    "scores.csv",
    "confusion.csv",
    "crossval.json",
    "crossval.html",
)
"""Every file of a cross-validation, beside the folder of its folds."""

_TITLES = {"uf1": "UF1", "uar": "UAR", "accuracy": "Accuracy", "f1": "F1", "recall": "Recall"}


def write_crossval(result: CrossValidation, out: Path) -> Path:
    """Write all outputs into the folder `out`, all or none; return the path of the page.

    Raises:
        OutputError: when the folder cannot be written to.
    """
    files = {
        "predictions.csv": predictions_csv(result),
        "scores.csv": scores_csv(result),
        "confusion.csv": confusion_csv(result),
        "crossval.json": strict_json(_summary(result)) + "\n",
        "crossval.html": _page(result),
    }
    write_files(out, files, owned=CROSSVAL_OUTPUTS)
    return out / "crossval.html"


def crossval_table(result: CrossValidation) -> str:
    """Return the scores as aligned text, with chance, probes and notes."""
    rows = [["", "clips", "subjects", "UF1 [95 %]", "UAR [95 %]", "accuracy [95 %]", "UF1 by seed"]]
    for group in result.groups:
        shown = [interval_text(group.scores[name]) for name in ("uf1", "uar", "accuracy")]
        by_seed = ", ".join(f"{value:.3f}" for value in group.seeds["uf1"])
        rows.append([group.name, str(group.clips), str(group.subjects), *shown, by_seed])
    whole = result.groups[0]
    classes = [["class", "F1 [95 %]", "recall [95 %]"]]
    for name in result.predictions.classes:
        classes.append([name, interval_text(whole.f1[name]), interval_text(whole.recall[name])])
    mean, high = result.chance
    lines = [
        f"{result.dataset}, {result.plan.protocol}, {result.folds} folds, seeds "
        f"{', '.join(map(str, result.seeds))}; {result.parameters:,} trained parameters",
        *aligned(rows),
        "",
        *aligned(classes),
        "",
        f"UF1 by chance, classes as frequent: {mean:.3f}, 97.5 % below {high:.3f}",
    ]
    lines += [f"{p.question}: UAR {p.uar:.3f} (chance {p.chance:.3f})" for p in result.probes]
    if result.difference:
        found = result.difference
        lines.append(
            f"UF1 minus that of the other run: {interval_text(found.uf1, sign=True)}, paired by "
            f"subject, p = {found.p_value:.4f}"
        )
    lines += [f"left out, no class: {n} clips '{word}'" for word, n in result.left_out.items()]
    lines += [f"skipped: {key}: {reason}" for key, reason in result.skipped.items()]
    lines += [f"note: {note}" for note in result.notes]
    return "\n".join(lines)


def predictions_csv(result: CrossValidation) -> str:
    """Return `predictions.csv`, one row a seed and clip."""
    found = result.predictions
    header = ["seed", "clip", "subject", "database", "label", "predicted"]
    rows = [
        [
            str(seed),
            found.keys[row],
            found.subjects[row],
            found.databases[row],
            found.classes[found.labels[row]],
            found.classes[found.predicted[place, row]],
            *(f"{p:.5f}" for p in found.probabilities[place, row]),
        ]
        for place, seed in enumerate(result.seeds)
        for row in range(len(found))
    ]
    return csv_text([*header, *(f"p_{name}" for name in found.classes)], rows)


def scores_csv(result: CrossValidation) -> str:
    """Return `scores.csv`, one row a group and score; NaN where undefined."""
    rows = []
    for group in result.groups:
        about = [group.name, str(group.clips), str(group.subjects)]
        for metric, found in group.scores.items():
            seeds = [cell(value) for value in group.seeds[metric]]
            rows.append([*about, "", metric, *interval_cells(found), " ".join(seeds)])
        for metric, by_class in (("f1", group.f1), ("recall", group.recall)):
            for name, found in by_class.items():
                rows.append([*about, name, metric, *interval_cells(found), ""])
    header = ["group", "clips", "subjects", "class", "score", "value", "low_95", "high_95"]
    return csv_text([*header, "by_seed"], rows)


def confusion_csv(result: CrossValidation) -> str:
    """Return `confusion.csv`: clips by group and class (row), and what they were taken for."""
    classes = result.predictions.classes
    rows = [
        [group.name, name, *(cell(value) for value in counts)]
        for group in result.groups
        for name, counts in zip(classes, group.confusion.tolist(), strict=True)
    ]
    return csv_text(["group", "class", *classes], rows)


def _page(result: CrossValidation) -> str:
    provenance = dict(result.provenance)
    folded = {"versions", "configuration"}
    return render_page(
        "crossval.html.j2",
        ["crossval.js"],
        {
            "classes": result.predictions.classes,
            "confusion": [
                {"name": group.name, "counts": group.confusion} for group in result.groups
            ],
        },
        result=result,
        titles=_TITLES,
        facts_shown={k: v for k, v in provenance.items() if k not in folded},
        everything=strict_json(provenance),
    )


def _summary(result: CrossValidation) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "dataset": result.dataset,
        "split": asdict(result.plan),
        "folds": result.folds,
        "seeds": result.seeds,
        "permuted": result.permuted,
        "groups": [_group(group) for group in result.groups],
        "chance_uf1": {"mean": result.chance[0], "percentile_97_5": result.chance[1]},
        "probes": [asdict(probe) for probe in result.probes],
        "difference": None
        if result.difference is None
        else {"uf1": interval(result.difference.uf1), "p_value": result.difference.p_value},
        "parameters": result.parameters,
        "seconds": result.seconds,
        "left_out": result.left_out,
        "skipped": result.skipped,
        "notes": result.notes,
        "provenance": result.provenance,
    }


def _group(group: RecognitionGroup) -> dict[str, Any]:
    return {
        "name": group.name,
        "clips": group.clips,
        "subjects": group.subjects,
        "scores": {name: interval(found) for name, found in group.scores.items()},
        "by_seed": group.seeds,
        "f1": {name: interval(found) for name, found in group.f1.items()},
        "recall": {name: interval(found) for name, found in group.recall.items()},
        "confusion": group.confusion,
    }
