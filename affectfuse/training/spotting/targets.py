"""What a spotter network is to say at each step of a window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affectfuse.containers import Array, Interval
from affectfuse.modalities.micro_expression.learned_spotter import DELAY_S
from affectfuse.modalities.micro_expression.spotter import MACRO, MICRO

__all__ = ["KINDS", "targets"]

KINDS = (MICRO, MACRO)
_HEAT_S, _HEAT_FALL = 0.05, 0.05  # sd of how near to the offset a step must be, by its fall
_NEAR = 0.3  # heat from which a step is asked for the times


def targets(times_s: Array, truth: Sequence[Interval]) -> tuple[Array, Array]:
    """Return what the network is to say at each step: kinds (3, time), times (3, time)."""
    anchors = times_s - DELAY_S
    heat = np.zeros((len(KINDS), len(times_s)))
    told = np.full((3, len(times_s)), np.nan)
    counted = np.ones(len(times_s), bool)
    for interval in truth:
        sd_s = _HEAT_S + _HEAT_FALL * (interval.offset_s - interval.apex_s)
        near = np.exp(-0.5 * ((anchors - interval.offset_s) / sd_s) ** 2)
        if near.max() < 1e-6:
            continue
        if interval.onset_s < times_s[0] + 0.1 and interval.offset_s > times_s[0]:
            counted &= near < 0.01
            continue
        kind = KINDS.index(interval.label)
        asked = (near > _NEAR) & (near >= heat.max(axis=0))
        told[:, asked] = np.stack(
            [
                interval.offset_s - anchors[asked],
                np.full(asked.sum(), interval.offset_s - interval.apex_s),
                np.full(asked.sum(), interval.apex_s - interval.onset_s),
            ]
        )
        heat[kind] = np.maximum(heat[kind], near)
    nothing = np.clip(1.0 - heat.sum(axis=0), 0.0, None)
    kinds = np.vstack([nothing, heat])
    kinds /= kinds.sum(axis=0)
    kinds[:, ~counted] = np.nan
    return kinds.astype(np.float32), told.astype(np.float32)
