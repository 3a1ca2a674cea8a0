"""Clips begin and end where they should, by any clock, and keep to their budget."""

from __future__ import annotations

import io
import math
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from recording.videos import write_video

from affectfuse.containers import Array, Interval, Place
from affectfuse.recording.clocks import Clock
from affectfuse.reports.session_page import clips
from affectfuse.reports.session_page.clips import FaceClip, cut_clips

EVEN = (np.arange(360) / 30).round(3)
UNEVEN = np.cumsum(np.random.default_rng(3).uniform(0.015, 0.05, 360)).round(3)
WHOLE = Place(48.0, 32.0, 40.0, 0.0)
OWN = Clock(0.0)


def grey(frame: int) -> int:
    """Tells a frame from those around it, by more than compression changes."""
    return 30 + 11 * frame % 190


@pytest.fixture(scope="module", params=[EVEN, UNEVEN, 4.0 + EVEN], ids=["even", "uneven", "late"])
def video(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Array]:
    """A recording of 12 s; the time of each frame from its start.

    Each frame is of one grey, which tells its number.
    """
    images = [np.full((64, 96, 3), grey(i), np.uint8) for i in range(360)]
    path = tmp_path_factory.mktemp("clips") / "v.mkv"
    times_s = np.asarray(request.param)
    write_video(path, tuple(times_s), images=images)
    return path, (times_s - times_s[0]).round(3)


def found(onset_s: float, offset_s: float, confidence: float = 0.9) -> Interval:
    return Interval(onset_s, offset_s, "x", confidence=confidence, place=WHOLE)


def shown(clip: FaceClip) -> tuple[Array, Array]:
    """The times of a clip's frames and their greys."""
    with av.open(io.BytesIO(clip.mp4)) as container:
        frames = list(container.decode(video=0))
    greys = [frame.to_ndarray(format="rgb24").mean() for frame in frames]
    return np.array([float(frame.time) for frame in frames]), np.array(greys)


@pytest.mark.parametrize("clock", [OWN, Clock(7.25, 40.0), Clock(-2.0)], ids=str)
def test_a_clip_holds_the_frames_of_its_time(video: tuple[Path, Array], clock: Clock) -> None:
    path, times_s = video
    spans = np.array([[2.5135, 2.9135], [8.0135, 8.3135], [8.2135, 8.5135]])
    intervals = [found(*clock.to_session(span)) for span in spans]
    cut, notes = cut_clips(path, clock, intervals)
    assert notes == []
    assert list(cut) == intervals
    for interval, (onset_s, offset_s) in zip(intervals, spans, strict=True):
        within = (times_s >= onset_s - 0.3) & (times_s <= offset_s + 0.3)
        at_s, greys = shown(cut[interval])
        assert len(greys) == within.sum()
        assert greys == pytest.approx([grey(i) for i in np.flatnonzero(within)], abs=3)
        wanted_s = times_s[within]
        assert at_s == pytest.approx(wanted_s - wanted_s[0], abs=1e-3)
        assert cut[interval].start_s == pytest.approx(clock.to_session(wanted_s[:1])[0], abs=1e-3)


def test_a_drifting_clock_is_heeded(tmp_path: Path) -> None:
    """A thousand parts per million are twelve milliseconds at the end; a tenth of the rate is 4."""
    images = [np.full((64, 96, 3), grey(i), np.uint8) for i in range(360)]
    path = write_video(tmp_path / "v.mp4", tuple(EVEN), images=images)
    clock = Clock(0.0, 100_000.0)
    interval = found(11.0, 11.2)
    cut, _ = cut_clips(path, clock, [interval])
    _, greys = shown(cut[interval])
    first = math.ceil((11.0 - 0.3) / 1.1 * 30)
    assert greys[0] == pytest.approx(grey(first), abs=3)
    assert abs(grey(first) - grey(math.ceil(10.7 * 30))) > 10


def test_what_lies_at_the_ends_or_beyond(video: tuple[Path, Array]) -> None:
    path, times_s = video
    at_start, at_end = found(0.02, 0.3), found(times_s[-1] - 0.2, times_s[-1])
    beyond = found(times_s[-1] + 5, times_s[-1] + 5.3)
    cut, notes = cut_clips(path, OWN, [at_start, at_end, beyond])
    assert list(cut) == [at_start, at_end]
    assert shown(cut[at_start])[1][0] == pytest.approx(grey(0), abs=3)
    assert shown(cut[at_end])[1][-1] == pytest.approx(grey(359), abs=3)
    assert notes == ["1 expressions have no clip: their frames cannot be read again"]


def test_the_most_confident_come_first(
    video: tuple[Path, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    intervals = [found(1 + i, 1.3 + i, 0.1 * (1 + (3 * i) % 7)) for i in range(7)]
    intervals.append(found(9.0, 9.3, math.nan))
    by_confidence = sorted(intervals[:7], key=lambda i: -i.confidence)
    every, notes = cut_clips(video[0], OWN, intervals)
    assert list(every) == [*by_confidence, intervals[7]]
    assert notes == []
    monkeypatch.setattr(clips, "MOST_CLIPS", 3)
    some, notes = cut_clips(video[0], OWN, intervals)
    assert list(some) == by_confidence[:3]
    assert notes == [
        "5 of 8 expressions have no clip: the page holds the 3 most confident, at most 3 and 3 MB"
    ]
    monkeypatch.setattr(clips, "MOST_CLIPS", 60)
    size = sum(4 / 3 * len(every[i].mp4) for i in by_confidence[:2])
    monkeypatch.setattr(clips, "CLIPS_BYTES", size + 10)
    some, notes = cut_clips(video[0], OWN, intervals)
    assert list(some) == by_confidence[:2]
    assert "6 of 8 expressions have no clip" in notes[0]


def test_a_file_with_too_few_key_frames_is_given_up(
    video: tuple[Path, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "_MOST_DECODED", 40)
    intervals = [found(t, t + 0.3) for t in (2.0, 6.0, 10.0)]
    cut, notes = cut_clips(video[0], OWN, intervals)
    assert list(cut) in (intervals[:1], intervals[:2])
    assert "their frames cannot be read again" in notes[0]


def test_without_a_place_there_is_no_clip(video: tuple[Path, Array]) -> None:
    cut, notes = cut_clips(video[0], OWN, [Interval(2.0, 2.3, "x")])
    assert cut == {}
    assert notes == ["no clips of the expressions: where the face was is not known"]


def test_the_square_of_the_place_is_shown_upright(tmp_path: Path) -> None:
    """A cross of four colours, turned by 30 degrees, stands upright in the clip."""
    image = np.zeros((240, 320, 3), np.uint8)
    corners = {(-30, -30): (220, 0, 0), (30, -30): (0, 220, 0), (-30, 30): (0, 0, 220)}
    turn = np.exp(1j * math.radians(30))
    for (x, y), colour in corners.items():
        at = complex(150, 110) + complex(x, y) * turn
        cv2.circle(image, (round(at.real), round(at.imag)), 12, colour, -1)
    path = write_video(tmp_path / "v.mp4", tuple(np.arange(60) / 30), images=[image] * 60)
    place = Place(150.0, 110.0, 120.0 / 1.25, 30.0)
    interval = Interval(0.8, 1.1, "x", place=place)
    cut, _ = cut_clips(path, OWN, [interval])
    with av.open(io.BytesIO(cut[interval].mp4)) as container:
        seen = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert seen.shape == (176, 176, 3)
    for (x, y), colour in corners.items():
        column, row = (round(88 + 176 / 120 * v) for v in (x, y))
        assert seen[row, column] == pytest.approx(colour, abs=40)
    assert seen[132, 132].max() < 40  # nothing at the fourth corner
