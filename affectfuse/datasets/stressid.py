"""StressID: 65 people in stressful and calm tasks, with ECG, EDA, respiration, video and voice.

    Physiological/2ea4/2ea4_Stroop.txt   Videos/2ea4/2ea4_Stroop.mp4   Audio/2ea4/2ea4_Stroop.wav
    labels.csv (subject/task, binary-stress, affect3-class)            self_assessments.csv

Reference: Chaptoukaev, Strizhkova, Panariello, Dalpaos, Reka, Manera, Thuemmler, Ismailova, Evans,
Bremond, Todisco, Zuluaga and Ferrari 2023, "StressID: a multimodal dataset for stress
identification", NeurIPS Datasets and Benchmarks, https://openreview.net/forum?id=qWsQi9DGJb.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from affectfuse.containers import Interval, Target
from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.folder import FolderDataset
from affectfuse.datasets.sheets import frame_number, read_sheet
from affectfuse.errors import ConfigError, DatasetError, did_you_mean
from affectfuse.recording.merged import Part, open_merged
from affectfuse.recording.signal_tables import SignalTableRecording

__all__ = ["StressId"]

_CLASSES = {
    "binary-stress": ("not_stressed", "stressed"),
    "affect3-class": ("relaxed", "neutral", "stressed"),
}
_RATINGS = ("relax", "stress", "valence", "arousal")
_SOURCES = {"ecg": ["ECG"], "eda": ["EDA"], "respiration": ["RR"]}
_UNITS = {"ECG": "mV", "EDA": "uS"}
_CHUNK_BYTES = 1 << 20


class StressId(FolderDataset):
    """About 700 tasks of 1 to 3 minutes; what people said of each afterwards is its label.

    Physiology and video of a task begin together; the rate of the former is what the set's authors
    state. Tasks lack modalities: the baseline has no video, only talking has sound. Tasks without a
    label are kept, unlabelled. The sound is not read.

    Args:
        root: the folder that holds Physiological, Videos and labels.csv.
        label: 'binary-stress' (rated 5 or more of 10) or 'affect3-class' (relaxed, neutral,
            stressed).
        ratings: also the four ratings as scales, from self_assessments.csv: relax, stress, valence
            and arousal, as rated.
        physiology_rate_hz: rows a second of Physiological.
        exclude: recordings to leave out, such as '2ea4_Stroop'.

    Raises:
        ConfigError: for an unknown label.
    """

    name = "stressid"
    provenance = "StressID: recordings of 65 real people in calm and stressful tasks."
    layout = "Physiological/<id>/<id>_<task>.txt, Videos/<id>/<id>_<task>.mp4, labels.csv"
    obtained = "from its authors, after a licence agreement: https://project.inria.fr/stressid/"

    def __init__(
        self,
        root: str | None = None,
        label: str = "binary-stress",
        ratings: bool = False,
        physiology_rate_hz: float = 500.0,
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, exclude)
        if label not in _CLASSES:
            raise ConfigError(f"label is '{label}'. {did_you_mean(label, _CLASSES)}")
        self.target = Target("stress_state", _CLASSES[label], "session", "self-report")
        self._label, self._rated, self._rate_hz = label, ratings, physiology_rate_hz
        self._labels: dict[str, str] = {}
        self._ratings: dict[str, dict[str, float]] = {}
        self._parts: dict[str, dict[str, Path]] = {}
        self._notes: dict[str, str] = {}

    @property
    def targets(self) -> tuple[Target, ...]:
        assert self.target is not None
        scales = Target("ratings", _RATINGS, "session", "self-report", "scales")
        return (self.target, scales) if self._rated else (self.target,)

    @property
    def notes(self) -> Mapping[str, str]:
        return dict(self._notes)

    def recordings(self, root: Path) -> Mapping[str, Path]:
        self._parts, self._notes = {}, {}
        for kind, folder, endings in (
            ("video", "Videos", (".mp4", ".avi")),
            ("physiology", "Physiological", (".txt", ".csv")),
        ):
            for path in sorted((root / folder).glob("*/*_*.*")):
                if path.suffix.lower() in endings and not path.name.startswith("."):
                    self._parts.setdefault(path.stem, {})[kind] = path
        if self._parts:
            self._labels = self._read_labels(root / "labels.csv")
            self._ratings = self._read_ratings(root / "self_assessments.csv")
        absent = sorted(set(self._labels) - set(self._parts))
        if absent:
            self._notes["labels.csv"] = (
                f"{len(absent)} labelled tasks have neither physiology nor video, the first: "
                f"{absent[0]}"
            )
        return {key: next(iter(parts.values())) for key, parts in self._parts.items()}

    def item(self, key: str, path: Path) -> DatasetItem:
        person, _, task = key.partition("_")
        found, parts = self._parts[key], []
        if "video" in found:
            parts.append(Part("video", found["video"]))
        if "physiology" in found:
            table = found["physiology"]
            opener = partial(
                SignalTableRecording,
                table,
                _SOURCES,
                sampling_rate_hz=self._rate_hz,
                units=_UNITS,
            )
            parts.append(Part("physiology", opener))
        label, values = self._labels.get(key, ""), self._ratings.get(key, {})
        interval = Interval(0.0, self._length_s(found), label, values=values)
        return DatasetItem(
            key,
            f"{self.name}-{person}",
            path,
            labels=(interval,) if label or values else (),
            attributes={"database": self.name, "task": task},
            opener=partial(open_merged, tuple(parts)),
            beside=tuple(file for file in found.values() if file != path),
        )

    def _length_s(self, found: Mapping[str, Path]) -> float:
        """Return how long a task lasts: the rows of its physiology, or else its video."""
        if "physiology" in found:
            with found["physiology"].open("rb") as file:
                rows = sum(
                    block.count(b"\n") for block in iter(partial(file.read, _CHUNK_BYTES), b"")
                )
            return max(0, rows - 1) / self._rate_hz
        with open_merged([Part("video", found["video"])]) as recording:
            return max(0.0, recording.info.duration_s)

    def _read_labels(self, path: Path) -> dict[str, str]:
        if not path.is_file():
            raise self.lacks(path)
        sheet, classes, labels = read_sheet(path), _CLASSES[self._label], dict[str, str]()
        sheet.require(["subject/task", self._label])
        for row in sheet.rows:
            number = frame_number(row[self._label])
            if number in range(len(classes)):
                labels[row["subject/task"]] = classes[int(number)]
            elif row[self._label]:
                raise DatasetError(
                    f"{row.where}: '{self._label}' is '{row[self._label]}'; allowed: 0 to "
                    f"{len(classes) - 1}, or a blank cell."
                )
        return labels

    def _read_ratings(self, path: Path) -> dict[str, dict[str, float]]:
        """Return the ratings by task. People are columns and tasks rows, or the other way round."""
        if not self._rated:
            return {}
        if not path.is_file():
            raise self.lacks(path)
        sheet = read_sheet(path)
        first, *others = sheet.columns
        ratings: dict[str, dict[str, float]] = {}
        for row in sheet.rows:
            for column in others:
                by_task = column.rpartition("_")[2] in _RATINGS
                person, item = (row[first], column) if by_task else (column, row[first])
                task, _, rating = item.rpartition("_")
                value = frame_number(row[column])
                if rating in _RATINGS and value == value:
                    ratings.setdefault(f"{person}_{task}", {})[rating] = value
        return ratings
