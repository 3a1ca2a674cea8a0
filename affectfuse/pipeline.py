"""The whole flow: a recording becomes a scored session.

recording -> observations -> readings and ticks -> estimates -> session score -> report
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from affectfuse.config import build
from affectfuse.containers import (
    Reading,
    Tick,
    Track,
)
from affectfuse.errors import ConfigError
from affectfuse.extraction import FACE_VISIBLE, extract, observe, start
from affectfuse.files import file_sha256
from affectfuse.gathering import Gathering
from affectfuse.modalities.base import Modality, Recognise
from affectfuse.recording.base import Recording
from affectfuse.recording.faces import FaceTracker
from affectfuse.recording.facts import recording_facts, session_notes
from affectfuse.recording.merged import MergedRecording
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
from affectfuse.versions import package_versions

if TYPE_CHECKING:
    from affectfuse.checkpoint import Checkpoint
    from affectfuse.fusion.estimator import Estimator
    from affectfuse.session_file import SessionFile

__all__ = ["score_recording", "score_session", "spot_recording"]

Watch = Callable[[int, float, "Tick | Reading | None"], None]
"""Called as watch(frames so far, time_s, newest reading or tick) while a recording is scored."""


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
    session, facts = _read(recipe, source, modalities, recognise, estimator, replay, watch, opened)
    tracks, intervals = session.tracks(), session.intervals()
    notes = [*facts.notes, *_seen(tracks)]
    if events:
        notes += event_notes(events, session.time_s)
    score = protocol.score({**tracks, **intervals}, session.estimates, events) if events else None
    return SessionResult(
        source=facts.source,
        duration_s=session.time_s,
        mode=facts.mode,
        tracks=tracks,
        intervals=intervals,
        estimates=session.estimates,
        target=checkpoint.target if checkpoint else None,
        modality_quality=session.quality(),
        events=events,
        score=score,
        provenance=_provenance(recipe, facts, checkpoint),
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
) -> SessionResult:
    """Score a declared session: its recordings on one clock, its questions by its protocol.

    Args:
        recipe: `score`, filled: `load_recipe("score", changes=session.recipe)`.
        session: as `read_session` gives it.
        checkpoint: a trained fused model; what the session says of one is not read here.
        watch, opened: see `score_recording`.

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
        )
    told = {"session_file_sha256": file_sha256(session.path)}
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
    session, facts = _read(recipe, source, modalities, recognise, None, replay, watch, opened)
    tracks = session.tracks()
    return SessionResult(
        source=facts.source,
        duration_s=session.time_s,
        mode=facts.mode,
        tracks=tracks,
        intervals=session.intervals(),
        modality_quality=session.quality(),
        provenance={
            **_provenance(recipe, facts, checkpoint),
            "learned_parts": dict(modalities[name].learned_parts()),
        },
        notes=[*facts.notes, *_seen(tracks)] + [NO_RECOGNISER] * (checkpoint is None),
        fused=False,
    )


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a recording once it was read."""

    source: str
    mode: Mode
    notes: Sequence[str]
    landmarks: str | None
    recording: Mapping[str, Any]


def _read(
    recipe: DictConfig,
    source: str | Path | Recording,
    modalities: Mapping[str, Modality],
    recognise: Mapping[str, Recognise] | None,
    estimator: Estimator | None,
    replay: bool,
    watch: Watch | None,
    opened: Callable[[Recording], None] | None,
) -> tuple[Gathering, _Facts]:
    """Pass over a recording once."""
    extractors = start(modalities, recognise)
    session = Gathering()
    found = source if isinstance(source, Recording) else open_recording(source, replay=replay)
    with (
        found as recording,
        FaceTracker(**OmegaConf.to_container(recipe.face)) as faces,  # type: ignore[arg-type]
    ):
        if opened:
            opened(recording)
        observations = session.count(observe(recording, modalities.values(), faces))
        for reading in extract(observations, modalities, extractors):
            session.add(reading)
            if isinstance(reading, Tick) and estimator:
                session.estimates.append(estimator.estimate(reading))
            if watch:
                watch(session.frames, session.time_s, reading)
        if isinstance(recording, MergedRecording):
            session.end(recording.end_s)
        info = recording.info
        generation = faces.generation if info.width else None  # finding out loads the model
        notes = [*session_notes(recording), *recording.notes]
    mode: Mode = "live" if info.kind != "file" else "replay" if replay else "offline causal"
    return session, _Facts(info.source, mode, notes, generation, recording_facts(recording))


def _provenance(recipe: DictConfig, facts: _Facts, checkpoint: Checkpoint | None) -> dict[str, Any]:
    return {
        "recording": facts.recording,
        "face_landmarks": facts.landmarks,
        "checkpoint": checkpoint.provenance() if checkpoint else None,
        "configuration": OmegaConf.to_container(recipe, resolve=True),
        "versions": package_versions(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "refined_with_hindsight": False,
    }


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
