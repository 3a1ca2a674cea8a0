"""OSS-3: log ratios of respiration, skin conductance and cardio, standardised and weighted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.stats import norm

from affectfuse.containers import Array
from affectfuse.scoring.base import Contrast, SessionScore
from affectfuse.scoring.measuring import Measurements
from affectfuse.scoring.question_protocol import REFERENCES, Asked, QuestionProtocol, block_means
from affectfuse.scoring.statistics.permutation import Permuted

__all__ = ["OSS3"]


@dataclass(eq=False)
class OSS3(QuestionProtocol):
    """Mean log ratio of relevant to comparison questions, over channels, presentations, questions.

    Of each relevant question, presentation and channel log(relevant / mean of the presentation's
    comparison questions), so that larger is a stronger reaction to the relevant question: for
    respiration, where shorter is stronger, its negative. Divided by the channel's standard
    deviation, trimmed to `trim_sd`, averaged with the weights over the channels that are known,
    then over presentations, then over questions. That is OSS-3's own sign; everything given out
    has the field's: positive where the comparison question has the stronger reaction.

    Without norms the standard deviation is the session's own (N-1) and nothing is centred: the
    result, `standardised_score`, says how far the reactions lie apart within this session and
    nothing about other people. With norms a channel's mean and standard deviation are theirs, and
    the score is held against their two normal distributions. A session's own standard deviation
    cannot put a value 3.89 of it away with fewer than 17 values.

    Reference:
        Nelson, Krapohl, Handler (2008), Brute-force comparison: a Monte Carlo study of the
        Objective Scoring System version 3, Polygraph 37(3), 185-215. Deviation: it has no norms of
        its own; the published ones are for polygraph instruments, and are for the user to give.

    Attributes:
        weights: of each channel; all must be there.
        trim_sd: standard deviations beyond which a value counts as this many.
        min_relevant, min_comparison: different questions of each kind that a score needs.
        norms: None, or `source`, `channels` (by channel `mean` and `sd` of the log ratio),
            `truthful` and `deceptive` (`mean` and `sd` of the score), all in OSS-3's own sign, and
            `base_rates`.
    """

    name = "oss3"

    weights: Mapping[str, float] = field(
        default_factory=lambda: {
            "respiration_line_length": 0.192,
            "electrodermal_rise": 0.528,
            "cardio_rise": 0.28,
        }
    )
    trim_sd: float = 3.89
    min_relevant: int = 2
    min_comparison: int = 2
    norms: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.weights = dict(self.weights)
        if not self.weights or any(not weight > 0.0 for weight in self.weights.values()):
            raise ValueError(f"weights are {self.weights}; each must be above 0")
        if not self.trim_sd > 0.0:
            raise ValueError(f"trim_sd is {self.trim_sd}; it must be above 0")
        self.channels = tuple(self.weights) if self.channels is None else self.channels
        if self.norms is not None:
            needed = {"source", "channels", "truthful", "deceptive"}
            lacking = needed - set(self.norms)
            if lacking:
                raise ValueError(f"norms lack {', '.join(sorted(lacking))}")

    def differences(self, asked: Asked, chosen: Array) -> Array:
        """Return oriented log ratios, OSS-3's sign; NaN where a value is not above 0."""
        positive = np.where(asked.values > 0.0, asked.values, np.nan)
        others = block_means(positive, ~chosen, asked.block)
        signs = np.array([self.orientation(channel) for channel in asked.channels], float)
        ratios = signs[:, None, None] * (np.log(positive).T[:, None] - np.log(others))
        return np.asarray(np.where(chosen, ratios, np.nan))

    def standardised(self, asked: Asked, chosen: Array, without: str = "") -> Array:
        """Return the weighted scores (arrangement, item) in OSS-3's own sign."""
        total, differences = np.zeros(chosen.shape), self.differences(asked, chosen)
        weights = np.zeros(chosen.shape)
        for index, channel in enumerate(asked.channels):
            if channel.name not in self.weights or channel.modality == without:
                continue
            ratios = differences[index]
            mean, spread = self._scale(channel.name, ratios)
            z = np.clip((ratios - mean) / spread, -self.trim_sd, self.trim_sd)
            known = np.isfinite(z)
            total += np.where(known, self.weights[channel.name] * np.nan_to_num(z), 0.0)
            weights += np.where(known, self.weights[channel.name], 0.0)
        known = weights > 0.0
        return np.asarray(np.where(known, total / np.where(known, weights, 1.0), np.nan))

    def _scale(self, channel: str, ratios: Array) -> tuple[float | Array, float | Array]:
        if self.norms is not None:
            given = self.norms["channels"][channel]
            return float(given["mean"]), float(given["sd"])
        known = np.isfinite(ratios)
        count = known.sum(axis=1, keepdims=True)
        mean = np.where(known, ratios, 0.0).sum(axis=1, keepdims=True) / np.maximum(count, 1)
        away = np.where(known, ratios - mean, 0.0)
        spread = np.sqrt((away**2).sum(axis=1, keepdims=True) / np.maximum(count - 1, 1))
        return 0.0, np.where((count > 1) & (spread > 0.0), spread, np.nan)

    def evaluate(self, measured: Measurements) -> SessionScore:
        asked = self.asked(measured)
        rows, ways = self.arrangements(asked)
        reason = self._refusal(asked)
        contrasts = [
            _field_sign(contrast)
            for contrast in self.channel_contrasts(
                asked, self.permuted(measured), "comparison against relevant, log ratio"
            )
        ]
        contrasts.append(self._total("all", asked, rows, ways, reason))
        for modality in self.leave_one_out(asked.channels):
            name = f"all but {modality}"
            contrasts.append(self._total(name, asked, rows, ways, reason, modality))
        cells = {}
        ratios = -self.differences(asked, asked.chosen[None])[:, 0]
        for index, channel in enumerate(asked.channels):
            for item in np.flatnonzero(np.isfinite(ratios[index])):
                cells[int(asked.index[item]), channel.name] = float(ratios[index, item])
        score = contrasts[len(asked.channels)].value
        return SessionScore(
            self.name,
            self.rows(measured, cells),
            self._summary(asked, score),
            self._notes(asked, reason),
            tuple(contrasts),
            self._methods(asked),
            (*_REFERENCES, *REFERENCES),
            tuple(name for name in self.weights if name not in self._absent(asked)),
            self._absent(asked),
        )

    def _absent(self, asked: Asked) -> tuple[str, ...]:
        names = {
            channel.name
            for index, channel in enumerate(asked.channels)
            if np.isfinite(asked.values[:, index]).any()
        }
        return tuple(name for name in self.weights if name not in names)

    def _refusal(self, asked: Asked) -> str:
        if lacking := self._absent(asked):
            return f"OSS-3 needs {', '.join(self.weights)}; the session lacks {', '.join(lacking)}"
        return asked.too_few(self.min_relevant, self.min_comparison, self.min_presentations)

    def _total(
        self, name: str, asked: Asked, rows: Array, ways: int, reason: str, without: str = ""
    ) -> Contrast:
        title, nothing = "standardised score", (math.nan, math.nan)
        if reason:
            return self.contrast(name, title, "SD", np.full(1, np.nan), nothing, reason=reason)
        scores = -self.standardised(asked, rows, without)
        by_question = _by_question(scores, asked.label)
        tested = Permuted((name,), by_question[:, None], ways, self.least_permutations)
        p = float(tested.p_values()[0])
        found = self.contrast(name, title, "SD", scores[0], (p, math.nan))
        # The mean over questions of means over presentations; the pairs weigh alike unless one
        # question was missed more often than another.
        return replace(found, value=float(by_question[0]))

    def _summary(self, asked: Asked, score: float) -> dict[str, float]:
        summary = {
            "standardised_score": score,
            "relevant_questions": float(asked.distinct(True)),
            "comparison_questions": float(asked.distinct(False)),
            "presentations": float(asked.presentations()),
        }
        if self.norms is None or math.isnan(score):
            return summary
        own, truthful, deceptive = -score, self.norms["truthful"], self.norms["deceptive"]
        likely = {
            who: norm(float(given["mean"]), float(given["sd"]))
            for who, given in (("truthful", truthful), ("deceptive", deceptive))
        }
        summary["p_truthful"] = float(likely["truthful"].sf(own))
        summary["p_deceptive"] = float(likely["deceptive"].cdf(own))
        ratio = float(np.exp(likely["deceptive"].logpdf(own) - likely["truthful"].logpdf(own)))
        summary["likelihood_ratio.deceptive_to_truthful"] = ratio
        for rate in self.norms.get("base_rates", (0.001, 0.01, 0.1, 0.5)):
            odds = ratio * rate / (1.0 - rate)
            summary[f"predictive_value.deceptive.base_rate_{rate:g}"] = odds / (1.0 + odds)
        return summary

    def _notes(self, asked: Asked, reason: str) -> tuple[str, ...]:
        notes = [f"no score: {reason}"] if reason else []
        notes += self.order_note(asked)
        if self.norms is None:
            notes.append(
                "no norms were given: the score is standardised within the session, and says "
                "nothing about other people"
            )
        else:
            notes.append(f"norms: {self.norms['source']}")
        return tuple(notes)

    def _methods(self, asked: Asked) -> str:
        weights = ", ".join(f"{name} {weight:g}" for name, weight in self.weights.items())
        scale = "the session's own" if self.norms is None else "the norms'"
        return (
            f"{self.how()} {asked.distinct(True)} relevant and {asked.distinct(False)} comparison "
            f"questions in {asked.presentations()} presentations were scored as in OSS-3: "
            "logarithms of the ratio of each relevant question to the mean of its presentation's "
            f"comparison questions, over {scale} standard deviation, trimmed at {self.trim_sd:g}, "
            f"averaged with weights ({weights}), then over presentations and questions; positive "
            "means a stronger reaction to the comparison questions. p values are from up to "
            f"{self.permutations} permutations of the kinds within presentations (two-sided); "
            f"{self.confidence:.0%} intervals are exact sign-flip intervals over the question x "
            "presentation pairs, Student's with more than 14."
        )


def _by_question(scores: Array, label: Array) -> Array:
    """Return the mean over questions of means over presentations (arrangement,)."""
    of_label = np.equal.outer(label, np.unique(label)).astype(float)
    known = np.isfinite(scores)
    total = np.where(known, scores, 0.0) @ of_label
    count = known.astype(float) @ of_label
    means = np.where(count > 0, total / np.maximum(count, 1.0), 0.0)
    questions = (count > 0).sum(axis=1)
    return np.asarray(np.where(questions > 0, means.sum(axis=1) / np.maximum(questions, 1), np.nan))


def _field_sign(contrast: Contrast) -> Contrast:
    """Turn OSS-3's sign into the field's."""
    return replace(
        contrast,
        value=-contrast.value,
        low=-contrast.high,
        high=-contrast.low,
        unit="log ratio",
    )


_REFERENCES = (
    "Nelson R., Krapohl D., Handler M. (2008). Brute-force comparison: a Monte Carlo study of the "
    "Objective Scoring System version 3 (OSS-3). Polygraph 37(3), 185-215.",
)
