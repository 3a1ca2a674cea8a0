"""Stretches of the estimated and the reference waveform, cut from tracks and put on one grid."""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array, Track
from affectfuse.evaluation.base import sound

__all__ = ["sampling_rate_hz", "shared_stretch", "whole_stretch"]


def sampling_rate_hz(track: Track) -> float:
    """Return the rate of a uniformly sampled track; NaN with fewer than two samples."""
    if len(track.times_s) < 2:
        return float("nan")
    return 1.0 / float(np.median(np.diff(track.times_s)))


def whole_stretch(
    track: Track, start_s: float, end_s: float, least_known: float
) -> tuple[Array, Array] | None:
    """Return times and values of a track between two times, without gaps, or None.

    It goes from the first to the last known sample; gaps between are bridged by straight lines.

    Args:
        track: uniformly sampled.
        start_s: inclusive.
        end_s: exclusive.
        least_known: share of the time's samples that must be known, else None.
    """
    cut = track.between(start_s, end_s)
    known = np.flatnonzero(np.isfinite(cut.values))
    due = (end_s - start_s) * sampling_rate_hz(track)
    if len(known) < 2 or len(known) < least_known * due:
        return None
    times_s = cut.times_s[known[0] : known[-1] + 1]
    return times_s, np.interp(times_s, cut.times_s[known], cut.values[known])


def shared_stretch(
    estimated: tuple[Array, Array], reference: Track | None, least_known: float
) -> tuple[Array, Array] | None:
    """Return an estimated stretch and the reference on its times, as far as both are known.

    Linear interpolation of the reference, as the Toolbox does.

    Args:
        estimated: times and values.
        reference: its track, or None.
        least_known: share of the stretch, and of the reference's readings in it, that must be
            there, else None.
    """
    if reference is None:
        return None
    times_s, values = estimated
    within = (reference.times_s >= times_s[0]) & (reference.times_s <= times_s[-1])
    usable = sound(reference)
    if usable.sum() < 2 or (usable & within).sum() < least_known * within.sum():
        return None
    at_s, label = reference.times_s[usable], reference.values[usable]
    inside = (times_s >= at_s[0]) & (times_s <= at_s[-1])
    if inside.sum() < least_known * len(times_s):
        return None
    return values[inside], np.interp(times_s[inside], at_s, label)
