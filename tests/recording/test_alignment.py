"""Alignment: a still face gives a still crop, a moving head is followed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from affectfuse.containers import Array, Face, Frame
from affectfuse.recording.alignment import INTEROCULAR_SHARE, FaceAligner, crop_place
from affectfuse.recording.landmarks import EYE_CORNERS, LANDMARKS, NOSE_BRIDGE

SIZE = 128
INTEROCULAR_PX = 90.0
IMAGE = np.zeros((480, 640, 3), np.uint8)
SHAPE = {  # in interocular distances from the middle of the eyes
    33: (-0.72, 0.0), 133: (-0.28, 0.03), 362: (0.28, 0.03), 263: (0.72, 0.0),
    168: (0.0, -0.03), 6: (0.0, 0.2), 197: (0.0, 0.35), 195: (0.0, 0.5),
}  # fmt: skip


def points(middle: Array, turn: float = 0.0, size: float = 1.0) -> Array:
    landmarks = np.zeros((LANDMARKS, 3), np.float32)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    for index, at in SHAPE.items():
        landmarks[index, :2] = middle + size * INTEROCULAR_PX * rotation @ at
    return landmarks


def frame(time_s: float, landmarks: Array | None, image: Array = IMAGE) -> Frame:
    face = None if landmarks is None else Face(landmarks.astype(np.float32), 1.0)
    return Frame(time_s, image, face)


def in_crop(matrix: Array, at: Array) -> Array:
    return matrix[:, :2] @ at + matrix[:, 2]


@pytest.mark.parametrize(("turn", "size"), [(0.0, 1.0), (0.35, 0.5), (-0.5, 1.7)])
def test_eyes_lie_where_they_should(turn: float, size: float) -> None:
    aligned = FaceAligner(SIZE, 0.0).align(frame(0.0, points(np.array([300, 200]), turn, size)))
    assert aligned is not None
    assert aligned.crop.shape == (SIZE, SIZE, 3)
    right, left = (aligned.landmarks[list(EYE_CORNERS[i : i + 2]), :2].mean(0) for i in (0, 2))
    assert np.hypot(*(left - right)) == pytest.approx(INTEROCULAR_SHARE * SIZE, rel=0.03)
    assert left[1] == pytest.approx(right[1], abs=0.2)
    assert (left + right)[0] / 2 == pytest.approx(SIZE / 2, abs=0.5)


def test_the_picture_follows_the_matrix() -> None:
    image = IMAGE.copy()
    landmarks = points(np.array([320.0, 240.0]), turn=0.4)
    nose = landmarks[NOSE_BRIDGE[2], :2]
    image[int(nose[1]) - 2 : int(nose[1]) + 3, int(nose[0]) - 2 : int(nose[0]) + 3] = 255
    aligned = FaceAligner(SIZE, 0.0).align(frame(0.0, landmarks, image))
    assert aligned is not None
    y, x = np.nonzero(aligned.crop[..., 0] > 100)
    np.testing.assert_allclose([x.mean(), y.mean()], in_crop(aligned.matrix, nose), atol=1.0)


@pytest.mark.parametrize(("turn", "size"), [(0.0, 1.0), (0.35, 0.7), (-0.5, 2.5)])
def test_the_place_of_a_crop_is_where_it_was_cut(turn: float, size: float) -> None:
    small = np.random.default_rng(1).integers(0, 255, (6, 8, 3)).astype(np.uint8)
    image = cv2.resize(small, (640, 480), interpolation=cv2.INTER_CUBIC)
    landmarks = points(np.array([330.0, 250.0]), turn, size)
    aligned = FaceAligner(SIZE, 0.0).align(frame(0.0, landmarks, image))
    assert aligned is not None
    place = aligned.place
    assert place.turn_degrees == pytest.approx(np.degrees(turn), abs=1.0)
    scale = np.sqrt(np.linalg.det(aligned.matrix[:, :2]))
    assert place.side_px == pytest.approx(SIZE / scale)
    inside = np.abs(in_crop(aligned.matrix, np.array([place.x_px, place.y_px])) - SIZE / 2)
    assert inside.max() < 1e-6
    again = crop_place(image, place, SIZE).astype(float)
    # Beyond the image it is black, where the aligned crop repeats the edge.
    known = cv2.erode(again.any(axis=2).astype(np.uint8), np.ones((5, 5))) > 0
    assert known.mean() > 0.3
    assert np.abs(again - aligned.crop)[known].mean() < 4.0


@pytest.mark.parametrize("rate_hz", [20.0, 30.0])
def test_a_still_face_gives_a_still_crop(rate_hz: float) -> None:
    rng = np.random.default_rng(0)
    middle, aligner = np.array([320.0, 240.0]), FaceAligner(SIZE, 0.5)
    corners = [middle + INTEROCULAR_PX * np.array(at) for at in ((-1, -0.7), (1, -0.7), (0, 1.7))]
    places = []
    for i in range(round(10 * rate_hz)):
        noise = rng.normal(0, 0.003 * INTEROCULAR_PX, (LANDMARKS, 3))
        aligned = aligner.align(frame(i / rate_hz, points(middle) + noise))
        assert aligned is not None
        places.append([in_crop(aligned.matrix, corner) for corner in corners])
    settled = np.array(places)[round(rate_hz) :]
    step = np.hypot(*np.diff(settled, axis=0).T)
    assert np.sqrt(np.mean(step**2)) < 0.04  # pixels of the crop
    assert step.max() < 0.1
    assert settled.std(axis=0).max() < 0.1


def test_head_motion_is_followed_quickly() -> None:
    aligner, errors = FaceAligner(SIZE, 0.5), []
    for i in range(90):
        time_s = i / 30
        swing = 0.5 * INTEROCULAR_PX * np.sin(2 * np.pi * 0.7 * time_s)  # 2.2 interoculars a second
        middle = np.array([320.0 + swing, 240.0])
        aligned = aligner.align(frame(time_s, points(middle)))
        assert aligned is not None
        errors.append(in_crop(aligned.matrix, middle)[0] - SIZE / 2)
    assert np.abs(errors[5:]).max() < 3.0  # about 30 ms late
    after_stop = aligner.align(frame(3.2, points(middle)))
    assert after_stop is not None
    assert abs(in_crop(after_stop.matrix, middle)[0] - SIZE / 2) < 0.6


def test_it_starts_afresh_after_a_loss_a_gap_and_a_jump() -> None:
    here, there = np.array([200.0, 200.0]), np.array([230.0, 200.0])
    for between in (frame(0.1, None), None):
        aligner = FaceAligner(SIZE, 0.5)
        aligner.align(frame(0.0, points(here)))
        if between is not None:
            assert aligner.align(between) is None
        fresh = aligner.align(frame(0.2 if between is not None else 1.0, points(there)))
        alone = FaceAligner(SIZE, 0.5).align(frame(0.0, points(there)))
        assert fresh is not None
        assert alone is not None
        np.testing.assert_allclose(fresh.matrix, alone.matrix)
    aligner = FaceAligner(SIZE, 0.5)
    aligner.align(frame(0.0, points(here)))
    jumped = aligner.align(frame(0.03, points(here + 2 * INTEROCULAR_PX)))
    assert jumped is not None
    np.testing.assert_allclose(
        in_crop(jumped.matrix, here + 2 * INTEROCULAR_PX)[0], SIZE / 2, atol=0.5
    )


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(ValueError, match="size_px is 4"):
        FaceAligner(4, 0.5)
    with pytest.raises(ValueError, match="smoothing_s is -1"):
        FaceAligner(128, -1)
