"""What is planted can be measured in the pictures, and nothing else moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from affectfuse.containers import Frame
from affectfuse.datasets.synthetic import SessionScript, draw_session, render
from affectfuse.datasets.synthetic.action_units import ACTION_UNITS, EXPRESSIONS
from affectfuse.datasets.synthetic.behaviour import Event
from affectfuse.datasets.synthetic.parameters import CLASSES
from affectfuse.datasets.synthetic.physiology import pulse_wave
from affectfuse.datasets.synthetic.portrait import frame_portrait, load_photo
from affectfuse.datasets.synthetic.rendering import PULSE_RGB, Renderer, effective_pulse_percent
from affectfuse.datasets.synthetic.variants import neutralise_mouth
from affectfuse.errors import DatasetError
from affectfuse.recording.faces import FaceTracker
from affectfuse.recording.landmarks import (
    LEFT_CHEEK,
    LEFT_EYE,
    LEFT_IRIS,
    RIGHT_CHEEK,
    RIGHT_EYE,
    RIGHT_IRIS,
)

STILL: dict[str, Any] = {
    "duration_s": 8.0,
    "width": 320,
    "height": 240,
    "hidden_state": False,
    "heart_rate_bpm": 75.0,
    "heart_rate_drift_sd_bpm": 0.0,
    "rsa_sd_ms": 0.0,
    "beat_jitter_sd_ms": 0.0,
    "respiration_percent": 0.0,
    "macro_expressions_per_min": 0.0,
    "micro_expressions_per_min": 0.0,
    "blinks_per_min": 0.0,
    "gaze_shifts_per_min": 0.0,
    "light_drift_percent": 0.0,
    "sway_degrees": 0.0,
    "drift_degrees": 0.0,
    "drift_percent": 0.0,
    "idle_percent": 0.0,
    "pulse_amplitude_percent": 1.0,
}
PULSE_HZ = 1.25


def _still(**changes: Any) -> SessionScript:
    return draw_session(3, changes.pop("subject", 0), **(STILL | changes))


def _mask(renderer: Renderer, outlines: Sequence[Sequence[int]]) -> np.ndarray:
    mask = np.zeros(renderer.portrait.image.shape[:2], np.uint8)
    for outline in outlines:
        points = np.round(renderer.portrait.landmarks[list(outline), :2]).astype(np.int32)
        cv2.fillPoly(mask, [points], 1)
    return mask.astype(bool)


def _amplitude(times_s: np.ndarray, values: np.ndarray, frequency_hz: float) -> np.ndarray:
    """AC/DC in % of the sine of that frequency, (channel,), by least squares."""
    angle = 2 * np.pi * frequency_hz * times_s
    design = np.stack([np.sin(angle), np.cos(angle), np.ones_like(angle), times_s], axis=1)
    found = np.linalg.lstsq(design, values / values.mean(0), rcond=None)[0]
    return np.asarray(100 * np.hypot(found[0], found[1]))


def _fundamental() -> float:
    times_s = np.arange(0, 8, 0.01)
    wave = pulse_wave(times_s, np.arange(-1.6, 10, 0.8))
    return float(_amplitude(times_s, wave[:, None] + 1.0, PULSE_HZ)[0]) / 100


def _find(image: np.ndarray) -> np.ndarray | None:
    with FaceTracker() as tracker:
        face = tracker.track(Frame(0.0, image)).face
    return None if face is None else np.asarray(face.landmarks, float)


def test_the_same_script_gives_the_same_frames() -> None:
    script = draw_session(9, 1, duration_s=0.5, width=160, height=120)
    first = [frame.image for frame in Renderer(script).frames()]
    again = [frame.image for frame in Renderer(script).frames()]
    np.testing.assert_array_equal(first, again)
    assert np.any(first[0] != first[1])


@pytest.mark.parametrize("percent", [0.2, 1.0])
def test_the_planted_pulse_is_in_the_pictures(percent: float) -> None:
    """Its fundamental, on the cheeks, in all three channels: within 0.02 points and 3 %."""
    script = _still(pulse_amplitude_percent=percent)
    renderer = Renderer(script)
    cheeks = _mask(renderer, [LEFT_CHEEK, RIGHT_CHEEK])
    background = np.s_[:40, :40]
    frames = [frame.image for frame in renderer.frames()]
    times_s = np.array(script.frame_times_s)
    colour = np.array([image[cheeks].mean(0) for image in frames])
    stated = percent * _fundamental() * PULSE_RGB
    np.testing.assert_allclose(
        _amplitude(times_s, colour, PULSE_HZ), stated, atol=0.02 + 0.03 * percent
    )
    still = np.array([image[background].mean((0, 1)) for image in frames])
    assert _amplitude(times_s, still, PULSE_HZ).max() < 0.02


def test_most_of_the_pulse_survives_the_default_compression(tmp_path: Path) -> None:
    script = _still()
    renderer = Renderer(script)
    cheeks = _mask(renderer, [LEFT_CHEEK, RIGHT_CHEEK])
    render(script, tmp_path / "v.mp4")
    with av.open(str(tmp_path / "v.mp4")) as container:
        colour = np.array(
            [f.to_ndarray(format="rgb24")[cheeks].mean(0) for f in container.decode(video=0)]
        )
    green = _amplitude(np.array(script.frame_times_s), colour, PULSE_HZ)[1]
    assert 0.6 < green / _fundamental() < 1.1


def test_darker_skin_is_darker_has_less_pulse_and_is_found() -> None:
    light, dark = Renderer(_still(skin_tone=1.0)), Renderer(_still(skin_tone=6.0))
    cheeks = _mask(light, [LEFT_CHEEK, RIGHT_CHEEK])
    assert dark.portrait.image[cheeks].mean() < 0.5 * light.portrait.image[cheeks].mean()
    assert effective_pulse_percent(dark.script) < 0.5 * effective_pulse_percent(light.script)
    assert _find(next(dark.frames()).image) is not None


def _apex_script(label: str, percent: float, **changes: Any) -> SessionScript:
    weights = {f"{unit}{side}": w for unit, w in EXPRESSIONS[label][0].items() for side in "RL"}
    event = Event(0.2, 0.6, label, 0.4, percent, weights)
    script = _still(duration_s=1.0, noise_sd=0.0, pulse_amplitude_percent=0.0, **changes)
    return replace(script, micro_expressions=(event,), frame_times_s=(0.0, 0.4, 0.8))


@pytest.mark.parametrize("label", CLASSES)
def test_displacement_is_the_stated_one(label: str) -> None:
    """Dense optical flow from rest to apex, read where the landmarks lie."""
    percent = 5.0
    renderer = Renderer(_apex_script(label, percent, width=640, height=480))
    rest, apex, after = [cv2.cvtColor(f.image, cv2.COLOR_RGB2GRAY) for f in renderer.frames()]
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(rest, apex, None)
    x, y = np.round(renderer.portrait.landmarks[:468, :2]).astype(int).T
    length = np.linalg.norm(flow[y, x], axis=-1) / renderer.portrait.interocular_px * 100
    assert np.percentile(length, 99) == pytest.approx(percent, rel=0.25)
    far = np.linalg.norm(flow[:, :60], axis=-1) / renderer.portrait.interocular_px * 100
    assert far.max() < 0.5
    np.testing.assert_array_equal(rest, after)


@pytest.mark.parametrize("number", [1, 5])
def test_the_peak_is_exact_at_the_landmarks_for_every_subject(number: int) -> None:
    renderer = Renderer(_apex_script("disgust", 3.0, subject=number))
    units = renderer.animation().units[1]
    assert renderer.peak(units) * 100 == pytest.approx(3.0, rel=1e-6)
    assert renderer.peak(np.zeros_like(units)) == 0.0


def test_every_expression_names_known_action_units() -> None:
    assert set(EXPRESSIONS) == set(CLASSES)
    used = {unit for choices in EXPRESSIONS.values() for choice in choices for unit in choice}
    assert used <= set(ACTION_UNITS)


def test_a_blink_covers_the_eyes_and_nothing_else() -> None:
    script = _still(duration_s=1.0, noise_sd=0.0, pulse_amplitude_percent=0.0)
    script = replace(script, blinks=(Event(0.2, 0.5, "blink"),), frame_times_s=(0.0, 0.32, 0.9))
    renderer = Renderer(script)
    rest, shut, after = [f.image.astype(float) for f in renderer.frames()]
    irises = _mask(renderer, [LEFT_IRIS[1:], RIGHT_IRIS[1:]])
    assert shut[irises].mean() > rest[irises].mean() + 40  # lids are brighter than irises
    eyes = _mask(renderer, [LEFT_EYE, RIGHT_EYE])
    grown = cv2.dilate(eyes.astype(np.uint8), np.ones((41, 41))) > 0
    np.testing.assert_array_equal(shut[~grown], rest[~grown])
    np.testing.assert_array_equal(after, rest)


def test_gaze_turns_the_iris_by_the_stated_angle() -> None:
    script = _still(
        duration_s=1.0, noise_sd=0.0, pulse_amplitude_percent=0.0, width=640, height=480
    )
    script = replace(script, gaze=((0.2, 12.0, 0.0),), frame_times_s=(0.0, 0.9))
    renderer = Renderer(script)
    rest, turned = [f.image[..., 1].astype(float) for f in renderer.frames()]
    stated = 0.19 * np.sin(np.deg2rad(12.0)) * renderer.portrait.interocular_px
    for iris in (468, 473):
        x, y = np.round(renderer.portrait.landmarks[iris, :2]).astype(int)
        window = np.s_[y - 3 : y + 4, x - 8 : x + 9]
        moved = [
            np.abs(np.roll(rest, shift, axis=1)[window] - turned[window]).mean()
            for shift in range(-6, 7)
        ]
        assert np.argmin(moved) - 6 == pytest.approx(stated, abs=1.0)


def test_speech_opens_the_mouth_and_sway_turns_the_head() -> None:
    base = _still(duration_s=2.0, noise_sd=0.0, pulse_amplitude_percent=0.0)
    talk = Renderer(
        replace(
            base,
            syllables=(Event(0.2, 0.6, "syllable", displacement_percent=12.0),),
            frame_times_s=(0.0, 0.4),
        )
    )
    rest, open_ = [_find(f.image) for f in talk.frames()]
    assert rest is not None
    assert open_ is not None
    iod = talk.portrait.interocular_px
    gap = [(points[14, 1] - points[13, 1]) / iod for points in (rest, open_)]
    assert gap[1] - gap[0] > 0.06

    yaw = replace(base, motion={**base.motion, "yaw": ((10.0, 0.25, 0.0),)})
    turn = Renderer(replace(yaw, frame_times_s=(0.0, 1.0)))
    ahead, turned = [_find(f.image) for f in turn.frames()]
    assert ahead is not None
    assert turned is not None
    nose = [p[1, 0] - (p[33, 0] + p[263, 0]) / 2 for p in (ahead, turned)]
    assert 0.04 < (nose[1] - nose[0]) / iod < 0.16  # nose tip 0.5 to 0.6 nearer than the eyes


def test_a_face_that_leaves_is_not_found_and_returns() -> None:
    script = replace(
        draw_session(1, 0, duration_s=6.0, width=320, height=240),
        absences=(Event(2.0, 4.0, "face_absent"),),
        frame_times_s=(0.5, 2.0, 3.0, 4.0, 5.0),
    )
    seen = [_find(frame.image) is not None for frame in Renderer(script).frames()]
    assert seen == [True, False, False, False, True]


def test_flicker_and_noise_have_their_stated_strength() -> None:
    script = _still(flicker_percent=2.0, flicker_hz=4.0, pulse_amplitude_percent=0.0, noise_sd=3.0)
    frames = np.array([f.image[:60, :60] for f in Renderer(script).frames()], float)
    light = frames.mean((1, 2))
    np.testing.assert_allclose(
        _amplitude(np.array(script.frame_times_s), light, 4.0), 2.0, rtol=0.05
    )
    flat = frames / light[:, None, None] * light.mean(0)
    assert (flat - flat.mean(0)).std() == pytest.approx(3.0, rel=0.05)


def test_variants_differ_and_are_found() -> None:
    pictures = []
    for number in (1, 2, 3):
        picture = next(Renderer(_still(subject=number, skin_tone=3.0)).frames()).image
        assert _find(picture) is not None
        pictures.append(picture[60:180, 100:220].astype(float))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(pictures[one] - pictures[other]).mean() > 8.0


def test_the_neutral_mouth_is_closed() -> None:
    framed = frame_portrait(load_photo(None), 640, 480, 14.0)
    before, after = (
        _find(framed.image.astype(np.uint8)),
        _find(np.clip(neutralise_mouth(framed).image, 0, 255).astype(np.uint8)),
    )
    assert before is not None
    assert after is not None
    gaps = [(p[14, 1] - p[13, 1]) / framed.interocular_px for p in (before, after)]
    assert gaps[0] > 0.08
    assert gaps[1] < 0.03


def test_a_photograph_without_a_face_or_unreadable_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "sky.png"
    cv2.imwrite(str(empty), np.full((200, 200, 3), 180, np.uint8))
    with pytest.raises(DatasetError, match=r"no face found in the photograph .*sky\.png"):
        load_photo(empty)
    text = tmp_path / "photo.png"
    text.write_text("not a picture")
    with pytest.raises(DatasetError, match="cannot be read"):
        load_photo(text)
