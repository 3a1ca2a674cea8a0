"""Clips: each choice does what it says, is listed among the steps, and the two agree."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch

from affectfuse.config import load_node
from affectfuse.containers import Array, Face, Frame, Interval
from affectfuse.errors import ConfigError, ModelNotFoundError
from affectfuse.modalities.micro_expression import MicroExpression
from affectfuse.modalities.micro_expression.clips import maximal_flow
from affectfuse.modalities.micro_expression.raft import RAFT_WEIGHTS
from affectfuse.recording.alignment import AlignedFace, FaceAligner

ONSET, APEX, OFFSET = 1.0, 1.2, 1.4
INTERVAL = Interval(ONSET, OFFSET, "happiness", APEX)
COURSE = 0.5 - 0.5 * np.cos(2 * np.pi * np.clip((np.arange(49) / 100 + 0.96 - ONSET) / 0.4, 0, 1))
"""How far the expression has gone, at 100 frames/s from 0.96 s on; largest at the apex."""


@pytest.fixture(scope="module")
def still(face_video: list[Frame]) -> Frame:
    return face_video[30]


def smiling(still: Frame, percent: float = 2.0, turn: float = 0.0) -> list[AlignedFace]:
    """A still face whose lip corners go out and come back, aligned; its head may turn meanwhile."""
    assert still.face is not None
    aligner, points = FaceAligner(128, 0.5), still.face.landmarks
    iod = float(np.hypot(*(points[[33, 133], :2].mean(0) - points[[263, 362], :2].mean(0))))
    y, x = np.mgrid[: still.image.shape[0], : still.image.shape[1]].astype(np.float32)
    field = np.zeros_like(x)
    for corner, sign in ((61, -1.0), (291, 1.0)):
        away = np.sum((np.stack([x, y], -1) - points[corner, :2]) ** 2, -1)
        field += np.float32(sign) * np.exp(-0.5 * away / (0.17 * iod) ** 2)
    middle = points[1, :2].astype(float)
    faces = []
    for i, share in enumerate(COURSE):
        shift = np.float32(share * percent / 100 * iod) * field
        image = cv2.remap(still.image, x - shift, y, cv2.INTER_CUBIC)
        matrix = cv2.getRotationMatrix2D(middle.tolist(), turn * share, 1.0)
        image = cv2.warpAffine(image, matrix, image.shape[1::-1], flags=cv2.INTER_CUBIC)
        # The landmarks are those of the still face: what is left of the turn lies in the crop.
        face = aligner.align(Frame(0.96 + i / 100, image, Face(points, 1.0)))
        assert face is not None
        faces.append(face)
    return faces


def cut(faces: list[AlignedFace], interval: Interval = INTERVAL, **settings: object) -> Array:
    modality = MicroExpression(**settings)  # type: ignore[arg-type]
    clip = modality.extractor()._cutter.cut(faces, interval)  # type: ignore[attr-defined]
    assert clip.shape == modality.clip_shape
    assert np.isfinite(clip).all()
    return np.asarray(clip)


def smile(clip: Array) -> Array:
    """How far the lip corners are apart in each frame, in % of the interocular distance."""
    mouth = clip[0, :, int(0.6 * clip.shape[2]) : int(0.9 * clip.shape[2])]
    return np.asarray(mouth.max(axis=(1, 2)) - mouth.min(axis=(1, 2)))


CHOICES: dict[str, object] = {
    "clip_frames": 6,
    "clip_size_px": 32,
    "crop_size_px": 160,
    "interpolation": "path_graph",
    "flow": "farneback",
    "clip_flow": "dis_medium",
    "clip_interpolated": "frames",
    "clip_span": "onset_apex",
    "magnification": 3.0,
}


@pytest.fixture(scope="module")
def faces(still: Frame) -> list[AlignedFace]:
    return smiling(still)


@pytest.mark.parametrize("key", sorted(CHOICES.keys() - {"crop_size_px"}))
def test_what_changes_the_clip_is_among_the_steps(key: str, faces: list[AlignedFace]) -> None:
    plain, other = cut(faces), cut(faces, **{key: CHOICES[key]})
    assert plain.shape != other.shape or not np.array_equal(plain, other)
    steps = MicroExpression(**{key: CHOICES[key]}).clip_steps()  # type: ignore[arg-type]
    assert steps != MicroExpression().clip_steps()
    assert str(CHOICES[key]).removeprefix("onset_") in json.dumps(steps)


def test_every_step_is_a_function_that_is_there() -> None:
    modality = MicroExpression(
        magnification=5.0, clip_span="onset_apex", clip_interpolated="frames"
    )
    steps = modality.clip_steps()
    names = [step["step"] for step in steps]
    assert names == [
        "align and crop",
        "magnify motion",
        "find the apex",
        "interpolate frames",
        "measure flow",
        "remove head motion",
        "measure strain",
        "standardise brightness",
    ]
    for step in steps:
        module, _, name = step["by"].rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))
    assert json.loads(json.dumps(steps)) == list(steps)


def test_the_config_lists_what_the_steps_say() -> None:
    """Whatever of the config decides how clips are made turns up among the steps."""
    node = load_node("modality", "micro_expression")
    clip_keys = {k for k in map(str, node) if k.startswith(("clip_", "magnification"))}
    assert len(clip_keys) == 11
    said = json.dumps(
        MicroExpression(
            magnification=5.0, clip_span="onset_apex", clip_apex="midpoint"
        ).clip_steps()
    )
    for word in ("dis", "onset", "linear", "5.0", "midpoint", "[0.3, 10.0]", "48", "128"):
        assert word in said


def test_a_smile_is_measured_in_percent_of_the_interocular_distance(
    faces: list[AlignedFace],
) -> None:
    for settings in ({}, {"clip_flow": "farneback"}, {"clip_interpolated": "frames"}):
        apart = smile(cut(faces, clip_frames=9, **settings))
        assert apart[4] == pytest.approx(4.0, abs=1.3)  # 2 % out on either side; narrow
        assert apart[0] < 0.5
        assert apart[8] < 0.6


def test_a_head_that_turns_meanwhile_leaves_little(still: Frame, faces: list[AlignedFace]) -> None:
    """A turn of 2 degrees moves what is shown by 2.3 % of the interocular distance in the mean."""
    still_head, turned = cut(faces), cut(smiling(still, turn=2.0))
    inner = np.s_[:2, 4, 10:40, 10:38]
    assert np.abs(turned[inner] - still_head[inner]).mean() < 0.35
    alone = cut(smiling(still, percent=0.0, turn=2.0))
    assert np.hypot(*alone[inner]).mean() < 0.55


def test_a_span_to_the_apex_ends_there(faces: list[AlignedFace]) -> None:
    to_apex = smile(cut(faces, clip_span="onset_apex"))
    assert to_apex.argmax() == 7
    early = Interval(ONSET, OFFSET, "happiness", 1.1)  # coded at half the height
    assert smile(cut(faces, early, clip_span="onset_apex"))[-1] == pytest.approx(
        0.5 * to_apex[-1], rel=0.2
    )
    found = smile(cut(faces, early, clip_span="onset_apex", clip_apex="flow"))
    np.testing.assert_allclose(found, to_apex, atol=0.3)
    uncoded = Interval(ONSET, OFFSET, "happiness")
    np.testing.assert_array_equal(
        cut(faces, uncoded, clip_span="onset_apex"),
        cut(faces, uncoded, clip_span="onset_apex", clip_apex="flow"),
    )
    middle = Interval(ONSET, OFFSET, "happiness", 0.5 * (ONSET + OFFSET))
    np.testing.assert_array_equal(
        cut(faces, uncoded, clip_span="onset_apex", clip_apex="midpoint"),
        cut(faces, middle, clip_span="onset_apex"),
    )


def test_the_apex_is_not_used_in_a_span_to_the_offset(faces: list[AlignedFace]) -> None:
    early = Interval(ONSET, OFFSET, "happiness", 1.05)
    np.testing.assert_array_equal(cut(faces), cut(faces, early))


def test_the_largest_field_is_found() -> None:
    fields = np.zeros((5, 4, 4, 2))
    fields[1, 2, 2] = [9.0, 0.0]  # large at one place only
    fields[3] = [0.5, -0.5]
    assert maximal_flow(fields) == 3


def test_flow_from_the_previous_frame_adds_up_to_flow_from_the_onset(
    faces: list[AlignedFace],
) -> None:
    onset = cut(faces, clip_interpolated="frames", clip_span="onset_apex")
    steps = cut(
        faces,
        clip_interpolated="frames",
        clip_span="onset_apex",
        clip_flow_reference="previous",
    )
    assert np.abs(steps[:2, 0]).max() < 0.05
    inner = np.s_[:2, :, 10:38, 10:38]
    np.testing.assert_allclose(steps.cumsum(axis=1)[inner], onset[inner], atol=0.7)
    assert np.abs(onset[inner]).max() > 1.5


def test_magnified_motion_is_larger_by_what_was_asked(still: Frame) -> None:
    """A smile of a quarter of a pixel in the crop, with alpha 4."""
    small = smiling(still, percent=0.6)
    plain = smile(cut(small, clip_frames=9))[4]
    options = {"magnification": 4.0, "magnification_displacement_percent": 0.3}
    larger = smile(cut(small, clip_frames=9, **options))[4]
    assert 2.0 * plain < larger < 5.0 * plain
    cautious = smile(cut(small, clip_frames=9, magnification=4.0))[4]
    assert 1.3 * plain < cautious < larger


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clip_flow_reference": "previous"}, "set clip_interpolated to 'frames'"),
        ({"clip_flow_reference": "first"}, "clip_flow_reference is 'first'; allowed: 'onset'"),
        ({"clip_span": "whole"}, "clip_span is 'whole'; allowed: 'onset_offset'"),
        ({"clip_apex": "last"}, "clip_apex is 'last'; allowed: 'coded'"),
        ({"clip_interpolated": "both"}, "clip_interpolated is 'both'; allowed: 'flow'"),
        ({"clip_flow": "hs"}, "flow method is 'hs'"),
        ({"magnification": -1.0}, "magnification -1.0"),
        ({"magnification_band_hz": [4.0, 2.0]}, "the band ascending"),
    ],
)
def test_what_cannot_be_used_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MicroExpression(**settings)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------ RAFT


class ShiftNetwork(torch.nn.Module):
    """Stands in for torchvision's network: says by how much brightness differs, 4 px down."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(
        self, first: torch.Tensor, second: torch.Tensor, num_flow_updates: int
    ) -> list[torch.Tensor]:
        assert first.shape == second.shape == (1, 3, 128, 128)
        assert first.min() >= -1
        assert first.max() <= 1
        u = self.scale * (second - first).mean(dim=1)
        return [torch.zeros(1)] * (num_flow_updates - 1) + [torch.stack([u, 0 * u + 4], dim=1)]


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torchvision", "torchvision.models", "torchvision.models.optical_flow"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    network = sys.modules["torchvision.models.optical_flow"]
    network.raft_small = lambda weights: ShiftNetwork()  # type: ignore[attr-defined]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.save({"scale": torch.tensor([2.0])}, tmp_path / "raft.pth")
    return tmp_path / "raft.pth"


def raft(weights: Path | None = None, **settings: object) -> MicroExpression:
    given = str(weights) if weights else None
    return MicroExpression(clip_flow="raft", clip_flow_weights=given, **settings)  # type: ignore[arg-type]


def test_raft_is_handed_the_images_it_takes(
    torchvision: None, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modality = raft(weights)
    flow = modality.extractor()._cutter._flow  # type: ignore[attr-defined]
    first, second = np.zeros((2, 128, 128), np.uint8)
    second[10, 20] = 255
    field = flow(first, second)
    assert field.shape == (128, 128, 2)
    assert field.dtype == np.float32
    assert field[10, 20].tolist() == [4.0, 4.0]  # weights of 2 times a change from -1 to 1
    assert field[11, 20].tolist() == [0.0, 4.0]
    step = modality.clip_steps()[1]
    assert step["method"] == "raft"
    assert len(step["sha256"]) == 64
    monkeypatch.setenv(RAFT_WEIGHTS, str(weights))
    assert raft().clip_steps() == modality.clip_steps()


def test_raft_without_weights_says_where_they_are_published(
    torchvision: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(RAFT_WEIGHTS, raising=False)
    with pytest.raises(ModelNotFoundError, match="no file is named; download https://"):
        raft()
    monkeypatch.setenv(RAFT_WEIGHTS, "nowhere.pth")
    with pytest.raises(ModelNotFoundError, match=r"'nowhere\.pth' is not a file"):
        raft()


def test_raft_without_torchvision_names_the_extra(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ConfigError, match=r"install 'affectfuse\[raft\]'"):
        raft(weights)


def test_raft_refuses_other_weights_and_small_crops(
    torchvision: None, weights: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="crop_size_px is 100; RAFT takes a multiple of 8"):
        raft(weights, crop_size_px=100)
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ConfigError, match="holds no weights of torchvision's raft_small"):
        raft(tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(ConfigError, match="holds no weights of torchvision's raft_small"):
        raft(tmp_path / "text.pth")
