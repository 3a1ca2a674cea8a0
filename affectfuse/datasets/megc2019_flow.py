"""The MEGC2019 composite as flow images, in the layout that the community hands round.

    three_norm_u_v_os/HELD_OUT/u_train|u_test/0|1|2/CLIP.png    (28x28 pixels, 8 bits)

HELD_OUT is the subject whom the fold tests; 0 is negative, 1 positive, 2 surprise. As OpenCV reads
them the channels are optical strain, vertical and horizontal flow from the onset to the apex, each
scaled to 0..255 image by image, so that its magnitude and its zero are lost.

Reference: See, Yap, Li, Hong and Wang 2019, "MEGC 2019 - the second facial micro-expressions grand
challenge", doi:10.1109/FG.2019.8756611.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from affectfuse.containers import Array
from affectfuse.datasets.base import DatasetItem, LabelledClip
from affectfuse.datasets.folder import FolderDataset
from affectfuse.errors import DatasetError

__all__ = ["CHANNELS", "WORDS", "Megc2019Flow"]

WORDS = {"0": "negative", "1": "positive", "2": "surprise"}
"""What the folders' names stand for."""

CHANNELS = ("u", "v", "strain")
"""Of a clip: horizontal flow, vertical flow, optical strain; grey levels 0 to 255."""

_FOLDER = "three_norm_u_v_os"
_SIZE_PX = 28
_COLUMNS = {
    "database": ("dataset", "database"),
    "subject": ("sub", "subject"),
    "clip": ("filename_o", "filename", "clip"),
    "label": ("label",),
}


class Megc2019Flow(FolderDataset):
    """442 ready-made clips (3, 28, 28) of 68 subjects, channels as in `CHANNELS`, grey levels.

    The sheet says which database a clip is from; folds and sheet are held against each other, so
    that nothing is trained on that the protocol tests.

    Args:
        root: the folder that holds three_norm_u_v_os and the sheet.
        exclude: clips to leave out, such as 'sub01_EP02_01f'.
        sheet: the sheet's name, a CSV with the columns dataset, sub, filename_o and label.
    """

    name = "megc2019_flow"
    provenance = (
        "MEGC2019 composite: flow images of 68 real people's micro-expressions from CASME II, SMIC "
        "and SAMM."
    )
    layout = f"{_FOLDER}/HELD_OUT_SUBJECT/u_train|u_test/0|1|2/CLIP.png with the sheet beside it"
    obtained = (
        "from the authors of CASME II, SMIC and SAMM under their licences; flow images in this "
        "layout come with the public code of STSTNet, https://github.com/christy1206/STSTNet"
    )

    def __init__(
        self,
        root: str | None = None,
        exclude: Sequence[str] = (),
        sheet: str = "combined_3_class2_for_optical_flow.csv",
    ) -> None:
        super().__init__(root, exclude)
        self._sheet = sheet
        self._databases: Mapping[str, str] = {}

    def recordings(self, root: Path) -> Mapping[str, Path]:
        """Return each clip's image in the fold that tests it.

        Raises:
            DatasetError: when the folds do not agree with one another or with the sheet.
        """
        folder = root / _FOLDER
        found: dict[str, Path] = {}
        for path in sorted(folder.glob("*/u_test/*/*.png")):
            key, held_out = _key(path), path.parents[2].name
            if key in found:
                raise DatasetError(
                    f"{path} is tested in the fold of '{found[key].parents[2].name}' too; a clip "
                    "has one subject: remove one."
                )
            if not key.startswith(f"{held_out}_"):
                raise DatasetError(
                    f"{path} is not of the subject '{held_out}' whom its fold holds out; move it "
                    "to its own subject's fold."
                )
            found[key] = path
        for fold in sorted(folder.iterdir()) if found else ():
            _check_fold(fold, found)
        if found:
            self._databases = self._read_sheet(root, found)
        return found

    def item(self, key: str, path: Path) -> DatasetItem:
        return DatasetItem(
            key,
            path.parents[2].name,
            path,
            attributes={"database": self._databases[key]},
            clips=(LabelledClip(WORDS[path.parent.name], _read_image(path)),),
        )

    def _read_sheet(self, root: Path, found: Mapping[str, Path]) -> dict[str, str]:
        """Return the database of each clip."""
        sheet = root / self._sheet
        if not sheet.is_file():
            raise self.lacks(sheet)
        with sheet.open(encoding="utf-8-sig", newline="") as opened:
            rows = list(csv.DictReader(opened))
        columns = _columns(sheet, list(rows[0]) if rows else [])
        databases: dict[str, str] = {}
        for number, row in enumerate(rows, start=2):
            database, subject, clip, label = (row[columns[name]] or "" for name in _COLUMNS)
            key = f"{subject.strip()}_{clip.strip()}"
            if key not in found:
                raise DatasetError(f"line {number} of {sheet} lists '{key}', of which no fold has "
                                   "an image; remove the line or add the image.")  # fmt: skip
            if label.strip() != found[key].parent.name:
                raise DatasetError(
                    f"line {number} of {sheet} gives '{key}' the label '{label}', but its image is "
                    f"{found[key]}; they must agree."
                )
            databases[key] = database.strip()
        for key in sorted(set(found) - set(databases)):
            raise DatasetError(f"{sheet} has no line for {found[key]}; add one.")
        return databases


def _key(path: Path) -> str:
    return path.stem.strip()  # in one copy that goes round the names end in a space


def _columns(sheet: Path, header: Sequence[str]) -> dict[str, str]:
    chosen = {}
    for name, allowed in _COLUMNS.items():
        known = [column for column in header if column.strip() in allowed]
        if not known:
            raise DatasetError(
                f"{sheet} has the columns {', '.join(map(repr, header)) or 'none'}; "
                f"'{allowed[0]}' is missing."
            )
        chosen[name] = known[0]
    return chosen


def _check_fold(fold: Path, found: Mapping[str, Path]) -> None:
    """Refuse a fold whose training images are not those of all other subjects, labelled alike."""
    if not fold.is_dir():
        return
    there: dict[str, Path] = {}
    for path in sorted(fold.glob("u_*/*/*.png")):
        key = _key(path)
        if path.parent.name not in WORDS:
            raise DatasetError(f"{path} lies in the class '{path.parent.name}'; allowed: 0, 1, 2.")
        if key in there:
            raise DatasetError(f"{path} is in this fold as {there[key]} too; remove one.")
        if key not in found:
            raise DatasetError(
                f"{path} is tested in no fold: add it to u_test of its own subject's fold."
            )
        if path.parent.name != found[key].parent.name:
            raise DatasetError(
                f"{path} and {found[key]} are one clip with two labels; correct one."
            )
        there[key] = path
    for key in sorted(set(found) - set(there)):
        raise DatasetError(f"the fold {fold} lacks the clip '{key}'; copy it again.")


def _read_image(path: Path) -> Array:
    """Return an image as (channel, height, width) float32, u, v and strain."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None or image.shape != (_SIZE_PX, _SIZE_PX, 3):
        size = "no image" if image is None else f"{image.shape[1]}x{image.shape[0]} pixels"
        raise DatasetError(f"{path} is {size}; it must be a PNG of {_SIZE_PX}x{_SIZE_PX} pixels.")
    return np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1), dtype=np.float32)
