"""Samples of the pulse that later frames can no longer change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from affectfuse.containers import Array

__all__ = ["Settled"]


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """Samples on the uniform grid, all in a row.

    Attributes:
        start: index of the first on the grid; the parts of one recording follow each other.
        bvp: (time,) the pulse waveform, rising with blood volume.
        colours: (time, region, channel) mean colours, NaN where missing; the last region is the
            largest.
        motion: (time, 3) centre and logarithm of size of the head; NaN where not known.
    """

    start: int
    bvp: Array
    colours: Array
    motion: Array

    @property
    def end(self) -> int:
        """Index on the grid of the sample after the last."""
        return self.start + len(self.bvp)

    def part(self, first: int, last: int) -> Self:
        """Return the samples from `first` up to `last`, counted from the first of these."""
        inside = slice(first, last)
        start = self.start + max(0, first)
        return type(self)(start, self.bvp[inside], self.colours[inside], self.motion[inside])

    def followed_by(self, part: Self, longest: int) -> Self:
        """Return these and the next ones, at most the newest `longest`; the next alone after a gap.

        Args:
            part: what settled since.
            longest: how many samples are kept.
        """
        whole = part
        if part.start == self.end:
            whole = type(self)(
                self.start,
                np.concatenate([self.bvp, part.bvp]),
                np.concatenate([self.colours, part.colours]),
                np.concatenate([self.motion, part.motion]),
            )
        return whole.part(max(0, len(whole.bvp) - longest), len(whole.bvp))
