"""The whole modality on frames of a synthetic face."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from inspect import signature

import numpy as np
import pytest
from omegaconf import OmegaConf

from affectfuse.config import load_node
from affectfuse.containers import (
    Array,
    Clip,
    Frame,
    Interval,
    IntervalTrack,
    ModalitySample,
    Reading,
    Track,
)
from affectfuse.modalities.base import Recognise
from affectfuse.modalities.micro_expression import CLASSES, MicroExpression

MODALITY = MicroExpression()
"""With the defaults, which are those of the shipped config."""


def run(
    frames: Sequence[Frame],
    recognise: Recognise | None = None,
    annotations: Sequence[Interval] | None = None,
    *,
    flush: bool = True,
) -> list[Reading]:
    extractor, out, tick_s = MODALITY.extractor(recognise, annotations), [], 1.0
    for frame in frames:
        while frame.time_s >= tick_s:
            out += extractor.tick(tick_s)
            tick_s += 1.0
        out += extractor.push(frame)
    return out + list(extractor.flush()) if flush else out


def plain(reading: Reading) -> object:
    """A reading as something that compares by value."""
    if isinstance(reading, Track):
        return (
            reading.name,
            reading.times_s.tolist(),
            np.nan_to_num(reading.values, nan=-1).tolist(),
        )
    if isinstance(reading, IntervalTrack):
        return reading.name, [(i.onset_s, i.apex_s, i.offset_s) for i in reading.intervals]
    if isinstance(reading, Clip):
        return reading.interval.onset_s, reading.array.tobytes()
    return reading.offset_s, reading.quality, reading.array.tobytes()


def test_readings_depend_only_on_the_past(face_video: list[Frame]) -> None:
    part = run([f for f in face_video if f.time_s < 7.0], flush=False)
    whole = run(face_video)
    assert len(part) > 10
    assert [plain(r) for r in whole[: len(part)]] == [plain(r) for r in part]


def test_one_summary_a_tick(face_video: list[Frame]) -> None:
    samples = [r for r in run(face_video) if isinstance(r, ModalitySample)]
    assert [s.offset_s for s in samples] == [float(i) for i in range(1, len(samples) + 1)]
    for sample in samples:
        assert sample.array.shape == MODALITY.sample_shape
        assert sample.array.dtype == np.float32
        assert np.isfinite(sample.array).all()
        assert sample.onset_s == 0.0
    qualities = [s.quality for s in samples]
    assert qualities == sorted(qualities)
    assert 0.3 < qualities[-1] < len(samples) / MODALITY.window_s + 0.01


def test_a_face_that_leaves_is_not_watched(face_video: list[Frame]) -> None:
    gone = [f if f.time_s < 4.0 else Frame(f.time_s, f.image) for f in face_video]
    readings = run(gone)
    samples = [r for r in readings if isinstance(r, ModalitySample)]
    assert samples[-1].quality <= 4.0 / MODALITY.window_s + 0.01
    motion = [r for r in readings if isinstance(r, Track) and r.name == "facial_motion"]
    assert np.isnan(motion[-1].values[0])
    assert "no face" in motion[-1].note
    assert motion[2].values[0] > 0
    nothing = run([Frame(f.time_s, f.image) for f in face_video])
    assert {s.quality for s in nothing if isinstance(s, ModalitySample)} == {0.0}


def test_clips_are_cut_from_annotations(face_video: list[Frame]) -> None:
    given = [Interval(3.0, 3.3, "happiness"), Interval(6.0, 10.0, "others")]
    given += [Interval(50.0, 50.4, "disgust")]  # after the end: no face there, no clip
    clips = [r for r in run(face_video, annotations=given) if isinstance(r, Clip)]
    assert [c.interval for c in clips] == given[:2]
    for clip in clips:
        assert clip.modality == "micro_expression"
        assert clip.array.shape == MODALITY.clip_shape
        assert clip.array.dtype == np.float32
        assert np.isfinite(clip.array).all()
        assert np.abs(clip.array[:3, 0]).max() < 0.05  # the first frame is the onset itself
        assert clip.array[3].mean() == pytest.approx(0, abs=1e-3)
        assert clip.array[3].std() == pytest.approx(1, abs=1e-2)


def test_a_pushed_smile_is_found_cut_and_recognised(face_video: list[Frame]) -> None:
    """A pulse painted on still frames: lip corners out and up."""
    frames, onset, offset = painted(face_video[30], 4.0)
    seen: list[Array] = []

    def recognise(clip: Array) -> tuple[Array, Array]:
        seen.append(clip)
        return np.ones(16, np.float32), np.array([0.7, 0.1, 0.1, 0.05, 0.05], np.float32)

    readings = run(frames, recognise)
    tracks = [r for r in readings if isinstance(r, IntervalTrack) and r.name == "micro_expression"]
    (interval,) = IntervalTrack.join(tracks).intervals
    assert interval.onset_s == pytest.approx(onset, abs=2 / 30)
    assert interval.offset_s == pytest.approx(offset, abs=2 / 30)
    assert interval.label == "happiness"
    assert {f"p_{name}" for name in CLASSES} <= set(interval.values)
    assert interval.thumbnail_jpeg.startswith(b"\xff\xd8")
    assert interval.place is not None
    height, width = face_video[0].image.shape[:2]
    assert 0.3 * width < interval.place.x_px < 0.7 * width
    assert 0.3 * height < interval.place.y_px < 0.7 * height
    clip = seen[0]
    side = clip.shape[-1]
    mouth = clip[:2, 2:6, int(0.6 * side) : int(0.9 * side)]
    assert mouth[0].max() > 1.0  # in % of the interocular distance, not in pixels, not rescaled
    assert mouth[0].min() < -1.0
    last = [r for r in readings if isinstance(r, ModalitySample)][-1]
    assert last.array[-16:].tolist() == [1.0] * 16
    np.testing.assert_allclose(last.array[-21:-16], [0.7, 0.1, 0.1, 0.05, 0.05], rtol=1e-5)

    unlabelled = [r for r in run(frames) if isinstance(r, IntervalTrack)]
    assert unlabelled[0].intervals[0].label == "micro_expression"


def painted(still: Frame, percent: float) -> tuple[list[Frame], float, float]:
    import cv2

    assert still.face is not None
    lm = still.face.landmarks
    iod = float(np.hypot(*(lm[[33, 133], :2].mean(0) - lm[[263, 362], :2].mean(0))))
    y, x = np.mgrid[: still.image.shape[0], : still.image.shape[1]].astype(np.float32)
    field = np.zeros((*y.shape, 2), np.float32)
    for corner, sign in ((61, -1.0), (291, 1.0)):
        near = np.exp(
            -0.5 * np.sum((np.stack([x, y], -1) - lm[corner, :2]) ** 2, -1) / (0.17 * iod) ** 2
        )
        field += near[..., None] * np.float32([sign, -0.7])
    rng, frames, onset, offset = np.random.default_rng(2), [], 6.02, 6.36
    for i in range(9 * 30):
        share = np.clip(min((i / 30 - onset) / 0.15, (offset - i / 30) / 0.19), 0, 1)
        shift = field * np.float32((0.5 - 0.5 * np.cos(np.pi * share)) * percent / 100 * iod)
        image = cv2.remap(still.image, x - shift[..., 0], y - shift[..., 1], cv2.INTER_CUBIC)
        image = np.clip(image + rng.normal(0, 1.5, image.shape), 0, 255).astype(np.uint8)
        frames.append(Frame(i / 30, image, still.face))
    return frames, onset, offset


def test_memory_is_bounded(face_video: list[Frame]) -> None:
    extractor = MODALITY.extractor()
    first = face_video[0]
    for i in range(900):
        list(extractor.push(Frame(i / 30, first.image, first.face)))
        if i % 30 == 29:
            list(extractor.tick((i + 1) / 30))
    assert len(extractor._faces) <= 30 * 2.5 + 2  # type: ignore[attr-defined]
    assert len(extractor._regions) <= 31  # type: ignore[attr-defined]
    assert len(extractor._summary._watched) <= MODALITY.window_s + 1  # type: ignore[attr-defined]


def test_the_defaults_are_those_of_the_config() -> None:
    config = OmegaConf.to_container(load_node("modality", "micro_expression"))
    assert isinstance(config, dict)
    del config["target"]
    parameters = signature(MicroExpression).parameters
    plain = {
        name: list(p.default) if isinstance(p.default, tuple) else p.default
        for name, p in parameters.items()
    }
    assert plain == config
    assert MicroExpression().learned_parts()


def test_the_extractor_needs_no_torch() -> None:
    code = (
        "import sys, numpy as np\n"
        "from affectfuse.containers import Face, Frame\n"
        "from affectfuse.modalities.micro_expression import MicroExpression\n"
        "points = np.random.default_rng(0).uniform(20, 100, (478, 3)).astype('float32')\n"
        "x = MicroExpression().extractor()\n"
        "for i in range(9): list(x.push(Frame(i / 9, np.zeros((99, 99, 3), 'uint8'),"
        " Face(points, 1.0))))\n"
        "print(len(list(x.tick(1.0))), 'torch' in sys.modules)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["2", "False"]


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"flow": "raft"}, "flow method is 'raft'"),
        ({"interpolation": "cubic"}, "interpolation is 'cubic'"),
        ({"clip_frames": 1}, "a clip of 1 frames"),
        ({"window_s": 0.0}, "window_s is 0.0"),
        ({"threshold": 0.0}, "threshold is 0.0"),
    ],
)
def test_what_cannot_be_used_is_refused(parameter: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MicroExpression(**parameter)  # type: ignore[arg-type]
