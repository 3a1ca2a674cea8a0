"""The whole fused model, and the estimator around it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from affectfuse.containers import ModalitySample, Target, Tick
from affectfuse.fusion.calibration import FUSED, Calibration
from affectfuse.fusion.estimator import Estimator
from affectfuse.fusion.log_linear_pool import LogLinearPool
from affectfuse.fusion.model import FusionModel, Standardise

TARGET = Target("state", ("calm", "tense"), "window", "planted")
PRIOR = torch.tensor([0.7, 0.3])
SHAPES = {"face": (2, 5), "pulse": (3,)}


def make_model() -> FusionModel:
    torch.manual_seed(0)
    encoders = {
        "face": nn.Sequential(nn.Flatten(), nn.Linear(10, 4), nn.Tanh()),
        "pulse": nn.Sequential(nn.Linear(3, 6), nn.Tanh()),
    }
    head = LogLinearPool({"face": 4, "pulse": 6}, PRIOR.log())
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    return FusionModel(encoders, SHAPES, head)


def sample(name: str, fill: float = 0.5, quality: float = 0.8) -> ModalitySample:
    return ModalitySample(name, 0.0, 1.0, np.full(SHAPES[name], fill, np.float32), quality)


def test_nan_behind_absence_reaches_neither_output_nor_gradients() -> None:
    def run(behind: float) -> tuple[Tensor, list[Tensor]]:
        model = make_model()
        samples = {name: torch.ones(4, *shape) for name, shape in SHAPES.items()}
        present = {name: torch.tensor([True, False, True, False]) for name in SHAPES}
        present["face"] = torch.tensor([True, True, False, False])
        for name, values in samples.items():
            values[~present[name]] = behind
        output = model(samples, present, {name: torch.ones(4) for name in SHAPES})
        nn.functional.cross_entropy(output.logits, torch.tensor([0, 1, 0, 1])).backward()
        return output.logits, [p.grad for p in model.parameters() if p.grad is not None]

    logits, gradients = run(math.nan)
    expected, expected_gradients = run(0.0)
    assert len(gradients) == len(list(make_model().parameters()))
    assert torch.equal(logits, expected)
    for found, wanted in zip(gradients, expected_gradients, strict=True):
        assert torch.equal(found, wanted)


def test_standardise_takes_mean_and_deviation_by_feature_or_channel() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal([[[3.0], [-70.0]]], [[[0.5], [20.0]]], (400, 2, 5))
    standardise = Standardise((2, 5))
    standardise.fit(torch.tensor(rows, dtype=torch.float32))
    assert standardise.mean.flatten().tolist() == pytest.approx(rows.mean((0, 2)), rel=1e-5)
    assert standardise.scale.flatten().tolist() == pytest.approx(rows.std((0, 2)), rel=1e-5)
    out = standardise(torch.tensor(rows, dtype=torch.float32), torch.ones(400).bool())
    assert out.std((0, 2)).tolist() == pytest.approx([1.0, 1.0], abs=1e-3)
    far = standardise(torch.full((1, 2, 5), 1e9), torch.tensor([True]))
    assert (far == 10.0).all()
    assert (standardise(torch.full((1, 2, 5), math.nan), torch.tensor([False])) == 0).all()


def test_a_constant_feature_and_no_sample_leave_the_scale_at_one() -> None:
    standardise = Standardise((2,))
    standardise.fit(torch.tensor([[5.0, 1.0], [5.0, 3.0]]))
    assert standardise.scale.tolist() == [1.0, 1.0]
    assert standardise.mean.tolist() == [5.0, 2.0]
    standardise.fit(torch.zeros(0, 2))
    assert standardise.mean.tolist() == [5.0, 2.0]
    scalar = Standardise(())
    scalar.fit(torch.tensor([1.0, 3.0]))
    assert float(scalar(torch.tensor([3.0]), torch.tensor([True]))) == 1.0


def test_modalities_must_agree() -> None:
    with pytest.raises(ValueError, match="must name the same modalities"):
        FusionModel({"face": nn.Identity()}, SHAPES, LogLinearPool({"face": 4}, PRIOR.log()))


def test_estimate_is_the_model_after_temperature() -> None:
    model = make_model()
    calibration = Calibration({FUSED: {"state": 1.7}, "pulse": {"state": 0.6}})
    estimate = Estimator(model, [TARGET], calibration).estimate(
        Tick(9.0, {"face": sample("face"), "pulse": sample("pulse", -1.0, 0.4)})
    )
    with torch.no_grad():
        output = model(
            {"face": torch.full((1, 2, 5), 0.5), "pulse": torch.full((1, 3), -1.0)},
            {name: torch.tensor([True]) for name in SHAPES},
            {"face": torch.tensor([0.8]), "pulse": torch.tensor([0.4])},
        )
    log_prior = PRIOR.log()
    fused = torch.softmax(log_prior + (output.logits[0] - log_prior) / 1.7, -1)
    own = torch.softmax(log_prior + (output.modality_logits["pulse"][0] - log_prior) / 0.6, -1)
    assert estimate.time_s == 9.0
    assert list(estimate.probabilities) == ["calm", "tense"]
    assert list(estimate.probabilities.values()) == pytest.approx(fused.tolist(), abs=1e-6)
    assert estimate.modality_probabilities["pulse"]["tense"] == pytest.approx(
        float(own[1]), abs=1e-6
    )
    assert estimate.weights["pulse"] == pytest.approx(float(output.weights["pulse"]))
    assert estimate.values == estimate.prediction_sets == {}


@pytest.mark.parametrize(
    "unusable",
    [None, sample("face", math.nan), sample("face", math.inf), sample("face", quality=math.nan)],
    ids=["none", "nan", "inf", "nan quality"],
)
def test_an_unusable_sample_is_an_absent_one(unusable: ModalitySample | None) -> None:
    estimator = Estimator(make_model(), [TARGET])
    found = estimator.estimate(Tick(1.0, {"face": unusable, "pulse": sample("pulse")}))
    alone = estimator.estimate(Tick(1.0, {"pulse": sample("pulse")}))
    assert found.probabilities == alone.probabilities
    assert found.weights["face"] == 0.0
    assert list(found.modality_probabilities) == ["pulse"]
    nothing = estimator.estimate(Tick(1.0, {}))
    assert list(nothing.probabilities.values()) == pytest.approx(PRIOR.tolist())


def test_a_sample_of_another_shape_is_refused() -> None:
    wrong = ModalitySample("pulse", 0.0, 1.0, np.zeros(4, np.float32), 1.0)
    with pytest.raises(ValueError, match=r"'pulse' has shape \(4,\); the model takes \(3,\)"):
        Estimator(make_model(), [TARGET]).estimate(Tick(1.0, {"pulse": wrong}))


MOOD = Target("mood", ("valence", "arousal"), "window", "self-report", "scales")
UNITS = Target("action_units", ("au4", "au12"), "window", "coder", "labels")


def several() -> FusionModel:
    """A model of three targets side by side, whose scales lie about 5 and -2."""
    torch.manual_seed(0)
    odds = torch.tensor([0.2 / 0.8, 0.6 / 0.4]).log()
    head = LogLinearPool({"pulse": 3}, torch.cat([PRIOR.log(), torch.zeros(2), odds]))
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    model = FusionModel({"pulse": nn.Identity()}, {"pulse": (3,)}, head)
    model.output_mean[2:4] = torch.tensor([5.0, -2.0])
    model.output_scale[2:4] = torch.tensor([0.5, 3.0])
    return model


def test_several_targets_with_nothing_present_give_their_priors_and_means() -> None:
    nothing = Estimator(several(), [TARGET, MOOD, UNITS]).estimate(Tick(1.0, {}))
    assert nothing.probabilities == pytest.approx(
        {"calm": 0.7, "tense": 0.3, "au4": 0.2, "au12": 0.6}
    )
    assert nothing.values == pytest.approx({"valence": 5.0, "arousal": -2.0})
    assert nothing.modality_probabilities == {}


def test_scales_are_in_their_own_unit_and_have_no_temperature() -> None:
    model = several()
    calibration = Calibration({FUSED: {"state": 3.0, "action_units": 2.0, "mood": 9.0}})
    estimate = Estimator(model, [TARGET, MOOD, UNITS], calibration).estimate(
        Tick(1.0, {"pulse": sample("pulse", 1.5, 1.0)})
    )
    with torch.no_grad():
        row = {"pulse": torch.full((1, 3), 1.5)}
        ones = {"pulse": torch.ones(1)}
        evidence = model.head(row, {"pulse": torch.tensor([True])}, ones).logits[0]
    assert estimate.values["valence"] == pytest.approx(5.0 + 0.5 * float(evidence[2]), rel=1e-5)
    assert estimate.values["arousal"] == pytest.approx(-2.0 + 3.0 * float(evidence[3]), rel=1e-5)
    beyond = (evidence[4:] - model.head.prior_logits[4:]) / 2.0
    wanted = torch.sigmoid(model.head.prior_logits[4:] + beyond)
    assert estimate.probabilities["au4"] == pytest.approx(float(wanted[0]), abs=1e-6)
    assert estimate.probabilities["au12"] == pytest.approx(float(wanted[1]), abs=1e-6)
    assert estimate.probabilities["calm"] + estimate.probabilities["tense"] == pytest.approx(1.0)


def test_prediction_sets_hold_what_cannot_be_ruled_out() -> None:
    def sets(threshold: float) -> tuple[str, ...]:
        calibration = Calibration(coverage=0.9, thresholds={"state": threshold})
        estimate = Estimator(make_model(), [TARGET], calibration).estimate(Tick(1.0, {}))
        return estimate.prediction_sets["state"]

    assert sets(0.5) == ("calm",)  # of 0.7; the other's score is 0.7
    assert sets(0.1) == ("calm",)  # never empty
    assert sets(0.75) == ("calm", "tense")
    assert sets(math.inf) == ("calm", "tense")
    assert Estimator(make_model(), [TARGET]).estimate(Tick(1.0, {})).prediction_sets == {}
