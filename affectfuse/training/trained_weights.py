"""What the training of one small network gives: weights, how good they are, what was skipped."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from affectfuse.files import write_whole
from affectfuse.training.callbacks import EpochLog
from affectfuse.training.recipes import container
from affectfuse.versions import package_versions

__all__ = ["TrainedWeights", "made_now", "without_nan"]


@dataclass(frozen=True, slots=True, eq=False)
class TrainedWeights:
    """What a training run gave.

    Attributes:
        checkpoint: the written weights.
        metrics: on what was held out, by what it is.
        skipped: recordings that could not be used, with the reason.
    """

    checkpoint: Path
    metrics: Mapping[str, Mapping[str, float]]
    skipped: Mapping[str, str]

    def table(self) -> str:
        """Return the metrics as text, with what was skipped."""
        lines = [
            f"held-out {name}: " + ", ".join(f"{key} {value:.3f}" for key, value in row.items())
            for name, row in self.metrics.items()
        ]
        if self.skipped:
            lines.append(f"skipped {len(self.skipped)} recordings:")
            lines += [f"  {key}: {reason}" for key, reason in self.skipped.items()]
        return "\n".join(lines)

    def write_report(self, recipe: DictConfig, log: EpochLog) -> None:
        """Write `metrics.json`, `training.csv` and `recipe.yaml` beside the weights."""
        out = self.checkpoint.parent
        report = {"metrics": without_nan(self.metrics), "skipped": dict(self.skipped)}
        text = json.dumps(report, indent=2, allow_nan=False)
        write_whole(out / "metrics.json", (text + "\n").encode())
        write_whole(out / "training.csv", log.csv().encode())
        write_whole(out / "recipe.yaml", OmegaConf.to_yaml(recipe, resolve=True).encode())


def made_now(recipe: DictConfig) -> dict[str, Any]:
    """Return from what recipe, with which versions and when weights were made: now."""
    return {
        "recipe": container(recipe),
        "versions": package_versions(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def without_nan(value: Any) -> Any:
    """Return the value with NaN and infinity as null: JSON knows neither."""
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
