"""Remote photoplethysmography: from the mean colours of skin to the pulse.

One file and one function a method over (time, channel) arrays of mean R, G, B, uniformly sampled,
NaN where missing; `METHODS` holds them all by name behind one call. As published, every method
follows the *reflected light*, which falls when blood volume rises: a `bvp` waveform is its
negative. Only the sign is common: each docstring states the scale.
"""

from affectfuse.signals.rppg.chrom import chrom
from affectfuse.signals.rppg.green import green
from affectfuse.signals.rppg.ica import ica
from affectfuse.signals.rppg.lgi import lgi
from affectfuse.signals.rppg.methods import METHODS, Method, check_colour, is_monochrome
from affectfuse.signals.rppg.omit import omit
from affectfuse.signals.rppg.pbv import PULSE_SIGNATURE, pbv
from affectfuse.signals.rppg.pos import pos, windows_covering

__all__ = [
    "METHODS",
    "PULSE_SIGNATURE",
    "Method",
    "check_colour",
    "chrom",
    "green",
    "ica",
    "is_monochrome",
    "lgi",
    "omit",
    "pbv",
    "pos",
    "windows_covering",
]
