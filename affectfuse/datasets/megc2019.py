"""The composite of the second facial micro-expressions grand challenge: CASME II, SMIC-HS and SAMM.

    CASME2/CASME2_RAW_selected/...    SMIC/HS/...    SAMM/SAMM/...     each with its sheet

Reference: See, Yap, Li, Hong and Wang 2019, "MEGC 2019 - the second facial micro-expressions grand
challenge", doi:10.1109/FG.2019.8756611.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.casme2 import Casme2
from affectfuse.datasets.coded import MICRO
from affectfuse.datasets.coded_dataset import CodedDataset
from affectfuse.datasets.folder import FolderDataset
from affectfuse.datasets.samm import Samm
from affectfuse.datasets.smic import Smic
from affectfuse.errors import ConfigError, DatasetError

__all__ = ["Megc2019"]


class Megc2019(FolderDataset):
    """442 clips of 68 people: CASME II 145 of 24, SMIC 164 of 16, SAMM 133 of 28.

    Labels are the classes that `label_map` gives the coders' words; clips whose word it lacks are
    left out, as are clips of CASME II that `casme2_clips` does not list (the challenge took 145 of
    the 150 whose word has a class). `notes` counts what was left out, by database.

    Args:
        root: the folder that holds the three data sets' folders.
        casme2: folder of CASME II under the root, laid out as `casme2` reads it.
        smic: folder of SMIC, likewise.
        samm: folder of SAMM, likewise.
        label_map: by database, the class of each of its coders' words.
        casme2_clips: the challenge's clips of CASME II by subject; empty takes all.
        exclude: recordings to leave out, such as 'samm-006_1_2'.

    Raises:
        ConfigError: when the label map names another database.
    """

    name = "megc2019"
    provenance = (
        "MEGC 2019 composite: 442 coded micro-expressions of 68 real people in laboratories."
    )
    layout = "CASME2/, SMIC/ and SAMM/, each as its own data set"
    obtained = (
        "as three: CASME II from http://casme.psych.ac.cn/casme/e2, SMIC from the University of "
        "Oulu, SAMM from https://personalpages.manchester.ac.uk/staff/adrian.davison/SAMM.html"
    )

    def __init__(
        self,
        root: str | None = None,
        casme2: str = "CASME2",
        smic: str = "SMIC",
        samm: str = "SAMM",
        label_map: Mapping[str, Mapping[str, str]] | None = None,
        casme2_clips: Mapping[str, Sequence[str]] | None = None,
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, exclude)
        self._folders = {"casme2": casme2, "smic": smic, "samm": samm}
        self._classes = {name: dict(words) for name, words in (label_map or {}).items()}
        if set(self._classes) != set(self._folders):
            raise ConfigError(
                f"label_map names the databases {sorted(self._classes)}; it must name casme2, samm "
                "and smic."
            )
        listed = casme2_clips or {}
        self._casme2_clips = {f"{who}-{clip}" for who, clips in listed.items() for clip in clips}
        self._items: dict[str, DatasetItem] = {}
        self._skipped: dict[str, str] = {}
        self._notes: dict[str, str] = {}

    @property
    def skipped(self) -> Mapping[str, str]:
        return dict(self._skipped)

    @property
    def notes(self) -> Mapping[str, str]:
        return dict(self._notes)

    def recordings(self, root: Path) -> Mapping[str, Path]:
        self._items, self._skipped, self._notes = {}, {}, {}
        for part in self._parts(root):
            items = part.items()
            if isinstance(part, Casme2):
                items = self._challenge_clips(items)
            for item in items:
                self._items[f"{part.name}-{item.key}"] = item
            self._skipped |= part.skipped
            self._notes |= part.notes
        left_out: Counter[tuple[str, str]] = Counter()
        for key, item in list(self._items.items()):
            database = item.attributes["database"]
            intervals = []
            for interval in item.annotations[MICRO]:
                known = self._classes[database].get(interval.label)
                if known is None:
                    left_out[database, interval.label] += 1
                else:
                    intervals.append(replace(interval, label=known))
            if intervals:
                self._items[key] = replace(item, key=key, annotations={MICRO: tuple(intervals)})
            else:
                del self._items[key]
        for (database, word), count in left_out.items():
            self._notes[f"{database}, '{word}'"] = f"{count} clips left out: no class in label_map"
        return {key: item.path for key, item in self._items.items()}

    def item(self, key: str, path: Path) -> DatasetItem:
        return self._items[key]

    def _parts(self, root: Path) -> list[CodedDataset]:
        roots = {name: root / folder for name, folder in self._folders.items()}
        for folder in roots.values():
            if not folder.is_dir():
                raise self.lacks(folder)
        return [
            Casme2(str(roots["casme2"])),
            Smic(str(roots["smic"]), camera="HS"),
            Samm(str(roots["samm"])),
        ]

    def _challenge_clips(self, items: Sequence[DatasetItem]) -> list[DatasetItem]:
        """Return the clips of CASME II that are in the challenge."""
        if not self._casme2_clips:
            return list(items)
        chosen = [item for item in items if item.key in self._casme2_clips]
        if not chosen:
            raise DatasetError(
                "none of the clips that casme2_clips lists is in CASME II: its names are such as "
                f"'{items[0].key}'."
            )
        for key in sorted(self._casme2_clips - {item.key for item in chosen}):
            self._skipped[f"casme2-{key}"] = "listed in casme2_clips, but not usable or not there"
        if len(items) > len(chosen):
            self._notes["casme2"] = (
                f"{len(items) - len(chosen)} clips left out: not listed in casme2_clips"
            )
        return chosen
