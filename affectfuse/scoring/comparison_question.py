"""Comparison question test: relevant against comparison questions, in scores and totals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from affectfuse.containers import Array
from affectfuse.scoring.base import Contrast, SessionScore
from affectfuse.scoring.ess_m import PRESENTATIONS, Cuts, NullModel
from affectfuse.scoring.measuring import Measurements
from affectfuse.scoring.norms import Norms
from affectfuse.scoring.positions import adjacent, beside, greater_change, position_scores
from affectfuse.scoring.question_protocol import REFERENCES, Asked, QuestionProtocol
from affectfuse.scoring.reactions.channels import Channel
from affectfuse.scoring.statistics.permutation import Permuted

__all__ = ["ComparisonQuestion"]

_PUBLISHED = {
    "respiration_line_length": 1,
    "electrodermal_rise": 2,
    "cardio_rise": 1,
    "pulse_amplitude": 1,
}


@dataclass(eq=False)
class ComparisonQuestion(QuestionProtocol):
    """Scores each relevant question, channel and presentation; sums them; tests what they show.

    A score compares the relevant question with the adjacent comparison question of the greater
    change, in the same presentation. Sign of the field: positive where the reaction to the
    comparison is stronger, negative where that to the relevant question is. A channel whose values
    can be divided scores by ratio, any other by difference, in standard deviations of its values
    over the scored questions. Three-position scores (-1, 0, 1) count the channel's weight;
    seven-position scores (-3 to 3) count as they are.

    The summary has `grand_total`, `subtotal.QUESTION`, the cuts and tail probabilities of the
    null model of the channels present (`NullModel`; three positions only), and on which side of
    the cuts the session lies (-1, 0 inconclusive, 1) by the grand-total, the subtotal and the
    two-stage rule, in which the lowest subtotal decides where the grand total does not. A
    contrast of a channel is the mean of relevant less the mean of the adjacent comparisons, in the
    channel's unit; 'all' is the grand total, 'all but NAME' that without a modality.

    The null model takes every score to be equally likely -1, 0 or 1, and five presentations. It
    is the published one when the channels are those of a polygraph. For any others it is a
    null-model reference, without validated norms.

    Attributes:
        weights: by channel that is scored, its weight in the total.
        positions: 3 or 7.
        min_ratios: by channel, the least ratio for a score other than 0.
        min_difference_sd: the least difference for such a score, in a channel without ratios.
        seven_position_ratios: by channel, ratios at which 1, 2 and 3 begin.
        seven_position_differences_sd: differences at which they begin.
        null_presentations: of each question, in the null model.
        prior_odds: that the cuts are to exceed.
        min_relevant, min_comparison: different questions of each kind that a score needs.
        min_known: share of the cells question x presentation x channel that must be known.
        norms: see `Norms`; None: no labels and no predictive values.

    Reference: see `NullModel`; what none of this shows is in National Research Council (2003), The
    polygraph and lie detection, doi:10.17226/10420.
    """

    name = "comparison_question"

    orientations: Mapping[str, int] = field(default_factory=lambda: {"heart_rate_bpm": 1})
    weights: Mapping[str, int] = field(
        default_factory=lambda: {**_PUBLISHED, "heart_rate_bpm": 1, "micro_expression_count": 1}
    )
    positions: int = 3
    min_ratios: Mapping[str, float] = field(
        default_factory=lambda: {
            "respiration_line_length": 1.2,
            "electrodermal_rise": 1.1,
            "cardio_rise": 1.25,
            "pulse_amplitude": 1.1,
        }
    )
    min_difference_sd: float = 0.6
    seven_position_ratios: Mapping[str, Sequence[float]] = field(
        default_factory=lambda: {
            "respiration_line_length": [1.2, 1.4, 1.6],
            "electrodermal_rise": [2.0, 3.0, 4.0],
            "cardio_rise": [1.25, 1.5, 2.0],
            "pulse_amplitude": [1.1, 1.5, 2.0],
        }
    )
    seven_position_differences_sd: Sequence[float] = (0.6, 1.2, 1.8)
    null_presentations: int = PRESENTATIONS
    prior_odds: float = 1.0
    min_relevant: int = 2
    min_comparison: int = 2
    min_known: float = 0.5
    norms: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.positions not in (3, 7):
            raise ValueError(f"positions is {self.positions}; allowed: 3 and 7")
        self.weights, self.min_ratios = dict(self.weights), dict(self.min_ratios)
        self.seven_position_ratios = dict(self.seven_position_ratios)
        self.seven_position_differences_sd = tuple(self.seven_position_differences_sd)
        low = {name: ratio for name, ratio in self.min_ratios.items() if not ratio >= 1.0}
        if low:
            raise ValueError(f"min_ratios are at least 1, but got {low}")
        if not self.prior_odds > 0.0:
            raise ValueError(f"prior_odds is {self.prior_odds}; it must be above 0")
        if not 0.0 <= self.min_known <= 1.0:
            raise ValueError(f"min_known is {self.min_known}; it must lie in 0 to 1")
        self._norms = None if self.norms is None else Norms(**self.norms)

    def differences(self, asked: Asked, chosen: Array) -> Array:
        places = adjacent(chosen, asked.block)
        found = np.full((len(asked.channels), *chosen.shape), np.nan)
        for channel, values in enumerate(asked.values.T):
            before, after = beside(values, places)
            # One comparison alone where the other is missing, else their mean.
            mean = (np.fmin(before, after) + np.fmax(before, after)) / 2.0
            found[channel] = np.where(chosen, values - mean, np.nan)
        return found

    def scores(self, asked: Asked, chosen: Array) -> dict[str, Array]:
        """Return the weighted position scores (arrangement, item) of each scored channel."""
        found, places = {}, adjacent(chosen, asked.block)
        for index, channel in enumerate(asked.channels):
            sign = self.orientation(channel)
            if channel.name not in self.weights or sign == 0:
                continue
            values = asked.values[:, index]
            known = values[np.isfinite(values)]
            if channel.ratio:
                with np.errstate(divide="ignore"):
                    oriented = values if sign > 0 else 1.0 / values
                unit = 1.0
            else:
                oriented = sign * values
                # Of a channel that never varies, rounding errors are no differences.
                least = 1e-9 * (1.0 + float(np.abs(known).max(initial=0.0)))
                unit = max(float(known.std()), least) if len(known) else least
            steps = [step * unit for step in self._steps(channel)]
            greatest = greater_change(oriented, places)
            scores = position_scores(oriented, greatest, steps, ratio=channel.ratio)
            weight = self.weights[channel.name] if self.positions == 3 else 1
            found[channel.name] = weight * np.where(chosen, scores, np.nan)
        return found

    def _steps(self, channel: Channel) -> Sequence[float]:
        seven = self.positions == 7
        if not channel.ratio:
            return self.seven_position_differences_sd if seven else (self.min_difference_sd,)
        if seven:
            return self.seven_position_ratios.get(channel.name, (1.1, 1.5, 2.0))
        return (self.min_ratios.get(channel.name, 1.1),)

    def evaluate(self, measured: Measurements) -> SessionScore:
        asked = self.asked(measured)
        rows, ways = self.arrangements(asked)
        all_scores = self.scores(asked, rows)
        present = {n: s for n, s in all_scores.items() if np.isfinite(s[0]).any()}
        observed = {name: scores[0] for name, scores in present.items()}
        reason = self._refusal(asked, observed)
        cells = {
            (int(asked.index[item]), name): float(scores[item])
            for name, scores in observed.items()
            for item in np.flatnonzero(np.isfinite(scores))
        }
        contrasts = self.channel_contrasts(
            asked, self.permuted(measured), "relevant less adjacent comparison"
        )
        channels = [channel for channel in asked.channels if channel.name in present]
        contrasts.append(self._total("all", list(present.values()), ways, reason))
        for modality in self.leave_one_out(channels):
            kept = [present[c.name] for c in channels if c.modality != modality]
            contrasts.append(self._total(f"all but {modality}", kept, ways, reason))
        summary = self._summary(asked, observed, reason)
        return SessionScore(
            self.name,
            self.rows(measured, cells),
            summary,
            self._notes(asked, list(present), summary, reason),
            tuple(contrasts),
            self._methods(asked, list(present)),
            (*_REFERENCES, *REFERENCES),
            tuple(present),
            tuple(name for name in self.weights if name not in present),
        )

    def _refusal(self, asked: Asked, scores: Mapping[str, Array]) -> str:
        """Say why there may be no total; '' when there may."""
        few = asked.too_few(self.min_relevant, self.min_comparison, self.min_presentations)
        if few:
            return few
        if not scores:
            return "no channel of the session can be scored"
        known = sum(np.isfinite(column).sum() for column in scores.values())
        share = float(known) / (len(scores) * asked.chosen.sum())
        if share < self.min_known:
            return f"{share:.0%} of the cells are known, at least {self.min_known:.0%} needed"
        return ""

    def _total(self, name: str, scores: Sequence[Array], ways: int, reason: str) -> Contrast:
        """Return a total over channels, with its test; an unknown score counts 0."""
        if not scores or reason:
            nothing = np.full(1, np.nan)
            why = reason or "no channel is left"
            return self.contrast(name, "total", "1", nothing, (math.nan, math.nan), reason=why)
        by_pair = np.nansum(np.stack(scores), axis=0)
        totals = by_pair.sum(axis=1, keepdims=True)
        p = float(Permuted((name,), totals, ways, self.least_permutations).p_values()[0])
        known = np.isfinite(np.stack(scores)[:, 0]).any(axis=0)
        pairs = np.where(known, by_pair[0], np.nan)
        return self.contrast(name, "total", "1", pairs, (p, math.nan), sum_of=True)

    def null_model(self, asked: Asked, channels: Sequence[str]) -> NullModel | None:
        """Return the null model of the channels present; None with seven positions or none."""
        relevant = asked.distinct(True)
        if self.positions != 3 or not channels or not relevant:
            return None
        return NullModel(
            [self.weights[name] for name in channels], self.null_presentations, relevant
        )

    def _summary(self, asked: Asked, scores: Mapping[str, Array], reason: str) -> dict[str, float]:
        by_item = np.zeros(len(asked.questions))
        for column in scores.values():
            by_item = by_item + np.nan_to_num(column)
        subtotals = {
            number: float(by_item[asked.chosen & (asked.label == number)].sum())
            for number in np.unique(asked.label[asked.chosen]).tolist()
        }
        total = math.nan if reason else float(by_item[asked.chosen].sum())
        summary = {
            "grand_total": total,
            "relevant_questions": float(asked.distinct(True)),
            "comparison_questions": float(asked.distinct(False)),
            "presentations": float(asked.presentations()),
        }
        for number, subtotal in subtotals.items():
            question = asked.questions[int(np.flatnonzero(asked.label == number)[0])]
            label = f"{question.series}.{question.label}" if question.series else question.label
            summary[f"subtotal.{label}"] = math.nan if reason else subtotal
        model = self.null_model(asked, list(scores))
        lowest = math.nan if reason else min(subtotals.values(), default=math.nan)
        if model is None:
            return summary
        grand, sub = model.cuts(self.prior_odds), model.subtotal_cuts(self.prior_odds)
        first, second = side(total, grand), side(lowest, sub)
        summary |= {
            "cut.grand_total.negative": grand.negative,
            "cut.grand_total.positive": grand.positive,
            "cut.subtotal.negative": sub.negative,
            "cut.subtotal.positive": sub.positive,
            "null_tail.at_cut.negative": model.tail(grand.negative),
            "null_tail.at_cut.positive": model.tail(grand.positive),
            "null_tail.grand_total": model.tail(total),
            "side.grand_total": first,
            "side.subtotal": second,
            "side.two_stage": second if first == 0.0 else first,
        }
        if self._norms is not None and not reason:
            summary |= self._norms.predictive_values()
        return summary

    def _notes(
        self, asked: Asked, channels: Sequence[str], summary: Mapping[str, float], reason: str
    ) -> tuple[str, ...]:
        notes = [f"no total: {reason}"] if reason else []
        notes += self.order_note(asked)
        absent = [name for name in self.weights if name not in channels]
        if absent:
            notes.append(f"channels that are absent: {', '.join(absent)}")
        if self.positions == 7:
            notes.append("seven-position scores have no null model and no cuts here")
        elif set(channels) == set(_PUBLISHED):
            notes.append("cuts are those of the published ESS-M null model; they are no test")
        else:
            notes.append(
                "cuts are a null-model reference for the channels present, not validated norms"
            )
        if "null_tail.at_cut.positive" in summary:
            tail = summary["null_tail.at_cut.positive"]
            notes.append(
                f"by chance alone a total as far out as the positive cut occurs in {tail:.0%} of "
                "sessions"
            )
        if self._norms is None:
            notes.append("no norms were given: no label and no predictive value")
        else:
            notes.append(f"norms: {self._norms.source}")
            if label := self._norms.label(summary.get("side.two_stage", math.nan)):
                notes.append(f"by these norms: {label}")
        return tuple(notes)

    def _methods(self, asked: Asked, channels: Sequence[str]) -> str:
        named = ", ".join(f"{name} (weight {self.weights[name]})" for name in channels) or "none"
        return (
            f"{self.how()} {asked.distinct(True)} relevant and {asked.distinct(False)} comparison "
            f"questions in {asked.presentations()} presentations were contrasted. Each relevant "
            "question was compared with the adjacent comparison question of the greater change, "
            f"in {self.positions}-position scores of the channels {named}; positive scores mean a "
            "stronger reaction to the comparison question. Cuts are those of the ESS-M null model "
            f"of these channels with {self.null_presentations} presentations. p values are from "
            f"up to {self.permutations} permutations of the kinds within presentations (two-sided; "
            f"step-down max-T over the channels); {self.confidence:.0%} intervals are exact "
            "sign-flip intervals over the question x presentation pairs, Student's with more "
            "than 14."
        )


def side(total: float, cuts: Cuts) -> float:
    """Return -1 at or beyond the negative cut, 1 at or beyond the positive, else 0; NaN of NaN."""
    if math.isnan(total):
        return math.nan
    return float(total >= cuts.positive) - float(total <= cuts.negative)


_REFERENCES = (
    "Nelson R. (2017). Multinomial reference distributions for the Empirical Scoring System. "
    "Polygraph & Forensic Credibility Assessment 46(2), 81-115.",
)
