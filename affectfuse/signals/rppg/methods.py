"""All methods by name, behind one call, and which of them need a camera with colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from affectfuse.containers import Array
from affectfuse.errors import ConfigError
from affectfuse.signals.rppg.chrom import chrom
from affectfuse.signals.rppg.green import green
from affectfuse.signals.rppg.ica import ica
from affectfuse.signals.rppg.lgi import lgi
from affectfuse.signals.rppg.omit import omit
from affectfuse.signals.rppg.pbv import pbv
from affectfuse.signals.rppg.pos import pos

__all__ = ["METHODS", "Method", "check_colour", "is_monochrome"]

_GREY_LEVELS = 1.5


@dataclass(frozen=True, slots=True)
class Method:
    """A method with its published name and defaults: `method(rgb, sampling_rate_hz)`.

    Attributes:
        name: as published, in capitals.
        chromatic: whether it needs colour. Without any, a chrominance is noise or brightness.
    """

    name: str
    chromatic: bool
    _function: Callable[[Array, float], Array]

    def __call__(self, rgb: Array, sampling_rate_hz: float) -> Array:
        """Return reflected light over time: (time, channel) -> (time,)."""
        return self._function(rgb, sampling_rate_hz)


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        method.name.lower(): method
        for method in (
            Method("GREEN", False, lambda rgb, _: green(rgb)),
            Method("ICA", True, ica),
            Method("CHROM", True, chrom),
            Method("POS", True, pos),
            Method("PBV", True, lambda rgb, _: pbv(rgb)),
            Method("LGI", True, lambda rgb, _: lgi(rgb)),
            Method("OMIT", True, lambda rgb, _: omit(rgb)),
        )
    }
)
"""Every method under its name in lower case."""


def is_monochrome(rgb: Array) -> bool:
    """Whether a camera gives no colour: its channels never differ by 1.5 of 255 levels.

    Shape: (..., channel) in levels; NaN is left out, and nothing known is not monochrome.
    """
    known = rgb[np.isfinite(rgb).all(axis=-1)]
    return len(known) > 0 and float(np.ptp(known, axis=-1).max()) < _GREY_LEVELS


def check_colour(method: Method, rgb: Array) -> None:
    """Refuse a method that needs colour where there is none.

    Shape: (..., channel) in levels of 255, NaN where missing.

    Raises:
        ConfigError: the method is chromatic and the channels are all the same, or one is black.
    """
    if not method.chromatic:
        return
    found = "the three channels are the same" if is_monochrome(rgb) else ""
    known = rgb[np.isfinite(rgb).all(axis=-1)]
    black = [
        name
        for name, channel in zip(("red", "green", "blue"), known.T, strict=True)
        if len(known) and channel.max() <= 0.0
    ]
    if black and not found:
        found = f"there is no {' and no '.join(black)}"
    if found:
        raise ConfigError(
            f"{method.name} compares colours, but in this recording {found}: "
            "allowed is a colour camera; use GREEN."
        )
