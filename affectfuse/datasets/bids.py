"""A BIDS folder: events beside physiology and video, a subject a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from affectfuse.containers import Interval
from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.bids_files import BidsFile, sidecars
from affectfuse.datasets.own import OwnDataset
from affectfuse.datasets.sheets import Row, frame_number, read_sheet
from affectfuse.errors import DatasetError, RecordingError, did_you_mean
from affectfuse.recording.merged import Part, open_merged
from affectfuse.recording.physio_sidecar import read_sidecar
from affectfuse.recording.signal_tables import SignalTableRecording

__all__ = ["Bids"]

_VIDEO = ("video", "audiovideo")
_PHYSIO = (".tsv.gz", ".tsv")
_UNKNOWN = ("", "n/a")


class Bids(OwnDataset):
    """Each `*_events.tsv` is a recording, with the physiology and the video of the same run.

        participants.tsv
        sub-01/[ses-1/]beh/sub-01_[ses-1_]task-stroop_events.tsv
        sub-01/[ses-1/]beh/sub-01_[ses-1_]task-stroop_[recording-eda_]physio.tsv.gz and .json
        sub-01/[ses-1/]video/sub-01_[ses-1_]task-stroop_[recording-face_]video.mp4

    Folders below the subject's may be called otherwise. Physiology begins at its `StartTime`, the
    video at `video_offset_s`, events say their onsets on the same clock. Events whose word is no
    class, or whose duration is unknown or 0, are left out and counted.

    Args:
        root: the folder that holds participants.tsv and sub-*.
        tasks: those to take; none: all.
        sources: the columns of each source of physiology, by its name: `{bvp: [cardiac]}`; empty:
            every column is a source by itself.
        video: which of several videos of a run, by its `recording-...`; None: there is one.
        video_offset_s: what must be added to the video's times to get those of the events.
        targets: by name, over columns of the events, see `LabelColumns`:
            `{trial_type: {kind: classes, classes: [rest, stroop]}}`.
        attributes: columns of participants.tsv, to break results down by.
        name: of the data set.
        unit: what one label is given to: 'clip', 'window' or 'session'.
        evidence: what stands behind the labels: 'condition', 'self-report', 'coder' or 'planted'.
        provenance: who was recorded, a sentence.
        exclude: recordings to leave out, such as 'sub-01_task-stroop'.
    """

    layout = "sub-<label>/[ses-<label>/]<folder>/sub-<label>_[ses-<label>_]task-<label>_events.tsv"

    def __init__(
        self,
        root: str | None = None,
        tasks: Sequence[str] = (),
        sources: Mapping[str, str | Sequence[str]] | None = None,
        video: str | None = None,
        video_offset_s: float = 0.0,
        targets: Mapping[str, Mapping[str, Any]] | None = None,
        attributes: Sequence[str] = (),
        name: str = "bids",
        unit: str = "window",
        evidence: str = "condition",
        provenance: str = "Recordings of the user's own; who was recorded is not stated.",
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, name, targets or {}, unit, evidence, provenance, exclude, False)
        self._tasks = frozenset([tasks] if isinstance(tasks, str) else tasks)
        self._sources = {
            source: [columns] if isinstance(columns, str) else list(columns)
            for source, columns in (sources or {}).items()
        }
        self._video, self._video_offset_s = video, video_offset_s
        self._attributes = [attributes] if isinstance(attributes, str) else list(attributes)
        self._people: dict[str, Row] = {}
        self._beside: dict[str, list[BidsFile]] = {}
        self._physio_columns: set[str] = set()

    def recordings(self, root: Path) -> Mapping[str, Path]:
        self._people = self._participants(root)
        self._beside, self._physio_columns = {}, set()
        events, known = {}, set()
        for path in sorted(root.glob("sub-*/**/*_*.*")):
            file = BidsFile.of(path)
            known.add(task := file.entities.get("task", ""))
            if self._tasks and task not in self._tasks:
                continue
            if file.suffix == "events" and file.extension == ".tsv":
                events[file.run] = path
            elif file.extension != ".json":
                self._beside.setdefault(file.run, []).append(file)
        for task in sorted(self._tasks - known):
            advice = did_you_mean(task, filter(None, known))
            raise DatasetError(f"no file under {root} is of the task '{task}'. {advice}")
        return events

    def items(self) -> Sequence[DatasetItem]:
        found = super().items()
        for source, columns in self._sources.items():
            if not self._physio_columns.issuperset(columns):
                known = ", ".join(map(repr, sorted(self._physio_columns))) or "none"
                self._notes[f"'{source}'"] = (
                    f"no table of physiology has the columns {', '.join(map(repr, columns))}; they "
                    f"have {known}"
                )
        return found

    def item(self, key: str, path: Path) -> DatasetItem:
        parts: list[Part] = []
        files: list[Path] = []
        for file, part, beside in (*self._video_part(key), *self._physio_parts(key)):
            parts.append(part)
            files += [file, *beside]
        if not parts:
            raise DatasetError(f"neither physiology nor a video beside {path.name}")
        subject = f"sub-{BidsFile.of(path).entities.get('sub', '')}"
        person = self._people.get(subject)
        known = {name: person[name] for name in self._attributes} if person else {}
        return DatasetItem(
            key,
            subject,
            files[0],
            labels=self._labels(path),
            attributes={
                "database": self.name,
                **{name: fact for name, fact in known.items() if fact.lower() not in _UNKNOWN},
            },
            opener=partial(open_merged, tuple(parts)),
            beside=tuple(files[1:]),
        )

    def _labels(self, path: Path) -> tuple[Interval, ...]:
        sheet = read_sheet(path)
        sheet.require(["onset", "duration", *self.labels.names])
        found, without = [], 0
        for row in sheet.rows:
            labels, faults = self.labels.read(row)
            onset_s, duration_s = frame_number(row["onset"]), frame_number(row["duration"])
            if not labels and not faults:
                continue
            if faults or onset_s != onset_s:
                raise DatasetError(
                    f"{row.where}: " + "; ".join(faults or [f"onset is '{row['onset']}'"])
                )
            if duration_s > 0:
                end_s = onset_s + duration_s
                found.append(Interval(onset_s, end_s, labels.label, values=labels.values))
            else:
                without += 1
        if without:
            self._notes[path.name] = f"{without} events without a duration: left out"
        found.sort(key=lambda interval: interval.onset_s)
        for one, other in pairwise(found):
            if other.onset_s < one.offset_s:
                raise DatasetError(
                    f"the labelled events of {path.name} at {one.onset_s:g} s and "
                    f"{other.onset_s:g} s overlap; choose classes that don't, or shorten one."
                )
        return tuple(found)

    def _video_part(self, run: str) -> list[tuple[Path, Part, list[Path]]]:
        videos = [file for file in self._beside.get(run, ()) if file.suffix in _VIDEO]
        chosen = [f for f in videos if self._video is None or f.recording == self._video]
        if len(chosen) > 1:
            names = ", ".join(f"'{file.recording}'" for file in chosen)
            raise DatasetError(f"{len(chosen)} videos ({names}): say which one (video)")
        return [
            (file.path, Part(file.suffix, file.path, self._video_offset_s), []) for file in chosen
        ]

    def _physio_parts(self, run: str) -> list[tuple[Path, Part, list[Path]]]:
        parts = []
        for file in self._beside.get(run, ()):
            if file.suffix != "physio" or file.extension not in _PHYSIO:
                continue
            beside = sidecars(file, self.root)
            try:
                sidecar = read_sidecar(beside)
            except RecordingError as error:
                raise DatasetError(str(error)) from None
            self._physio_columns.update(sidecar.columns)
            every = {column: [column] for column in sidecar.columns}
            sources = {
                source: columns
                for source, columns in (self._sources or every).items()
                if set(columns) <= set(sidecar.columns)
            }
            if sources:
                opener = partial(SignalTableRecording, file.path, sources, sidecar=sidecar)
                parts.append((file.path, Part(file.recording or "physio", opener), beside))
        return parts

    def _participants(self, root: Path) -> dict[str, Row]:
        path = root / "participants.tsv"
        if not self._attributes:
            return {}
        if not path.is_file():
            raise self.lacks(path)
        sheet = read_sheet(path)
        sheet.require(["participant_id", *self._attributes])
        people: dict[str, Row] = {}
        for row in sheet.rows:
            first = people.setdefault(row["participant_id"], row)
            if first is not row:
                raise DatasetError(
                    f"{row.where}: '{row['participant_id']}' is in row {first.number} already; "
                    "leave one row a person."
                )
        return people
