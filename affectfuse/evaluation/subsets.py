"""What is left of a fused model when modalities are missing, on samples that have them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array, Target
from affectfuse.evaluation.bootstrap import Measured
from affectfuse.evaluation.decisions import decide
from affectfuse.evaluation.drawn_metrics import MAIN_METRIC
from affectfuse.evaluation.fused import FUSED, FusedPredictions, subset_name
from affectfuse.evaluation.fused_scores import difference_by_draw, drawn_by_seed, over_seeds
from affectfuse.evaluation.resampling import Resampling, resample

__all__ = ["Removal", "Robustness", "SubsetScore", "measure_subsets"]

_LEAST_RISE = 0.001
"""A rise of the mean confidence below this is none: it would not be seen in three decimals."""


@dataclass(frozen=True, slots=True, eq=False)
class SubsetScore:
    """The fused estimate when only some modalities are shown to the model.

    Attributes:
        modalities: those, sorted.
        metrics: by name, the mean over seeds with its interval over subjects.
        confidence: mean probability of what is decided; NaN for scales.
        single: the modality among them that is best by itself, by the main metric on these very
            samples; chosen in its own favour, so that the comparison is strict.
        difference: main metric of the fused estimate less that of `single` by itself.
        p_value: of the difference, two-sided.
    """

    modalities: tuple[str, ...]
    metrics: Mapping[str, Measured]
    confidence: Measured
    single: str
    difference: Measured
    p_value: float

    @property
    def name(self) -> str:
        """Its modalities in a line."""
        return subset_name(self.modalities)

    @property
    def below_single(self) -> bool:
        """Whether it is significantly worse than one of its modalities alone."""
        return self.difference.high < 0.0


@dataclass(frozen=True, slots=True)
class Removal:
    """One modality is taken away: how the mean confidence changes.

    Attributes:
        modalities: shown before, sorted.
        removed: the one that is taken away.
        change: mean confidence after less before, with its interval over subjects.
    """

    modalities: tuple[str, ...]
    removed: str
    change: Measured

    @property
    def rises(self) -> bool:
        """Whether the model is surer with less to go by."""
        return self.change.value >= _LEAST_RISE


@dataclass(frozen=True, slots=True, eq=False)
class Robustness:
    """All subsets of the modalities, the greatest first, and every removal of one.

    Attributes:
        target: its name.
        metric: the main metric.
        subsets, removals: see there; removals are empty for scales, which have no confidence.
        rows, subjects: samples with all modalities, and whose.
    """

    target: str
    metric: str
    subsets: tuple[SubsetScore, ...]
    removals: tuple[Removal, ...]
    rows: int
    subjects: int


def measure_subsets(
    predictions: FusedPredictions, target: Target, draws: int, seed: int
) -> Robustness:
    """Return how the fused estimate of a target holds up without some of the modalities.

    The rule that confidence must not rise: Ma et al. 2023, arXiv:2306.01265.
    """
    here = predictions.take(predictions.labelled(target) & predictions.matched)
    truth, part = here.labels[target.name], here.outputs_of(target)
    drawn = resample(here.subjects, draws, seed)
    metric = MAIN_METRIC[target.kind]
    alone = {n: drawn_by_seed(target, truth, here.estimates[n][..., part], drawn)
             for n in here.modalities if n in here.estimates}  # fmt: skip
    worth = {name: float(np.nan_to_num(found[metric][:, 0].mean(), nan=-np.inf))
             for name, found in alone.items()}  # fmt: skip

    scores, confidence = [], {}
    for shown, values in _shown(here).items():
        said = values[..., part]
        found = drawn_by_seed(target, truth, said, drawn)
        best = max(shown, key=lambda name: worth[name])
        apart, p_value = difference_by_draw(found, alone[best], drawn)[metric]
        metrics = {name: value for name, (value, _) in over_seeds(found, drawn).items()}
        confidence[shown] = _confidence(target, truth, said, drawn)
        sure = drawn.interval(confidence[shown])
        scores.append(SubsetScore(shown, metrics, sure, best, apart, p_value))

    removals = [
        Removal(shown, removed, drawn.interval(confidence[less] - before))
        for shown, before in confidence.items()
        for removed in shown
        if (less := tuple(name for name in shown if name != removed)) in confidence
    ]
    return Robustness(
        target.name,
        metric,
        tuple(scores),
        () if target.kind == "scales" else tuple(removals),
        len(here),
        len(np.unique(here.subjects)),
    )


def _shown(predictions: FusedPredictions) -> dict[tuple[str, ...], Array]:
    """Return the fused estimates by the modalities that were shown, the most of them first."""
    found = {tuple(name.split(" + ")): values for name, values in predictions.subsets.items()}
    found[predictions.modalities] = predictions.estimates[FUSED]
    return dict(sorted(found.items(), key=lambda item: (-len(item[0]), item[0])))


def _confidence(target: Target, truth: Array, values: Array, drawn: Resampling) -> Array:
    """Return the mean confidence by draw, the mean over seeds."""
    if target.kind == "scales":
        return np.full(len(drawn.weights), np.nan)
    decisions = decide(target, truth, values, drawn)
    return decisions.resampling.mean(decisions.confidence.mean(0))
