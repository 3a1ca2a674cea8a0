"""A kernel machine on flow images: solved at once, from a few hundred clips."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from affectfuse.modalities.recognition import ClosedForm

__all__ = ["FlowKernel", "blurred", "centred_flow", "flow_derivatives"]

_FLOW_SIGNS = (-1.0, 1.0, 1.0)  # of u, v, strain in a mirror
_DERIVATIVE_SIGNS = (1.0, -1.0, -1.0, 1.0)  # of u_x, u_y, v_x, v_y


class FlowKernel(ClosedForm):
    """Class-weighted kernel ridge classification of flow images (batch, 3, height, width).

    A clip is seen in two ways: as flow and strain whose zero and scale are set again, and as the
    four derivatives of the flow, which head motion and a wrong zero leave as they are. Of each, a
    Gaussian kernel of the distance to a clip is averaged with that to its mirror image, so that
    left and right count the same; the two kernels are averaged. Pixels weigh more the better they
    tell the training classes apart: by a power of their between-class share of variance.

    Reference: Saunders, Gammerman and Vovk 1998, "Ridge regression learning algorithm in dual
    variables", ICML. Deviations: one-hot targets, and a ridge divided by the class weight.

    Args:
        clip_shape: (3, height, width); grey levels 0 to 255 of u, v and strain.
        n_classes: number of logits.
        blur_px: deviation of the Gaussian blur of the flow.
        derivative_blur_px: of the flow before it is derived.
        cell_px: side of the cells whose means are taken; it divides height and width.
        pixel_power: of the pixels' share of variance; 0: all weigh the same.
        width: of the kernel: its exponent is so many squared distances in units of their median.
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
        derivative_blur_px: float = 2.5,
        cell_px: int = 2,
        pixel_power: float = 0.75,
        width: float = 2.0,
        ridge: float = 0.03,
        sharpness: float = 4.0,
    ) -> None:
        super().__init__()
        if len(clip_shape) != 3 or clip_shape[0] != 3:
            raise ValueError(
                f"clips have the shape {clip_shape}; flow images are (3, height, width)"
            )
        above_zero = {
            "blur_px": blur_px, "derivative_blur_px": derivative_blur_px, "cell_px": cell_px,
            "width": width, "ridge": ridge, "sharpness": sharpness,
        }  # fmt: skip
        for name, value in above_zero.items():
            if not value > 0:
                raise ValueError(f"{name} is {value}; it must be above 0")
        if clip_shape[1] % cell_px or clip_shape[2] % cell_px:
            raise ValueError(f"cell_px is {cell_px}; it must divide {clip_shape[1:]}")
        self.n_classes = n_classes
        self._blurs_px = blur_px, derivative_blur_px
        self._cell_px, self._power, self._width = cell_px, pixel_power, width
        self._ridge, self._sharpness = ridge, sharpness
        self.dual: Tensor
        self.register_buffer("dual", torch.zeros(0, n_classes, dtype=torch.float64))
        for view in range(2):
            for part in ("weights", "known", "scale"):
                self.register_buffer(f"{part}_{view}", torch.zeros(0, dtype=torch.float64))

    def solve(self, clips: Tensor, labels: Tensor, class_weights: Tensor) -> None:
        views = self._views(clips)
        for view, (seen, signs) in enumerate(views):
            weights = self._pixel_weights(torch.cat([seen, _mirrored(seen, signs)]), labels)
            known = (seen * weights).flatten(1)
            scale = self._width / torch.cdist(known, known).square().quantile(0.5)
            for part, value in (("weights", weights), ("known", known), ("scale", scale)):
                setattr(self, f"{part}_{view}", value)
        targets = functional.one_hot(labels, self.n_classes).double() - 1.0 / self.n_classes
        ridge = self._ridge / class_weights.double()[labels]
        self.dual = torch.linalg.solve(self._kernel(views) + torch.diag(ridge), targets)

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        regressed = (self._kernel(self._views(clips)) @ self.dual).float()
        return regressed, self._sharpness * regressed

    def _views(self, clips: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return both views of the clips, and what a mirror does to their signs."""
        flow = functional.avg_pool2d(centred_flow(clips, self._blurs_px[0]), self._cell_px)
        slopes = functional.avg_pool2d(flow_derivatives(clips, self._blurs_px[1]), self._cell_px)
        return [(flow, flow.new_tensor(_FLOW_SIGNS)), (slopes, flow.new_tensor(_DERIVATIVE_SIGNS))]

    def _kernel(self, views: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Return the kernel between clips, given by their views, and the known ones, (batch,
        known)."""
        parts = []
        for view, (seen, signs) in enumerate(views):
            weights, known, scale = (
                getattr(self, f"{part}_{view}") for part in ("weights", "known", "scale")
            )
            for either in (seen, _mirrored(seen, signs)):
                distances = torch.cdist((either * weights).flatten(1), known)
                parts.append(torch.exp(-scale * distances.square()))
        return torch.stack(parts).mean(0)

    def _pixel_weights(self, both: Tensor, labels: Tensor) -> Tensor:
        """Return the weights (channel, height, width), from clips and then their mirror images."""
        twice = torch.cat([labels, labels])
        mean = both.mean(0)
        of_classes = torch.stack([both[twice == c].mean(0) for c in range(self.n_classes)])
        between = (of_classes - mean).square().mean(0)
        share = between / (both - mean).square().mean(0).clamp_min(1e-9)
        smooth = blurred(share[None], 1.0)[0]
        return (smooth / smooth.mean()) ** self._power


def centred_flow(images: Tensor, blur_px: float) -> Tensor:
    """Return flow images (batch, 3, height, width) with their zero and their scale set again.

    Scaling to grey levels, image by image, lost both. Most of a face rests in a micro-expression,
    so the median of u and of v stands for no motion; the deviation of each channel becomes 1.
    """
    flow = images.double()
    still = flow[:, :2].flatten(2).quantile(0.5, dim=2)[..., None, None]
    return _standardised(blurred(torch.cat([flow[:, :2] - still, flow[:, 2:]], dim=1), blur_px))


def flow_derivatives(images: Tensor, blur_px: float) -> Tensor:
    """Return u_x, u_y, v_x, v_y of blurred flow images, (batch, 4, height, width), deviation 1."""
    flow = blurred(images[:, :2].double(), blur_px)
    down, right = torch.gradient(flow, dim=(2, 3))
    return _standardised(torch.stack([right[:, 0], down[:, 0], right[:, 1], down[:, 1]], dim=1))


def blurred(planes: Tensor, blur_px: float) -> Tensor:
    """Return planes (batch, channel, height, width) blurred by a Gaussian, mirrored at edges."""
    down, right = (_blur_matrix(size, blur_px).to(planes) for size in planes.shape[-2:])
    return down @ planes @ right.mT


def _blur_matrix(size: int, blur_px: float) -> Tensor:
    """Return (size, size): each row the weights of a line's pixels in one blurred pixel."""
    reach = int(4 * blur_px + 0.5)
    offsets = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (offsets / blur_px).square()).double()
    weights = weights / weights.sum()
    period = max(2 * size - 2, 1)
    at = (torch.arange(size)[:, None] + offsets) % period
    at = torch.where(at < size, at, period - at)
    return torch.zeros(size, size, dtype=weights.dtype).scatter_add_(
        1, at, weights.expand(size, -1)
    )


def _standardised(planes: Tensor) -> Tensor:
    return planes / planes.flatten(2).std(2, correction=0).clamp_min(1e-9)[..., None, None]


def _mirrored(planes: Tensor, signs: Tensor) -> Tensor:
    return planes.flip(-1) * signs.view(1, -1, 1, 1)
