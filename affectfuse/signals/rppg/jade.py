"""JADE: independent components by joint approximate diagonalisation of cumulant matrices."""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array

__all__ = ["jade"]

_MAX_SWEEPS = 50


def jade(values: Array) -> tuple[Array, Array]:
    """Separate a mixture into components that are as independent as their fourth cumulants tell.

    Whiten; compute the fourth-order cumulant matrices; find the rotation under which all of them
    are as diagonal as can be, by plane rotations until none exceeds 0.01 / sqrt(time).

    Shape: (time, channel) -> sources (time, component) of mean 0 and unit variance, mixing
    (channel, component) with values = sources @ mixing.T + mean. There are as many components as
    channels that are linearly independent, so possibly none. Order and signs are arbitrary.

    Reference:
        Cardoso, Souloumiac (1993), Blind beamforming for non-Gaussian signals, IEE Proc. F 140(6).
        DOI 10.1049/ip-f-2.1993.0054; for real signals Cardoso (1999), High-order contrasts for
        independent component analysis, Neural Computation 11(1). DOI 10.1162/089976699300016863.
    """
    centred = values - values.mean(axis=0)
    variance, axes = np.linalg.eigh(centred.T @ centred / len(values))
    kept = variance > 1e-12 * max(variance[-1], 1e-300)
    sd, axes = np.sqrt(variance[kept]), axes[:, kept]
    white = centred @ (axes / sd)
    rotation = _diagonalise(_cumulants(white), 0.01 / np.sqrt(len(values)))
    return white @ rotation, (axes * sd) @ rotation


def _cumulants(white: Array) -> Array:
    """Return the fourth cumulants as matrices, one a pair: (time, n) -> (n (n + 1) / 2, n, n)."""
    count, n = white.shape
    p, q = np.triu_indices(n)
    products = white[:, p] * white[:, q]
    moments = products.T @ products / count
    pair = np.zeros((n, n), int)
    pair[p, q] = pair[q, p] = np.arange(len(p))
    identity = np.eye(n)
    # cum(i, j, k, l) = E[ijkl] - E[ij] E[kl] - E[ik] E[jl] - E[il] E[jk], white: E[ij] = delta.
    crossed = identity[p][:, :, None] * identity[q][:, None, :]
    gauss = identity[p, q][:, None, None] * identity + crossed + crossed.transpose(0, 2, 1)
    weight = np.where(p == q, 1.0, np.sqrt(2.0))
    return np.asarray(weight[:, None, None] * (moments[:, pair] - gauss))


def _diagonalise(matrices: Array, least_angle: float) -> Array:
    """Return the rotation V that makes V' M V as diagonal as can be for all matrices together."""
    n = matrices.shape[-1]
    matrices, rotation = matrices.copy(), np.eye(n)
    for _ in range(_MAX_SWEEPS):
        turned = False
        for p in range(n - 1):
            for q in range(p + 1, n):
                across = matrices[:, p, p] - matrices[:, q, q]
                beside = 2.0 * matrices[:, p, q]
                on = across @ across - beside @ beside
                off = 2.0 * across @ beside
                angle = 0.5 * np.arctan2(off, on + np.hypot(on, off))
                if abs(angle) > least_angle:
                    turned = True
                    c, s = np.cos(angle), np.sin(angle)
                    givens = np.array([[c, -s], [s, c]])
                    plane = [p, q]
                    rotation[:, plane] = rotation[:, plane] @ givens
                    matrices[:, :, plane] = matrices[:, :, plane] @ givens
                    matrices[:, plane, :] = givens.T @ matrices[:, plane, :]
        if not turned:
            break
    return rotation
