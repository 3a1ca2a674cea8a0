"""Recogniser and encoder: shapes, gradients, variants, and that the recogniser can learn."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from affectfuse.errors import ConfigError, ModelNotFoundError
from affectfuse.modalities.micro_expression import CLASSES, MicroExpression
from affectfuse.modalities.micro_expression.network import mirrored
from affectfuse.training.recognition.side_by_side import SideBySide

MODALITY = MicroExpression(clip_size_px=32)


def test_recogniser_shapes_size_and_gradient() -> None:
    torch.manual_seed(0)
    network = MODALITY.recogniser()
    clip = torch.randn(3, *MODALITY.clip_shape)
    embedding, logits = network(clip)
    assert embedding.shape == (3, 16)
    assert logits.shape == (3, len(CLASSES))
    assert sum(p.numel() for p in network.parameters()) < 300_000
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2])).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    assert network.temporal[0].weight.grad.abs().sum() > 0
    assert network.spatial[0].weight.grad.abs().sum() > 0


def test_recogniser_is_deterministic_when_it_is_not_trained() -> None:
    network = MODALITY.recogniser().eval()
    clip = torch.randn(2, *MODALITY.clip_shape)
    with torch.no_grad():
        first, second = network(clip), network(clip)
        alone = network(clip[:1])
    assert torch.equal(first[1], second[1])
    torch.testing.assert_close(first[1][:1], alone[1])


def test_recogniser_learns_where_the_face_moves() -> None:
    torch.manual_seed(0)
    labels = torch.arange(60) % 2
    clips = 0.3 * torch.randn(60, *MODALITY.clip_shape)
    course = torch.linspace(0, 3.14, MODALITY.clip_shape[1]).sin().view(1, -1, 1, 1)
    clips[labels == 0, 1, :, 4:10] -= 2 * course  # upper part up
    clips[labels == 1, 1, :, 22:28] -= 2 * course  # lower part up
    network = MODALITY.recogniser()
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    for _ in range(15):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(network(clips[:40])[1], labels[:40]).backward()
        optimiser.step()
    with torch.no_grad():
        predicted = network.eval()(clips[40:])[1].argmax(dim=1)
    assert (predicted == labels[40:]).float().mean() > 0.9


def test_encoder_shapes_and_gradient() -> None:
    encoder = MODALITY.encoder()
    samples = torch.randn(4, *MODALITY.sample_shape)
    embedding = encoder(samples)
    assert embedding.shape == (4, MODALITY.embedding_dim)
    embedding.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters())


VARIANTS = ("two_stream", "flow", "appearance")


def recogniser(**settings: object) -> torch.nn.Module:
    return MicroExpression(clip_size_px=32, **settings).recogniser()  # type: ignore[arg-type]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_looks_at_its_own_channels_only(variant: str) -> None:
    torch.manual_seed(0)
    network = recogniser(network=variant).eval()
    clip = torch.randn(2, *MODALITY.clip_shape)
    motion, grey = clip.clone(), clip.clone()
    motion[:, :3] *= 1.5  # the frame of largest flow stays the same
    grey[:, 3] += torch.randn(2, *MODALITY.clip_shape[1:])
    with torch.no_grad():
        plain, moved, other = (network(c)[1] for c in (clip, motion, grey))
    assert torch.equal(plain, moved) == (variant == "appearance")
    assert torch.equal(plain, other) == (variant == "flow")
    names = {name.partition(".")[0] for name, _ in network.named_parameters()}
    streams = {"two_stream": {"temporal", "spatial"}, "flow": {"temporal"}}
    assert names == {"embed", "classify"} | streams.get(variant, {"spatial"})


def test_as_many_logits_as_classes() -> None:
    modality = MicroExpression(clip_size_px=32, classes=["negative", "positive", "surprise"])
    assert modality.recogniser_target.classes == ("negative", "positive", "surprise")
    _, logits = modality.recogniser()(torch.randn(2, *modality.clip_shape))
    assert logits.shape == (2, 3)
    assert modality.sample_shape == (MODALITY.sample_shape[0] - 2,)


def test_the_second_head_says_one_thing_an_action_unit() -> None:
    modality = MicroExpression(clip_size_px=32, action_units=["au4", "au12", "au25"])
    assert modality.action_units == ("au4", "au12", "au25")
    network = modality.recogniser()
    embedding, _ = network(torch.randn(2, *modality.clip_shape))
    assert network.action_units(embedding).shape == (2, 3)
    assert recogniser().action_units is None


def test_a_clip_and_its_mirror_image_are_recognised_alike() -> None:
    torch.manual_seed(0)
    clip = torch.randn(3, *MODALITY.clip_shape)
    other = clip.flip(-1)
    other[:, 0] *= -1  # what went to the right goes to the left
    assert torch.equal(mirrored(clip), other)
    with torch.no_grad():
        plain = recogniser().eval()
        assert not torch.allclose(plain(clip)[1], plain(other)[1], atol=1e-4)
        both = recogniser(test_time_augmentation="mirror").eval()
        both.load_state_dict(plain.state_dict())
        for one, two in zip(both(clip), both(other), strict=True):
            torch.testing.assert_close(one, two)
        torch.testing.assert_close(both(clip)[1], 0.5 * (plain(clip)[1] + plain(other)[1]))


def test_the_spatial_stream_sees_the_frame_farthest_from_the_onset() -> None:
    """Of flow from frame to frame that is where it adds up to the most, not where it is fastest."""
    clip = torch.zeros(1, 4, 8, 32, 32)
    clip[0, 0, :, 8:16] = torch.tensor([0.0, 1, 3, 1, 1, -1, -2, -3]).view(8, 1, 1)
    clip[0, 3] = torch.arange(8.0).view(8, 1, 1)
    onset = recogniser()._appearance(clip[:, :2], clip[:, 3])
    assert onset[0, 0, 0, 0] == 2
    previous = recogniser(clip_flow_reference="previous", clip_interpolated="frames")
    assert previous._appearance(clip[:, :2], clip[:, 3])[0, 0, 0, 0] == 4


@pytest.mark.parametrize("variant", VARIANTS)
def test_networks_side_by_side_are_each_what_they_are_alone(variant: str) -> None:
    torch.manual_seed(0)
    options = {"network": variant, "action_units": ["au4"], "test_time_augmentation": "mirror"}
    networks = [recogniser(**options).eval() for _ in range(3)]
    clips = torch.randn(3, 4, *MODALITY.clip_shape)
    with torch.no_grad():
        embeddings, logits = SideBySide(networks).eval()(clips)
        for i, network in enumerate(networks):
            embedding, expected = network(clips[i])
            torch.testing.assert_close(embeddings[i], embedding, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(logits[i], expected, rtol=1e-4, atol=1e-5)
    stacked = SideBySide(networks).train()
    stacked(clips)[1].sum().backward()
    assert all(p.grad is not None for n, p in stacked.named_parameters() if "action_units" not in n)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network": "three_stream"}, "network is 'three_stream'; allowed: 'two_stream'"),
        ({"test_time_augmentation": "flip"}, "allowed: 'none', 'mirror'"),
        ({"network": "flow", "backbone": "resnet18"}, "network 'flow' has no spatial stream"),
        ({"backbone_weights": "some.pth"}, "the compact stream has none"),
        ({"action_units": ["AU12"]}, "action unit 'AU12'; write them as 'au12'"),
        ({"classes": ["happiness"]}, "needs at least 2 distinct classes"),
    ],
)
def test_what_does_not_fit_together_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recogniser(**settings)


# ------------------------------------------------------------------------------------------ timm


class Backbone(torch.nn.Module):
    """Stands in for a model of timm: pooled channels of a convolution."""

    head_hidden_size = 6

    def __init__(self, in_chans: int, fixed: bool) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(in_chans, 6, 3)
        self.pretrained_cfg = {
            "first_conv": "conv1",
            "fixed_input_size": fixed,
            "input_size": (3, 64, 64),
        }
        self.seen: tuple[int, ...] = ()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen = tuple(images.shape[1:])
        return self.conv1(images).mean(dim=(2, 3))


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> None:
    """What of timm is used, as its documentation has it."""
    fake, models = ModuleType("timm"), ModuleType("timm.models")
    known = {"small": False, "small_64": True}

    def create_model(
        name: str, *, in_chans: int, num_classes: int, pretrained: bool
    ) -> torch.nn.Module:
        assert num_classes == 0
        if pretrained:
            raise RuntimeError("no network here")
        return Backbone(in_chans, known[name])

    def load_state_dict(path: str, device: str) -> dict[str, torch.Tensor]:
        return dict(torch.load(path, map_location=device, weights_only=True))

    def adapt_input_conv(in_chans: int, weight: torch.Tensor) -> torch.Tensor:
        return weight[:, :in_chans] * 1.5

    for name, function in {
        "create_model": create_model,
        "is_model": known.__contains__,
        "list_models": lambda pattern: list(known),
    }.items():
        setattr(fake, name, function)
    models.load_state_dict = load_state_dict  # type: ignore[attr-defined]
    models.adapt_input_conv = adapt_input_conv  # type: ignore[attr-defined]
    fake.models = models  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "timm", fake)
    monkeypatch.setitem(sys.modules, "timm.models", models)


def test_a_model_of_timm_is_the_spatial_stream(timm: None) -> None:
    for name, size in (("small", 32), ("small_64", 64)):
        network = recogniser(backbone=name)
        embedding, logits = network(torch.randn(2, *MODALITY.clip_shape))
        assert (embedding.shape, logits.shape) == ((2, 16), (2, 5))
        assert network.spatial.model.seen == (2, size, size)
        logits.sum().backward()
        assert network.spatial.model.conv1.weight.grad.abs().sum() > 0


def test_weights_of_a_backbone_are_for_training_only(timm: None, tmp_path: Path) -> None:
    """A trained recogniser is loaded where the file of pretrained weights is no longer needed."""
    weights = {"conv1.weight": torch.randn(6, 3, 3, 3), "conv1.bias": torch.randn(6)}
    weights["fc.weight"] = torch.randn(10, 6)
    file = tmp_path / "small.pth"
    torch.save(weights, file)
    modality = MicroExpression(clip_size_px=32, backbone="small", backbone_weights=str(file))
    started = modality.recogniser_to_train().spatial.model.conv1
    torch.testing.assert_close(started.weight, 1.5 * weights["conv1.weight"][:, :2])
    assert torch.equal(started.bias, weights["conv1.bias"])
    torch.save({"fc.weight": weights["fc.weight"]}, file)
    with pytest.raises(
        ConfigError, match=r"no weights of timm's 'small': it lacks 'conv1\.weight'"
    ):
        modality.recogniser_to_train()
    file.unlink()
    modality.recogniser()
    with pytest.raises(ModelNotFoundError, match="is not a file: give the weights of 'small'"):
        modality.recogniser_to_train()


def test_what_timm_does_not_have_is_refused(timm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="timm has no model 'smal': small, small_64"):
        recogniser(backbone="smal")
    modality = MicroExpression(backbone="small", backbone_weights="pretrained")
    with pytest.raises(ConfigError, match="'small' with its pretrained weights: no network here"):
        modality.recogniser_to_train()
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match=r"install 'affectfuse\[timm\]'"):
        recogniser(backbone="small")
