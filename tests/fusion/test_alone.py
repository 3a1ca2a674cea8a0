"""One modality by itself: the fused estimate is its own, whatever the head has learnt."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from affectfuse.config import build, load_node, names
from affectfuse.containers import ModalitySample, Target, Tick
from affectfuse.fusion.alone import alone
from affectfuse.fusion.base import FusionHead
from affectfuse.fusion.calibration import FUSED, Calibration
from affectfuse.fusion.estimates import calibrated_estimates
from affectfuse.fusion.estimator import Estimator
from affectfuse.fusion.log_linear_pool import LogLinearPool
from affectfuse.fusion.model import FusionModel
from affectfuse.fusion.outputs import Outputs

STATE = Target("state", ("calm", "tense", "glad"), "window", "made")
AFFECT = Target("affect", ("valence",), "window", "made", kind="scales")
OUTPUTS = Outputs([STATE, AFFECT])
PRIOR = torch.cat([torch.tensor([0.5, 0.3, 0.2]).log(), torch.zeros(1)])
WIDTHS = {"face": 3, "pulse": 4, "voice": 2}
CALIBRATION = Calibration({FUSED: {"state": 0.6}, "face": {"state": 2.0}, "pulse": {"state": 3.0}})
Rows = dict[str, Tensor]


def model(head: str) -> FusionModel:
    """Every parameter is drawn: a fresh head says the prior whatever it is given."""
    built: FusionHead = build(
        load_node("fusion", head),
        FusionHead,  # type: ignore[type-abstract]
        embedding_dims=WIDTHS,
        prior_logits=PRIOR,
    )
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
    shapes = {name: (width,) for name, width in WIDTHS.items()}
    whole = FusionModel({name: nn.Identity() for name in WIDTHS}, shapes, built)
    whole.output_mean[3], whole.output_scale[3] = 5.0, 2.0
    return whole.eval()


def all_subsets(quality: float = 1.0) -> tuple[Rows, Rows, Rows]:
    """Embeddings, presence and quality of every subset of the modalities, one a row."""
    kept = torch.tensor(list(product([False, True], repeat=3)))
    generator = torch.Generator().manual_seed(1)
    embeddings = {n: torch.randn(len(kept), w, generator=generator) for n, w in WIDTHS.items()}
    present = {name: kept[:, column] for column, name in enumerate(WIDTHS)}
    return embeddings, present, {name: torch.full((len(kept),), quality) for name in WIDTHS}


@pytest.mark.parametrize("head", names("fusion"))
def test_says_what_it_says_by_itself_and_others_what_the_head_makes_of_them(head: str) -> None:
    fused, (embeddings, present, quality) = model(head), all_subsets()
    with torch.no_grad():
        output = fused.fuse(embeddings, present, quality)
        of_head = fused.head(embeddings, present, quality)
    said = calibrated_estimates(output, present, OUTPUTS, fused.prior_logits, CALIBRATION)
    count = torch.stack(list(present.values())).sum(0)
    for name in WIDTHS:
        rows = present[name] & (count == 1)
        assert rows.sum() == 1
        torch.testing.assert_close(said[FUSED][rows], said[name][rows])
        assert (said[FUSED][rows] - fused.prior_logits).abs().max() > 0.05
        assert output.weights[name][rows].item() == 1.0
    several = count != 1
    units = fused.output_mean + fused.output_scale * of_head.logits
    torch.testing.assert_close(output.logits[several], units[several])
    for name in WIDTHS:
        torch.testing.assert_close(output.weights[name][several], of_head.weights[name][several])


def test_its_evidence_is_weighed_by_its_quality() -> None:
    fused = model("log_linear_pool")
    embeddings, present, quality = all_subsets(0.25)
    with torch.no_grad():
        output = fused.fuse(embeddings, present, quality)
    for name, rows in alone(present).items():
        own = output.modality_logits[name][rows] - fused.prior_logits
        torch.testing.assert_close(output.logits[rows] - fused.prior_logits, 0.25 * own)
        assert output.weights[name][rows].item() == 0.25


def test_a_pool_that_gives_it_no_weight_beside_others_hears_it_alone() -> None:
    fused = model("log_linear_pool")
    assert isinstance(fused.head, LogLinearPool)
    fused.head.set_weights({"face": 1.0, "pulse": 0.0, "voice": 1.0})
    embeddings, present, quality = all_subsets()
    with torch.no_grad():
        logits = fused.fuse(embeddings, present, quality).logits
        louder = fused.fuse({**embeddings, "pulse": 2 * embeddings["pulse"]}, present, quality)
    changed = (louder.logits != logits).any(-1)
    assert torch.equal(changed, alone(present)["pulse"])


@pytest.mark.parametrize("behind", [float("nan"), float("inf")])
def test_what_lies_behind_absence_changes_nothing_and_has_no_gradient(behind: float) -> None:
    fused = model("concatenation")
    embeddings, present, quality = all_subsets()
    wanted = fused.fuse(embeddings, present, quality).logits.detach()
    for name, rows in present.items():
        embeddings[name][~rows] = behind
        quality[name][~rows] = behind
        embeddings[name].requires_grad_()
    output = fused.fuse(embeddings, present, quality)
    torch.testing.assert_close(output.logits.detach(), wanted)
    output.logits.square().sum().backward()  # type: ignore[no-untyped-call]
    for name, rows in present.items():
        gradient = embeddings[name].grad
        assert gradient is not None
        assert (gradient[~rows] == 0).all()
        assert torch.isfinite(gradient).all()


def test_a_tick_with_one_modality_is_its_own_estimate() -> None:
    estimator = Estimator(model("gated_unit"), [STATE, AFFECT], CALIBRATION)
    pulse = ModalitySample("pulse", 0.0, 1.0, np.full(4, 0.7, np.float32), 1.0)
    found = estimator.estimate(Tick(1.0, {"pulse": pulse}))
    assert found.probabilities == pytest.approx(found.modality_probabilities["pulse"], abs=1e-6)
    face = ModalitySample("face", 0.0, 1.0, np.full(3, -0.4, np.float32), 1.0)
    both = estimator.estimate(Tick(1.0, {"pulse": pulse, "face": face}))
    assert both.probabilities != pytest.approx(both.modality_probabilities["pulse"], abs=1e-3)
