"""Spotting: where in the stream of facial motion an expression begins, peaks and ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from affectfuse.containers import Interval
from affectfuse.modalities.micro_expression.motion import FacialMotion

__all__ = ["BLINK", "MACRO", "MICRO", "Spotter"]

MICRO, MACRO, BLINK = "micro_expression", "macro_expression", "blink"


class Spotter(ABC):
    """Takes facial motion frame by frame and gives intervals as soon as they are decided.

    Their labels are `MICRO`, `MACRO` and `BLINK`; each has onset, apex, offset and confidence, an
    expression also `displacement_iod_percent`. An expression is told of at most `latency_s` after
    its offset.
    """

    latency_s: float

    @abstractmethod
    def push(self, motion: FacialMotion) -> Iterator[Interval]:
        """Take the motion of the next frame; yield the intervals that became certain with it."""

    @abstractmethod
    def flush(self) -> Iterator[Interval]:
        """Yield what can still be decided when no further frame comes."""
