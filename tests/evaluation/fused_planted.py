"""Predictions of fused models whose figures are known, without training any."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np

from affectfuse.containers import Array, Target
from affectfuse.evaluation.fused import BEST_SINGLE, FUSED, FusedPredictions, subset_name

STATE = Target("state", ("rest", "stress"), "window", "planted")
MOOD = Target("mood", ("low", "middle", "high"), "window", "planted")
UNITS = Target("units", ("au4", "au12"), "window", "planted", "labels")
AFFECT = Target("affect", ("valence", "arousal"), "window", "planted", "scales")
NAMES = ("eda", "face", "pulse")


def softmax(logits: Array) -> Array:
    found = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(found / found.sum(-1, keepdims=True))


def planted(
    target: Target = STATE,
    *,
    subjects: int = 12,
    segments: int = 5,
    samples: int = 8,
    seeds: int = 2,
    strength: float = 1.0,
    absent: float = 0.1,
    seed: int = 0,
) -> FusedPredictions:
    """Three modalities of rising strength whose evidence is added up as it should be.

    Every subject has one recording; its segments are rest, stress, rest, ... (their class is the
    number of the segment modulo the number of classes), each of so many samples a minute apart.
    """
    rng = np.random.default_rng(seed)
    each = segments * samples
    who = np.repeat(np.arange(subjects), each)
    segment = np.tile(np.repeat(np.arange(segments), samples), subjects)
    rows = len(who)
    width = len(target.classes)
    if target.kind == "classes":
        labels = segment % width
        truth = np.eye(width)[labels]
    elif target.kind == "labels":
        truth = np.stack([(segment + index) % 2 for index in range(width)], 1).astype(float)
        labels = truth
    else:
        truth = rng.normal(0, 1, (subjects * segments, width)).repeat(samples, 0)
        labels = truth
    found = {}
    for place, name in enumerate(NAMES):
        slope = strength * (place + 1) / 2
        centred = truth - 0.5 if target.kind == "labels" else truth
        seen = slope * centred + rng.normal(0, 1, (rows, width))
        found[name] = slope * seen + rng.normal(0, 0.05, (seeds, rows, width))

    def said(names: tuple[str, ...]) -> Array:
        total = sum((found[name] for name in names), np.zeros((seeds, rows, width)))
        if target.kind == "classes":
            return softmax(total)
        if target.kind == "labels":
            return np.asarray(1 / (1 + np.exp(-total)))
        # Posterior mean of a standard normal truth seen with unit noise by each modality.
        slopes = [strength * (NAMES.index(name) + 1) / 2 for name in names]
        return np.asarray(total / (1 + sum(slope**2 for slope in slopes)))

    smaller = [c for size in (1, 2) for c in combinations(NAMES, size)]
    fused = said(NAMES)
    kind = target.kind
    return FusedPredictions(
        targets=(target,),
        keys=np.array([f"rec{index:02d}" for index in who]),
        subjects=np.array([f"sub{index:02d}" for index in who]),
        databases=np.full(rows, ""),
        times_s=60.0 * (1 + np.tile(np.arange(each), subjects)),
        segments=segment,
        durations_s=np.full(rows, 60.0 * samples),
        labels={target.name: labels},
        present={name: rng.random(rows) >= absent for name in NAMES},
        estimates={FUSED: fused, BEST_SINGLE: said(("pulse",)), **{n: said((n,)) for n in NAMES}},
        chosen=np.full((seeds, rows), NAMES.index("pulse")),
        subsets={subset_name(names): said(names) for names in smaller},
        sets={target.name: fused >= 0.1} if kind == "classes" else {},
        half_widths={n: np.full((seeds, rows), 1.0) for n in target.classes}
        if kind == "scales"
        else {},
        coverage=0.9,
        attributes={"sex": np.where(who % 2, "female", "male"), "site": np.full(rows, "here")},
    )


def with_fused(found: FusedPredictions, values: Array) -> FusedPredictions:
    return replace(found, estimates={**found.estimates, FUSED: values})
