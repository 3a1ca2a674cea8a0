"""What of a data set a trained model can be tested on: its labels, and people it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from affectfuse.checkpoint import Checkpoint
from affectfuse.containers import Interval, Target
from affectfuse.datasets.base import Dataset, DatasetItem
from affectfuse.errors import DatasetError
from affectfuse.training.recognition.clips import LabelMap

__all__ = ["map_labels", "take_unseen", "targets_of", "unseen_notes"]

_DID = {"train": "the model learnt from", "validation": "the model was chosen and calibrated by"}
_NAMED = 5


def targets_of(
    checkpoint: Checkpoint, dataset: Dataset, words: Mapping[str, str] | None = None
) -> tuple[Target, ...]:
    """Return those of a checkpoint's targets that a data set labels.

    Targets go by what their labels say, not by their names: of labels and scales one
    must be the checkpoint's, of classes all, or none where it labels another target.

    Args:
        checkpoint: the trained model.
        dataset: has the labels.
        words: see `map_labels`.

    Raises:
        DatasetError: when it labels none of them, or has classes that the model does not know.
    """
    offered = {kind: _outputs(dataset.targets, kind) for kind in ("classes", "labels", "scales")}
    if words is not None:
        offered["classes"] = set(words.values())
    found = tuple(t for t in checkpoint.targets if offered[t.kind].intersection(t.classes))
    if not found:
        raise DatasetError(
            f"'{dataset.name}' labels {_listed(dataset.targets)}; {checkpoint.source} says "
            f"{_listed(checkpoint.targets)}: name a data set that labels one of these, or say "
            "which word stands for which class, label_map={word: class}."
        )
    known = _outputs(found, "classes")
    strange = sorted(offered["classes"] - known)
    if known and strange and words is None:
        raise DatasetError(
            f"'{dataset.name}' has the class '{strange[0]}', which {checkpoint.source} does not "
            f"know; it knows {', '.join(sorted(known))}: say which word stands for which class, "
            "label_map={word: class}; other words are left out."
        )
    return found


def map_labels(
    items: Sequence[DatasetItem], targets: Sequence[Target], words: Mapping[str, str] | None
) -> tuple[list[DatasetItem], dict[str, str]]:
    """Return the recordings with their words replaced by classes, and what was left out.

    Args:
        items: the recordings.
        targets: whose classes.
        words: class by coded word; a word that is not in it is left out and counted. None: every
            word is a class by itself.

    Raises:
        ConfigError: when a word is mapped to what is no class, or no word to a class.
    """
    if words is None:
        return list(items), {}
    labels = LabelMap([c for t in targets if t.kind == "classes" for c in t.classes], words)

    def mapped(item: DatasetItem, interval: Interval) -> Interval:
        index = labels.index(interval.label, f"recording '{item.key}'") if interval.label else None
        return replace(interval, label="" if index is None else labels.classes[index])

    found = [replace(i, labels=tuple(mapped(i, interval) for interval in i.labels)) for i in items]
    said = "a word that label_map has no class for: {} segments left out"
    return found, {f"'{word}'": said.format(n) for word, n in sorted(labels.left_out.items())}


def take_unseen(
    checkpoint: Checkpoint, dataset: Dataset
) -> tuple[list[DatasetItem], dict[str, str]]:
    """Return a data set's labelled recordings of people who took no part in a model's training, and
    who did, with what the model did with them.

    People are the same by the data set's name and their own.

    Raises:
        DatasetError: when nobody is left.
    """
    trained = checkpoint.trained_on
    took_part: dict[str, str] = {}
    for name, coaching in dict(trained.get("recognisers") or {}).items():
        if coaching.get("dataset") == dataset.name:
            took_part |= dict.fromkeys(
                coaching.get("subjects", ()), f"the recogniser of '{name}' learnt from"
            )
    if trained.get("dataset") == dataset.name:
        sides = dict(trained.get("subjects") or {})
        for side in ("validation", "train"):
            took_part |= dict.fromkeys(sides.get(side, ()), _DID[side])
    items = [item for item in dataset.items() if item.labels]
    everyone = sorted({item.subject for item in items})
    left_out = {subject: took_part[subject] for subject in everyone if subject in took_part}
    unseen = [item for item in items if item.subject not in left_out]
    if left_out and not unseen:
        subject, did = next(iter(left_out.items()))
        raise DatasetError(
            f"nobody is left to test on: {checkpoint.source} was trained with all "
            f"{len(left_out)} labelled subjects of '{dataset.name}' ({did} '{subject}'): name "
            "another data set, or train with some held out, split.test."
        )
    return unseen, left_out


def unseen_notes(
    checkpoint: Checkpoint,
    dataset: Dataset,
    targets: Sequence[Target],
    left_out: Mapping[str, str],
) -> list[str]:
    """Return what a reader must know of who was tested, and at what."""
    notes, trained = [], checkpoint.trained_on
    missing = [target.name for target in checkpoint.targets if target not in targets]
    if missing:
        notes.append(f"the data set does not label what the model also says: {', '.join(missing)}")
    if left_out:
        named = ", ".join(list(left_out)[:_NAMED])
        more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        notes.append(
            f"{len(left_out)} subjects of the data set took part in the training and are left out: "
            f"{named}{more}"
        )
    for name, coaching in dict(trained.get("recognisers") or {}).items():
        if coaching.get("dataset") == dataset.name and "subjects" not in coaching:
            notes.append(
                f"the recogniser of '{name}' learnt from this data set, from whom the checkpoint "
                "does not say: some of them may be tested here"
            )
    if trained.get("encoders_from"):
        notes.append(
            "the encoders began with those of another checkpoint; whom these learnt from is not "
            "known here"
        )
    return notes


def _outputs(targets: Sequence[Target], kind: str) -> set[str]:
    return {name for target in targets if target.kind == kind for name in target.classes}


def _listed(targets: Sequence[Target]) -> str:
    found = [f"{target.name} ({', '.join(target.classes)})" for target in targets]
    return " and ".join(found) or "no state"
