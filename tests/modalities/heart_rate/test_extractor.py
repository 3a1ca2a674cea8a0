from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from modalities.heart_rate.painted_faces import SKIN, frames, modality, run, samples, track, volume

from affectfuse.containers import Frame
from affectfuse.errors import ConfigError
from affectfuse.signals.rppg import METHODS


def grid(seconds, rate_hz, start_s=0.0):
    return start_s + np.arange(round(seconds * rate_hz)) / rate_hz


def switching(seconds=20):
    return np.concatenate([grid(seconds / 2, 30), grid(seconds / 2, 15, seconds / 2)])


@pytest.fixture(scope="module")
def still():
    return run(frames(grid(20, 30)), 20)


@pytest.mark.parametrize("bpm", [48, 72.4, 133, 205])
def test_heart_rate_from_five_seconds_on(bpm):
    heart_rate = track(run(frames(grid(14, 30), heart_rate_bpm=bpm), 14))
    assert heart_rate.times_s.tolist() == list(range(1, 15))
    assert np.isnan(heart_rate.values[:4]).all()
    np.testing.assert_allclose(heart_rate.values[4:], bpm, atol=1.5)
    np.testing.assert_allclose(heart_rate.values[9:], bpm, atol=0.3)
    assert heart_rate.quality[-1] > 0.8
    assert heart_rate.note == "heart rate needs 5 s of a visible face"


def test_frame_rates_agree(still):
    reference = track(still).values
    for times_s in (grid(20, 15), switching()):
        np.testing.assert_allclose(
            track(run(frames(times_s), 20)).values[4:], reference[4:], atol=1
        )


def test_the_waveform_comes_once_rises_with_volume_and_has_its_amplitude(still):
    bvp = track(still, "bvp")
    np.testing.assert_allclose(np.diff(bvp.times_s), 1 / 30, atol=1e-9)
    assert bvp.times_s[-1] == pytest.approx(20 - 1.5, abs=0.05)
    known = np.isfinite(bvp.values)
    assert known.mean() > 0.99
    truth = volume(bvp.times_s[known])
    assert np.corrcoef(bvp.values[known], truth)[0, 1] > 0.97
    gain = bvp.values[known] @ truth / (truth @ truth)
    assert gain == pytest.approx(0.01, rel=0.1)  # as planted in green


def test_a_face_that_leaves_and_returns():
    observations = [
        Frame(f.time_s, f.image, None) if 10 <= f.time_s < 20 else f for f in frames(grid(30, 30))
    ]
    readings = run(observations, 30)
    heart_rate, sample = track(readings), samples(readings)
    assert np.isfinite(heart_rate.values[4:11]).all()
    assert np.isnan(heart_rate.values[12:23]).all()
    assert (heart_rate.quality[12:23] == 0).all()
    assert "no face visible" in heart_rate.note
    np.testing.assert_allclose(heart_rate.values[26:], 72, atol=1)
    assert sample[18].quality == 0
    assert (sample[18].array[:, -5:] == 0).all()


def test_times_that_repeat_or_run_backwards_are_passed_over(still):
    observations = list(frames(grid(20, 30)))
    black = np.zeros_like(observations[0].image)
    spoilt = []
    for k, frame in enumerate(observations):
        spoilt.append(frame)
        if k % 7 == 3:
            spoilt.append(Frame(frame.time_s - 0.05 * (k % 2), black, frame.face))
    np.testing.assert_array_equal(track(run(spoilt, 20)).values, track(still).values)


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"colour": SKIN * 0}, "the skin of the face is too small, too dark or overexposed"),
        ({"colour": SKIN * 3}, "the skin of the face is too small, too dark or overexposed"),
    ],
)
def test_skin_that_cannot_be_read_says_so(changes, note):
    heart_rate = track(run(frames(grid(8, 30), noise=0.0, **changes), 8))
    assert np.isnan(heart_rate.values).all()
    assert note in heart_rate.note


def test_too_few_frames_a_second_says_so():
    heart_rate = track(run(frames(grid(12, 5)), 12))
    assert np.isnan(heart_rate.values).all()
    assert "at least 7.3 frames a second" in heart_rate.note


def test_a_camera_without_colour_falls_back_to_brightness():
    heart_rate = track(run(frames(grid(14, 30), grey=True), 14))
    np.testing.assert_allclose(heart_rate.values[6:], 72, atol=1)
    assert "GREEN" in heart_rate.note


def test_a_pulse_free_face_is_not_believed():
    heart_rate = track(run(frames(grid(25, 30), amplitude=0.0), 25))
    assert np.isfinite(heart_rate.values[4:]).all()
    assert heart_rate.quality.max() < 0.5


def test_samples_are_causal_and_declared_truthfully(still):
    heart = modality()
    sample = samples(still)
    assert [s.offset_s for s in sample] == list(range(1, 21))
    for s in sample:
        assert s.array.shape == heart.sample_shape
        assert s.array.dtype == np.float32
        assert np.isfinite(s.array).all()
        assert s.offset_s - s.onset_s == heart.window_s
    half = samples(run(frames(grid(12, 30)), 12))
    for early, late in zip(half[:11], sample[:11], strict=True):
        np.testing.assert_array_equal(early.array, late.array)


def test_nothing_survives_from_one_recording_to_the_next(still):
    heart = modality()
    heart.extractor()
    assert heart.extractor() is not heart.extractor()
    np.testing.assert_array_equal(track(run(frames(grid(20, 30)), 20)).values, track(still).values)


def test_the_buffer_is_bounded():
    extractor = modality().extractor()
    still = next(frames([0.0]))
    for time_s in grid(60, 30):
        extractor.push(Frame(time_s, still.image, still.face))
    assert len(extractor._frames) < 20 * 30


def test_impossible_settings_are_refused():
    with pytest.raises(Exception, match="second harmonic"):
        modality(rate_hz=10.0)
    with pytest.raises(Exception, match="two rising rates"):
        modality(band_bpm=[120, 60])
    with pytest.raises(Exception, match="least_s"):
        modality(least_s=11.0)


def test_the_encoder_embeds_and_learns():
    import torch

    heart = modality()
    encoder = heart.encoder()
    history = torch.randn(3, *heart.sample_shape)
    embedding = encoder(history)
    assert embedding.shape == (3, heart.embedding_dim)
    embedding.square().sum().backward()
    gradients = [p.grad for p in encoder.parameters()]
    assert all(g is not None and torch.isfinite(g).all() and g.abs().sum() > 0 for g in gradients)


def test_extracting_imports_no_torch():
    code = (
        "import sys; from affectfuse.config import build, load_node; "
        "from affectfuse.modalities.base import Modality; "
        "build(load_node('modality', 'heart_rate'), Modality).extractor(); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("method", sorted(METHODS))
def test_published_methods_can_be_asked_for(method):
    readings = run(frames(grid(14, 30), 72.4, noise=1.0), 14, method=method)
    heart_rate = track(readings)
    np.testing.assert_allclose(heart_rate.values[9:], 72.4, atol=1.0)
    assert np.nanmax(heart_rate.quality) > 0.3


def test_a_method_that_compares_colours_is_refused_without_any():
    with pytest.raises(ConfigError, match=r"CHROM compares colours.*use GREEN"):
        run(frames(grid(8, 30), grey=True), 8, method="chrom")
    grey = track(run(frames(grid(12, 30), grey=True), 12, method="green"))
    np.testing.assert_allclose(grey.values[9:], 72, atol=1.0)


def test_an_unknown_method_is_refused():
    with pytest.raises(ConfigError, match="method is 'cromm'; allowed: minimum_variance, green"):
        modality(method="cromm")
