"""Samples and clips of a data set, cut by the same streaming extractors that run live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from affectfuse.caching import Extracted, digest_code, run_items
from affectfuse.containers import Array, Interval, Target
from affectfuse.datasets.base import DatasetItem, Progress
from affectfuse.errors import DatasetError
from affectfuse.fusion.estimator import one_thread
from affectfuse.modalities.base import Modality, Recognise
from affectfuse.training.extracted import extract_clips, extract_ticks
from affectfuse.training.fused.samples import SampleTable, Sampling, label_ticks
from affectfuse.training.fused.targets import check_labels, labelled, labels_at
from affectfuse.training.recognition.clips import ClipTable, LabelMap, action_unit_rows

__all__ = ["SampleCollector"]


class SampleCollector:
    """Extracts what training needs from the recordings of a data set, each recording once.

    A recording that cannot be read, or an interval of which no clip can be cut, is skipped and
    noted in `skipped`, by key with the reason. What reading one left out, and labels of which there
    is no sample, are in `notes`.

    Args:
        modalities: by name.
        configs: the config of each, part of what a cached extraction is found by.
        cache: folder for the cached extractions, made readable by its owner alone.
        workers: processes that extract at once.
        progress: told how many recordings are done.
    """

    def __init__(
        self,
        modalities: Mapping[str, Modality],
        configs: Mapping[str, Mapping[str, Any]],
        cache: Path,
        workers: int = 1,
        progress: Progress | None = None,
    ) -> None:
        self.skipped: dict[str, str] = {}
        self.notes: dict[str, str] = {}
        self._modalities = dict(modalities)
        self._configs = dict(configs)
        self._cache = cache
        self._workers = workers
        self._progress = progress

    def samples(
        self,
        items: Sequence[DatasetItem],
        targets: Sequence[Target],
        sampling: Sampling,
        *,
        recognise: Mapping[str, Recognise] | None = None,
        recogniser_digest: str = "",
    ) -> SampleTable:
        """Return the labelled ticks of the recordings.

        Samples that come ready-made count at every tick of their item; where all do, no recording
        is read, and an item's only tick is the end of each of its labels.

        Args:
            items: the recordings.
            targets: what the labels say.
            sampling: which ticks.
            recognise: the trained recogniser of each modality that has one.
            recogniser_digest: of the recognisers' weights.

        Raises:
            DatasetError: for a label that no target knows, or when no tick is labelled.
        """
        items = [item for item in items if item.labels]
        for item in items:
            check_labels(item.key, item.labels, targets)
        streamed = {n: m for n, m in self._modalities.items() if not m.ready_made}
        if streamed:
            facts = {"recognisers": recogniser_digest}
            found = self._run(
                "reading samples",
                {
                    item.key: (
                        item,
                        partial(extract_ticks, item.source, streamed, dict(recognise or {})),
                        facts,
                    )
                    for item in items
                },
                {name: self._configs[name] for name in streamed},
            )
        else:
            found = {item.key: {} for item in items}
        parts = [
            self._rows(item, found[item.key], targets, sampling)
            for item in items
            if item.key in found
        ]
        if not sum(map(len, parts)):
            raise DatasetError(f"no labelled sample in {self._account(len(items))}")
        table = SampleTable.joined(parts)
        for name, present in table.present.items():
            if not present.any():
                self.notes[f"'{name}'"] = (
                    f"absent from all {len(table)} samples: does its source have the name that the "
                    "data set gives it, are segments as long as its window, are its samples finite "
                    "and not below its quality_floor?"
                )
        return table

    def clips(
        self, items: Sequence[DatasetItem], modality: str, labels: LabelMap | None = None
    ) -> ClipTable:
        """Return the clips that a modality's extractor cuts at the annotated intervals.

        Args:
            items: the recordings.
            modality: by name.
            labels: which class each coded word stands for; None: every word is a class.

        Raises:
            DatasetError: for a word that is no class of the recogniser, or when there is no clip.
        """
        built = self._modalities[modality]
        target = built.recogniser_target
        if target is None:
            raise ValueError(f"modality '{modality}' names no target for its recogniser")
        labels = labels or LabelMap(target.classes, None)
        coded: dict[str, tuple[DatasetItem, list[Interval], list[int]]] = {}
        sources = {}
        for item in items:
            found = [
                (interval, index)
                for interval in item.annotations.get(modality, ())
                if (index := labels.index(interval.label, f"recording '{item.key}'")) is not None
            ]
            if not found:
                continue
            intervals, indices = [i for i, _ in found], [index for _, index in found]
            coded[item.key] = (item, intervals, indices)
            extract = partial(extract_clips, item.source, built, intervals)
            times = [(i.onset_s, i.apex_s, i.offset_s) for i in intervals]
            sources[item.key] = (item, extract, {"annotations": times})
        steps = list(built.clip_steps())  # what else a config says has no part in its clips
        extracted = self._run(
            "reading clips", sources, {modality: steps or self._configs[modality]}
        )
        for key, clips in extracted.items():
            for row, interval in enumerate(coded[key][1]):
                if row not in clips["rows"]:
                    self.skipped[_clip_key(key, interval)] = (
                        "no clip of this interval: it lies outside the recording, or fewer than "
                        f"two of its frames show what {modality.replace('_', ' ')} needs"
                    )
        parts = [
            _clip_rows(*coded[key], clips, built.action_units)
            for key, clips in extracted.items()
            if len(clips["rows"])
        ]
        if not parts:
            raise DatasetError(f"no clip of '{modality}' in {self._account(len(items))}")
        return ClipTable(
            **{
                f.name: np.concatenate([getattr(part, f.name) for part in parts])
                for f in fields(ClipTable)
            }
        )

    def _run(
        self,
        what: str,
        sources: Mapping[str, tuple[DatasetItem, partial[Extracted], Mapping[str, Any]]],
        made_by: Mapping[str, Any],
    ) -> dict[str, Extracted]:
        """Return what is extracted from each source; `made_by` is what decides it, by modality."""
        common = {
            "what": what,
            "modalities": dict(made_by),
            "code": digest_code(frozenset(type(self._modalities[name]) for name in made_by)),
        }
        work = ((item, extract, {**common, **facts}) for item, extract, facts in sources.values())
        found, failed = run_items(
            work, self._cache, self._workers, what, self._progress, one_thread
        )
        self.skipped |= failed
        return found

    def _rows(
        self, item: DatasetItem, ticks: Extracted, targets: Sequence[Target], sampling: Sampling
    ) -> SampleTable:
        if "times_s" in ticks:
            times_s = ticks["times_s"]
            which = label_ticks(times_s, item.labels, sampling)
        else:  # nothing was extracted: a sample an interval
            times_s = np.array([interval.offset_s for interval in item.labels])
            which = np.arange(len(item.labels))
        labels = labels_at(which, item.labels, targets)
        rows = np.flatnonzero(labelled(labels) & (which >= 0))
        self._note(item, ticks, which, sampling)
        which = which[rows]
        samples, present, quality = {}, {}, {}
        for name, modality in self._modalities.items():
            if modality.ready_made:
                there = self._ready(item, name)
                shape = (len(rows), *modality.sample_shape)
                samples[name] = np.broadcast_to(
                    np.float32(0) if there is None else there, shape
                ).copy()
                present[name] = np.full(len(rows), there is not None)
                quality[name] = present[name].astype(np.float32)
            else:
                samples[name] = ticks[f"samples.{name}"][rows]
                present[name] = ticks[f"present.{name}"][rows]
                quality[name] = ticks[f"quality.{name}"][rows]
        return SampleTable(
            samples,
            present,
            quality,
            {name: found[rows] for name, found in labels.items()},
            np.full(len(rows), item.subject),
            np.full(len(rows), item.key),
            np.full(len(rows), item.attributes.get("database", "")),
            times_s[rows],
            which,
            np.array([i.duration_s for i in item.labels], np.float64)[which],
        )

    def _note(self, item: DatasetItem, ticks: Extracted, which: Array, sampling: Sampling) -> None:
        """Note what reading a recording left out, and labels that no sample has."""
        said = [found] if (found := bytes(ticks.get("notes", ())).decode()) else []
        there = set(which.tolist())
        without = [
            interval
            for row, interval in enumerate(item.labels)
            if row not in there and interval.offset_s > sampling.start_s
        ]
        if without:
            last_s = ticks["times_s"][-1] if len(ticks["times_s"]) else 0.0
            said.append(
                f"{len(without)} of {len(item.labels)} labelled segments give no sample, the first "
                f"from {without[0].onset_s:g} to {without[0].offset_s:g} s: the recording ends at "
                f"{last_s:g} s, and the first {sampling.settle_s:g} s of a segment are left out "
                "(settle_s)"
            )
        if said:
            self.notes[item.key] = "; ".join(said)

    def _ready(self, item: DatasetItem, name: str) -> Array | None:
        """Return an item's ready-made sample, or None where it is not there or not finite."""
        found = item.features.get(name)
        if found is None:
            return None
        shape = self._modalities[name].sample_shape
        if found.shape != shape:
            raise DatasetError(
                f"'{item.key}' brings samples of '{name}' of shape {found.shape}; the modality "
                f"takes {shape}."
            )
        return found if np.isfinite(found).all() else None

    def _account(self, recordings: int) -> str:
        why = ""
        for found, what in ((self.skipped, "skipped"), (self.notes, "of note")):
            if found:
                key, reason = next(iter(found.items()))
                why += f"; {len(found)} {what}, the first: {key}: {reason.rstrip('.')}"
        return f"{recordings} recordings{why}: check the data set's labels and recordings."


def _clip_key(key: str, interval: Interval) -> str:
    return f"{key}@{interval.onset_s:.3f}s"


def _clip_rows(
    item: DatasetItem,
    intervals: Sequence[Interval],
    indices: Sequence[int],
    clips: Extracted,
    units: Sequence[str],
) -> ClipTable:
    rows = clips["rows"]
    return ClipTable(
        clips["arrays"],
        np.array(indices, np.int64)[rows],
        np.full(len(rows), item.subject),
        np.array([_clip_key(item.key, intervals[row]) for row in rows]),
        np.full(len(rows), item.attributes.get("database", "")),
        action_unit_rows([intervals[row] for row in rows], units),
    )
