"""How the pool's weights and calibration are best fitted, on people who do not exist.

    OMP_NUM_THREADS=1 python benchmarks/fusion/simulated_people.py [--sets N] [--people N]

Each set has people with 46 windows each in rest and stress, and four modalities whose noise goes
on from window to window and to which each person responds in a way of their own beside the common
one: two good ones, a weak one, one of noise. One person is left out at a time. The models are
those of the recipe `stress_predict`, trained as it says, so that choices about them need not be
made on real people.

Printed for ways of fitting, means over the sets: AUROC with all modalities, and negative
log-likelihood; the temperature that would have been right for people left out (above 1: the
estimates were too sure); what the noise costs; how many of the 15 subsets are significantly below
the best single modality that they hold (a paired bootstrap over people; by chance .38 where
nothing is), single ones among them; sets in which confidence rises when a modality is removed, and
by how much at most; the weight of the noise.

- kept: inner folds trained again for the chosen epochs; a weight less than its standard error over
  people is 0; a modality alone weighs .2 at least.
- every weight: those less than their standard error are kept too.
- held-out chose: what inner folds said at the epoch that their held-out people chose themselves.
- as beside others: a modality alone has the weight that it has beside others, which may be 0.
- own estimate: a modality alone says exactly what its own head says at its own temperature.
- everywhere: a weight is .2 at least, beside others too.
- weights of 1: nothing is fitted but the temperature.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from affectfuse.caching import available_cores
from affectfuse.config import load_recipe
from affectfuse.containers import Array, Target
from affectfuse.datasets.splits import Split, grouped_k_fold
from affectfuse.evaluation.fused import FUSED, FusedPredictions, subset_name
from affectfuse.evaluation.subsets import Robustness, measure_subsets
from affectfuse.fusion.outputs import Outputs, calibrated
from affectfuse.modalities.features import Features
from affectfuse.training.fitting import deterministic, torch_threads
from affectfuse.training.fused.calibration import fit_temperature
from affectfuse.training.fused.evaluation import predict
from affectfuse.training.fused.inner_folds import HeldOut, ask_folds, learn_inner_folds
from affectfuse.training.fused.module import TrainingSettings
from affectfuse.training.fused.pooling import fit_pool_weights
from affectfuse.training.fused.samples import SampleTable
from affectfuse.training.fused.training import FusedTraining, FusionPlan
from affectfuse.training.recipes import container, settings_of

STATE = Target("state", ("rest", "stress"), "window", "simulated")
OUTPUTS = Outputs([STATE])
SHIFTS = {"good": 0.9, "as_good": 0.85, "noise": 0.0, "weak": 0.4}
WIDTHS = {"good": 8, "as_good": 8, "noise": 4, "weak": 8}
SEGMENTS = [(9, 0), (6, 1), (5, 0), (10, 1), (5, 0), (2, 1), (9, 0)]  # windows, class
SUBSETS = [s for size in range(1, 5) for s in combinations(sorted(SHIFTS), size)]
KEPT = "kept"
WAYS = (
    KEPT, "every weight", "held-out chose", "as beside others", "own estimate", "everywhere",
    "weights of 1",
)  # fmt: skip
LEAST_ALONE = 0.2
Evidence = dict[str, Tensor]
Heard = tuple[Evidence, Tensor, Array]  # evidence, labels, subjects


def simulated(people: int, seed: int) -> SampleTable:
    """Return the windows of so many people."""
    rng = np.random.default_rng(seed)
    truth = np.concatenate([[label] * count for count, label in SEGMENTS])
    windows = len(truth)
    found: dict[str, list[Array]] = {name: [] for name in SHIFTS}
    for _ in range(people):
        for place, (name, width) in enumerate(WIDTHS.items()):
            noise = rng.normal(size=(windows, width))
            for row in range(1, windows):
                noise[row] = 0.8 * noise[row - 1] + 0.6 * noise[row]
            common = np.random.default_rng(place).normal(size=width)
            common *= 1.5 * SHIFTS[name] * max(0.0, rng.normal(1, 0.6)) / np.linalg.norm(common)
            response = common + rng.normal(0, 0.3, width)
            found[name].append(noise + rng.normal(0, 0.5, width) + truth[:, None] * response)
    who = np.repeat([f"s{number:02d}" for number in range(people)], windows)
    rows = len(who)
    return SampleTable(
        {name: np.concatenate(parts).astype(np.float32) for name, parts in found.items()},
        {name: np.ones(rows, bool) for name in SHIFTS},
        {name: np.ones(rows, np.float32) for name in SHIFTS},
        {STATE.name: np.tile(truth, people)}, who, who, np.full(rows, ""),
        np.tile(np.arange(windows) * 60.0, people), np.zeros(rows, np.int64), np.full(rows, 60.0),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """What a model says of the person left out, and what inner folds said of the others."""

    prior: Tensor
    kept: Heard
    held_out_chose: Heard
    test: Evidence


def learnt(table: SampleTable, who: str, seed: int) -> Fold:
    """Return the fold that leaves this person out."""
    recipe = load_recipe("stress_predict", ["dataset.root=none"])
    settings = settings_of(recipe, "training", TrainingSettings, "train")
    modalities = {name: Features(name, width) for name, width in WIDTHS.items()}
    plan = FusionPlan(modalities, container(recipe.fusion), (STATE,), settings)
    training = FusedTraining(table, plan, seed, None, None, None)
    others = tuple(sorted({*table.subjects.tolist()} - {who}))
    with deterministic(seed):
        kept, epochs = learn_inner_folds(training, Split(others, (), ()))
        folds = list(grouped_k_fold(others, settings.inner_folds, 0.0, seed))
        chose, _ = ask_folds(training, folds, settings.max_epochs, stop_early=True)
        model, _, _ = training.train(Split(others, (), ()), epochs, "model")
    said, prior = predict(model, table.of_subjects([who])), model.prior_logits
    test = {name: logits - prior for name, logits in said.modality_logits.items()}
    return Fold(prior, _evidence(kept, prior), _evidence(chose, prior), test)


def _evidence(held_out: HeldOut, prior: Tensor) -> Heard:
    own = held_out.said_with(prior).modality_logits
    truth = torch.from_numpy(held_out.rows.labels[STATE.name])
    return {name: logits - prior for name, logits in own.items()}, truth, held_out.rows.subjects


def said(fold: Fold, way: str) -> tuple[dict[tuple[str, ...], Tensor], Evidence, dict[str, float]]:
    """Return logits of the person left out by subset, each modality's own, and the weights."""
    evidence, truth, who = fold.held_out_chose if way == "held-out chose" else fold.kept
    prior, names = fold.prior, sorted(SHIFTS)
    labels = {STATE.name: truth.numpy()}
    if way == "every weight":
        who = np.zeros(len(who))
    weights = fit_pool_weights(evidence, labels, who, OUTPUTS, prior, torch.ones(2))
    if way == "weights of 1":
        weights = dict.fromkeys(names, 1.0)
    elif way == "everywhere":
        weights = {name: max(weight, LEAST_ALONE) for name, weight in weights.items()}
    alone = {name: max(weight, LEAST_ALONE) for name, weight in weights.items()}
    if way == "as beside others":
        alone = weights
    fused = prior + sum(weights[name] * evidence[name] for name in names)
    temperature = fit_temperature(fused, truth, prior)
    cooled = {name: fit_temperature(prior + evidence[name], truth, prior) for name in names}
    own = {name: calibrated(prior + fold.test[name], prior, cooled[name]) for name in names}
    found = {}
    for subset in SUBSETS:
        at = alone if len(subset) == 1 else weights
        logits = prior + sum(at[name] * fold.test[name] for name in subset)
        found[subset] = calibrated(logits, prior, temperature)
        if way == "own estimate" and len(subset) == 1:
            found[subset] = own[subset[0]]
    return found, own, weights


def figures(folds: list[Fold], table: SampleTable, way: str) -> dict[str, float]:
    """Return a way's figures on one set."""
    parts = [said(fold, way) for fold in folds]
    fused = {s: torch.cat([found[s] for found, _, _ in parts]) for s in SUBSETS}
    own = {n: torch.cat([alone[n] for _, alone, _ in parts]) for n in SHIFTS}
    robust = _robustness(fused, own, table)
    auroc = {score.modalities: score.metrics["auroc"].value for score in robust.subsets}
    below = [score for score in robust.subsets if score.below_single]
    rises = max(removal.change.value for removal in robust.removals)
    everything, without = SUBSETS[-1], tuple(n for n in sorted(SHIFTS) if n != "noise")
    truth = torch.from_numpy(table.labels[STATE.name])
    priors = torch.cat(
        [f.prior.expand(len(p[0][everything]), -1) for f, p in zip(folds, parts, strict=True)]
    )
    return {
        "AUROC": auroc[everything],
        "NLL": float(functional.cross_entropy(fused[everything], truth)),
        "temperature": _right_temperature(fused[everything], truth, priors),
        "noise costs": auroc[without] - auroc[everything],
        "below": len(below),
        "single": sum(len(score.modalities) == 1 for score in below),
        "rises": float(rises >= 0.001),
        "by at most": rises,
        "weight of noise": float(np.mean([weights["noise"] for _, _, weights in parts])),
    }


def _right_temperature(logits: Tensor, truth: Tensor, priors: Tensor) -> float:
    grid = np.arange(0.5, 2.5, 0.01)
    losses = [functional.cross_entropy(priors + (logits - priors) / t, truth) for t in grid]
    return float(grid[np.argmin(losses)])


def _robustness(
    fused: dict[tuple[str, ...], Tensor], own: Evidence, table: SampleTable
) -> Robustness:
    everything = SUBSETS[-1]
    as_said = {s: logits.softmax(-1).numpy()[None] for s, logits in fused.items()}
    predictions = FusedPredictions(
        (STATE,), table.keys, table.subjects, table.databases, table.times_s, table.segments,
        table.durations_s, table.labels, table.present,
        {FUSED: as_said[everything], **{n: o.softmax(-1).numpy()[None] for n, o in own.items()}},
        np.zeros((1, len(table)), int),
        {subset_name(s): values for s, values in as_said.items() if s != everything},
        {}, {}, 0.9, {},
    )  # fmt: skip
    return measure_subsets(predictions, STATE, 500, 0)


def one_set(people: int, seed: int) -> dict[str, dict[str, float]]:
    """Return each way's figures on one set of people."""
    table = simulated(people, seed)
    with torch_threads(1):
        folds = [learnt(table, who, seed) for who in sorted(set(table.subjects.tolist()))]
        return {way: figures(folds, table, way) for way in WAYS}


def main() -> None:
    """Train all sets, as many side by side as there are cores; print the table."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--sets", type=int, default=16)
    asked.add_argument("--people", type=int, default=18)
    asked.add_argument("--first", type=int, default=900, help="seed of the first set")
    given = asked.parse_args()
    seeds = range(given.first, given.first + given.sets)
    with ProcessPoolExecutor(available_cores()) as processes:
        sets = []
        for seed, found in zip(
            seeds, processes.map(partial(one_set, given.people), seeds), strict=True
        ):
            sets.append(found)
            latest = "  ".join(f"{name} {value:.3f}" for name, value in found[KEPT].items())
            print(f"set {seed}: {latest}", flush=True)
    columns = list(sets[0][KEPT])
    print(f"{'':18}" + "".join(f"{name:>17}" for name in columns))
    for way in WAYS:
        cells = {name: float(np.mean([found[way][name] for found in sets])) for name in columns}
        cells["by at most"] = max(found[way]["by at most"] for found in sets)
        print(f"{way:18}" + "".join(f"{cell:17.4f}" for cell in cells.values()))
    print(f"{given.sets} sets of {given.people} people")


if __name__ == "__main__":
    main()
