"""The spotters by name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from affectfuse.modalities.micro_expression.learned_spotter import MICRO_LONGEST_S, LearnedSpotter
from affectfuse.modalities.micro_expression.pulse_spotter import PulseSpotter
from affectfuse.modalities.micro_expression.spotter import Spotter
from affectfuse.modalities.micro_expression.spotter_inference import load_spotter

__all__ = ["SPOTTERS", "SpotterName", "build_spotter", "learned_on", "spotter_latency_s"]

SpotterName = Literal["learned", "pulse"]
SPOTTERS: dict[SpotterName, type[Spotter]] = {"learned": LearnedSpotter, "pulse": PulseSpotter}


def spotter_latency_s(name: SpotterName) -> float:
    """Return how long after an offset a spotter tells of it, at most.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in SPOTTERS:
        allowed = ", ".join(f"'{known}'" for known in SPOTTERS)
        raise ValueError(f"spotter is '{name}'; allowed: {allowed}")
    return SPOTTERS[name].latency_s


def build_spotter(
    name: SpotterName, threshold: float | None, micro_longest_s: float, weights: str | None
) -> Spotter:
    """Return a new spotter, for one recording.

    Args:
        name: which.
        threshold: of its own kind; None takes its own.
        micro_longest_s: what lasts longer is a macro-expression.
        weights: file of the learned one; None takes the shipped ones.

    Raises:
        ValueError: for an unknown name, or a value that the spotter cannot use.
        CheckpointError: when the weights cannot be read.
    """
    spotter_latency_s(name)
    if name == "pulse":
        if weights is not None:
            raise ValueError(f"spotter_weights is '{weights}', but spotter 'pulse' has none")
        return PulseSpotter(threshold, micro_longest_s)
    if micro_longest_s != MICRO_LONGEST_S:
        raise ValueError(
            f"micro_longest_s is {micro_longest_s}, but the learned spotter was trained for "
            f"{MICRO_LONGEST_S}; use that, or spotter 'pulse'"
        )
    return LearnedSpotter(load_spotter(None if weights is None else Path(weights)), threshold)


def learned_on(name: SpotterName, weights: str | None) -> str:
    """Return what a spotter was trained on; empty where it has learned nothing.

    Raises:
        CheckpointError: when the weights cannot be read.
    """
    if name != "learned":
        return ""
    return str(load_spotter(None if weights is None else Path(weights)).provenance["trained_on"])
