"""Tables of planted references, estimates and confidences."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation.planted import MakePairs

from affectfuse.config import custom_package
from affectfuse.evaluation.base import Pairs


@pytest.fixture
def make_pairs() -> MakePairs:
    """Rows of several subjects; a tenth without an estimate, some errors far, ties included."""

    def make(*, subjects: int = 6, rows: int = 40, seed: int = 0, **columns: Any) -> Pairs:
        rng = np.random.default_rng(seed)
        count = subjects * rows
        of = np.repeat(np.arange(subjects), rows)
        reference = rng.uniform(50, 150, count)
        confidence = np.round(rng.uniform(0, 1, count), 1)
        error = rng.normal(rng.normal(0, 1, subjects)[of], np.where(confidence > 0.4, 1.5, 9.0))
        estimate = np.where(rng.uniform(size=count) < 0.1, np.nan, reference + error)
        filled = {
            "items": np.char.add("item-", of.astype(str)),
            "subjects": np.char.add("s", of.astype(str)),
            "times_s": np.tile(np.arange(1.0, rows + 1), subjects),
            "reference_bpm": reference,
            "estimate_bpm": estimate,
            "confidence": confidence,
            "snr_db": np.where(rng.uniform(size=count) < 0.2, np.nan, rng.normal(3, 2, count)),
            "macc": rng.uniform(0, 1, count),
        }
        return Pairs(**(filled | columns))

    return make


@pytest.fixture
def pulses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A recipe of the planted data set in `custom/`, reached as a user's own would be."""
    with custom_package(Path(__file__).parent):
        from custom.pulses import read

        monkeypatch.setattr("affectfuse.evaluation.tracks.extract_recording", read)
        recipe = tmp_path / "pulses.yaml"
        recipe.write_text(
            "extends: evaluate_heart_rate\n"
            "dataset:\n"
            "  target: custom.pulses.Pulses\n"
            f"  root: {tmp_path / 'data'}\n"
            "  subjects: 6\n"
            "  references: [heart_rate_bpm, bvp]\n"
            f"cache: {tmp_path / 'cache'}\n"
            "draws: 200\n"
            "workers: 1\n"
        )
        yield recipe
    for name in [name for name in sys.modules if name.partition(".")[0] == "custom"]:
        del sys.modules[name]
