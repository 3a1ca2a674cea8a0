"""Temperature scaling, fitted on held-out subjects."""

from __future__ import annotations

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from affectfuse.fusion.estimator import calibrated

__all__ = ["fit_temperature"]

_RANGE = (0.5, 5.0)


def fit_temperature(logits: Tensor, labels: Tensor, log_prior: Tensor) -> float:
    """Return the temperature that makes held-out labels most likely, between 0.5 and 5.

    The likelihood is concave in 1 / temperature, so a bounded scalar search finds the best. The
    bounds are narrow because held-out subjects are few: one or two who happen to fit the model
    perfectly, or not at all, must not make it certain of everything, or of nothing. With
    no sample, or with logits that say nothing beyond the prior, the temperature is 1.

    Args:
        logits: (batch, class), of samples that training has not seen.
        labels: (batch,) class indices.
        log_prior: (class,).
    """
    logits, log_prior = logits.double(), log_prior.double()
    if len(labels) == 0 or torch.allclose(logits, log_prior.expand_as(logits)):
        return 1.0

    def negative_log_likelihood(inverse: float) -> float:
        log_probabilities = calibrated(logits, log_prior, 1.0 / inverse)
        return -float(log_probabilities.gather(1, labels[:, None]).mean())

    bounds = (1.0 / _RANGE[1], 1.0 / _RANGE[0])
    best = minimize_scalar(negative_log_likelihood, bounds=bounds, method="bounded")
    return float(1.0 / best.x)
