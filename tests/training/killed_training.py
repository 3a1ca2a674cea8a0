"""`python killed_training.py RECIPE OUT`: trains on the planted data set, telling every step.

A process of its own, so that a test can kill it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from affectfuse.config import custom_package
from affectfuse.training import extracted
from affectfuse.training.fused.train import train


def main() -> None:
    recipe = OmegaConf.load(sys.argv[1])
    assert isinstance(recipe, DictConfig)
    with custom_package(Path(__file__).parent):
        from custom.fakes import extract_fake_recording

        extracted.extract_recording = extract_fake_recording  # type: ignore[assignment]
        train(recipe, Path(sys.argv[2]), lambda *step: print(*step, sep="\t", flush=True))


if __name__ == "__main__":
    main()
