"""The same synthetic subjects under several named conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from affectfuse.datasets.base import Dataset, DatasetItem, Progress
from affectfuse.datasets.synthetic.dataset import Synthetic
from affectfuse.errors import ConfigError

__all__ = ["SyntheticConditions"]


class SyntheticConditions(Dataset):
    """Sessions of synthetic subjects, one of each under each condition.

    A subject looks the same in every condition, and a session is drawn from the same seed, so
    that conditions differ in what they state and in little else. Items carry the attribute
    `condition`; their keys begin with it.

    Args:
        root: folder of the cache; None is a folder of affectfuse's own.
        seed: of the subjects and of all sessions.
        subjects: how many.
        first_subject: number of the first one.
        photo: path of a portrait; None is scikit-image's astronaut.
        workers: processes that render; 0 is one a core, 1 renders in this process.
        session: fields of `Parameters` common to all conditions.
        conditions: by condition, the fields that differ from `session`.

    Raises:
        ConfigError: without a condition, for an unknown field or a value out of its range.
    """

    name = "synthetic_conditions"
    target = Synthetic.target

    def __init__(
        self,
        root: str | None = None,
        seed: int = 1,
        subjects: int = 3,
        first_subject: int = 1,
        photo: str | None = None,
        workers: int = 0,
        session: Mapping[str, Any] | None = None,
        conditions: Mapping[str, Mapping[str, Any] | None] | None = None,
    ) -> None:
        if not conditions:
            raise ConfigError(
                "conditions is empty; give at least one, such as {still: {sway_degrees: 0.0}}."
            )
        self.sets = {
            condition: Synthetic(
                root=root,
                seed=seed,
                subjects=subjects,
                first_subject=first_subject,
                photo=photo,
                workers=workers,
                session={**(session or {}), **(changes or {})},
            )
            for condition, changes in sorted(conditions.items())
        }
        self.provenance = next(iter(self.sets.values())).provenance

    @property
    def root(self) -> Path:
        """Folder of the cache."""
        return next(iter(self.sets.values())).root

    def prepare(self, progress: Progress | None = None) -> None:
        """Render the recordings that are not there yet, one condition after another.

        Raises:
            DatasetError: when the photograph cannot be read or shows no face.
            OutputError: when the cache cannot be written to.
        """
        for condition, recordings in self.sets.items():
            recordings.prepare(_named(condition, progress))

    def items(self) -> Sequence[DatasetItem]:
        """Return the recordings with their truths, as `Synthetic` does, condition by condition.

        Raises:
            DatasetError: when one has not been rendered.
        """
        items = [
            replace(
                item,
                key=f"{condition}_{item.key}",
                attributes={**item.attributes, "condition": condition},
            )
            for condition, recordings in self.sets.items()
            for item in recordings.items()
        ]
        return sorted(items, key=lambda item: item.key)


def _named(condition: str, progress: Progress | None) -> Progress | None:
    if progress is None:
        return None
    return lambda what, done, total: progress(f"{what}, {condition}", done, total)
