"""The JSON file beside a table of BIDS physiology, which says what its columns are and when.

Reference: Gorgolewski et al. 2016, "The brain imaging data structure", doi:10.1038/sdata.2016.44.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affectfuse.errors import RecordingError

__all__ = ["OWN_TIMES", "Sidecar", "read_sidecar"]

OWN_TIMES = "time_s"
"""The column of a table whose readings came at uneven times, of which a rate can tell nothing."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What the JSON file beside a BIDS `_physio.tsv.gz` says.

    Attributes:
        columns: their names, which the table itself does not hold.
        sampling_rate_hz: rows a second.
        start_s: time of the first row on the session's clock.
        units: by column, of those that state one.
    """

    columns: tuple[str, ...]
    sampling_rate_hz: float
    start_s: float
    units: Mapping[str, str]


def read_sidecar(files: Sequence[Path]) -> Sidecar:
    """Read the JSON files of a BIDS recording, the nearest last: it has the last word on each key.

    Raises:
        RecordingError: when one cannot be read, or the three needed keys are not there.
    """
    facts: dict[str, Any] = {}
    for file in files:
        try:
            facts |= dict(json.loads(file.read_text("utf-8-sig")))
        except (OSError, ValueError, TypeError) as error:
            raise RecordingError(f"'{file}' is not a readable JSON object ({error}).") from None
    where = f"'{files[-1]}'" if files else "no JSON file beside the table"
    for key in ("Columns", "SamplingFrequency", "StartTime"):
        if key not in facts:
            raise RecordingError(
                f"{where} lacks '{key}'; BIDS physiology needs Columns, SamplingFrequency (Hz) and "
                "StartTime (s): add it."
            )
    if not isinstance(facts["Columns"], list) or not facts["Columns"]:
        raise RecordingError(
            f"{where} says Columns {json.dumps(facts['Columns'])}; it must list the names of the "
            'columns, such as ["cardiac"].'
        )
    columns = tuple(map(str, facts["Columns"]))
    described = {name: facts[name] for name in columns if isinstance(facts.get(name), Mapping)}
    units = {name: str(said["Units"]) for name, said in described.items() if said.get("Units")}
    try:
        return Sidecar(columns, float(facts["SamplingFrequency"]), float(facts["StartTime"]), units)
    except (TypeError, ValueError):
        raise RecordingError(
            f"{where} says SamplingFrequency {facts['SamplingFrequency']} and StartTime "
            f"{facts['StartTime']}; both must be numbers."
        ) from None
