"""The synthetic data set: sessions of variants of one photograph, rendered into a cache."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from affectfuse.config import cache_dir
from affectfuse.containers import Target
from affectfuse.datasets.base import Dataset, DatasetItem, Progress
from affectfuse.datasets.synthetic.behaviour import STATES
from affectfuse.datasets.synthetic.parameters import Parameters
from affectfuse.datasets.synthetic.script import SessionScript, draw_session
from affectfuse.datasets.synthetic.synthesis import render
from affectfuse.datasets.synthetic.truth import SCHEMA_VERSION, read_truth, truth_paths
from affectfuse.errors import ConfigError, DatasetError, OutputError

__all__ = ["Synthetic"]

_APPEARANCE_VERSION = 4  # raise it when the same script gives other pictures, or other scripts


class Synthetic(Dataset):
    """Sessions of synthetic subjects, each a variant of one photograph.

    `prepare` renders what is not in the cache yet; a changed parameter gives another folder there,
    so that recordings of an older one are never taken for its own.

    Args:
        root: folder of the cache; None is a folder of affectfuse's own. Created readable by
            its owner alone.
        seed: of the subjects and of all sessions.
        subjects: how many.
        first_subject: number of the first one; sets of one seed with different numbers have
            different subjects. Number 0 is the photograph as it is.
        sessions: how many of each subject.
        photo: path of a portrait; None is scikit-image's astronaut.
        workers: processes that render; 0 is one a core, 1 renders in this process.
        session: fields of `Parameters` that differ from their defaults.

    Attributes:
        seed, workers: as given.
        subjects: their numbers.

    Raises:
        ConfigError: for an unknown field of `session` or a value out of its range.
    """

    name = "synthetic"
    target = Target("hidden_state", STATES, "window", "planted")

    def __init__(
        self,
        root: str | None = None,
        seed: int = 1,
        subjects: int = 8,
        first_subject: int = 1,
        sessions: int = 1,
        photo: str | None = None,
        workers: int = 0,
        session: Mapping[str, Any] | None = None,
    ) -> None:
        counts = {"seed": seed, "first_subject": first_subject, "workers": workers}
        for label, number in counts.items():
            if number < 0:
                raise ConfigError(f"{label} is {number}; allowed is a whole number of at least 0.")
        for label, number in {"subjects": subjects, "sessions": sessions}.items():
            if number < 1:
                raise ConfigError(f"{label} is {number}; allowed is a whole number of at least 1.")
        self.seed, self.workers = seed, workers
        self.subjects = range(first_subject, first_subject + subjects)
        self._sessions = range(1, sessions + 1)
        self._photo = None if photo is None else Path(photo)
        self._session = dict(session or {})
        self._parameters = Parameters.of(self._session)
        self._given_root = root
        shown = "scikit-image's astronaut" if photo is None else "the user's"
        self.provenance = (
            f"Synthetic: {subjects} animated variants of one photograph ({shown}) with planted "
            "signals; no real person's recording was seen."
        )

    @property
    def root(self) -> Path:
        """Folder of the cache."""
        if self._given_root is None:
            return cache_dir() / "synthetic"
        return Path(self._given_root).expanduser()

    @cached_property
    def folder(self) -> Path:
        """Folder of these recordings inside the cache, named after all that they depend on."""
        facts = {
            "versions": [SCHEMA_VERSION, _APPEARANCE_VERSION],
            "seed": self.seed,
            "parameters": asdict(self._parameters),
            "photo": self._photo_digest(),
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return self.root / digest[:12]

    def _photo_digest(self) -> str:
        if self._photo is None:
            return "skimage.data.astronaut"
        try:
            return hashlib.sha256(self._photo.read_bytes()).hexdigest()
        except OSError as error:
            raise DatasetError(
                f"the photograph {self._photo} cannot be read: {error.strerror}; give a PNG or "
                "JPEG file that is there."
            ) from None

    def _recordings(self) -> Iterator[tuple[str, int, int, Path]]:
        for subject in self.subjects:
            for session in self._sessions:
                key = f"sub-{subject:03d}_ses-{session:02d}"
                yield key, subject, session, self.folder / f"{key}.mp4"

    def script(self, subject: int, session: int) -> SessionScript:
        """Draw the script of one session, by the numbers of its subject and session."""
        drawn = np.random.SeedSequence([self.seed, subject, session]).generate_state(1)
        return draw_session(int(drawn[0]), subject, variant_seed=self.seed, **self._session)

    def prepare(self, progress: Progress | None = None) -> None:
        """Render the recordings that are not there yet.

        Each appears under its name only when it is whole, so that an interrupted run is resumed.

        Raises:
            DatasetError: when the photograph cannot be read or shows no face.
            OutputError: when the cache cannot be written to.
        """
        missing = [
            (self.script(subject, session), path)
            for _, subject, session, path in self._recordings()
            if not (path.is_file() and truth_paths(path)["json"].is_file())
        ]
        if not missing:
            return
        _make_private(self.root)
        _make_private(self.folder)
        workers = min(self.workers or os.cpu_count() or 1, len(missing))
        total = len(missing)
        if workers == 1:
            for done, (script, path) in enumerate(missing, start=1):
                render(script, path, photo=self._photo)
                if progress is not None:
                    progress("synthetic recordings", done, total)
            return
        # spawned, because the face tracker's threads do not survive a fork
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            jobs = [pool.submit(_render_alone, s, path, self._photo) for s, path in missing]
            try:
                for done, job in enumerate(as_completed(jobs), start=1):
                    job.result()
                    if progress is not None:
                        progress("synthetic recordings", done, total)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def items(self) -> Sequence[DatasetItem]:
        """Return the recordings with their truths.

        `references` holds 'heart_rate_bpm', 'beat_interval_ms', 'respiration_rate_per_min',
        'bvp' and 'respiration'; `labels` is empty when no state was planted.

        Raises:
            DatasetError: when one has not been rendered.
        """
        items = []
        for key, subject, session, path in self._recordings():
            if not path.is_file():
                raise DatasetError(f"no recording at {path}: call prepare() to render it.")
            truth = read_truth(path)
            planted = truth.script.parameters.hidden_state
            items.append(
                DatasetItem(
                    key=key,
                    subject=f"{self.name}-{self.seed}-{subject:03d}",
                    path=path,
                    labels=truth.hidden_state if planted else (),
                    annotations={
                        kind: truth.events[kind]
                        for kind in ("micro_expression", "macro_expression")
                    },
                    references=truth.tracks,
                    attributes={
                        "source": self.name,
                        "session": str(session),
                        "skin_tone": f"{truth.script.parameters.skin_tone:.1f}",
                    },
                )
            )
        return items


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise OutputError(
            f"cannot create {folder}: {error.strerror}; give another `root`."
        ) from None


def _render_alone(script: SessionScript, path: Path, photo: Path | None) -> None:
    cv2.setNumThreads(1)
    render(script, path, photo=photo)
