"""The whole flow: a recording becomes a scored session.

recording -> observations -> readings and ticks -> estimates -> session score -> report
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from affectfuse.config import build
from affectfuse.containers import IntervalTrack, Track
from affectfuse.errors import ConfigError
from affectfuse.extraction import FACE_VISIBLE
from affectfuse.files import file_sha256
from affectfuse.gathering import Gathered, Watch, gather
from affectfuse.modalities.base import Modality
from affectfuse.recording.base import Recording
from affectfuse.recording.facts import recording_facts, session_notes
from affectfuse.recording.reader import open_recording
from affectfuse.reports.session import (
    HOW_TO_DECLARE,
    NO_RECOGNISER,
    Declaration,
    Mode,
    SessionResult,
)
from affectfuse.scoring.base import Question, ScoringProtocol
from affectfuse.scoring.events import event_notes
from affectfuse.stored_tracks import kept_or_made, tracks_key
from affectfuse.versions import package_versions

if TYPE_CHECKING:
    from affectfuse.checkpoint import Checkpoint
    from affectfuse.session_file import SessionFile

__all__ = ["score_recording", "score_session", "spot_recording"]


def score_recording(
    recipe: DictConfig,
    source: str | Path | Recording,
    *,
    checkpoint: Checkpoint | None = None,
    events: Sequence[Question] = (),
    declaration: Declaration | None = None,
    replay: bool = False,
    watch: Watch | None = None,
    opened: Callable[[Recording], None] | None = None,
    cache: Path | None = None,
) -> SessionResult:
    """Score one recording.

    Args:
        recipe: `score`, filled: `modalities` (a checkpoint brings its own), `protocol`, `face`.
        source: a file, camera or stream; or an open recording, which is closed.
        checkpoint: a trained fused model; without one heart rate and spotted expressions remain.
        events: the questions, for the protocol.
        declaration: purpose and consent, without which some protocols score nothing.
        replay: pace a file by its own timestamps, as a camera would.
        watch: told of progress.
        opened: handed the recording once it is open, so that it can be stopped from elsewhere.
        cache: folder in which the tracks of files are kept, with pictures of the face, so that
            other questions or another protocol need no second pass; None: they are not kept.

    Raises:
        ConfigError: when events are given, the protocol needs a declared purpose and consent, and
            there is none.
    """
    protocol = build(recipe.protocol, ScoringProtocol)  # type: ignore[type-abstract]
    if events and protocol.needs_consent and declaration is None:
        raise ConfigError(
            f"protocol '{protocol.name}' needs a declared purpose and the consent of the person "
            f"who was recorded: {HOW_TO_DECLARE}; then 'affectfuse score session.yaml'."
        )
    modalities = checkpoint.modalities() if checkpoint else build_modalities(recipe)
    recognise = checkpoint.recognise() if checkpoint else None
    estimator = checkpoint.estimator() if checkpoint else None

    def gathered(recording: Recording, facts: Mapping[str, Any]) -> Gathered:
        make = partial(
            gather,
            recording,
            modalities,
            _face(recipe),
            recognise=recognise,
            estimate=estimator.estimate if estimator else None,
            watch=watch,
        )
        if cache is None or replay or recording.info.kind != "file":
            return make()
        configuration = {
            "modalities": checkpoint.modality_configs if checkpoint else _plain(recipe.modalities),
            "face": _face(recipe),
            "checkpoint": checkpoint.digest() if checkpoint else None,
        }
        classes: list[type] = [type(modality) for modality in modalities.values()]
        if estimator:
            classes += [type(estimator), type(estimator.model.head)]
        key = tracks_key(recording, facts, configuration, classes)
        return kept_or_made(cache, key, recording, make) if key else make()

    read, facts = _read(source, replay, opened, gathered)
    notes = [*facts.notes, *_seen(read.tracks)]
    if events:
        notes += event_notes(events, read.duration_s)
    found: dict[str, Track | IntervalTrack] = {**read.tracks, **read.intervals}
    return SessionResult(
        source=facts.source,
        duration_s=read.duration_s,
        mode=facts.mode,
        tracks=read.tracks,
        intervals=read.intervals,
        estimates=read.estimates,
        target=checkpoint.target if checkpoint else None,
        modality_quality=read.quality,
        events=events,
        score=protocol.score(found, read.estimates, events) if events else None,
        provenance=_provenance(recipe, read, facts, checkpoint),
        notes=notes,
        declaration=declaration,
    )


def score_session(
    recipe: DictConfig,
    session: SessionFile,
    *,
    checkpoint: Checkpoint | None = None,
    watch: Watch | None = None,
    opened: Callable[[Recording], None] | None = None,
    cache: Path | None = None,
) -> SessionResult:
    """Score a declared session: its recordings on one clock, its questions by its protocol.

    Args:
        recipe: `score`, filled: `load_recipe("score", changes=session.recipe)`.
        session: as `read_session` gives it.
        checkpoint: a trained fused model; what the session says of one is not read here.
        watch, opened, cache: see `score_recording`.

    Raises:
        RecordingError: when a recording cannot be read, or put on the session's clock.
        EventsError: when the questions cannot be read or lie outside the session.
    """
    with session.open() as recording:
        result = score_recording(
            recipe,
            recording,
            checkpoint=checkpoint,
            events=session.questions(recording),
            declaration=session.declaration,
            watch=watch,
            opened=opened,
            cache=cache,
        )
    told = {"session_file_sha256": file_sha256(session.path), "session_start": session.began}
    return replace(result, provenance={**told, **result.provenance})


def spot_recording(
    recipe: DictConfig,
    source: str | Path,
    *,
    checkpoint: Checkpoint | None = None,
    replay: bool = False,
    watch: Watch | None = None,
    opened: Callable[[Recording], None] | None = None,
) -> SessionResult:
    """Spot the expressions of one recording, however long, and name the micro-expressions.

    Args:
        recipe: `spot`, filled: `modalities`, one that spots, and `face`.
        source: a file, camera or stream.
        checkpoint: brings the modality of that name with its recogniser; without one what is
            spotted has no class.
        replay, watch, opened: see `score_recording`.

    Raises:
        ConfigError: when the recipe names no modality, or several, or the checkpoint lacks it.
    """
    modalities = build_modalities(recipe)
    if len(modalities) != 1:
        raise ConfigError(
            f"'modalities' names {len(modalities)} modalities; spotting takes one, such as "
            "[micro_expression]."
        )
    (name,) = modalities
    recognise = None
    if checkpoint:
        recognise = checkpoint.recognise()
        if name not in recognise:
            raise ConfigError(
                f"{checkpoint.source} has no recogniser for '{name}': give another checkpoint, or "
                "none."
            )
        modalities = {name: checkpoint.modalities()[name]}
        recognise = {name: recognise[name]}

    def gathered(recording: Recording, facts: Mapping[str, Any]) -> Gathered:
        return gather(recording, modalities, _face(recipe), recognise=recognise, watch=watch)

    read, facts = _read(source, replay, opened, gathered)
    return SessionResult(
        source=facts.source,
        duration_s=read.duration_s,
        mode=facts.mode,
        tracks=read.tracks,
        intervals=read.intervals,
        modality_quality=read.quality,
        provenance={
            **_provenance(recipe, read, facts, checkpoint),
            "learned_parts": dict(modalities[name].learned_parts()),
        },
        notes=[*facts.notes, *_seen(read.tracks)] + [NO_RECOGNISER] * (checkpoint is None),
        fused=False,
    )


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a recording once it was read."""

    source: str
    mode: Mode
    notes: Sequence[str]
    recording: Mapping[str, Any]


def _read(
    source: str | Path | Recording,
    replay: bool,
    opened: Callable[[Recording], None] | None,
    gathered: Callable[[Recording, Mapping[str, Any]], Gathered],
) -> tuple[Gathered, _Facts]:
    """Open a recording and gather what it yields; `gathered` is called with it and its facts."""
    if isinstance(source, Recording):
        recording = source
    else:
        recording = open_recording(source, replay=replay)
        recording.opener = source
    with recording:
        if opened:
            opened(recording)
        facts = recording_facts(recording)
        read = gathered(recording, facts)
        notes = [*session_notes(recording), *read.notes]
    info = recording.info
    mode: Mode = "live" if info.kind != "file" else "replay" if replay else "offline causal"
    return read, _Facts(info.source, mode, notes, facts)


def _provenance(
    recipe: DictConfig, read: Gathered, facts: _Facts, checkpoint: Checkpoint | None
) -> dict[str, Any]:
    return {
        "recording": facts.recording,
        "face_landmarks": read.face_landmarks,
        "checkpoint": checkpoint.provenance() if checkpoint else None,
        "configuration": _plain(recipe),
        "versions": package_versions(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "extraction": {"created": read.created, "from_cache": read.from_cache},
        "refined_with_hindsight": False,
    }


def _face(recipe: DictConfig) -> dict[str, Any]:
    return dict(_plain(recipe.face))


def _plain(node: DictConfig) -> Any:
    return OmegaConf.to_container(node, resolve=True)


def build_modalities(recipe: DictConfig) -> dict[str, Modality]:
    """Build a recipe's modalities, by name."""
    return {
        str(name): build(node, Modality)  # type: ignore[type-abstract]
        for name, node in recipe.modalities.items()
    }


def _seen(tracks: Mapping[str, Track]) -> list[str]:
    """Return the note that an unseen face deserves."""
    visible = tracks.get(FACE_VISIBLE)
    if visible is None:
        return ["the recording is shorter than a second: nothing can be said of it"]
    seen = visible.values[np.isfinite(visible.values)]
    if not len(seen) or seen.mean() > 0:  # without pictures the recording itself says so
        return []
    return ["no face was found in this recording: nothing that needs one is known"]
