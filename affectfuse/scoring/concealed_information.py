"""Concealed information test: the one item that only somebody who knows it reacts to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from affectfuse.containers import Array
from affectfuse.scoring.base import Contrast, SessionScore
from affectfuse.scoring.measuring import Measurements
from affectfuse.scoring.question_protocol import (
    REFERENCES,
    Asked,
    QuestionProtocol,
    block_means,
    means,
)
from affectfuse.scoring.statistics.detection import auc, d_prime
from affectfuse.scoring.statistics.permutation import Permuted

__all__ = ["ConcealedInformation"]


@dataclass(eq=False)
class ConcealedInformation(QuestionProtocol):
    """Probe against irrelevant items: z scores within each presentation, d', AUC, Lykken's ranks.

    A z score is the item's value less the mean of the items of its presentation, over their
    standard deviation (N-1). It stands in the channel's own direction. A channel's contrast is the
    mean z of the probe less that of the irrelevant items of the same presentation; 'all' is the
    mean over the channels of `combined`, each oriented so that larger is stronger, and 'all but
    NAME' that without a modality. Leave the first item of a series unmarked: everybody
    reacts to it.

    The summary has, by channel, `d_prime` and `auc` of probe against irrelevant z scores, and
    Lykken's score: 2 when the probe's reaction is the strongest of its presentation, 1 when it is
    the second (of equal ones the probe counts as the weaker), summed, with the highest it can be
    and the chance of at least as much, were every item as likely to rank anywhere.

    The permutation takes the items to be alike to somebody who does not know the probe: one that
    stands out by itself makes a contrast without any knowledge.

    Attributes:
        combined: channels of the total.
        min_irrelevant: irrelevant items that a presentation needs to be used.

    Reference:
        Lykken (1959), The GSR in the detection of guilt, Journal of Applied Psychology 43(6).
        DOI 10.1037/h0046060.
        Ben-Shakhar (1985), Standardization within individuals, Psychophysiology 22(3).
        DOI 10.1111/j.1469-8986.1985.tb01603.x.
    """

    name = "concealed_information"
    first = "probe"
    second = "irrelevant"

    orientations: Mapping[str, int] = field(default_factory=lambda: {"heart_rate_bpm": -1})
    combined: Sequence[str] = (
        "electrodermal_rise",
        "respiration_line_length",
        "heart_rate_bpm",
        "pulse_amplitude",
    )
    min_irrelevant: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        self.combined = tuple(self.combined)
        if self.min_irrelevant < 2:
            raise ValueError(f"min_irrelevant is {self.min_irrelevant}; it must be at least 2")

    def asked(self, measured: Measurements) -> Asked:
        asked = super().asked(measured)
        return Asked(
            asked.index,
            asked.questions,
            asked.chosen,
            asked.block,
            asked.label,
            self._z_scores(asked),
            asked.channels,
        )

    def _z_scores(self, asked: Asked) -> Array:
        z = np.full(asked.values.shape, np.nan)
        for block in np.unique(asked.block):
            inside = asked.block == block
            if (inside & ~asked.chosen).sum() < self.min_irrelevant:
                continue
            for channel in range(len(asked.channels)):
                values = asked.values[inside, channel]
                known = values[np.isfinite(values)]
                spread = float(known.std(ddof=1)) if len(known) > self.min_irrelevant else 0.0
                if spread > 0.0:
                    z[inside, channel] = (values - known.mean()) / spread
        return z

    def differences(self, asked: Asked, chosen: Array) -> Array:
        others = block_means(asked.values, ~chosen, asked.block)
        return np.asarray(np.where(chosen, asked.values.T[:, None] - others, np.nan))

    def evaluate(self, measured: Measurements) -> SessionScore:
        asked = self.asked(measured)
        rows, ways = self.arrangements(asked)
        permuted = self.permuted(measured)
        contrasts = [
            replace(contrast, unit="SD")
            for contrast in self.channel_contrasts(asked, permuted, "probe less irrelevant")
        ]
        reason = self._refusal(asked)
        used = [i for i, c in enumerate(asked.channels) if c.name in self.combined]
        used = [i for i in used if self.orientation(asked.channels[i])]
        used = [i for i in used if np.isfinite(asked.values[:, i]).any()]
        by_modality = {i: asked.channels[i].modality for i in used}
        together = {"all": used}
        for modality in self.leave_one_out([asked.channels[i] for i in used]):
            together[f"all but {modality}"] = [i for i in used if by_modality[i] != modality]
        contrasts += [self._together(n, asked, c, rows, ways, reason) for n, c in together.items()]
        cells = {
            (int(asked.index[item]), channel.name): float(asked.values[item, c])
            for c, channel in enumerate(asked.channels)
            for item in np.flatnonzero(np.isfinite(asked.values[:, c]))
        }
        return SessionScore(
            self.name,
            self.rows(measured, cells),
            self._summary(asked, contrasts, reason),
            self._notes(asked, used, reason),
            tuple(contrasts),
            self._methods(asked, used),
            (*_REFERENCES, *REFERENCES),
            tuple(asked.channels[i].name for i in used),
            self._absent(asked, used),
        )

    def _together(
        self, name: str, asked: Asked, channels: Sequence[int], rows: Array, ways: int, reason: str
    ) -> Contrast:
        title = "probe less irrelevant, mean of channels"
        if reason or not channels:
            why = reason or "no channel that is combined is known"
            nothing = np.full(1, np.nan)
            return self.contrast(name, title, "SD", nothing, (math.nan, math.nan), reason=why)
        z = np.stack(
            [self.orientation(asked.channels[c]) * asked.values[:, c] for c in channels], axis=1
        )
        one = Asked(
            asked.index,
            asked.questions,
            asked.chosen,
            asked.block,
            asked.label,
            means(z)[:, None],
            (asked.channels[channels[0]],),
        )
        pairs = self.differences(one, rows)[0]
        tested = Permuted((name,), means(pairs)[:, None], ways, self.least_permutations)
        p = float(tested.p_values()[0])
        return self.contrast(name, title, "SD", pairs[0], (p, math.nan))

    def _refusal(self, asked: Asked) -> str:
        blocks = [asked.block == block for block in np.unique(asked.block)]
        usable = sum(
            bool(asked.chosen[b].any() and (~asked.chosen[b]).sum() >= self.min_irrelevant)
            for b in blocks
        )
        if usable < self.min_presentations:
            return (
                f"{usable} presentations hold a probe and {self.min_irrelevant} irrelevant items, "
                f"at least {self.min_presentations} needed"
            )
        return ""

    def _summary(
        self, asked: Asked, contrasts: Sequence[Contrast], reason: str
    ) -> dict[str, float]:
        total = next(contrast.value for contrast in contrasts if contrast.channel == "all")
        summary = {
            "combined_z": total,
            "probes": float(asked.distinct(True)),
            "presentations": float(asked.presentations()),
        }
        for index, channel in enumerate(asked.channels):
            z = asked.values[:, index]
            probe, others = z[asked.chosen], z[~asked.chosen]
            summary[f"d_prime.{channel.name}"] = math.nan if reason else d_prime(probe, others)
            summary[f"auc.{channel.name}"] = math.nan if reason else auc(probe, others)
            sign = self.orientation(channel)
            if sign:
                score, highest, tail = lykken(sign * z, asked.chosen, asked.block)
                summary[f"lykken.{channel.name}"] = math.nan if reason else score
                summary[f"lykken_highest.{channel.name}"] = highest
                summary[f"null_tail.lykken.{channel.name}"] = math.nan if reason else tail
        return summary

    def _notes(self, asked: Asked, used: Sequence[int], reason: str) -> tuple[str, ...]:
        notes = [f"no combined score: {reason}"] if reason else []
        notes += self.order_note(asked)
        if absent := self._absent(asked, used):
            notes.append(f"channels that are absent: {', '.join(absent)}")
        return tuple(notes)

    def _absent(self, asked: Asked, used: Sequence[int]) -> tuple[str, ...]:
        names = [asked.channels[i].name for i in used]
        return tuple(name for name in self.combined if name not in names)

    def _methods(self, asked: Asked, used: Sequence[int]) -> str:
        names = ", ".join(asked.channels[i].name for i in used) or "none"
        return (
            f"{self.how()} Values were standardised within each of {asked.presentations()} "
            "presentations, and the probe was contrasted with the irrelevant items. "
            f"The combined score is the mean over the channels {names}. p values are from up to "
            f"{self.permutations} permutations of the items within presentations (two-sided; "
            f"step-down max-T over the channels); {self.confidence:.0%} intervals are exact "
            "sign-flip intervals over the presentations, Student's with more than 14. Lykken's "
            "ranks give 2 and 1 to the strongest and second strongest reaction."
        )


def lykken(values: Array, chosen: Array, block: Array) -> tuple[float, float, float]:
    """Return Lykken's score, the highest it can be, and the chance of at least as much.

    Args:
        values: (item,) oriented: larger is stronger; NaN where not known.
        chosen: (item,) which is the probe.
        block: (item,) number of the presentation.
    """
    score, highest, chances = 0, 0, np.ones(1)
    for number in np.unique(block):
        inside = (block == number) & np.isfinite(values)
        probe, others = values[inside & chosen], values[inside & ~chosen]
        for value in probe:
            if not len(others):
                continue
            score += max(0, 2 - int(np.sum(others >= value)))
            highest += 2
            items = len(others) + 1
            second = 1.0 / items
            chances = np.convolve(chances, [1.0 - 2.0 * second, second, second])
    if not highest:
        return math.nan, math.nan, math.nan
    return float(score), float(highest), float(chances[score:].sum())


_REFERENCES = (
    "Lykken D. T. (1959). The GSR in the detection of guilt. Journal of Applied Psychology 43(6). "
    "doi:10.1037/h0046060",
    "Ben-Shakhar G. (1985). Standardization within individuals. Psychophysiology 22(3). "
    "doi:10.1111/j.1469-8986.1985.tb01603.x",
    "Meijer E. H., klein Selle N., Elber L., Ben-Shakhar G. (2014). Memory detection with the "
    "Concealed Information Test: a meta analysis. Psychophysiology 51(9). doi:10.1111/psyp.12239",
)
