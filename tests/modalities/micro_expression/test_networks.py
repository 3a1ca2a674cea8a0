"""Recogniser and encoder: shapes, gradients, and that the recogniser can learn."""

from __future__ import annotations

import torch

from affectfuse.modalities.micro_expression import CLASSES, MicroExpression

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
