"""Images and arrays as recordings: colours, times, notes, bounded memory."""

from __future__ import annotations

import builtins
import pickle
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
import scipy.io
from datasets.trees import write_avi
from recording.videos import picture, write_video

from affectfuse.containers import Frame
from affectfuse.errors import RecordingError
from affectfuse.recording.base import Recording
from affectfuse.recording.matfiles import mat_shapes, open_mat_video, read_mat
from affectfuse.recording.retiming import open_retimed
from affectfuse.recording.sequences import open_images

SHAPE = (7, 6, 5, 3)
VIDEO = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
TIMES_S = np.arange(7) / 30


def frames(recording: Recording) -> list[Frame]:
    with recording:
        return [seen for seen in recording.observations() if isinstance(seen, Frame)]


def assert_is_the_video(recording: Recording) -> None:
    assert (recording.info.width, recording.info.height) == (5, 6)
    assert recording.info.nominal_rate_hz == pytest.approx(30)
    assert recording.info.duration_s == pytest.approx(7 / 30)
    read = frames(recording)
    np.testing.assert_array_equal([frame.image for frame in read], VIDEO)
    np.testing.assert_array_equal([frame.time_s for frame in read], TIMES_S)
    assert recording.notes == []


def write_images(folder: Path, suffix: str = ".png") -> list[Path]:
    folder.mkdir(exist_ok=True)
    files = [folder / f"Bild-ü{i}{suffix}" for i in range(len(VIDEO))]
    for file, image in zip(files, VIDEO, strict=True):
        coded = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
        file.write_bytes(coded.tobytes())
    return files


def write_hdf5(path: Path, video: Any, **options: Any) -> Path:
    """As MATLAB writes version 7.3: axes reversed, 512 bytes of its own before the HDF5 file."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("RawFrames", data=video.T, **options)
        stored = file.create_dataset("light", data=np.array([[ord(c)] for c in "LED"], np.uint16))
        stored.attrs["MATLAB_class"] = np.bytes_("char")
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_image_files_are_a_recording_in_rgb(tmp_path: Path, suffix: str) -> None:
    files = write_images(tmp_path / "images", suffix)
    opener = pickle.loads(pickle.dumps(partial(open_images, files, TIMES_S)))
    assert_is_the_video(opener())
    assert opener().info.codec == suffix[1:]


def test_images_that_cannot_be_used_are_left_out_and_noted(tmp_path: Path) -> None:
    files = write_images(tmp_path / "images")
    files[1].write_bytes(b"not an image")
    files[2].write_bytes(b"")
    files[3].unlink()
    files[4].write_bytes(cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes())
    times_s = TIMES_S.copy()
    times_s[6] = times_s[5]
    recording = open_images(files, times_s)
    assert [frame.time_s for frame in frames(recording)] == [TIMES_S[0], TIMES_S[5]]
    assert recording.notes == [
        "4 images could not be read: left out",
        "1 images whose timestamps repeat or go back: left out",
    ]


def test_images_without_a_time_each_or_without_content_are_refused(tmp_path: Path) -> None:
    files = write_images(tmp_path / "images")
    with pytest.raises(RecordingError, match=r"7 images in '.*images' have 6 timestamps"):
        open_images(files, TIMES_S[:6])
    for file in files:
        file.write_bytes(b"")
    with pytest.raises(RecordingError, match="holds no image that can be read"):
        open_images(files, TIMES_S)


def test_a_sequence_ends_when_stopped(tmp_path: Path) -> None:
    with open_images(write_images(tmp_path / "images"), TIMES_S) as recording:
        observations = recording.observations()
        next(observations)
        recording.stop()
        assert list(observations) == []


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
def test_an_array_of_an_older_mat_file_is_a_recording(
    tmp_path: Path, kind: str, compressed: bool
) -> None:
    video = VIDEO if kind == "uint8" else (VIDEO / 255).astype(kind)
    path = tmp_path / "p1_0.mat"
    content = {"GT_ppg": np.zeros((1, 7)), "video": video, "motion": "Talking"}
    scipy.io.savemat(path, content, do_compression=compressed)
    assert mat_shapes(path)["video"] == SHAPE
    assert_is_the_video(open_mat_video(path, "video", TIMES_S))
    read = read_mat(path, ["GT_ppg", "motion", "absent"])
    assert read["GT_ppg"].shape == (7,)
    assert str(read["motion"]) == "Talking"
    assert "absent" not in read


def test_whole_numbers_that_matlab_stores_in_bytes_keep_their_class(tmp_path: Path) -> None:
    """A double array of zeros and ones may be stored as bytes: they are still from 0 to 1."""
    path = tmp_path / "v.mat"
    scipy.io.savemat(path, {"video": (VIDEO > 127).astype(np.float64)}, do_compression=False)
    content = bytearray(path.read_bytes())
    start = content.index(b"video") + 8
    assert content[start : start + 4] == b"\x09\0\0\0"
    values = np.frombuffer(content[start + 8 :], "f8").astype(np.uint8).tobytes()
    tag = np.array([2, len(values)], "u4").tobytes()
    body = bytes(content[136:start]) + tag + values + bytes(-len(values) % 8)
    path.write_bytes(bytes(content[:128]) + np.array([14, len(body)], "u4").tobytes() + body)
    assert scipy.io.whosmat(path) == [("video", SHAPE, "double")]
    read = frames(open_mat_video(path, "video", TIMES_S))
    np.testing.assert_array_equal([f.image for f in read], np.where(VIDEO > 127, 255, 0))


@pytest.mark.parametrize("options", [{}, {"chunks": (3, 5, 6, 2), "compression": "gzip"}])
@pytest.mark.parametrize("kind", ["uint8", "float64"])
def test_an_array_of_a_newer_mat_file_is_a_recording(
    tmp_path: Path, kind: str, options: dict[str, Any]
) -> None:
    video = VIDEO if kind == "uint8" else VIDEO / 255
    path = write_hdf5(tmp_path / "P000001.mat", video, **options)
    assert mat_shapes(path)["RawFrames"] == SHAPE
    assert_is_the_video(open_mat_video(path, "RawFrames", TIMES_S))
    assert str(read_mat(path, ["light"])["light"]) == "LED"


@pytest.mark.parametrize("newer", [False, True])
def test_a_long_array_is_read_in_little_memory(tmp_path: Path, newer: bool) -> None:
    video = np.zeros((400, 60, 80, 3), np.float32)
    video[:, 0, 0, 0] = np.arange(400) % 256 / 255
    path = tmp_path / "long.mat"
    if newer:
        write_hdf5(path, video, chunks=(3, 80, 60, 16))
    else:
        scipy.io.savemat(path, {"RawFrames": video}, do_compression=True)
    size, content = video.nbytes, video[:, 0, 0, 0]
    del video
    tracemalloc.start()
    with open_mat_video(path, "RawFrames", np.arange(400) / 30) as recording:
        read = [s.image[0, 0, 0] for s in recording.observations() if isinstance(s, Frame)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(read, np.round(content * 255))
    assert peak < 3.2 * (32 << 20)
    assert newer or size > 20 << 20


def test_arrays_that_are_no_video_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.mat"
    scipy.io.savemat(path, {"video": VIDEO / 1.0, "flat": np.zeros((7, 6, 5))})
    with pytest.raises(RecordingError, match=r"values from 0 to 255; they must be bytes, or floa"):
        open_mat_video(path, "video", TIMES_S)
    with pytest.raises(RecordingError, match=r"'flat' .* has the shape \(7, 6, 5\); it must be"):
        open_mat_video(path, "flat", TIMES_S)
    with pytest.raises(RecordingError, match=r"'video' .*it must be \(6, height, width, 3\)"):
        open_mat_video(path, "video", TIMES_S[:6])
    with pytest.raises(RecordingError, match=r"'no' in .* is not there"):
        open_mat_video(path, "no", TIMES_S)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(RecordingError, match="cannot be read"):
        open_mat_video(path, "video", TIMES_S)
    with pytest.raises(RecordingError, match=r"cannot be read \(No such file"):
        read_mat(tmp_path / "absent.mat", ["a"])


def test_without_h5py_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_hdf5(tmp_path / "v.mat", VIDEO)
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "h5py":
            raise ImportError
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(RecordingError, match=r"pip install 'affectfuse\[datasets\]'"):
        open_mat_video(path, "RawFrames", TIMES_S)


def test_a_video_is_read_with_the_times_beside_it(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", np.arange(20) / 25)
    times_s = np.cumsum(np.full(20, 1 / 16))
    recording = open_retimed(path, times_s=times_s)
    assert [frame.time_s for frame in frames(recording)] == times_s.tolist()
    assert recording.notes == []
    fewer = open_retimed(path, times_s=times_s[:18])
    assert len(frames(fewer)) == 18
    assert fewer.notes == ["2 frames more than there are timestamps: left out"]
    more = open_retimed(path, times_s=np.append(times_s, [9.0, 10.0]))
    assert len(frames(more)) == 20
    assert more.notes == ["2 timestamps more than there are frames"]
    repeated = times_s.copy()
    repeated[5] = repeated[4]
    assert len(frames(back := open_retimed(path, times_s=repeated))) == 19
    assert back.notes == ["1 frames whose timestamps repeat or go back: left out"]


def test_a_frame_that_is_missing_does_not_shift_those_after_it(tmp_path: Path) -> None:
    kept = np.delete(np.arange(20), [7, 8])
    path = write_avi(tmp_path / "video.avi", [picture(50 + 9 * i) for i in kept], 25, at=kept)
    true_s = np.arange(20) * 0.06
    read = frames(open_retimed(path, times_s=true_s))
    np.testing.assert_allclose([frame.time_s for frame in read], true_s[kept])
    grey = [frame.image[-1, -1].mean() for frame in read]
    np.testing.assert_allclose(grey, 50 + 9 * kept, atol=2)


def test_a_video_is_spread_over_its_true_length(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", np.arange(26) / 25)
    recording = open_retimed(path, duration_s=2 * 26 / 25)
    read = frames(recording)
    np.testing.assert_allclose([f.time_s for f in read], np.arange(26) / 12.5, atol=0.05)


def test_a_damaged_frame_does_not_shift_those_after_it(tmp_path: Path) -> None:
    path = write_avi(tmp_path / "video.avi", [picture(50 + 9 * i) for i in range(20)], 25)
    content = bytearray(path.read_bytes())
    place = content.index(b"movi")
    for number in range(6):
        place = content.index(b"00dc", place)
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        if number in (0, 5):
            content[place + 8 : place + 8 + size] = bytes(size)
        place += 8 + size
    path.write_bytes(content)
    true_s = np.arange(20) * 0.06
    recording = open_retimed(path, times_s=true_s)
    read = frames(recording)
    np.testing.assert_allclose([f.time_s for f in read], np.delete(true_s, [0, 5]))
    assert recording.notes == ["2 damaged packets could not be decoded: left out"]
