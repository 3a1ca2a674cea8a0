from __future__ import annotations

import numpy as np
import pytest

from affectfuse.signals.rppg import PULSE_SIGNATURE, pbv

SIGNATURE = np.array(PULSE_SIGNATURE)


def changes(rgb):
    return rgb / rgb.mean(axis=0) - 1


def moved(pulsating):
    """Much movement of several colours, and the pulse."""
    rgb, volume = pulsating(0.006, noise=0.0005)
    rng = np.random.default_rng(3)
    return rgb * (1 + 0.01 * rng.normal(size=(len(rgb), 2)) @ rng.normal(size=(2, 3))), volume


def test_the_output_correlates_with_the_channels_as_the_signature_says(pulsating):
    rgb, _ = moved(pulsating)
    along = changes(rgb).T @ pbv(rgb)
    np.testing.assert_allclose(along / along.sum(), SIGNATURE / SIGNATURE.sum(), rtol=1e-6)


def test_no_other_weights_pass_the_signature_with_less_power(pulsating):
    rgb, _ = moved(pulsating)
    least = np.mean(pbv(rgb) ** 2)
    weights = np.linalg.lstsq(changes(rgb), pbv(rgb), rcond=None)[0]
    assert weights @ SIGNATURE == pytest.approx(1.0, abs=1e-9)
    for other in np.random.default_rng(4).normal(size=(200, 3)):
        nudged = weights + 0.1 * other
        power = np.mean((changes(rgb) @ nudged / (nudged @ SIGNATURE)) ** 2)
        assert power > least


def test_the_clips_own_deviations_as_the_signature_follow_the_movement(pulsating):
    rgb, volume = pulsating(0.006, noise=0.0005)
    rgb = rgb * (1 + 0.02 * np.random.default_rng(3).normal(size=(len(rgb), 1)))
    own = pbv(rgb, tuple(changes(rgb).std(axis=0)))
    assert np.corrcoef(pbv(rgb), -volume)[0, 1] > 0.9
    assert abs(np.corrcoef(own, -volume)[0, 1]) < 0.5


def test_a_black_channel_is_undefined(pulsating):
    rgb, _ = pulsating(0.006)
    assert np.isnan(pbv(rgb * np.array([1, 1, 0]))).all()
