"""Training from a recipe: recognisers, samples, the fused model, and one checkpoint of it all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from affectfuse.caching import digest
from affectfuse.checkpoint import Checkpoint, sample_spec, save_checkpoint
from affectfuse.datasets.base import Progress
from affectfuse.datasets.splits import Split
from affectfuse.errors import DatasetError
from affectfuse.files import write_whole
from affectfuse.fusion.outputs import Outputs
from affectfuse.training.fitting import deterministic, first_process, torch_threads
from affectfuse.training.fused.evaluation import format_metrics
from affectfuse.training.fused.fusion import Fitted, fit_fusion
from affectfuse.training.fused.learner import FusionLearner
from affectfuse.training.fused.preparation import Prepared, prepare
from affectfuse.training.fused.samples import SampleTable
from affectfuse.training.recipes import container
from affectfuse.training.trained_weights import without_nan
from affectfuse.versions import package_versions

__all__ = ["TrainingResult", "train"]

_SHOWN = 20


@dataclass(frozen=True, slots=True, eq=False)
class TrainingResult:
    """What a training run gave.

    Attributes:
        checkpoint: the written file.
        metrics: one row an estimate and subset, on held-out subjects.
        recognisers: metrics of each recogniser, on held-out subjects.
        split: subjects by side.
        samples: labelled samples by side.
        skipped: recordings, and rows of a sheet, that could not be used, with the reason.
        notes: what was corrected or left out, by its place.
    """

    checkpoint: Path
    metrics: list[dict[str, Any]]
    recognisers: Mapping[str, Mapping[str, float]]
    split: Split
    samples: Mapping[str, int]
    skipped: Mapping[str, str]
    notes: Mapping[str, str]

    def table(self) -> str:
        """Return the metrics as text, with what was skipped."""
        lines = [format_metrics(self.metrics)]
        for name, found in self.recognisers.items():
            lines.append(
                f"recogniser of {name}: UAR {found['uar']:.3f} (chance {found['chance_uar']:.3f}) "
                f"on {found['held_out_clips']} clips of {found['held_out_subjects']} held-out "
                "subjects"
            )
        told_of = (("skipped {} recordings or rows:", self.skipped), ("notes on {}:", self.notes))
        for title, told in told_of:
            if told:
                lines.append(title.format(len(told)))
                lines += [f"  {place}: {said}" for place, said in list(told.items())[:_SHOWN]]
            if len(told) > _SHOWN:
                lines.append(f"  and {len(told) - _SHOWN} more, in metrics.json")
        return "\n".join(lines)


def train(recipe: DictConfig, out: Path, progress: Progress | None = None) -> TrainingResult:
    """Train, calibrate and measure a fused model; write its checkpoint.

    Subjects are split once. The recognisers learn from training subjects only (or from a data set
    of their own), the fused model from training subjects, early stopping and temperatures from
    validation subjects; the metrics are of test subjects. Deterministic in `recipe.seed`.

    Writes `checkpoint.pt`, `metrics.json`, `training.csv` and `recipe.yaml`, and on request `logs`
    for TensorBoard. While it trains it keeps its state in `training_state`: the same command goes
    on where it was ended, to the same result (on a CPU, bit for bit). Where several processes
    train, the first of them writes.

    Args:
        recipe: a filled recipe, see `configs/train.yaml`.
        out: folder, made readable by its owner alone.
        progress: told of each step.

    Raises:
        AffectFuseError: when the recipe, a data set or the folder cannot be used.
    """
    progress = progress if first_process() else None
    prepared = prepare(recipe, progress)
    split = prepared.split.hold_out(prepared.subjects)
    with deterministic(recipe.seed), torch_threads(1):
        prepared.train_recognisers(split.train, progress)
        samples = prepared.samples()
        _check_sides(samples, split, prepared.skipped | prepared.notes)
        samples = prepared.embedded(samples, progress)
        state = out / "training_state"
        fitted = fit_fusion(
            samples,
            split,
            prepared.plan,
            recipe.seed,
            progress,
            state / _digest(prepared, samples, split),
            out / "logs",
        )
    checkpoint = _checkpoint(prepared, fitted)
    result = TrainingResult(
        out / "checkpoint.pt",
        fitted.metrics,
        {name: trained.metrics for name, trained in prepared.recognisers.items()},
        fitted.split,
        fitted.samples,
        prepared.skipped,
        prepared.notes,
    )
    if first_process():
        _write(out, result, checkpoint, recipe, fitted)
        shutil.rmtree(state, ignore_errors=True)
    return result


def _check_sides(samples: SampleTable, split: Split, said: Mapping[str, str]) -> None:
    """Refuse a side of the split that has lost all its samples, and say how."""
    for side, subjects in split.as_dict().items():
        if subjects and not len(samples.of_subjects(subjects)):
            lost = "; ".join(f"{place}: {reason}" for place, reason in list(said.items())[:3])
            raise DatasetError(
                f"the {side} subjects ({', '.join(subjects)}) have no labelled sample: choose "
                f"others, or put their recordings right{f' ({lost})' if lost else ''}."
            )


def _digest(prepared: Prepared, samples: SampleTable, split: Split) -> str:
    """Return a digest of all that decides what is learnt."""
    facts = FusionLearner(samples, prepared.plan, prepared.configs).facts
    own = {"split": asdict(split), "seed": prepared.recipe.seed, "versions": package_versions()}
    return digest({**facts, **own})


def _prior(fitted: Fitted, checkpoint: Checkpoint) -> dict[str, float]:
    """Return what the model says when nothing is present, by class, label or scale."""
    outputs = Outputs(checkpoint.targets)
    said = outputs.activate(fitted.model.prior_logits).tolist()
    return dict(zip(outputs.names, said, strict=True))


def _checkpoint(prepared: Prepared, fitted: Fitted) -> Checkpoint:
    plan, dataset, coded = prepared.plan, prepared.dataset, prepared.coded
    return Checkpoint(
        modality_configs=prepared.configs,
        sample_specs={name: sample_spec(modality) for name, modality in plan.modalities.items()},
        fusion_config=plan.fusion,
        targets=plan.targets,
        prior_logits=fitted.prior_logits,
        calibration=fitted.calibration,
        weights=fitted.model.state_dict(),
        recogniser_weights={n: t.recognise.weights() for n, t in prepared.recognisers.items()},
        trained_on={
            "dataset": dataset.name,
            "provenance": dataset.provenance,
            "subjects": fitted.split.as_dict(),
            "samples": fitted.samples,
            "epochs": fitted.epochs,
            "learning_rate": fitted.learning_rate,
            "encoders_from": plan.encoders.sha256 if plan.encoders else None,
            "best_single": fitted.best_single,
            "skipped": prepared.skipped,
            "notes": prepared.notes,
            "recognisers": {
                name: {
                    "dataset": coded.name,
                    "provenance": coded.provenance,
                    "subjects": list(prepared.coached),
                    "clips": list(plan.modalities[name].clip_steps()),
                    **trained.metrics,
                }
                for name, trained in prepared.recognisers.items()
                if coded is not None
            },
            "recipe": container(prepared.recipe),
        },
        metrics=fitted.metrics,
        versions=package_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _write(
    out: Path, result: TrainingResult, checkpoint: Checkpoint, recipe: DictConfig, fitted: Fitted
) -> None:
    report = {
        "metrics": result.metrics,
        "recognisers": result.recognisers,
        "calibration": asdict(fitted.calibration),
        "best_single": fitted.best_single,
        "epochs": fitted.epochs,
        "learning_rate": fitted.learning_rate,
        "prior": _prior(fitted, checkpoint),
        "split": result.split.as_dict(),
        "samples": result.samples,
        "skipped": result.skipped,
        "notes": result.notes,
    }
    text = json.dumps(without_nan(report), indent=2, allow_nan=False)
    write_whole(out / "metrics.json", (text + "\n").encode())
    write_whole(out / "training.csv", fitted.log.csv().encode())
    write_whole(out / "recipe.yaml", OmegaConf.to_yaml(recipe, resolve=True).encode())
    save_checkpoint(checkpoint, result.checkpoint)
