from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from affectfuse.containers import Face, Frame
from affectfuse.errors import ConfigError
from affectfuse.recording.faces import FaceTracker
from affectfuse.recording.landmarks import LANDMARKS
from affectfuse.recording.meshes import available_generation
from affectfuse.recording.models import BUNDLE
from affectfuse.recording.reader import open_recording

FACE = astronaut()[0:240, 120:330]
"""A face, 210 pixels wide and 240 high, whose eyes are about 45 pixels apart."""
NOSE_TIP, RIGHT_EYE, LEFT_EYE, CHIN = 1, 33, 263, 152


def bundle() -> Path | None:
    folder = os.environ.get("AFFECTFUSE_SHARED_DATA")
    path = Path(folder) / "models" / BUNDLE if folder else None
    return path if path is not None and path.is_file() else None


@pytest.fixture(
    params=[
        pytest.param("solutions", id="solutions"),
        pytest.param("tasks", id="tasks", marks=pytest.mark.shared_data),
    ]
)
def generation(request: pytest.FixtureRequest) -> str:
    if request.param == "tasks" and bundle() is None:
        pytest.skip("AFFECTFUSE_SHARED_DATA names no folder that holds the bundle")
    if request.param == "solutions" and available_generation() != "solutions":
        pytest.skip("the installed MediaPipe is a newer one, without 'solutions'")
    return str(request.param)


@pytest.fixture
def tracker(generation: str) -> Iterator[FaceTracker]:
    with FaceTracker(generation=generation, bundle=bundle()) as tracker:
        yield tracker


def scene(*faces: tuple[int, int, float], width: int = 640, height: int = 480) -> np.ndarray:
    """A grey picture with the face at each (x, y) of its upper left corner, scaled."""
    image = np.full((height, width, 3), 110, np.uint8)
    for x, y, scale in faces:
        face = cv2.resize(FACE, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        top, left = max(0, y), max(0, x)
        part = face[top - y : height - y, left - x : width - x]
        image[top : top + part.shape[0], left : left + part.shape[1]] = part
    return image


def follow(tracker: FaceTracker, images: list[np.ndarray], rate_hz: float = 20.0) -> list[Face]:
    return [tracker.track(Frame(i / rate_hz, image)).face for i, image in enumerate(images)]


def centre_x(face: Face | None) -> float:
    assert face is not None
    return float(face.landmarks[:, 0].mean())


def test_landmarks_are_pixels_of_the_frame(tracker: FaceTracker, generation: str) -> None:
    frame = Frame(1.5, astronaut())
    tracked = tracker.track(frame)
    assert tracker.generation == generation
    assert (tracked.time_s, tracked.image is frame.image, frame.face) == (1.5, True, None)
    face = tracked.face
    assert face is not None
    assert face.landmarks.shape == (LANDMARKS, 3)
    assert face.landmarks.dtype == np.float32
    # Read off the photograph by eye.
    assert np.allclose(face.landmarks[RIGHT_EYE, :2], (194.5, 101.5), atol=3)
    assert np.allclose(face.landmarks[LEFT_EYE, :2], (256, 103.5), atol=3)
    assert face.landmarks[NOSE_TIP, 2] < face.landmarks[CHIN, 2]  # nearer to the camera
    assert 0.85 < face.visibility <= 1


def test_landmarks_move_with_the_face(tracker: FaceTracker) -> None:
    shifts = np.arange(0, 60, 3)
    faces = follow(tracker, [scene((150 + x, 100, 1.0)) for x in shifts])
    moved = np.array([centre_x(face) for face in faces])
    assert np.abs((moved - moved[0]) - shifts).max() < 4


def test_large_frames_are_measured_in_their_own_pixels(generation: str) -> None:
    small, large = astronaut(), cv2.resize(astronaut(), (2048, 2048))
    found = []
    for image in (small, large):
        with FaceTracker(generation=generation, bundle=bundle()) as tracker:
            face = tracker.track(Frame(0.0, image)).face
        assert face is not None
        found.append(face.landmarks / image.shape[0])
    assert np.abs(found[0] - found[1])[:, :2].max() < 0.01


def test_no_face(tracker: FaceTracker) -> None:
    assert follow(tracker, [scene()] * 3) == [None] * 3


def test_a_face_that_leaves_and_comes_back(tracker: FaceTracker) -> None:
    there, away = scene((200, 100, 1.0)), scene()
    faces = follow(tracker, [there] * 5 + [away] * 20 + [scene((20, 60, 1.2))] * 5)
    seen = [face is not None for face in faces]
    assert seen[:5] == [True] * 5
    assert not any(seen[6:25])
    assert seen[25:] == [True] * 5
    assert centre_x(faces[-1]) < 200 < centre_x(faces[0])


def test_visibility_falls_as_the_face_leaves_the_frame(tracker: FaceTracker) -> None:
    steps = range(200, -121, -10)
    faces = follow(tracker, [scene((x, 100, 1.0)) for x in steps])
    visible = [face.visibility for face in faces if face is not None]
    assert len(visible) > 25
    assert visible[0] > 0.85
    assert visible[-1] < 0.82
    assert visible[-1] < visible[-3] < visible[-5]


def test_a_face_the_detector_is_unsure_of_must_stay_a_while(tracker: FaceTracker) -> None:
    image = scene((20, 150, 0.8))
    scores = [face.score for face in tracker._loaded().detect(image)]
    assert len(scores) == 1
    assert 0.5 <= scores[0] < 0.65
    faces = follow(tracker, [image] * 4 + [scene()] + [image] * 12)
    seen = [face is not None for face in faces]
    assert seen == [False] * 11 + [True] * 6


def test_the_largest_face_is_taken(tracker: FaceTracker) -> None:
    faces = follow(tracker, [scene((20, 200, 0.7), (330, 60, 1.3))] * 3)
    assert all(centre_x(face) > 330 for face in faces)


@pytest.mark.parametrize(("choose", "left"), [("0.15,0.5", True), ("0.8,0.5", False)])
def test_the_chosen_face_is_taken(generation: str, choose: str, left: bool) -> None:
    image = scene((20, 150, 0.9), (380, 100, 1.1))
    with FaceTracker(choose=choose, generation=generation, bundle=bundle()) as tracker:
        faces = follow(tracker, [image] * 25)
    assert all((centre_x(face) < 320) == left for face in faces)


def test_no_other_face_is_taken_for_the_chosen_one(generation: str) -> None:
    with FaceTracker(choose="0.1,0.5", generation=generation, bundle=bundle()) as tracker:
        assert follow(tracker, [scene((400, 100, 1.0))] * 3) == [None] * 3


def test_the_same_person_is_kept(tracker: FaceTracker) -> None:
    alone, both = scene((20, 100, 1.0)), scene((20, 100, 1.0), (330, 60, 1.25))
    faces = follow(tracker, [alone] * 5 + [both] * 40)
    assert all(centre_x(face) < 240 for face in faces)


def test_the_same_person_is_found_again(tracker: FaceTracker) -> None:
    alone, both = scene((20, 100, 1.0)), scene((20, 100, 1.0), (330, 60, 1.25))
    faces = follow(tracker, [alone] * 5 + [scene()] * 10 + [both] * 10)
    assert faces[10] is None
    assert all(centre_x(face) < 240 for face in faces[15:])


def test_a_much_larger_face_takes_over(tracker: FaceTracker) -> None:
    poster, both = scene((20, 100, 1.0)), scene((20, 100, 1.0), (250, 10, 1.85))
    faces = follow(tracker, [poster] * 5 + [both] * 40)
    sides = [face is not None and centre_x(face) > 300 for face in faces]
    first = sides.index(True)
    assert 10 < first <= 5 + 25  # seen at two checks, half a second apart
    assert all(sides[first:])


def test_a_track_without_a_face_is_given_up_within_a_second(tracker: FaceTracker) -> None:
    face = scene((200, 100, 1.0))
    assert None not in follow(tracker, [face] * 3)
    # The landmark model is made to see its face for ever; the detector must end it.
    mesh = tracker._loaded()
    last = mesh.follow(face, 0.2)
    mesh.follow = lambda image, time_s: last  # type: ignore[method-assign]
    seen = [tracker.track(Frame(0.2 + i / 20, scene())).face is not None for i in range(40)]
    assert seen[0]
    assert not any(seen[22:])


def test_one_tracker_knows_nothing_of_another(generation: str) -> None:
    images = [scene((150 + 3 * i, 100, 1.0)) for i in range(5)]
    found = []
    for before in (0, 1):
        if before:
            with FaceTracker(generation=generation, bundle=bundle()) as other:
                follow(other, [scene((20, 150, 0.9))] * 4)
        with FaceTracker(generation=generation, bundle=bundle()) as tracker:
            found.append([face.landmarks for face in follow(tracker, images)])
    assert np.array_equal(*found)


def test_a_closed_tracker_is_refused() -> None:
    tracker = FaceTracker()
    tracker.close()
    with pytest.raises(RuntimeError, match="closed"):
        tracker.track(Frame(0.0, scene()))


@pytest.mark.parametrize("choose", ["smallest", "0.5", "0.5,1.5", "a,b", "0.1,0.2,0.3", "nan,0"])
def test_choices_that_are_none(choose: str) -> None:
    with pytest.raises(ConfigError, match="chooses no face; give 'largest'"):
        FaceTracker(choose=choose)


@pytest.mark.skipif(available_generation() == "solutions", reason="this MediaPipe has both")
def test_an_older_interface_is_refused_by_a_newer_mediapipe() -> None:
    with pytest.raises(ConfigError, match=r"mediapipe==0\.10\.21"):
        FaceTracker(generation="solutions").track(Frame(0.0, scene()))


def test_loading_writes_nothing_to_the_screen(
    generation: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with FaceTracker(generation=generation, bundle=bundle()) as tracker:
        follow(tracker, [scene((200, 100, 1.0))] * 2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "present_s"),
    [
        ("face_noface.mov", (0.0, 2.43)),
        ("noface_face.mov", (3.9, 6.3)),
        ("no_face.mp4", (9.0, 9.0)),
        ("single_face.mp4", (0.0, 9.0)),
        ("WolfgangLanger_Pexels.mp4", (0.0, 99.0)),
    ],
)
def test_real_faces_that_come_and_go(
    shared_data: Path, tracker: FaceTracker, name: str, present_s: tuple[float, float]
) -> None:
    with open_recording(shared_data / "clips" / name) as recording:
        for frame in map(tracker.track, recording.observations()):
            expected = present_s[0] <= frame.time_s <= present_s[1]
            near = min(abs(frame.time_s - edge_s) for edge_s in present_s) < 0.15
            assert near or (frame.face is not None) == expected, frame.time_s
