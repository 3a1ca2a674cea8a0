"""Logistic regression on window statistics, told the past alone or the whole session.

    python benchmarks/fusion/window_statistics.py RECIPE [key=value ...]

RECIPE is one of `affectfuse crossval` whose modalities are compared with their past
(`stress_predict dataset.root=...`). What fusion is held against: all signals' features side by
side, standardised over the training samples, tested on the subjects of the recipe's folds. Printed
for three ways to take out what people differ in:

- causal: as in the recipe, each window less the same person's past. It works live.
- transductive: the features themselves, standardised over all windows of the same session, those
  that are tested and those that come later among them. It does not work live, and is shown because
  much of the literature does so.
- as they are: the features themselves.

AUROC with 95 % intervals over subjects, of all signals and of each by itself; on the windows that
all three ways know and that have every signal; all of them, and without the first and last labelled
segment of each session.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from heads import CLASSIFIERS, Concatenated
from omegaconf import DictConfig

from affectfuse.config import load_recipe
from affectfuse.containers import Array, Target
from affectfuse.evaluation.drawn_metrics import MAIN_METRIC
from affectfuse.evaluation.fused_scores import drawn_by_seed, over_seeds
from affectfuse.evaluation.resampling import resample
from affectfuse.training.folds import FoldPlan, plan_folds
from affectfuse.training.fused.learner import FusionLearner
from affectfuse.training.fused.preparation import prepare
from affectfuse.training.fused.samples import SampleTable

WAYS = {
    "causal": "less the same person's past",
    "transductive": "standardised over the whole session: not to be had live",
    "as they are": "no person's difference taken out",
}


def without_past(recipe: DictConfig) -> DictConfig:
    """Return the recipe with modalities that give their windows' features themselves."""
    changed = recipe.copy()
    for node in changed.modalities.values():
        for key, nothing in (("past_s", []), ("baseline_s", None)):
            if key in node:
                node[key] = nothing
    return changed


def standardised_by_session(table: SampleTable) -> SampleTable:
    """Return features less their mean over all windows of their session, in its deviations."""
    samples = {}
    for name, values in table.samples.items():
        found = np.zeros_like(values)
        for key in np.unique(table.keys):
            rows = (table.keys == key) & table.present[name]
            own = values[rows]
            found[rows] = (own - own.mean(0)) / np.maximum(own.std(0), 1e-6)
        samples[name] = found
    return replace(table, samples=samples)


def places(table: SampleTable) -> Array:
    """Return (row,) words that name each window with every signal."""
    matched = np.logical_and.reduce(list(table.present.values()))
    words = [f"{k} {t:.3f}" for k, t in zip(table.keys, table.times_s, strict=True)]
    return np.where(matched, np.array(words), "")


def in_the_middle(table: SampleTable) -> Array:
    """Return which rows are of neither the first nor the last labelled segment of a session."""
    inside = np.ones(len(table), bool)
    for key in np.unique(table.keys):
        rows = table.keys == key
        numbers = table.segments[rows]
        inside[rows] = (numbers > numbers.min()) & (numbers < numbers.max())
    return inside


def said_unseen(
    table: SampleTable, learner: FusionLearner, plan: FoldPlan, target: Target, seed: int
) -> Array:
    """Return (row, class) probabilities, each by a classifier that has not seen its subject."""
    said = np.full((len(table), len(target.classes)), np.nan)
    for split in plan_folds(plan, learner.examples).values():
        train = table.of_subjects({*split.train, *split.validation})
        classifier = Concatenated(CLASSIFIERS["logistic regression"](seed), train, target.name)
        tested = np.isin(table.subjects, split.test)
        of_tested = table.take(tested)
        said[tested] = classifier(of_tested, of_tested.present)
    return said


def main() -> None:
    """Cut the samples, or read them from the cache; print the table."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("recipe")
    asked.add_argument("overrides", nargs="*")
    given = asked.parse_args()
    recipe = load_recipe(given.recipe, given.overrides)
    prepared, raw = prepare(recipe), prepare(without_past(recipe))
    causal, as_they_are = prepared.samples(), raw.samples()
    tables = {
        "causal": causal,
        "transductive": standardised_by_session(as_they_are),
        "as they are": as_they_are,
    }
    common = np.intersect1d(places(causal), places(as_they_are))
    common = common[common != ""]
    [target, *_] = prepared.plan.targets
    metric = MAIN_METRIC[target.kind]
    print(f"{'':13}{'':23}{metric.upper() + ', all windows':25}middle segments")
    for way, whole in tables.items():
        table = whole.take(np.isin(places(whole), common))
        learner = FusionLearner(table, prepared.plan, prepared.configs)
        parts = {"all": in_the_middle(table) | True, "middle": in_the_middle(table)}
        for shown in ("all signals", *sorted(table.samples)):
            kept = {n: values for n, values in table.samples.items() if shown in (n, "all signals")}
            part = replace(table, samples=kept)
            said = said_unseen(part, learner, prepared.split, target, recipe.seed)
            cells = []
            for rows in parts.values():
                drawn = resample(table.subjects[rows], recipe.draws, recipe.seed)
                truth = table.labels[target.name][rows]
                found = drawn_by_seed(target, truth, said[None, rows], drawn)
                value, _ = over_seeds(found, drawn)[metric]
                cells.append(f"{value.value:.3f} [{value.low:.3f}, {value.high:.3f}]    ")
            print(f"{way:13}{shown:23}" + "".join(cells), flush=True)
    for way, meaning in WAYS.items():
        print(f"{way}: {meaning}")
    print(f"{len(common)} windows of {len(np.unique(table.subjects))} subjects, {given.recipe}")


if __name__ == "__main__":
    main()
