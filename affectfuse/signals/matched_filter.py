"""A sine of known signature in noise of unknown correlation: which frequency, how surprising."""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array
from affectfuse.signals.spectra import hann_spectrum

__all__ = ["AdaptiveMatchedFilter"]

_STEP_HZ = 0.03
_GUARD_LOBES = 3.0
_REACH_LOBES = 11.0
_LOWEST_HZ = 0.3
_RIVAL_ODDS = 5.0
_LEVEL = 1.3


class AdaptiveMatchedFilter:
    """The adaptive matched filter of radar over many channels, frequency by frequency.

    All channels contain one wave, in phase and with known relative strengths (the signature s), and
    noise. Around each frequency the covariance C of the noise is estimated from the neighbouring
    frequencies, leaving out the main lobe of the window. With X the channels' spectrum there,
    |s C^-1 X|^2 / (s C^-1 s) is the power of the wave in units of the noise that is left once the
    channels have been combined in the best way. For white noise its mean is about 1; because a
    covariance from few neighbours is itself uncertain, large values are commoner than for a sine in
    known noise.

    Deviations: every neighbour counts with its direction alone, and C takes its level from their
    geometric mean (times 1.3, about what the mean of Gaussian noise is above it), so that one
    narrow line does not pass for noise all around: the first step of Tyler's estimator. C is real
    (what disturbs one channel disturbs the others at the same instant, with either sign), which
    doubles the number of neighbours. And a share `loading` of it is replaced by its diagonal, so
    that a slightly wrong signature does not cancel the wave.

    A disturbance that is itself a narrow line, such as a wavering light, is not among the
    neighbours. Where a rival signature is given, it is weighed against the wave at each frequency,
    each with strengths of its own in every group of channels: with P the probability of the wave,
    when the rival has a prior of exp(-5), the statistic is P times the above plus 1 - P times what
    is left of it once the rival has been projected out (the matched subspace detector).

    Args:
        series: (channel, time), uniformly sampled, without trend, NaN where missing.
        signature: (channel,) relative strengths.
        sampling_rate_hz: of `series`.
        highest_hz: where the spectrum ends.
        resolution_hz: largest distance of the frequencies.
        rival: (channel,) relative strengths of a disturbance, or None.
        per_group: how many neighbouring channels form a group.
        loading: share of the diagonal, in (0, 1].

    Attributes:
        frequencies_hz: (frequency,) from 0.
        spectra: (channel, frequency) complex amplitudes.
        statistic: (frequency,) as above; 0 where no channel has anything.

    Reference:
        Robey, Fuhrmann, Kelly, Nitzberg (1992), A CFAR adaptive matched filter detector, IEEE
        Trans. Aerosp. Electron. Syst. 28(1). DOI 10.1109/7.135446. For the pulse, with a fixed
        band in place of the neighbouring frequencies: de Haan, van Leest (2014), Improved motion
        robustness of remote-PPG by using the blood volume pulse signature, Physiol. Meas. 35(9).
        DOI 10.1088/0967-3334/35/9/1913.
    """

    def __init__(
        self,
        series: Array,
        signature: Array,
        sampling_rate_hz: float,
        highest_hz: float,
        resolution_hz: float = 0.01,
        rival: Array | None = None,
        per_group: int = 1,
        loading: float = 0.6,
    ) -> None:
        frequencies_hz, spectra = hann_spectrum(series, sampling_rate_hz, resolution_hz)
        keep = frequencies_hz <= highest_hz
        self.frequencies_hz, self.spectra = frequencies_hz[keep], spectra[:, keep]
        present = np.abs(self.spectra).max(axis=1) > 1e-12
        self._signature = np.where(present, signature, 0.0)
        self._every = max(1, round(_STEP_HZ / frequencies_hz[1]))
        known = np.isfinite(series).any(axis=0).sum() / sampling_rate_hz
        lobe_bins = 1.0 / max(known, 1.0) / (self._every * frequencies_hz[1])
        covariance = _neighbours(
            self.spectra[:, :: self._every],
            self.frequencies_hz[:: self._every] >= _LOWEST_HZ,
            round(_GUARD_LOBES * lobe_bins),
            round(_REACH_LOBES * lobe_bins),
            loading,
        )
        self._precision = np.linalg.inv(covariance)
        nearest = np.round(np.arange(len(self.frequencies_hz)) / self._every).astype(int)
        self._at = np.clip(nearest, 0, len(covariance) - 1)
        whitened = self._precision @ self._signature
        self._weights, self.statistic = self._matched(whitened)
        self._apart, self._share = self._weights, np.ones(len(self.frequencies_hz))
        if rival is not None:
            self._weigh_against(np.where(present, rival, 0.0), whitened, per_group)

    def weights(self, frequency_hz: float) -> Array:
        """Return the combination of channels with the least noise around a frequency: (channel,).

        It passes the wave with gain 1: weights @ signature = 1 (all 0 where nothing is present),
        and the rival as far as the wave is the likelier of the two.
        """
        frequency = round(frequency_hz / float(self.frequencies_hz[1]))
        at, share = self._at[frequency], self._share[frequency]
        return np.asarray(share * self._weights[at] + (1.0 - share) * self._apart[at])

    def _matched(self, whitened: Array) -> tuple[Array, Array]:
        """Return weights of gain 1 and the power they pass over that of their noise."""
        gain = whitened @ self._signature
        gain = np.where(gain > 1e-9 * gain.max(initial=1e-300), gain, np.inf)
        passed = np.einsum("fc,cf->f", whitened[self._at], self.spectra)
        return whitened / gain[:, None], np.abs(passed) ** 2 / gain[self._at]

    def _weigh_against(self, rival: Array, whitened: Array, per_group: int) -> None:
        groups = np.kron(np.eye(len(rival) // per_group), np.ones((per_group, 1)))
        own, other = groups * self._signature[:, None], groups * rival[:, None]
        energy, inverse = self._explained(other)
        evidence = self._explained(own)[0] - energy + _RIVAL_ODDS
        self._share = 1.0 / (1.0 + np.exp(-np.clip(evidence, -30.0, 30.0)))
        along = np.einsum("fgh,fh->fg", inverse, whitened @ other)
        apart = whitened - np.einsum("fcg,fg->fc", self._precision @ other, along)
        self._apart, statistic = self._matched(apart)
        self.statistic = self._share * self.statistic + (1.0 - self._share) * statistic

    def _explained(self, columns: Array) -> tuple[Array, Array]:
        """Return the energy that (channel, group) columns explain, and their Gram's inverse."""
        whitened = self._precision @ columns
        gram = columns.T @ whitened
        empty = np.diag((np.abs(columns).sum(axis=0) == 0.0).astype(float))
        inverse = np.linalg.inv(gram + empty)
        along = np.einsum("fcg,cf->fg", whitened[self._at], self.spectra)
        energy = np.einsum("fg,fgh,fh->f", along.conj(), inverse[self._at], along).real
        return energy, inverse


def _neighbours(spectra: Array, usable: Array, guard: int, reach: int, loading: float) -> Array:
    """Return the loaded covariance (frequency, channel, channel) of the bins around each bin.

    Each bin counts with its direction alone, at the geometric mean of the energies around: so that
    a narrow line in the neighbourhood does not pass for noise everywhere.
    """
    scale = np.sqrt((np.abs(spectra) ** 2).mean(axis=1, keepdims=True) + 1e-30)
    energy = ((np.abs(spectra) / scale) ** 2).mean(axis=0) + 1e-12
    parts = np.stack([spectra.real, spectra.imag], axis=-1) * usable[:, None]
    products = np.einsum("cfp,dfp->fcd", parts, parts) / energy[:, None, None]
    total = np.zeros((len(products) + 1, *products.shape[1:]))
    np.cumsum(products, axis=0, out=total[1:])
    count = np.concatenate([[0.0], np.cumsum(usable)])
    levels = np.concatenate([[0.0], np.cumsum(usable * np.log(energy))])
    bins = np.arange(len(products))

    def within(sums: Array, half: int) -> Array:
        beyond, first = np.minimum(bins + half + 1, len(bins)), np.maximum(bins - half, 0)
        return np.asarray(sums[beyond] - sums[first])

    number = np.maximum(within(count, reach) - within(count, guard), 1.0)
    covariance = (within(total, reach) - within(total, guard)) / number[:, None, None]
    level = np.exp((within(levels, reach) - within(levels, guard)) / number)
    covariance *= _LEVEL * level[:, None, None]
    diagonal = np.einsum("fcc->fc", covariance).copy()
    covariance *= 1.0 - loading
    channel = np.arange(len(spectra))
    covariance[:, channel, channel] += loading * diagonal + 1e-12 * diagonal.max() + 1e-18
    return np.asarray(covariance)
