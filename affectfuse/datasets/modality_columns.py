"""Columns of a manifest that name the files of modalities, as a config describes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from affectfuse.datasets.feature_files import FeatureFile
from affectfuse.errors import ConfigError, DatasetError, RecordingError, did_you_mean
from affectfuse.recording.base import RecordingSource
from affectfuse.recording.physio_sidecar import read_sidecar
from affectfuse.recording.signal_tables import SignalTableRecording, TimeUnit
from affectfuse.recording.text_tables import read_columns

__all__ = [
    "FeatureColumn",
    "ModalityColumn",
    "RecordingColumn",
    "SignalColumn",
    "read_modality_columns",
]

_PHYSIO = "_physio.tsv.gz"


@dataclass(frozen=True, slots=True)
class RecordingColumn:
    """Names what `open_recording` reads: a video, a wristband's folder.

    Attributes:
        offset_s: what must be added to its times to get the session's: seconds, or the name of the
            column that holds them.
    """

    offset_s: float | str = 0.0

    def source(self, name: str, path: Path) -> RecordingSource:
        """Return what opens the file."""
        return path

    def beside(self, path: Path) -> tuple[Path, ...]:
        """Return the further files that are read with it."""
        return ()


@dataclass(frozen=True, slots=True)
class SignalColumn:
    """Names a table of a sensor's readings, see `SignalTableRecording`.

    A BIDS table (`..._physio.tsv.gz`) is read with the JSON file beside it.

    Attributes:
        sources: the columns of each source by its name; None: all, of a source called as the
            manifest's column.
        sampling_rate_hz: rows a second, of a table without times.
        start_s: time of the first row of such a table.
        time: name of the time column.
        time_unit: 's' or 'ms', where the column's name does not say it.
        units: of the columns that do not say theirs.
        columns: their names, of a table without a header.
        offset_s: as of `RecordingColumn`.
    """

    sources: Mapping[str, Sequence[str]] | None = None
    sampling_rate_hz: float | None = None
    start_s: float = 0.0
    time: str | None = None
    time_unit: TimeUnit | None = None
    units: Mapping[str, str] | None = None
    columns: Sequence[str] | None = None
    offset_s: float | str = 0.0

    def source(self, name: str, path: Path) -> RecordingSource:
        """Return what opens the file.

        Raises:
            DatasetError: when its header lacks a column; the readings are looked at when it opens.
        """
        sources = self.sources or name
        if self.beside(path):
            return partial(_open_physio, path, sources, *self.beside(path))
        if self.columns is None:
            self._check(path)
        return partial(
            SignalTableRecording,
            path,
            sources,
            sampling_rate_hz=self.sampling_rate_hz,
            start_s=self.start_s,
            time=self.time,
            time_unit=self.time_unit,
            units=self.units,
            columns=self.columns,
        )

    def _check(self, path: Path) -> None:
        try:
            found = read_columns(path)
        except RecordingError as error:
            raise DatasetError(str(error)) from None
        wanted = [column for columns in (self.sources or {}).values() for column in columns]
        for column in [*wanted, self.time] if self.time else wanted:
            if column not in found:
                raise DatasetError(
                    f"'{path}' has no column '{column}'. {did_you_mean(column, found)}"
                )

    def beside(self, path: Path) -> tuple[Path, ...]:
        """Return the further files that are read with it."""
        if not path.name.lower().endswith(_PHYSIO):
            return ()
        return (path.with_name(path.name[: -len(".tsv.gz")] + ".json"),)


@dataclass(frozen=True, slots=True)
class FeatureColumn:
    """Names a file of features, ready-made; see `FeatureFile`.

    Attributes:
        file: how it is read.
    """

    file: FeatureFile


ModalityColumn = RecordingColumn | SignalColumn | FeatureColumn


def _features(
    columns: Sequence[str] | None = None,
    time: str | None = None,
    pool: str = "mean",
    array: str | None = None,
) -> FeatureColumn:
    return FeatureColumn(FeatureFile(columns, time, pool, array))


_TAKES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "sources": ((Mapping,), "{eda: [EDA]}"),
    "units": ((Mapping,), "{EDA: uS}"),
    "columns": ((list, tuple, str), "[x, y, z]"),
    "sampling_rate_hz": ((int, float), "64"),
    "start_s": ((int, float), "0.5"),
    "offset_s": ((int, float, str), "-1.5"),
}
"""Of what kind the values of these keys are, with an example."""

_KINDS: Mapping[str, Callable[..., ModalityColumn]] = {
    "recording": RecordingColumn,
    "signal": SignalColumn,
    "features": _features,
}


def read_modality_columns(
    modalities: Mapping[str, Mapping[str, Any]],
) -> dict[str, ModalityColumn]:
    """Return the columns by name, from a config such as `{face: {kind: recording}}`.

    Raises:
        ConfigError: for an unknown kind or key, or a value that cannot be.
    """
    found = {}
    for name, said in modalities.items():
        if not isinstance(said, Mapping):
            raise ConfigError(f"modality '{name}' is '{said}'; say its kind: {{kind: signal}}.")
        given = dict(said)
        kind = given.pop("kind", None)
        if kind not in _KINDS:
            raise ConfigError(
                f"modality '{name}' is of kind '{kind}'. {did_you_mean(str(kind), _KINDS)}"
            )
        allowed = inspect.signature(_KINDS[kind]).parameters
        for key in given:
            if key not in allowed:
                raise ConfigError(f"modality '{name}' says '{key}'. {did_you_mean(key, allowed)}")
            kinds, example = _TAKES.get(key, ((object,), ""))
            if given[key] is not None and not isinstance(given[key], kinds):
                raise ConfigError(
                    f"modality '{name}' says {key}: {given[key]}; it takes such as {example}."
                )
        if given.get("sources"):
            given["sources"] = {
                source: list(map(str, columns)) if isinstance(columns, list) else [str(columns)]
                for source, columns in given["sources"].items()
            }
        if given.get("columns") is not None:
            columns = given["columns"]
            given["columns"] = [columns] if isinstance(columns, str) else list(map(str, columns))
        try:
            found[str(name)] = _KINDS[kind](**given)
        except ValueError as error:
            raise ConfigError(f"modality '{name}': {error}") from None
    return found


def _open_physio(
    path: Path, sources: str | Mapping[str, Sequence[str]], *sidecars: Path
) -> SignalTableRecording:
    return SignalTableRecording(path, sources, sidecar=read_sidecar(sidecars))
