"""The modality on the pulse network: whose estimate it gives, and what its samples carry."""

from __future__ import annotations

import numpy as np
import pytest
from modalities.heart_rate.painted_faces import frames, samples, track

from affectfuse.config import build, load_node
from affectfuse.errors import ConfigError
from affectfuse.extraction import extract
from affectfuse.modalities.base import Modality
from affectfuse.modalities.heart_rate.learned import LearnedHeartRate
from affectfuse.modalities.heart_rate.posterior import RATES_BPM
from affectfuse.modalities.heart_rate.pulse_signals import N_CHANNELS

TIMES_S = np.arange(14 * 30) / 30


def learned(**changes: object) -> LearnedHeartRate:
    node = load_node("modality", "heart_rate_learned")
    node.update(changes)
    modality = build(node, Modality)  # type: ignore[type-abstract]
    assert isinstance(modality, LearnedHeartRate)
    return modality


def run(modality, observations, recognise=None):
    extractors = {modality.name: modality.extractor(recognise)}
    return list(extract(observations, {modality.name: modality}, extractors))


def says(bpm: float):
    """A network that says one rate, whatever it sees; and what it saw."""
    seen = []

    def recognise(signals):
        seen.append(signals)
        probabilities = np.zeros(len(RATES_BPM) + 1)
        probabilities[RATES_BPM.index(bpm)], probabilities[-1] = 0.8, 0.2
        return np.zeros(32), probabilities

    return recognise, seen


def test_the_network_that_is_handed_in_gives_the_heart_rate():
    recognise, seen = says(100)
    heart_rate = track(run(learned(), frames(TIMES_S), recognise))
    assert np.isnan(heart_rate.values[:4]).all()
    np.testing.assert_allclose(heart_rate.values[4:], 100, atol=0.01)
    np.testing.assert_allclose(heart_rate.quality[4:], 0.8, atol=1e-6)
    assert seen[-1].shape == (N_CHANNELS, 360)


def test_without_one_the_shipped_network_does():
    heart_rate = track(run(learned(), frames(TIMES_S, heart_rate_bpm=96)))
    np.testing.assert_allclose(heart_rate.values[9:], 96, atol=1.5)
    assert heart_rate.quality[-1] > 0.7


def test_the_tracker_by_choice_says_what_the_unlearned_modality_says():
    plain = build(load_node("modality", "heart_rate"), Modality)  # type: ignore[type-abstract]
    by_tracker = learned(estimator="tracker")
    ours, theirs = run(by_tracker, frames(TIMES_S)), run(plain, frames(TIMES_S))
    for name in ("heart_rate_bpm", "bvp"):
        np.testing.assert_array_equal(track(ours, name).values, track(theirs, name).values)
        np.testing.assert_array_equal(track(ours, name).quality, track(theirs, name).quality)


def test_a_sample_carries_signals_and_history():
    recognise, seen = says(100)
    modality = learned()
    sample = samples(run(modality, frames(TIMES_S), recognise))[-1]
    np.testing.assert_array_equal(modality.signals(sample.array), seen[-1])
    history = sample.array[N_CHANNELS * 360 :].reshape(4, 20)
    np.testing.assert_allclose(history[1, -5:], (100 - 80) / 30, atol=1e-3)
    np.testing.assert_allclose(history[2, -5:], 0.8, atol=1e-6)


def test_a_camera_without_colour_is_left_to_the_tracker():
    recognise, seen = says(100)
    heart_rate = track(run(learned(), frames(TIMES_S, grey=True), recognise))
    assert not seen
    np.testing.assert_allclose(heart_rate.values[9:], 72, atol=2)
    assert "without colour" in heart_rate.note


def test_fine_tuning_is_a_choice():
    frozen, tuned = learned().encoder(), learned(fine_tune=True).encoder()
    assert not any(p.requires_grad for p in frozen.network.parameters())
    assert all(p.requires_grad for p in tuned.network.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [({"estimator": "guess"}, "allowed: 'network', 'tracker'"), ({"signals_s": 40}, "signals_s")],
)
def test_parameters_out_of_range_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        learned(**change)
