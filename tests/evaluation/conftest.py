"""Tables of planted references, estimates and confidences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation.planted import MakePairs, pulse_recipe

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
def pulses(tmp_path: Path) -> Iterator[Path]:
    """A recipe of the planted data set in `custom/`."""
    with pulse_recipe(tmp_path) as recipe:
        yield recipe
