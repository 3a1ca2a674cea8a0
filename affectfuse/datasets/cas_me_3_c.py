"""CAS(ME)^3, part C: micro-expressions of people questioned after a mock crime, with physiology.

    part_C/01/a/color/175.jpg        CAS(ME)3_part_C_ME.xlsx (sub, count, onset, offset, au)
    ME_C/01/1/color/175.jpg          or the clips alone
    physiology/01.txt                ECG, EDA, PPG, respiration, a column each

Reference: Li, Dong, Lu, Wang, Yan, Ma, Liu, Huang and Fu 2023, "CAS(ME)^3: a third generation
facial spontaneous micro-expression database with depth information and high ecological validity",
doi:10.1109/TPAMI.2022.3174895.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from affectfuse.containers import Interval, Target
from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.coded import Coded
from affectfuse.datasets.coded_dataset import CodedDataset
from affectfuse.datasets.frames import frame_numbers
from affectfuse.datasets.sheets import read_sheet, read_table
from affectfuse.errors import DatasetError, RecordingError, did_you_mean
from affectfuse.recording.merged import Part, open_merged
from affectfuse.recording.signal_tables import SignalTableRecording
from affectfuse.recording.text_tables import read_columns

__all__ = ["CasMe3C"]

_COLUMNS = {
    "subject": ("sub", "Subject"),
    "count": ("count",),
    "onset": ("onset",),
    "offset": ("offset",),
    "action_units": ("au", "AU"),
}
_CLASSES = ("innocent", "guilty")
_SIGNALS = {"ECG": "ecg", "EDA": "eda", "GSR": "eda", "PPG": "bvp", "RSP": "respiration"}
"""The source that a column is, by the first three letters of its name."""


class CasMe3C(CodedDataset):
    """31 people, a video of about 8 minutes each, 30 frames/s; the coders give no emotions.

    Read as public loaders show it: the images' folders and the sheet. Guessed, since none shows it:
    where the physiology lies and that it begins with the first image (its columns are named as a
    Biopac recorder's, such as ECG100C and PPG), and its rate, which must be said. Who was guilty is
    in no public sheet: name a table of your own (sub, condition) to make it the label. The voice is
    not read.

    Args:
        root: the folder that holds the images' folder and the sheet.
        images: folder of the images: 'part_C' (videos) or 'ME_C' (clips).
        sheet: name of the sheet, or a pattern.
        frame_rate_hz: as the set's authors state it.
        physiology: folder of the signals, a text table a person, under the root.
        physiology_rate_hz: rows a second of these; None: they are not read.
        conditions: table under the root with the columns sub and condition ('guilty' or
            'innocent'); None: no label, for evaluation and encoders only.
        exclude: recordings to leave out, such as '01' (videos) or '01_3' (clips).
    """

    name = "cas_me_3_c"
    provenance = "CAS(ME)^3, part C: real people questioned after a mock crime in a laboratory."
    layout = "part_C/01/a/color/175.jpg and CAS(ME)3_part_C_ME.xlsx"
    obtained = (
        "from the Chinese Academy of Sciences, after a licence agreement: "
        "http://casme.psych.ac.cn/casme/e4"
    )

    def __init__(
        self,
        root: str | None = None,
        images: str = "part_C",
        sheet: str = "CAS(ME)3_part_C_ME*.xlsx",
        frame_rate_hz: float = 30.0,
        physiology: str = "physiology",
        physiology_rate_hz: float | None = None,
        conditions: str | None = None,
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, frame_rate_hz, exclude)
        self._images, self._sheet = images, sheet
        self._physiology, self._physiology_rate_hz = physiology, physiology_rate_hz
        self._conditions = conditions
        self._known: dict[int, str] = {}
        if conditions is not None:
            self.target = Target("condition", _CLASSES, "session", "condition")

    def recordings(self, root: Path) -> Mapping[str, Path]:
        self._known = {} if self._conditions is None else _conditions(root / self._conditions, self)
        return super().recordings(root)

    def coded(self, root: Path) -> Iterable[Coded]:
        images = self.images(root, self._images)
        for row in read_table(self.sheet(root, self._sheet), _COLUMNS, optional=("action_units",)):
            subject = row["subject"].zfill(2)
            clip = images / subject / row["count"] / "color"
            key = f"{subject}_{row['count']}" if clip.is_dir() else subject
            yield Coded(
                where=row.where,
                row=row.number,
                key=key,
                subject=f"{self.name}-{subject}",
                folder=clip if clip.is_dir() else _video(images / subject),
                label="micro_expression",
                onset=row.frame("onset"),
                offset=row.frame("offset"),
                action_units=row["action_units"],
            )

    def item(self, key: str, path: Path) -> DatasetItem:
        item = super().item(key, path)
        person, _, clip = key.partition("_")
        condition = self._known.get(int(person), "") if person.isdigit() else ""
        numbers = frame_numbers(path)
        if condition and len(numbers):
            length_s = float(numbers[-1] - numbers[0]) / self.rate_hz(key)
            item = replace(item, labels=(Interval(0.0, length_s, condition),))
        table = self.root / self._physiology / f"{person}.txt"
        if clip or self._physiology_rate_hz is None or not table.is_file():
            return item  # a clip's place in the signals is not known
        parts = (Part("face", item.source), Part("physiology", self._signals(table)))
        return replace(item, opener=partial(open_merged, parts), beside=(table,))

    def _signals(self, table: Path) -> partial[SignalTableRecording]:
        try:
            columns = read_columns(table)
        except RecordingError as error:
            raise DatasetError(str(error)) from None
        sources: dict[str, list[str]] = {}
        for column in columns:
            source = _SIGNALS.get(column[:3].upper())
            if source:
                sources.setdefault(source, [column])
        if not sources:
            raise DatasetError(
                f"{table} has the columns {', '.join(map(repr, columns)) or 'none'}; none begins "
                f"with {', '.join(_SIGNALS)}: rename them, or set physiology_rate_hz=null."
            )
        return partial(
            SignalTableRecording, table, sources, sampling_rate_hz=self._physiology_rate_hz
        )


def _video(folder: Path) -> Path:
    """Return the folder of a person's images, which lies in a folder of any name."""
    return next(iter(sorted(folder.glob("*/color"))), folder / "a" / "color")


def _conditions(path: Path, dataset: CasMe3C) -> dict[int, str]:
    if not path.is_file():
        raise dataset.lacks(path)
    sheet = read_sheet(path)
    sheet.require(["sub", "condition"])
    known = {}
    for row in sheet.rows:
        condition = row["condition"].lower()
        if condition and (condition not in _CLASSES or not row["sub"].isdigit()):
            raise DatasetError(
                f"{row.where}: subject '{row['sub']}' is '{row['condition']}'; give its number. "
                f"{did_you_mean(condition, _CLASSES)}"
            )
        if condition:
            known[int(row["sub"])] = condition
    return known
