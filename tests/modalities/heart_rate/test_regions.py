from __future__ import annotations

import numpy as np
import pytest
from modalities.heart_rate.painted_faces import SIZE, landmarks

from affectfuse.containers import Face, Frame
from affectfuse.modalities.heart_rate.regions import BACKGROUND, REGIONS, SKIN, RegionReader


def read(image, points=None, reader=None, time_s=0.0):
    reader = reader or RegionReader(min_pixels=64, smoothing_s=0.15)
    return reader.read(Frame(time_s, image, Face(landmarks() if points is None else points, 1.0)))


def plain(colour=(180, 130, 110)):
    return np.full((*SIZE, 3), colour, np.uint8)


def test_every_region_reads_the_colour_of_its_skin():
    colours, _ = read(plain())
    np.testing.assert_allclose(colours, [[180, 130, 110]] * len(REGIONS), atol=0.01)


def test_regions_lie_where_the_landmarks_are():
    image = plain((110, 110, 110))
    image[:45] = (200, 100, 90)  # forehead
    image[45:, 80:] = (90, 120, 200)  # the subject's left is on the image's right
    colours = dict(zip(REGIONS, read(image)[0], strict=True))
    np.testing.assert_allclose(colours["forehead"], (200, 100, 90), atol=3)
    np.testing.assert_allclose(colours["left_cheek"], (90, 120, 200), atol=1e-3)
    np.testing.assert_allclose(colours["right_cheek"], (110, 110, 110), atol=1e-3)


def test_eyes_and_lips_are_no_skin():
    image = plain()
    image[50:54, 62:70] = image[50:54, 90:98] = 30
    image[86:90, 72:88] = (220, 30, 40)
    colours = dict(zip(REGIONS, read(image)[0], strict=True))
    np.testing.assert_allclose(colours["skin"], (180, 130, 110), atol=0.05)


def test_specular_and_black_pixels_are_left_out():
    image = plain()
    image[::20] = image[1::20] = 255  # highlights and hairs, thicker than a pixel
    image[10::20] = image[11::20] = 0
    np.testing.assert_allclose(read(image)[0][:BACKGROUND], [[180, 130, 110]] * 4, atol=0.01)


def test_hair_over_the_forehead_is_left_out():
    image = plain()
    image[:34] = (70, 50, 40)
    np.testing.assert_allclose(read(image)[0][:BACKGROUND], [[180, 130, 110]] * 4, atol=4.0)


def test_the_background_is_what_lies_well_outside_the_face():
    image = plain((90, 95, 100))
    image[4:116, 36:124] = (180, 130, 110)
    np.testing.assert_allclose(read(image)[0][BACKGROUND], (90, 95, 100), atol=1e-3)
    close = landmarks(size=1.6)
    assert np.isnan(read(plain(), close)[0][BACKGROUND]).all()  # nothing but the face is seen


def test_the_choice_of_pixels_does_not_flicker_with_the_noise():
    """Bright skin that does not clip is read whole, although its noise touches the limit."""
    rng = np.random.default_rng(0)
    noisy = np.clip(np.rint(rng.normal(247, 3, (*SIZE, 3))), 0, 255).astype(np.uint8)
    colours = read(noisy)[0][:BACKGROUND]
    assert (noisy >= 253).mean() > 0.02
    np.testing.assert_allclose(colours, noisy.mean(), atol=0.35)


@pytest.mark.parametrize("level", [0, 255])
def test_black_and_overexposed_frames_are_missing(level):
    assert np.isnan(read(np.full((*SIZE, 3), level, np.uint8))[0]).all()


def test_landmarks_that_are_not_numbers_are_missing():
    points = landmarks()
    points[:] = np.nan
    assert np.isnan(read(plain(), points)[0]).all()


def test_a_tiny_face_is_missing_and_a_clipped_one_reads_what_is_inside():
    assert np.isnan(read(plain(), landmarks(size=0.05))[0][: len(SKIN)]).all()
    colours = dict(zip(REGIONS, read(plain(), landmarks(x=0.0))[0], strict=True))
    assert np.isnan(colours["right_cheek"]).all()
    np.testing.assert_allclose(colours["left_cheek"], (180, 130, 110), atol=1e-3)
    assert np.isnan(read(plain(), landmarks(x=-300.0))[0][: len(SKIN)]).all()


def test_polygons_stay_on_a_jittering_face_and_follow_a_moving_one():
    rng = np.random.default_rng(0)
    gradient = np.broadcast_to(np.arange(60, 220)[None, :, None], (*SIZE, 3)).astype(np.uint8)
    jitter = [landmarks(80 + rng.normal(scale=0.5)) for _ in range(150)]

    def wobble(smoothing_s):
        reader = RegionReader(64, smoothing_s)
        cheek = [read(gradient, p, reader, k / 30)[0][1, 0] for k, p in enumerate(jitter)]
        return np.std(cheek[30:])

    assert wobble(0.3) < 0.75 * wobble(0.0)
    reader = RegionReader(64, 0.15)
    for k in range(60):  # one interocular distance a second
        colours, _ = read(gradient, landmarks(50 + 40 * k / 30, 60), reader, k / 30)
    expected = 60 + 50 + 40 * 59 / 30 + 18
    assert colours[1, 0] == pytest.approx(expected, abs=2.0)
