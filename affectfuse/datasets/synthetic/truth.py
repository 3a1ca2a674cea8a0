"""The truths of a session: as tracks and intervals, and as files beside the video."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affectfuse.containers import Array, Interval, Track
from affectfuse.datasets.synthetic.animation import pulse_at
from affectfuse.datasets.synthetic.behaviour import Event, Step
from affectfuse.datasets.synthetic.parameters import Parameters
from affectfuse.datasets.synthetic.physiology import mean_heart_rate, respiration_wave
from affectfuse.datasets.synthetic.script import SessionScript
from affectfuse.errors import DatasetError

__all__ = ["HEART_RATE_WINDOW_S", "Truth", "read_truth", "truth_of", "truth_paths", "write_truth"]

HEART_RATE_WINDOW_S = 10.0
"""The true heart rate at a time is the mean over so much before it, counted from the beats."""

SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of a synthetic recording.

    Attributes:
        script: everything that was drawn.
        hidden_state: its stretches, labelled 'calm' or 'tense'.
        events: intervals by kind: 'micro_expression', 'macro_expression', 'blink', 'speech',
            'face_absent', 'pulse_step' and 'light_step'; expressions carry apex and
            `displacement_iod_percent`, steps `percent`.
        tracks: 'heart_rate_bpm' and 'respiration_rate_per_min' once a second,
            'beat_interval_ms' at each beat, 'bvp' and 'respiration' at 50 Hz.
    """

    script: SessionScript
    hidden_state: tuple[Interval, ...]
    events: Mapping[str, tuple[Interval, ...]]
    tracks: Mapping[str, Track]


def truth_of(script: SessionScript) -> Truth:
    """Return the truths that a script states."""
    expressions = {
        "micro_expression": script.micro_expressions,
        "macro_expression": script.macro_expressions,
        "blink": script.blinks,
        "speech": script.syllables,
        "face_absent": script.absences,
    }
    steps = {"pulse_step": script.pulse_steps, "light_step": script.light_steps}
    return Truth(
        script,
        tuple(_interval(state) for state in script.states),
        {kind: tuple(_interval(e) for e in events) for kind, events in expressions.items()}
        | {kind: tuple(_stepped(step, kind) for step in given) for kind, given in steps.items()},
        {track.name: track for track in _tracks(script)},
    )


def _interval(event: Event) -> Interval:
    if event.apex_s is None:
        return Interval(event.onset_s, event.offset_s, event.label)
    values = {"displacement_iod_percent": event.displacement_percent}
    return Interval(event.onset_s, event.offset_s, event.label, event.apex_s, values=values)


def _stepped(step: Step, kind: str) -> Interval:
    return Interval(step.onset_s, step.offset_s, kind, values={"percent": step.percent})


def _tracks(script: SessionScript) -> list[Track]:
    duration_s = script.parameters.duration_s
    beats, breaths = np.array(script.beats_s), np.array(script.breaths_s)
    seconds = np.arange(1.0, np.floor(duration_s) + 1.0)
    fine = np.arange(0.0, duration_s, 0.02)
    inside = (beats[1:] >= 0) & (beats[1:] <= duration_s)
    window = f"mean of the {HEART_RATE_WINDOW_S:g} s before each time"

    def track(name: str, unit: str, times_s: Array, values: Array, note: str = "") -> Track:
        return Track(name, unit, times_s, values, np.ones(len(times_s)), note)

    return [
        track(
            "heart_rate_bpm",
            "bpm",
            seconds,
            mean_heart_rate(beats, seconds, HEART_RATE_WINDOW_S),
            window,
        ),
        track("beat_interval_ms", "ms", beats[1:][inside], 1000.0 * np.diff(beats)[inside]),
        track(
            "respiration_rate_per_min",
            "1/min",
            seconds,
            mean_heart_rate(breaths, seconds, HEART_RATE_WINDOW_S),
            window,
        ),
        track("bvp", "1", fine, pulse_at(script, fine), "peak to peak 1 on average"),
        track("respiration", "1", fine, respiration_wave(fine, breaths)),
    ]


def truth_paths(video: Path) -> dict[str, Path]:
    """Return where the truths of a video lie: 'json', 'events' and 'sidecar'."""
    stem = video.with_suffix("").name
    return {
        "json": video.with_name(f"{stem}.json"),
        "events": video.with_name(f"{stem}_events.tsv"),
        "sidecar": video.with_name(f"{stem}_events.json"),
    }


def write_truth(script: SessionScript, video: Path, about: Mapping[str, Any]) -> None:
    """Write OUT.json, OUT_events.tsv and its sidecar OUT_events.json beside the video OUT.mp4.

    The JSON holds the script, the units of its parameters, and the one-a-second tracks; the
    event table is BIDS's.

    Args:
        script: of the session.
        video: path of the video.
        about: further facts for the JSON, such as the photograph's name.
    """
    truth, paths = truth_of(script), truth_paths(video)
    tracks = {
        name: {
            "unit": track.unit,
            "note": track.note,
            "times_s": [round(float(t), 5) for t in track.times_s],
            "values": [round(float(v), 4) for v in track.values],
        }
        for name, track in truth.tracks.items()
        if name not in {"bvp", "respiration"}
    }
    document = {
        "schema_version": SCHEMA_VERSION,
        "video": video.name,
        "synthetic": True,
        **about,
        "units": Parameters.units(),
        "script": script.to_json(),
        "tracks": tracks,
    }
    _write(paths["json"], json.dumps(document, separators=(",", ":")) + "\n")
    _write(paths["events"], _events_table(truth))
    _write(paths["sidecar"], json.dumps(_SIDECAR, indent=2) + "\n")


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


_SIDECAR = {
    "onset": {"Description": "Beginning, from the start of the video", "Units": "s"},
    "duration": {"Description": "Length", "Units": "s"},
    "trial_type": {
        "Description": "Kind of event; the class is in the column label",
        "Levels": {
            "hidden_state": "Stretch of the planted state: calm or tense",
            "micro_expression": "Short facial expression",
            "macro_expression": "Ordinary facial expression",
            "blink": "Lids closing and opening",
            "speech": "One syllable",
            "face_absent": "No face in the picture",
            "pulse_step": "Amplitude of the pulse changed",
            "light_step": "Light changed",
        },
    },
    "label": {"Description": "Class of the event"},
    "apex": {"Description": "Time of the largest displacement", "Units": "s"},
    "intensity": {
        "Description": "Largest displacement of a landmark, or change of the pulse or the light",
        "Units": "% of the interocular distance; % of the pulse's amplitude or of the light",
    },
}


def _events_table(truth: Truth) -> str:
    kinds = {"hidden_state": truth.hidden_state, **truth.events}
    rows = sorted(
        ((i.onset_s, kind, i) for kind, intervals in kinds.items() for i in intervals),
        key=lambda row: row[:2],
    )
    lines = ["\t".join(("onset", "duration", "trial_type", "label", "apex", "intensity"))]
    for onset_s, kind, i in rows:
        intensity = i.values.get("displacement_iod_percent", i.values.get("percent"))
        lines.append(
            "\t".join(
                (
                    f"{onset_s:.4f}",
                    f"{i.duration_s:.4f}",
                    kind,
                    i.label,
                    "n/a" if np.isnan(i.apex_s) else f"{i.apex_s:.4f}",
                    "n/a" if intensity is None else f"{intensity:.4f}",
                )
            )
        )
    return "\n".join(lines) + "\n"


def read_truth(video: str | Path) -> Truth:
    """Read the truths that lie beside a synthetic video.

    Raises:
        DatasetError: when they are not there or cannot be read.
    """
    path = truth_paths(Path(video))["json"]
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version = document["schema_version"]
        script = SessionScript.from_json(document["script"]) if version == SCHEMA_VERSION else None
    except FileNotFoundError:
        raise DatasetError(f"no truths at {path}: render the video again.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path} is not a synthetic video's truths: {error!r}") from None
    if script is None:
        raise DatasetError(
            f"{path} has schema version {version}; this affectfuse reads {SCHEMA_VERSION}: "
            "render the video again."
        )
    return truth_of(script)
