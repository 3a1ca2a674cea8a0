"""CAS(ME)^2: long videos of students who keep a straight face, with macro- and micro-expressions.

    rawpic/s15/15_0101disgustingteeth/img001.jpg    CAS(ME)^2code_final.xlsx

Reference: Qu, Wang, Yan, Li, Wu and Fu 2018, "CAS(ME)^2: a database for spontaneous
macro-expression and micro-expression spotting and recognition", doi:10.1109/TAFFC.2017.2654440.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from affectfuse.datasets.coded import MACRO, MICRO, Coded
from affectfuse.datasets.coded_dataset import CodedDataset
from affectfuse.datasets.sheets import frame_number, read_workbook
from affectfuse.errors import DatasetError

__all__ = ["CasMe2"]

_COLUMNS = (
    "subject", "video", "onset", "apex", "offset", "action_units", "emotion", "type", "self_report",
)  # fmt: skip


class CasMe2(CodedDataset):
    """Videos of 22 people, 30 frames/s, with 57 micro- and 300 macro-expressions.

    The workbook has no headers: one worksheet has a row an expression, one says which folder a
    subject's number stands for (1 and 15 for 's15'), one which four digits in a video's name stand
    for 'disgust1'. They may lie in workbooks of their own beside it.

    Corrected: 44 macro-expressions with the offset 0, which end at their apex here.

    Args:
        root: the folder that holds the images' folder and the sheets.
        images: folder of the images.
        sheet: name of the workbook with the coded expressions, or a pattern.
        rules: pattern of workbooks that hold the rules, if not the same.
        frame_rate_hz: as the set's authors state it.
        exclude: recordings to leave out, such as '15_0101disgustingteeth'.
    """

    name = "cas_me_2"
    provenance = "CAS(ME)^2: recordings of 22 real people in a laboratory."
    layout = "rawpic/s15/15_0101disgustingteeth/img001.jpg and CAS(ME)^2code_final.xlsx"
    obtained = (
        "from the Chinese Academy of Sciences, after a licence agreement: "
        "http://casme.psych.ac.cn/casme/e3"
    )
    kinds = (MICRO, MACRO)

    def __init__(
        self,
        root: str | None = None,
        images: str = "rawpic",
        sheet: str = "*code_final*.xlsx",
        rules: str = "naming_rule*.xlsx",
        frame_rate_hz: float = 30.0,
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, frame_rate_hz, exclude)
        self._images, self._sheet, self._rules = images, sheet, rules

    def coded(self, root: Path) -> Iterable[Coded]:
        images, path = self.images(root, self._images), self.sheet(root, self._sheet)
        sheets = list(read_workbook(path).values())
        for rules in sorted(root.glob(self._rules)):
            sheets += read_workbook(rules).values()
        rows = next((s for s in sheets if s and sum(map(bool, s[0])) >= 8), [])
        if not rows:
            raise DatasetError(
                f"{path} has no worksheet whose first row has the columns {', '.join(_COLUMNS)}: "
                "use the file as its authors hand it out."
            )
        listed = {cells[0] for cells in rows if cells and cells[0]}
        folders = _subjects([s for s in sheets if s is not rows], listed, path)
        codes = _videos([s for s in sheets if s is not rows], path)
        for number, cells in enumerate(rows, start=1):
            row = dict(zip(_COLUMNS, [*cells, *[""] * len(_COLUMNS)], strict=False))
            if not row["subject"]:
                continue
            subject = folders[row["subject"]]
            code = codes.get(row["video"].rpartition("_")[0].lower(), "no such code")
            onset, apex, offset = (frame_number(row[n]) for n in ("onset", "apex", "offset"))
            kind = MACRO if "macro" in row["type"].lower() else MICRO
            folder = _video_folder(images / subject, code)
            endless = offset == 0 and kind == MACRO
            yield Coded(
                where=f"row {number} of {path.name}",
                row=number,
                key=folder.name,
                subject=f"{self.name}-{subject.removeprefix('s')}",
                folder=folder,
                label=row["emotion"].lower(),
                onset=onset,
                apex=apex,
                offset=apex if endless else offset,
                action_units=row["action_units"],
                kind=kind,
                note="offset 0 is the apex" if endless else "",
            )


def _subjects(sheets: Iterable[list[list[str]]], listed: set[str], path: Path) -> dict[str, str]:
    """Return the folder ('s15') by what the coded rows call a subject ('1' or '15')."""
    for sheet in sheets:
        if not any(re.fullmatch(r"s\d+", cell) for cells in sheet for cell in cells):
            continue
        for column in reversed(range(max(map(len, sheet)))):
            named = {
                cells[column]: folder
                for cells in sheet
                if column < len(cells)
                for folder in cells
                if re.fullmatch(r"s\d+", folder)
            }
            if listed <= set(named):
                return named
    raise DatasetError(
        f"no worksheet in or beside {path} says which folder each of its subjects has ('s15'): put "
        "the set's naming rules beside it."
    )


def _videos(sheets: Iterable[list[list[str]]], path: Path) -> dict[str, str]:
    """Return the four digits ('0101') by what the coded rows call a video ('disgust1')."""
    codes = {}
    for sheet in sheets:
        for cells in sheet:
            digits = [cell for cell in cells if re.fullmatch(r"\d{3,4}", cell)]
            names = [cell for cell in cells if re.fullmatch(r"[a-z]+ ?\d+", cell.lower())]
            names = [name for name in names if not re.fullmatch(r"s\d+", name)]
            if len(digits) == 1 and names:
                codes[names[-1].lower().replace(" ", "")] = digits[0].zfill(4)
    if not codes:
        raise DatasetError(
            f"no worksheet in or beside {path} says which four digits each video has ('0101' for "
            "'disgust1'): put the set's naming rules beside it."
        )
    return codes


def _video_folder(subject: Path, code: str) -> Path:
    """Return the folder '15_0101disgustingteeth' for the code '0101'."""
    name = f"{subject.name.removeprefix('s')}_{code}"
    return next(iter(sorted(subject.glob(f"{name}*"))), subject / name)
