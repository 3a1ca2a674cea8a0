"""The kernel machine on flow images, and the baselines beside it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets.flow_trees import flow_image
from scipy.ndimage import gaussian_filter
from torch import Tensor

from affectfuse.modalities.micro_expression.flow_kernel import (
    FlowKernel,
    blurred,
    centred_flow,
    flow_derivatives,
)
from affectfuse.modalities.micro_expression.sssnet import SSSNet
from affectfuse.modalities.micro_expression.ststnet import STSTNet

SHAPE = (3, 28, 28)


def images(count: int, seed: int, strength: float = 1.0) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    read = [flow_image(label, rng, strength)[:, :, ::-1] for label in labels]
    clips = np.stack(read).transpose(0, 3, 1, 2).astype(np.float32)
    return torch.from_numpy(clips), torch.from_numpy(labels)


def learnt(**changes: float) -> FlowKernel:
    machine = FlowKernel(SHAPE, 3, **changes)  # type: ignore[arg-type]
    machine.solve(*images(45, 0), torch.ones(3))
    return machine


def test_blur_equals_an_independent_reference() -> None:
    planes = np.random.default_rng(0).normal(0, 1, (2, 3, 28, 20))
    mine = blurred(torch.from_numpy(planes), 1.5).numpy()
    reference = gaussian_filter(planes, (0, 0, 1.5, 1.5), mode="mirror", truncate=4.0)
    np.testing.assert_allclose(mine, reference, atol=1e-6)


def test_zero_and_scale_of_the_grey_levels_do_not_matter() -> None:
    clips, _ = images(4, 1)
    changed = clips * torch.tensor([0.5, 0.7, 0.9]).view(1, 3, 1, 1)
    changed[:, :2] += 20.0
    for view in (lambda c: centred_flow(c, 1.0), lambda c: flow_derivatives(c, 2.5)):
        torch.testing.assert_close(view(changed), view(clips), rtol=1e-4, atol=1e-4)


def test_derivatives_of_a_linear_field() -> None:
    y, x = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    bump = torch.exp(-((x - 14) ** 2 + (y - 14) ** 2) / 40)
    clip = torch.stack([100 + 60 * bump, torch.full_like(bump, 100.0), bump])[None]
    u_x, u_y, v_x, v_y = flow_derivatives(clip, 1.0)[0]
    assert u_x[14, 8] > 0 > u_x[14, 20]
    assert u_y[8, 14] > 0 > u_y[20, 14]
    assert float(v_x.abs().max()) < 1e-3
    assert float(v_y.abs().max()) < 1e-3


def test_learns_planted_motion_and_calls_a_mirror_image_the_same() -> None:
    machine = learnt()
    clips, labels = images(60, 5)
    _, logits = machine(clips)
    assert float((logits.argmax(1) == labels).float().mean()) > 0.9
    mirror = clips.flip(-1)
    mirror[:, 0] = 255.0 - mirror[:, 0]
    torch.testing.assert_close(machine(mirror)[1], logits, rtol=1e-3, atol=1e-3)


def test_pixels_that_tell_the_classes_apart_weigh_more() -> None:
    weights = learnt().weights_0
    face = weights[:2].mean(0)
    assert face[3:5, 3:11].mean() > 1.5 * face[6:9, 5:9].mean()  # brows over the nose
    assert torch.allclose(learnt(pixel_power=0.0).weights_0, torch.ones(()).double())


def test_a_heavy_class_is_favoured() -> None:
    clips, labels = images(45, 0, strength=0.25)
    asked, _ = images(60, 9, strength=0.25)
    counts = []
    for weight in (1.0, 20.0):
        machine = FlowKernel(SHAPE, 3)
        machine.solve(clips, labels, torch.tensor([1.0, 1.0, weight]))
        counts.append(float(torch.softmax(machine(asked)[1], 1)[:, 2].mean()))
    assert counts[1] > counts[0]


def test_parameters_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(4, 8, 48, 48\); flow images are"):
        FlowKernel((4, 8, 48, 48), 3)
    with pytest.raises(ValueError, match="ridge is 0; it must be above 0"):
        FlowKernel(SHAPE, 3, ridge=0)
    with pytest.raises(ValueError, match=r"cell_px is 3; it must divide \(28, 28\)"):
        FlowKernel(SHAPE, 3, cell_px=3)


def test_the_baselines_have_the_published_sizes() -> None:
    def count(network: torch.nn.Module) -> int:
        return sum(p.numel() for p in network.parameters())

    # 3 + 5 + 8 filters of 3x3x3 with biases and normalisation, then 5 * 5 * 16 features to 3
    assert count(STSTNet(SHAPE, 3)) == 16 * (27 + 1 + 2) + 400 * 3 + 3
    # at the authors' 64 pixels the first dense layer has 9 * 9 * 64 inputs
    assert count(SSSNet((3, 64, 64), 3)) == (
        32 * (75 + 1 + 2) + 64 * (288 + 1 + 2) + 256 * (81 * 64 + 1) + 3 * 257
    )
    assert SSSNet(SHAPE, 3)(torch.zeros(2, *SHAPE))[0].shape == (2, 256)
