"""What protocols on kinds of questions share: which are contrasted, and how labels are permuted."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from affectfuse.containers import Array
from affectfuse.scoring.base import Contrast, Question
from affectfuse.scoring.measuring import Measurements, MeasuringProtocol
from affectfuse.scoring.reactions.channels import Channel
from affectfuse.scoring.statistics.permutation import Permuted, label_arrangements

__all__ = ["REFERENCES", "Asked", "QuestionProtocol"]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """The questions of two kinds, of which one is contrasted with the other.

    Attributes:
        index: (item,) of each among the session's questions.
        questions: the same, in order.
        chosen: (item,) whether it is of the first kind (relevant, probe).
        block: (item,) number of its presentation.
        label: (item,) number of its text.
        values: (item, channel) NaN where not known or left out.
        channels: of the values.
    """

    index: Array
    questions: tuple[Question, ...]
    chosen: Array
    block: Array
    label: Array
    values: Array
    channels: tuple[Channel, ...]

    def column(self, name: str) -> Array:
        """Return a channel's values (item,); NaN of one that the session lacks."""
        names = [channel.name for channel in self.channels]
        if name not in names:
            return np.full(len(self.questions), np.nan)
        return np.asarray(self.values[:, names.index(name)])

    def presentations(self) -> int:
        """Return in how many presentations both kinds were asked."""
        both = [
            block
            for block in np.unique(self.block)
            if 0 < self.chosen[self.block == block].sum() < np.sum(self.block == block)
        ]
        return len(both)

    def distinct(self, chosen: bool) -> int:
        """Return how many different questions there are of the first kind, or of the second."""
        return len(np.unique(self.label[self.chosen == chosen]))

    def too_few(self, relevant: int, comparison: int, presentations: int) -> str:
        """Say of which there are too few for a score; '' when there are enough."""
        for kind, chosen, least in (
            ("relevant", True, relevant),
            ("comparison", False, comparison),
        ):
            if (found := self.distinct(chosen)) < least:
                return f"{found} different {kind} questions, at least {least} needed"
        if (held := self.presentations()) < presentations:
            return (
                f"{held} presentations hold both kinds of questions, at least "
                f"{presentations} needed"
            )
        return ""


@dataclass(eq=False)
class QuestionProtocol(MeasuringProtocol):
    """A protocol that contrasts two kinds of questions within each presentation.

    p: the kinds are dealt anew among the questions of each presentation, all ways or
    `permutations` of them; two-sided. It asks whether the kinds can be told apart by the
    reactions. Reactions fade with repetition, so the order of kinds must vary between
    presentations; where it never does, a note says so.

    Attributes:
        orientations: by channel that has no sign of its own, 1 when a larger value is a stronger
            reaction, -1 when a smaller one is.
        discard: artefacts that leave a reaction out.
        min_presentations: with fewer that hold both kinds there is no score.
    """

    first = "relevant"
    second = "comparison"
    needs_consent = True

    orientations: Mapping[str, int] = field(default_factory=dict)
    discard: Sequence[str] = ("movement",)
    min_presentations: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        self.orientations, self.discard = dict(self.orientations), tuple(self.discard)
        wrong = {name: sign for name, sign in self.orientations.items() if sign not in (-1, 1)}
        if wrong:
            raise ValueError(f"orientations are 1 or -1, but got {wrong}")

    def uses(self, channel: Channel) -> bool:
        return True

    def asked(self, measured: Measurements) -> Asked:
        """Return the questions of the two kinds, with what is known of them."""
        kinds = (self.first, self.second)
        index = np.array([i for i, q in enumerate(measured.questions) if q.kind in kinds], int)
        questions = tuple(measured.questions[i] for i in index)
        tested = np.flatnonzero([channel.tested for channel in measured.channels])
        values = measured.values[index][:, tested]
        column = {measured.channels[c].name: k for k, c in enumerate(tested.tolist())}
        row = {question: k for k, question in enumerate(index.tolist())}
        for reaction in measured.reactions:
            there = reaction.channel in column and reaction.question in row
            if there and any(artefact in reaction.artefact for artefact in self.discard):
                values[row[reaction.question], column[reaction.channel]] = np.nan
        blocks = [(q.series, q.presentation) for q in questions]
        labels = [(q.series, q.label) for q in questions]
        return Asked(
            index,
            questions,
            np.array([q.kind == self.first for q in questions], bool),
            np.array([sorted(set(blocks)).index(block) for block in blocks], int),
            np.array([sorted(set(labels)).index(label) for label in labels], int),
            values,
            tuple(measured.channels[c] for c in tested.tolist()),
        )

    def orientation(self, channel: Channel) -> int:
        """Return 1 or -1, or 0 where nobody has said which way a stronger reaction goes."""
        return int(self.orientations.get(channel.name, channel.stronger))

    def permuted(self, measured: Measurements) -> Permuted:
        asked = self.asked(measured)
        rows, ways = self.arrangements(asked)
        names = tuple(channel.name for channel in asked.channels)
        statistics = means(self.differences(asked, rows)).T
        return Permuted(names, statistics, ways, self.least_permutations)

    def arrangements(self, asked: Asked) -> tuple[Array, int]:
        """Return which questions are of the first kind (1 + arrangement, item); ways there are."""
        return label_arrangements(asked.chosen, asked.block, self.permutations, self.seed)

    @abstractmethod
    def differences(self, asked: Asked, chosen: Array) -> Array:
        """Return first less second kind (channel, arrangement, item), NaN where not chosen.

        Args:
            asked: the questions.
            chosen: (arrangement, item) which are of the first kind.
        """

    def channel_contrasts(self, asked: Asked, permuted: Permuted, name: str) -> list[Contrast]:
        """Return the contrast of each channel, with what was observed."""
        p_values, adjusted = permuted.p_values(), permuted.p_adjusted()
        pairs = self.differences(asked, asked.chosen[None])[:, 0]
        return [
            self.contrast(
                channel.name,
                name,
                channel.unit,
                pairs[index],
                (float(p_values[index]), float(adjusted[index])),
            )
            for index, channel in enumerate(asked.channels)
        ]

    def order_note(self, asked: Asked) -> list[str]:
        """Say when the kinds come in the same order in every presentation."""
        orders = {
            tuple(asked.chosen[asked.block == block].tolist()) for block in np.unique(asked.block)
        }
        if len(orders) != 1 or not len(asked.questions):
            return []
        return [
            f"{self.first} and {self.second} questions come in the same order in every "
            "presentation: reactions that fade with repetition alone can make a contrast"
        ]

    def leave_one_out(self, channels: Sequence[Channel]) -> list[str]:
        """Return the modalities that can be left out: all, when there are two or more."""
        modalities = sorted({channel.modality for channel in channels})
        return modalities if len(modalities) > 1 else []


def means(values: Array) -> Array:
    """Return the mean of what is known along the last axis; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def block_means(values: Array, chosen: Array, block: Array) -> Array:
    """Return for each item the mean of the chosen and known items of its block.

    Args:
        values: (item, channel).
        chosen: (arrangement, item).
        block: (item,).

    Shape: (channel, arrangement, item), NaN where there is none.
    """
    of_block = np.equal.outer(block, np.unique(block)).astype(float)
    known = np.isfinite(values).T[:, None]
    counted = (chosen & known).astype(float)
    total, count = (counted * np.nan_to_num(values).T[:, None]) @ of_block, counted @ of_block
    mean = np.where(count > 0, total / np.maximum(count, 1.0), np.nan)
    return np.asarray(mean[..., block])


REFERENCES = (
    "National Research Council (2003). The polygraph and lie detection. National Academies Press. "
    "doi:10.17226/10420",
    "Phipson B., Smyth G. K. (2010). Permutation p-values should never be zero. Statistical "
    "Applications in Genetics and Molecular Biology 9(1). doi:10.2202/1544-6115.1585",
    "Westfall P. H., Young S. S. (1993). Resampling-based multiple testing. Wiley.",
    "Hartigan J. A. (1969). Using subsample values as typical values. Journal of the American "
    "Statistical Association 64. doi:10.1080/01621459.1969.10501057",
)
