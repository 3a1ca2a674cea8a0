"""LGI and OMIT: both remove one direction from the colours."""

from __future__ import annotations

import numpy as np

from affectfuse.signals.rppg import lgi, omit


def without(rgb, direction):
    """The green row of (I - d d') X."""
    unit = direction / np.sqrt((direction**2).sum())
    return ((np.eye(3) - np.outer(unit, unit)) @ rgb.T)[1]


def test_lgi_removes_the_first_singular_vector(pulsating):
    rgb, _ = pulsating(0.006, noise=0.002)
    left, _, _ = np.linalg.svd(rgb.T, full_matrices=False)
    np.testing.assert_allclose(lgi(rgb), without(rgb, left[:, 0]), atol=1e-9)


def test_omit_removes_the_first_column_of_q(pulsating):
    rgb, _ = pulsating(0.006, noise=0.002)
    q, _ = np.linalg.qr(np.column_stack([rgb.mean(axis=0), rgb.T]))
    np.testing.assert_allclose(omit(rgb), without(rgb, q[:, 0]), atol=1e-9)


def test_omit_is_the_authors_where_frame_0_has_the_mean_colour(pulsating):
    rgb, _ = pulsating(0.006, noise=0.002)
    rgb = np.vstack([rgb.mean(axis=0), rgb])
    q, _ = np.linalg.qr(rgb.T)
    np.testing.assert_allclose(omit(rgb), without(rgb, q[:, 0]), atol=1e-9)


def test_one_odd_first_frame_does_not_tilt_omit(pulsating):
    rgb, volume = pulsating(0.006, noise=0.0003)
    rgb = rgb * (1 + 0.1 * np.linspace(-1, 1, len(rgb)) ** 2)[:, None]
    odd = rgb.copy()
    odd[0] *= [1.0, 0.7, 1.0]
    q, _ = np.linalg.qr(odd.T)
    tilted = without(odd, q[:, 0])[1:]
    assert np.corrcoef(omit(odd)[1:], -volume[1:])[0, 1] > 0.9
    assert abs(np.corrcoef(tilted, -volume[1:])[0, 1]) < 0.5
