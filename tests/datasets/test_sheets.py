"""Sheets: where the header is, what a cell is, formats, what is said of a wrong one."""

from __future__ import annotations

import builtins
import struct
from pathlib import Path
from typing import Any

import pytest
from datasets.coded_trees import write_xlsx

from affectfuse.datasets.sheets import read_table, read_workbook
from affectfuse.errors import DatasetError

COLUMNS = {"who": ("Subject",), "onset": ("OnsetFrame", "Onset F"), "note": ("Notes",)}


def test_the_header_is_found_below_text_by_names_and_variants(tmp_path: Path) -> None:
    path = tmp_path / "sheet.xlsx"
    lines = {
        1: ("A data set, with Subject in its title",),
        5: (None, "notes", "subject ", "Onset F"),
        6: (None, "x", 7, 46.0),
        8: (None, None, "009", 46.5),
        9: (None, "Remarks go on here",),
        11: ("beside", None, "010", None, "far"),
        12: ("", "why", "0101", "/"),
    }  # fmt: skip
    write_xlsx(path, {"one": lines})
    rows = read_table(path, COLUMNS)
    assert [(row.number, row["who"], row["onset"], row["note"]) for row in rows] == [
        (6, "7", "46", "x"),
        (8, "009", "46.5", ""),
        (12, "0101", "/", "why"),
    ]
    assert rows[0].where == "row 6 of sheet.xlsx"
    assert (rows[0].frame("onset"), rows[1].frame("onset")) == (46.0, 46.5)
    assert rows[2].frame("onset") != rows[2].frame("onset"), "'/' is no frame: NaN"


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sheet.xlsx"
    write_xlsx(path, {"one": {1: ("Subject", "Begin", "Notes"), 2: (1, 2, 3)}})
    with pytest.raises(DatasetError, match=r"sheet\.xlsx .* 'OnsetFrame' or 'Onset F' is missing"):
        read_table(path, COLUMNS)
    rows = read_table(path, COLUMNS, optional=("onset",))
    assert [row["onset"] for row in rows] == [""]


def test_a_worksheet_is_chosen_by_name(tmp_path: Path) -> None:
    path = tmp_path / "sheet.xlsx"
    write_xlsx(path, {"first": {1: ("a", "b")}, "second": {1: ("Subject", "x"), 2: ("s1", "y")}})
    chosen = read_table(path, {"who": ("Subject",), "x": ("x",)}, worksheet="second")
    assert [row["who"] for row in chosen] == ["s1"]
    with pytest.raises(DatasetError, match="worksheets 'first', 'second'; 'third' is missing"):
        read_table(path, {"who": ("Subject",)}, worksheet="third")


def write_xls(path: Path, lines: list[list[Any]]) -> None:
    """Write the oldest .xls there is, BIFF 2: a stream of records of numbers and labels."""
    records = [struct.pack("<HHHH", 0x0009, 4, 2, 0x0010)]
    for row, line in enumerate(lines):
        for column, value in enumerate(line):
            cell = struct.pack("<HH3x", row, column)
            if isinstance(value, str):
                content = cell + bytes([len(value)]) + value.encode("ascii")
                records.append(struct.pack("<HH", 0x0004, len(content)) + content)
            else:
                content = cell + struct.pack("<d", value)
                records.append(struct.pack("<HH", 0x0003, len(content)) + content)
    path.write_bytes(b"".join(records) + struct.pack("<HH", 0x000A, 0))


def test_old_and_plain_formats_hold_the_same(tmp_path: Path) -> None:
    lines = [["Subject", "Onset F", "Notes"], ["001", 46.0, "x"], ["s2", 46.5, "y"]]
    write_xls(tmp_path / "sheet.xls", lines)
    write_xlsx(tmp_path / "sheet.xlsx", {"1": dict(enumerate(lines, start=1))})
    text = "\r\n".join(",".join(map(str, line)) for line in lines)
    (tmp_path / "sheet.csv").write_text("\ufeff" + text.replace("46.0", "46"), "utf-8")
    found = [
        [dict(row.cells) for row in read_table(tmp_path / f"sheet.{kind}", COLUMNS)]
        for kind in ("xls", "xlsx", "csv")
    ]
    assert found[0] == found[1] == found[2]
    assert found[0][0] == {"who": "001", "onset": "46", "note": "x"}


@pytest.mark.parametrize("kind", ["xls", "xlsx", "csv"])
def test_a_broken_file_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"sheet.{kind}"
    path.write_bytes(b"\xff\xfe no sheet")
    with pytest.raises(DatasetError, match=rf"sheet\.{kind}' cannot be read \(.*\); copy it again"):
        read_workbook(path)


@pytest.mark.parametrize(("kind", "library"), [("xls", "xlrd"), ("xlsx", "openpyxl")])
def test_without_the_library_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, library: str
) -> None:
    imported = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == library:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DatasetError, match=rf"{library}, which .*'affectfuse\[datasets\]'"):
        read_workbook(tmp_path / f"sheet.{kind}")
