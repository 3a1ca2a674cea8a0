"""ICA: the independent component that beats."""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array
from affectfuse.signals.detrending import detrend
from affectfuse.signals.rppg.band import PULSE_BAND_HZ
from affectfuse.signals.rppg.jade import jade
from affectfuse.signals.spectra import hann_spectrum

__all__ = ["ica"]


def ica(
    rgb: Array,
    sampling_rate_hz: float,
    smoothness: float = 100.0,
    band_hz: tuple[float, float] = PULSE_BAND_HZ,
) -> Array:
    """ICA: detrend, z-score, separate by JADE, keep the component with the strongest peak.

    The peak is looked for in the band of heart rates only: over the whole spectrum the sway of the
    head wins. A component has no sign of its own: it is given the one with which green contains
    it. The unit is the component's standard deviation. The choice is made once for all of `rgb`;
    two overlapping calls may choose differently.

    Args:
        rgb: (time, channel) mean colours, uniformly sampled, NaN where missing.
        sampling_rate_hz: of `rgb`.
        smoothness: lambda of `detrend`.
        band_hz: where the strongest peak is looked for.

    Returns:
        (time,): NaN stays NaN, and all is NaN below three samples; 0 where nothing changes.

    Reference:
        Poh, McDuff, Picard (2010), Non-contact, automated cardiac pulse measurements using video
        imaging and blind source separation, Optics Express 18(10). DOI 10.1364/OE.18.010762, with
        the selection and detrending of Poh et al. (2011), Advancements in noncontact,
        multiparameter physiological measurements using a webcam, IEEE Trans. Biomed. Eng. 58(1).
        DOI 10.1109/TBME.2010.2086456. Deviations: the band; no smoothing or band-pass afterwards;
        the sign. A lambda means another cut-off at another sampling rate, see `detrend`.
    """
    known = np.asarray(np.isfinite(rgb).all(axis=1))
    pulse = np.full(len(rgb), np.nan)
    if known.sum() < 3:
        return pulse
    changes = detrend(np.where(known[:, None], rgb, np.nan), smoothness)[known]
    sd = changes.std(axis=0)
    moving = sd > 1e-12 * np.abs(rgb[known]).max(axis=0)
    scores = (changes - changes.mean(axis=0)) * moving / np.where(moving, sd, 1.0)
    sources, mixing = jade(scores)
    if not sources.shape[1]:
        pulse[known] = 0.0
        return pulse
    components = np.full((sources.shape[1], len(rgb)), np.nan)
    components[:, known] = sources.T
    frequencies_hz, spectrum = hann_spectrum(components, sampling_rate_hz, resolution_hz=0.02)
    in_band = (frequencies_hz >= band_hz[0]) & (frequencies_hz <= band_hz[1])
    best = int(np.argmax(np.abs(spectrum[:, in_band]).max(axis=1)))
    sign = -1.0 if mixing[1, best] < 0.0 else 1.0
    return np.asarray(sign * components[best])
