"""Recognition on the MEGC2019 flow images: affectfuse, STSTNet and SSSNet on the same folds.

    python benchmarks/micro_expression/recognition.py FOLDER [--out DIR] [key=value ...]

FOLDER holds three_norm_u_v_os and its sheet. Further arguments are overrides of all three recipes
(`seeds=[0]`, `split.protocol=grouped_k_fold`). What each fold gave is kept in DIR, so that an ended
run goes on. Prints UF1, UAR and accuracy with 95 % intervals over subjects, trained parameters, CPU
seconds of one training in one thread, and the difference of UF1 paired by subject.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from affectfuse.caching import available_cores
from affectfuse.config import build, load_recipe
from affectfuse.datasets.base import Dataset
from affectfuse.datasets.splits import leave_one_subject_out
from affectfuse.evaluation.bootstrap import Measured
from affectfuse.evaluation.recognition import compare
from affectfuse.reports.evaluations.crossval import write_crossval
from affectfuse.training.fitting import torch_threads
from affectfuse.training.recipes import container, settings_of
from affectfuse.training.recognition.clip_learner import ClipLearner
from affectfuse.training.recognition.clips import LabelMap, ready_clips
from affectfuse.training.recognition.crossval import CrossValidation, cross_validate
from affectfuse.training.recognition.recognisers import RecogniserSettings

RECIPES = {
    "affectfuse": "megc2019_flow",
    "STSTNet": "megc2019_ststnet",
    "SSSNet": "megc2019_sssnet",
}


def cpu_seconds(recipe_name: str, overrides: list[str]) -> float:
    """Return the CPU time of training one fold, in one thread."""
    recipe = load_recipe(recipe_name, overrides)
    dataset = build(recipe.dataset, Dataset)  # type: ignore[type-abstract]
    classes = tuple(map(str, recipe.classes))
    clips = ready_clips(dataset.items(), LabelMap(classes, None))
    recognisers = {str(name): container(node) for name, node in recipe.recognisers.items()}
    settings = settings_of(recipe, "recogniser_training", RecogniserSettings, "crossval")
    learner = ClipLearner(clips, classes, recognisers, None, {}, settings)
    [split, *_] = leave_one_subject_out(clips.subjects.tolist(), 0.0, 0)
    with torch_threads(1):
        began = time.process_time()
        learner.learn([split], 0)
    return time.process_time() - began


def shown(found: Measured, sign: str = "") -> str:
    """Return a value with its interval."""
    return f"{found.value:{sign}.3f} [{found.low:{sign}.3f}, {found.high:{sign}.3f}]"


def main() -> None:
    """Run or read all three, print the table."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("folder")
    asked.add_argument("--out", type=Path, default=Path("out/recognition"))
    asked.add_argument("overrides", nargs="*")
    given = asked.parse_intermixed_args()
    overrides = [f"dataset.root={given.folder}", f"workers={available_cores()}", *given.overrides]
    found: dict[str, CrossValidation] = {}
    seconds: dict[str, float] = {}
    for name, recipe in RECIPES.items():
        found[name] = cross_validate(load_recipe(recipe, overrides), given.out / recipe)
        write_crossval(found[name], given.out / recipe)
        seconds[name] = cpu_seconds(recipe, overrides)
    print(f"{'':10}  {'UF1':20}  {'UAR':20}  {'accuracy':20}  parameters  CPU s a fold")
    for name, result in found.items():
        scores = result.groups[0].scores
        cells = "  ".join(f"{shown(scores[m]):20}" for m in ("uf1", "uar", "accuracy"))
        print(f"{name:10}  {cells}  {result.parameters:10,}  {seconds[name]:12.1f}")
    ours, *others = RECIPES
    for other in others:
        both = found[ours].predictions, found[other].predictions
        difference = compare(*both, draws=10_000, seed=0)
        print(
            f"UF1 of {ours} minus {other}: {shown(difference.uf1, '+')}, paired by subject, "
            f"p = {difference.p_value:.4f}"
        )


if __name__ == "__main__":
    main()
