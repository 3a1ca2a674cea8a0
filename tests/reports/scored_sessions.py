"""Simulated sessions, scored by each protocol, as the page gets them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from scoring.simulated import Design, Effect, Simulated, simulate

from affectfuse.config import build, load_node
from affectfuse.containers import IntervalTrack, Track
from affectfuse.reports.session import SessionResult
from affectfuse.scoring.base import ScoringProtocol

__all__ = ["PROTOCOLS", "hostile", "recorded", "scored", "simulated"]

PROTOCOLS: list[tuple[str, Design]] = [
    ("baseline_shift", "events"),
    ("comparison_question", "comparison"),
    ("concealed_information", "items"),
    ("oss3", "comparison"),
]
EFFECT = Effect(heart_rate_bpm=5.0, eda_us=0.5, micro_expressions=2)
HOSTILE = "</script><img src=x onerror=\"alert(1)\"><i>& 'text'</i>"


@cache
def recorded(design: Design) -> Simulated:
    return simulate(3, design, EFFECT)


@cache
def simulated(design: Design) -> Simulated:
    """A session in which every track is known throughout."""
    session = recorded(design)
    whole: dict[str, Track | IntervalTrack] = {}
    for name, track in session.tracks.items():
        if isinstance(track, Track):
            known = np.isfinite(track.values)
            values = np.interp(track.times_s, track.times_s[known], track.values[known])
            values = np.ones(len(values)) if name == "face_visible" else values
            track = Track(name, track.unit, track.times_s, values, np.ones(len(values)))
        whole[name] = track
    return replace(session, tracks=whole)


def scored(session: Simulated, protocol: str, **more: Any) -> SessionResult:
    node = load_node("protocol", protocol)
    for key, value in {"permutations": 99, **more}.items():
        node[key] = value
    score = build(node, ScoringProtocol).score(*session.all())  # type: ignore[type-abstract]
    tracks = session.tracks
    return SessionResult(
        "interview.mp4",
        session.questions[-1].offset_s + 30.0,
        "offline causal",
        {name: track for name, track in tracks.items() if isinstance(track, Track)},
        {name: track for name, track in tracks.items() if isinstance(track, IntervalTrack)},
        session.estimates,
        events=session.questions,
        score=score,
    )


def hostile() -> SessionResult:
    """A session in which every text from outside would like to be markup."""
    session = recorded("comparison")
    tracks = dict(session.tracks)
    eda = tracks.pop("eda_us")
    assert isinstance(eda, Track)
    tracks[HOSTILE] = replace(eda, name=HOSTILE, unit=HOSTILE)
    questions = tuple(
        replace(q, label=q.label + HOSTILE, series=HOSTILE) for q in session.questions
    )
    result = scored(Simulated(tracks, session.estimates, questions), "comparison_question")
    assert result.score is not None
    rows = [replace(row, note=HOSTILE, artefact=HOSTILE) for row in result.score.rows]
    contrasts = [replace(c, note=HOSTILE) for c in result.score.contrasts]
    return replace(
        result,
        source=HOSTILE,
        score=replace(
            result.score,
            rows=tuple(rows),
            contrasts=tuple(contrasts),
            methods=HOSTILE,
            references=(HOSTILE,),
            absent=(HOSTILE,),
            notes=(HOSTILE,),
        ),
        provenance={
            "versions": {"affectfuse": HOSTILE},
            "recording": {"parts": {HOSTILE: {"codec": HOSTILE, "alignment": {"how": HOSTILE}}}},
            "face_landmarks": HOSTILE,
            "configuration": {"modalities": {HOSTILE: {"method": HOSTILE}}},
        },
    )
