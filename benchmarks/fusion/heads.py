"""Fusion heads against each other and against scikit-learn on concatenated features.

    python benchmarks/fusion/heads.py RECIPE [--out DIR] [--heads NAME ...] [key=value ...]

RECIPE is one of `affectfuse crossval` (`stress_predict dataset.root=...`). Every model sees the
same samples in the same folds. The classifiers of scikit-learn get all modalities' samples side by
side, standardised over the training samples, an absent one as its mean, with flags of presence.
What each fold of a head gave is kept in DIR, so that an ended run goes on.

Prints AUROC, ECE and Brier score on the samples at which every modality is present, 95 % intervals
over subjects; over all 2^M - 1 subsets of the modalities the least AUROC, how many are
significantly below the best single modality that they hold (by itself with the same head; those of
scikit-learn with the default one, or the last), and by how much the mean confidence
rises at most when one is removed; and the CPU seconds of one training of the main model.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from affectfuse.config import load_node, load_recipe, names
from affectfuse.containers import Array
from affectfuse.datasets.splits import Split
from affectfuse.evaluation.drawn_metrics import MAIN_METRIC
from affectfuse.evaluation.fused import FUSED, FusedPredictions, subset_name
from affectfuse.evaluation.fused_scores import score_subset
from affectfuse.evaluation.subsets import measure_subsets
from affectfuse.training.fitting import torch_threads
from affectfuse.training.folds import plan_folds
from affectfuse.training.fused.crossval import cross_validate_fused
from affectfuse.training.fused.fusion import fit_fusion
from affectfuse.training.fused.learner import FusionLearner
from affectfuse.training.fused.preparation import Prepared, prepare
from affectfuse.training.fused.samples import SampleTable
from affectfuse.training.recipes import container

DEFAULT = "log_linear_pool"
Make = Callable[[int], Any]
CLASSIFIERS: dict[str, Make] = {
    "logistic regression": lambda seed: LogisticRegression(
        C=0.1, class_weight="balanced", max_iter=1000
    ),
    "random forest": lambda seed: RandomForestClassifier(
        300, min_samples_leaf=5, class_weight="balanced", random_state=seed, n_jobs=1
    ),
    "gradient boosting": lambda seed: HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.05, class_weight="balanced", random_state=seed
    ),
}


class Concatenated:
    """A classifier of scikit-learn over all modalities' samples side by side."""

    def __init__(self, classifier: Any, table: SampleTable, target: str) -> None:
        self._names = sorted(table.samples)
        self._mean, self._scale = {}, {}
        for name in self._names:
            here = table.samples[name][table.present[name]].reshape(table.present[name].sum(), -1)
            self._mean[name], self._scale[name] = here.mean(0), here.std(0) + 1e-9
        known = table.labels[target] >= 0
        self._classifier = classifier
        self._classifier.fit(
            self._features(table, table.present)[known], table.labels[target][known]
        )

    def __call__(self, table: SampleTable, present: Mapping[str, Array]) -> Array:
        return np.asarray(self._classifier.predict_proba(self._features(table, present)))

    def _features(self, table: SampleTable, present: Mapping[str, Array]) -> Array:
        parts = []
        for name in self._names:
            flat = table.samples[name].reshape(len(table), -1)
            known = (flat - self._mean[name]) / self._scale[name]
            here = present[name][:, None]
            parts += [np.where(here, known, 0.0), here.astype(float)]
        return np.concatenate(parts, axis=1)


def baseline(
    make: Make, prepared: Prepared, table: SampleTable, like: FusedPredictions, seeds: Sequence[int]
) -> tuple[FusedPredictions, float]:
    """Return what a classifier says of the same samples, and the CPU seconds of one training."""
    [target, *_] = prepared.plan.targets
    folds = plan_folds(
        prepared.split, FusionLearner(table, prepared.plan, prepared.configs).examples
    )
    modalities = sorted(table.samples)
    shown = [s for size in range(1, len(modalities) + 1) for s in combinations(modalities, size)]
    said = {s: np.full((len(seeds), len(table), len(target.classes)), np.nan) for s in shown}
    cpu_s = 0.0
    for place, seed in enumerate(seeds):
        for split in folds.values():
            subjects = {*split.train, *split.validation}
            train, test = table.of_subjects(subjects), np.isin(table.subjects, split.test)
            began = time.process_time()
            model = Concatenated(make(seed), train, target.name)
            cpu_s += time.process_time() - began
            tested = table.take(test)
            for subset, values in said.items():
                present = {n: tested.present[n] & (n in subset) for n in modalities}
                values[place, test] = model(tested, present)
    rows = np.isfinite(said[shown[-1]]).all(axis=(0, 2))
    parts = {s: values[:, rows] for s, values in said.items()}
    estimates = {**like.estimates, FUSED: parts[shown[-1]]}
    subsets = {subset_name(s): values for s, values in parts.items() if len(s) < len(modalities)}
    return replace(like, estimates=estimates, subsets=subsets), cpu_s / (len(seeds) * len(folds))


def line(name: str, found: FusedPredictions, draws: int, cpu_s: float) -> str:
    """Return a row of the table."""
    target = found.targets[0]
    scores, _ = score_subset(found, target, "matched", found.matched, None, draws, 0)
    of = {score.metric: score.found for score in scores if score.estimate == FUSED}
    robust = measure_subsets(found, target, draws, 0)
    least = min(s.metrics[robust.metric].value for s in robust.subsets)
    below = sum(s.below_single for s in robust.subsets)
    rise = max((r.change.value for r in robust.removals), default=float("nan"))
    cells = [f"{of[m].value:.3f} [{of[m].low:.3f}, {of[m].high:.3f}]"
             for m in (MAIN_METRIC[target.kind], "ece", "brier")]  # fmt: skip
    return (
        f"{name:24}  " + "  ".join(f"{cell:21}" for cell in cells)
        + f"  {least:9.3f}  {below:5d} of {len(robust.subsets)}  {rise:+9.3f}  {cpu_s:6.2f}"
    )  # fmt: skip


def cpu_seconds(prepared: Prepared, table: SampleTable) -> float:
    """Return the CPU seconds of one training, as long as the recipe allows, in one thread."""
    settings = replace(prepared.plan.settings, inner_folds=0)
    subjects = sorted(set(table.subjects.tolist()))
    with torch_threads(1):
        began = time.process_time()
        fit_fusion(
            table, Split(tuple(subjects[1:]), (), ()), replace(prepared.plan, settings=settings), 0
        )
    return time.process_time() - began


def main() -> None:
    """Run or read all, print the table."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("recipe")
    asked.add_argument("--out", type=Path, default=Path("out/heads"))
    asked.add_argument("--heads", nargs="*", default=names("fusion"))
    asked.add_argument("overrides", nargs="*")
    given = asked.parse_intermixed_args()
    overrides = [text for text in given.overrides if "=" in text]
    heads = [text for text in given.heads if "=" not in text]
    overrides += [text for text in given.heads if "=" in text]
    recipe = load_recipe(given.recipe, overrides)
    print(f"{'':24}  {'AUROC':21}  {'ECE':21}  {'Brier':21}  least sub  below single  "
          "rises by  CPU s a training")  # fmt: skip
    said = {}
    for head in heads:
        recipe.fusion = load_node("fusion", head)
        result = cross_validate_fused(recipe, given.out / head)
        prepared = prepare(recipe)
        table = prepared.samples()
        said[head] = result.predictions
        print(line(head, said[head], result.draws, cpu_seconds(prepared, table)), flush=True)
    like = said.get(DEFAULT, said[heads[-1]])
    for name, make in CLASSIFIERS.items():
        found, cpu_s = baseline(make, prepared, table, like, result.seeds)
        print(line(f"scikit-learn {name}"[13:], found, result.draws, cpu_s), flush=True)
    print(f"{container(recipe)['seeds']} seeds, {len(like)} samples of "
          f"{len(np.unique(like.subjects))} subjects, {given.recipe}")  # fmt: skip


if __name__ == "__main__":
    main()
