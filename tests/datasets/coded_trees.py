"""Tiny copies of data sets of coded expressions: numbered images and sheets as handed out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openpyxl

Line = Sequence[Any]


def write_frames(folder: Path, name: str, numbers: Iterable[int]) -> None:
    """Write images whose brightness tells their number; `name` has a field for it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        path = folder / name.format(number)
        image = np.full((24, 32, 3), 40 + 7 * number % 180, np.uint8)
        path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def write_xlsx(path: Path, sheets: Mapping[str, Mapping[int, Line]]) -> None:
    """Write a workbook; the lines of a worksheet by their row's number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, lines in sheets.items():
        sheet = book.create_sheet(title)
        for number, line in lines.items():
            for column, value in enumerate(line, start=1):
                if value is not None:
                    sheet.cell(number, column, value)
    book.save(path)


CASME2_HEADER = (
    "Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units",
    "Estimated Emotion",
)  # fmt: skip
CASME2_ROWS: dict[int, Line] = {
    1: CASME2_HEADER,
    2: (1, "EP02_01f", None, 46, 50, 53, None, "12", "happiness"),
    3: (1, "EP19_05f", None, 10, "/", 15, None, "4+L14", "Disgust "),
    4: (17, "EP01_13", None, 1, 3, 8, None, "1+2", "surprise"),
    5: (17, "EP02_02", None, 3, 5, 7, None, "4?", "others"),
    62: (7, "EP03_04", None, 82, "/", 9, None, "4", "others"),  # its offset is 91
}


def write_casme2(root: Path) -> None:
    images = root / "CASME2_RAW_selected"
    write_frames(images / "sub01" / "EP02_01f", "img{}.jpg", range(44, 56))
    write_frames(images / "sub01" / "EP19_05f", "img{}.jpg", range(8, 18))  # 8, 9, 10, ...
    write_frames(images / "sub17" / "EP01_13", "img{}.jpg", range(1, 10))
    write_frames(images / "sub17" / "EP02_02", "img{}.jpg", range(1, 10))
    write_frames(images / "sub07" / "EP03_04", "img{}.jpg", range(80, 93))
    write_frames(root / "Cropped" / "sub01" / "EP02_01f", "reg_img{}.jpg", range(44, 56))
    write_xlsx(root / "CASME2-coding-20140508.xlsx", {"Sheet1": CASME2_ROWS})


SAMM_HEADER = (
    "Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame",
    "Duration", "Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes",
)  # fmt: skip
SAMM_ROWS: dict[int, Line] = {
    2: ("SAMM: Spontaneous Micro-Facial Movement Dataset",),
    14: SAMM_HEADER,
    15: ("006", "006_1_2", 1, 5562, 5565, 5568, 7, "1/2", "17+23", "Anger", "III", None),
    16: (6, "006_1_3", 1, 9998, 10001, 10003, 6, "1", "12 or R15", "Other", "VII", None),
    71: ("018", "018_3_1", 3, 5732, 5735, 573, 9, "1", "R14A", "Contempt", "VII", None),
    140: ("031", "031_3_1", 3, 1101, None, 1106, 6, "1", "AU4B", "Happiness", "VII", None),
}


def write_samm(root: Path) -> None:
    images = root / "SAMM"
    write_frames(images / "006" / "006_1_2", "006_{:05d}.jpg", range(5560, 5571))
    write_frames(images / "006" / "006_1_3", "006_{:04d}.jpg", range(9997, 10005))
    write_frames(images / "018" / "018_3_1", "018_{:05d}.jpg", range(5730, 5741))
    write_frames(images / "031" / "031_3_1", "031_{:04d}.jpg", range(1100, 1108))
    write_xlsx(root / "SAMM_Micro_FACS_Codes_v2.xlsx", {"MICRO_ONLY": SAMM_ROWS})


def write_samm_long_videos(root: Path) -> None:
    for video in ("006_1", "006_5", "037_7"):
        write_frames(root / "SAMM_longvideos" / video, video + "_{:04d}.jpg", range(1, 40))
    header = (
        "Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type",
        "Action Units", "Notes",
    )  # fmt: skip
    rows: dict[int, Line] = {
        1: ("SAMM Long Videos",),
        10: header,
        11: (6, "006_1_2", 1, 20, 23, 26, 7, "Micro - 1/2", "17+23"),
        12: (6, "006_1_9", 1, 0, 5, 12, 13, "Macro", "12"),
        13: (6, "006_5_1", 5, 3.5, -1, 30.5, 28, "Macro", "6+12"),
        14: (37, "037_7_1", 7, 5, 8, 11, 7, "Micro - 1", "R12 or R15"),
    }
    text: dict[int, Line] = {1: ("Read me",)}
    sheets = {"Information": text, "FACS_Movement_Only": rows}
    write_xlsx(root / "SAMM_LongVideos_V2_Release.xlsx", sheets)


def write_smic(root: Path) -> None:
    for camera in ("HS", "VIS", "NIR"):
        for subject, emotion, clip, first in (
            ("s1", "negative", "s1_ne_01", 559740),
            ("s1", "surprise", "s1_sur_01", 997),
            ("s11", "positive", "s11_po_02", 1000),
        ):
            folder = root / camera / subject / "micro" / emotion / clip
            write_frames(folder, "image{}.bmp", range(first, first + 6))


def write_smic_e(root: Path) -> None:
    images = root / "SMIC-HS-E"
    write_frames(images / "s1" / "s1_ne_01", "image{}.bmp", range(559700, 559712))
    write_frames(images / "s11" / "s11_po_02", "image{}.bmp", range(1, 13))  # counted anew
    rows: dict[int, Line] = {
        1: ("Subject", "Filename", "FirstF", "OnsetF", "OffsetF", "Emotion"),
        2: ("s1", "s1_ne_01", 559700, 559703, 559708, "negative"),
        3: ("s11", "s11_po_02", 4000, 4002, 4009, "positive"),
        6: ("Note: frames are counted in the whole recording.",),
    }
    write_xlsx(root / "SMIC-HS-E_annotation.xlsx", {"Sheet1": rows})


def write_cas_me_2(root: Path) -> None:
    images = root / "rawpic"
    write_frames(images / "s15" / "15_0101disgustingteeth", "img{:03d}.jpg", range(1, 40))
    write_frames(images / "s15" / "15_0503unnamed", "img{:03d}.jpg", range(1, 20))
    write_frames(images / "s16" / "16_0101disgustingteeth", "img{:03d}.jpg", range(1, 30))
    codes: dict[int, Line] = {
        1: (1, "disgust1_1", 5, 8, 12, "4", "negative", "micro-expression", "disgust"),
        2: (1, "disgust1_2", 20, 26, 0, "4+9", "negative", "macro-expression", "disgust"),
        3: (1, "happy3_1", 2, 9, 17, "12", "positive", "macro-expression", "happiness"),
        4: (2, "disgust1_1", 3, 5, 9, "25", "others", "micro-expression", "disgust"),
    }
    videos: dict[int, Line] = {1: ("0101", "disgust1"), 2: (503, "happy3")}
    subjects: dict[int, Line] = {1: ("s15", 15, 1), 2: ("s16", 16, 2)}
    write_xlsx(
        root / "CAS(ME)^2code_final.xlsx",
        {"CASFEcode_final": codes, "naming rule2": subjects, "naming rule1": videos},
    )


def write_cas_me_3(root: Path) -> None:
    images = root / "part_A"
    write_frames(images / "spNO.1" / "b" / "color", "{}.jpg", range(160, 200))
    lost = [number for number in range(20, 45) if number not in (30, 31)]
    write_frames(images / "spNO.1" / "J" / "color", "{}.jpg", lost)
    write_frames(images / "spNO.149" / "d" / "color", "{}.jpg", range(70, 150))
    write_frames(root / "Part_A_ME_clip" / "frame" / "spNO.1_b_166", "{}.jpg", range(166, 180))
    rows: dict[int, Line] = {
        1: ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"),
        2: ("spNO.1", "b", 166, 175, 179, "4", "III", "disgust"),
        3: ("spNO.1", "b", 181, 185, 194, "2+1", "VII", "Happy"),
        4: ("spNO.1", "j", 28, 33, 40, "T28+R2", "VII", "others"),
        5: ("spNO.149", "d", 112, 83, 140, "4", "III", "fear"),  # its apex is 123
    }
    write_xlsx(root / "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", {"label": rows})


def write_cas_me_3_c(root: Path) -> None:
    images = root / "part_C"
    write_frames(images / "01" / "a" / "color", "{}.jpg", range(1, 61))
    write_frames(images / "12" / "a" / "color", "{}.jpg", range(10, 40))
    write_frames(root / "ME_C" / "01" / "2" / "color", "{}.jpg", range(20, 32))
    rows: dict[int, Line] = {
        1: ("sub", "count", "onset", "offset", "au"),
        2: (1, 1, 5, 14, "4"),
        3: (1, 2, 20, 31, "1\uff0c2"),
        4: (12, 1, 12, 20, "R14"),
    }
    write_xlsx(root / "CAS(ME)3_part_C_ME.xlsx", {"Sheet1": rows})
    (root / "physiology").mkdir()
    lines = [f"{i / 10:g}\t{2 + i / 100:g}\t{i % 7}\tx" for i in range(200)]
    header = "ECG100C\tEDA100C\tPPG\tmark"
    (root / "physiology" / "01.txt").write_text("\n".join([header, *lines]) + "\n")
    (root / "conditions.csv").write_text("sub,condition\n1,guilty\n12,Innocent\n")


def write_mmew(root: Path) -> None:
    images = root / "Micro_Expression"
    write_frames(images / "happiness" / "S03-01-002", "{}.jpg", range(1, 12))
    write_frames(images / "repression" / "S21-02-001", "{}.jpg", range(1, 12))
    write_frames(images / "disgust" / "S05-03-004", "{}.jpg", range(1, 76))
    rows: dict[int, Line] = {
        1: (
            "Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units",
            "Estimated Emotion", "remarks",
        ),
        2: ("S03", "S03-01-002", 1, 5, 11, "6+12", "happiness"),
        3: ("S21", "S21-02-001", 1, 4, 10, "15", "others"),
        35: ("S05", "S05-03-004", 1, 90, 120, "4+9", "disgust"),  # its offset is 75
    }  # fmt: skip
    write_xlsx(root / "MMEW_Micro_Exp.xlsx", {"Sheet1": rows})


def write_four_dme(root: Path) -> None:
    images = root / "gray_micro"
    write_frames(images / "1" / "1_2", "{:04d}.jpg", range(30, 42))
    write_frames(images / "13" / "13_1", "{:04d}.jpg", range(5, 14))
    rows: dict[int, Line] = {
        1: ("sub_ID", "fold", "fold_name", "Emotion", "Onset", "Apex", "Offset", "AUs", "AU4"),
        2: (1, 2, "1_2", "Negative", 30, 34, 41, "AU4+7(k)", 1),
        3: (13, 1, "13_1", "Negative + Repression", 5, 9, 13, "AU15", 0),
    }
    write_xlsx(root / "4DME_Labelling_Micro_release v1.xlsx", {"Sheet1": rows})


def write_dfme(root: Path) -> None:
    for clip in ("1001", "2001"):
        write_frames(root / clip, "{:05d}.png", range(12))
    rows: dict[int, Line] = {
        1: ("Subject", "Filename", "OnsetFrame", "ApexFrame", "Emotion"),
        2: (1, "1001", 2, 6, "Contempt"),
        3: (2, "2001", 0, 5, "fear"),
    }
    write_xlsx(root / "coding.xlsx", {"Sheet1": rows})


def write_megc2019(root: Path) -> None:
    write_casme2(root / "CASME2")
    write_samm(root / "SAMM")
    write_smic(root / "SMIC")


CODED_TREES: dict[str, Callable[[Path], None]] = {
    "cas_me_2": write_cas_me_2,
    "cas_me_3": write_cas_me_3,
    "cas_me_3_c": write_cas_me_3_c,
    "casme2": write_casme2,
    "dfme": write_dfme,
    "four_dme": write_four_dme,
    "megc2019": write_megc2019,
    "mmew": write_mmew,
    "samm": write_samm,
    "samm_long_videos": write_samm_long_videos,
    "smic": write_smic,
    "smic_e": write_smic_e,
}
