"""A kernel machine on flow images: solved at once, from a few hundred clips."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from affectfuse.modalities.recognition import ClosedForm

__all__ = ["FlowKernel", "centred_flow"]


def centred_flow(images: Tensor, blur_px: float, step_px: int) -> Tensor:
    """Return flow images (batch, 3, height, width) with their zero and scale set again.

    Scaling to grey levels image by image lost both. Most of a face rests in a micro-expression, so
    the median of u and v stands for no motion; the deviation of each channel becomes 1. Between,
    the images are blurred by a Gaussian and every `step_px`-th pixel is taken.
    """
    flow = images.double()
    median = flow[:, :2].flatten(2).quantile(0.5, dim=2)[..., None, None]
    flow = torch.cat([flow[:, :2] - median, flow[:, 2:]], dim=1)
    reach = max(1, int(4 * blur_px + 0.5))
    offsets = torch.arange(-reach, reach + 1, dtype=flow.dtype)
    weights = torch.exp(-0.5 * (offsets / blur_px) ** 2)
    weights = weights / weights.sum()
    planes = functional.pad(flow.flatten(0, 1)[:, None], [reach] * 4, mode="reflect")
    planes = functional.conv2d(planes, weights.view(1, 1, 1, -1))
    planes = functional.conv2d(planes, weights.view(1, 1, -1, 1))
    flow = planes.view_as(flow)
    flow = flow / flow.flatten(2).std(2, correction=0).clamp_min(1e-9)[..., None, None]
    return flow[..., ::step_px, ::step_px]


class FlowKernel(ClosedForm):
    """Class-weighted kernel ridge classification of flow images (batch, 3, height, width).

    The kernel is Gaussian, of the distance to a clip averaged with that to its mirror image, so
    that left and right count the same. Pixels weigh more the better they tell the training
    classes apart: by a power of their between-class share of variance, smoothed over the face.

    Reference: Saunders, Gammerman and Vovk 1998, "Ridge regression learning algorithm in dual
    variables". Deviation: one-hot targets, and an inverse class frequency on the ridge.

    Args:
        clip_shape: (3, height, width).
        n_classes: number of logits.
        blur_px: deviation of the Gaussian blur.
        step_px: every so many pixels one is taken.
        pixel_power: of the pixels' share of variance; 0: all weigh the same.
        width: of the kernel, in median distances between training clips.
        ridge: of the regression.
        sharpness: factor from regressed targets to logits.

    Shape:
        clips (batch, *clip_shape) -> regressed targets (batch, n_classes), logits (batch,
        n_classes).
    """

    def __init__(
        self,
        clip_shape: tuple[int, ...],
        n_classes: int,
        blur_px: float = 1.0,
        step_px: int = 2,
        pixel_power: float = 0.6,
        width: float = 1.0,
        ridge: float = 0.03,
        sharpness: float = 4.0,
    ) -> None:
        super().__init__()
        if len(clip_shape) != 3 or clip_shape[0] != 3:
            raise ValueError(
                f"clips have the shape {clip_shape}; flow images are (3, height, width)"
            )
        if not (blur_px > 0 and step_px >= 1 and width > 0 and ridge > 0 and sharpness > 0):
            raise ValueError("blur_px, step_px, width, ridge and sharpness must be above 0")
        self.n_classes = n_classes
        self._blur_px, self._step_px, self._power = blur_px, step_px, pixel_power
        self._width, self._ridge, self._sharpness = width, ridge, sharpness
        self._spread = 0.5 * blur_px + 0.5
        for name in ("pixel_weights", "known", "dual", "scale"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))

    def solve(self, clips: Tensor, labels: Tensor, class_weights: Tensor) -> None:
        flow = centred_flow(clips, self._blur_px, self._step_px)
        both, twice = torch.cat([flow, _mirrored(flow)]), torch.cat([labels, labels])
        self.pixel_weights = self._pixel_weights(both, twice)
        self.known = (flow * self.pixel_weights).flatten(1)
        distances = torch.cdist(self.known, self.known).square()
        self.scale = self._width / distances.quantile(0.5)
        kernel = self._kernel(flow)
        targets = functional.one_hot(labels, self.n_classes).double() - 1.0 / self.n_classes
        ridge = self._ridge / class_weights.double()[labels]
        self.dual = torch.linalg.solve(kernel + torch.diag(ridge), targets)

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        flow = centred_flow(clips, self._blur_px, self._step_px)
        regressed = (self._kernel(flow) @ self.dual).float()
        return regressed, self._sharpness * regressed

    def _kernel(self, flow: Tensor) -> Tensor:
        """Return the kernel between flow fields and the known ones, (batch, known)."""
        parts = [
            torch.exp(
                -self.scale * torch.cdist((f * self.pixel_weights).flatten(1), self.known) ** 2
            )
            for f in (flow, _mirrored(flow))
        ]
        return 0.5 * (parts[0] + parts[1])

    def _pixel_weights(self, flow: Tensor, labels: Tensor) -> Tensor:
        mean = flow.mean(0)
        total = (flow - mean).square().mean(0).clamp_min(1e-9)
        of_classes = torch.stack([flow[labels == c].mean(0) for c in range(self.n_classes)])
        share = (of_classes - mean).square().mean(0) / total
        reach = 3
        offsets = torch.arange(-reach, reach + 1, dtype=flow.dtype)
        weights = torch.exp(-0.5 * (offsets / self._spread) ** 2)
        weights = weights / weights.sum()
        smooth = functional.pad(share[:, None], [reach] * 4, mode="reflect")
        smooth = functional.conv2d(smooth, weights.view(1, 1, 1, -1))
        smooth = functional.conv2d(smooth, weights.view(1, 1, -1, 1))[:, 0]
        return (smooth / smooth.mean()) ** self._power


def _mirrored(flow: Tensor) -> Tensor:
    return flow.flip(-1) * flow.new_tensor([-1.0, 1.0, 1.0]).view(1, 3, 1, 1)
