"""What a synthetic person does upon a question: the heart answers, and expressions flit by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.datasets.synthetic.behaviour import Event, draw_expression
from affectfuse.datasets.synthetic.parameters import Parameters
from affectfuse.errors import ConfigError

__all__ = ["PlantedReaction", "add_expressions", "check_reactions", "response_course"]

_RISE_S = (1.0, 4.0)
_FALL_S = (12.0, 18.0)
_EXPRESSIONS_S = (0.5, 4.0)
_APART_S = 0.3
_TRIES = 1000


@dataclass(frozen=True)
class PlantedReaction:
    """What is added to a session from a moment on.

    Attributes:
        onset_s: when the question is asked.
        heart_rate_bpm: by how much the heart beats faster at most (slower when negative): it
            begins to change 1 s after the onset, has done so at 4 s, and is back from 12 to 18 s.
        micro_expressions: how many begin from 0.5 to 4 s after the onset.
    """

    onset_s: float
    heart_rate_bpm: float = 0.0
    micro_expressions: int = 0


def check_reactions(reactions: Sequence[PlantedReaction], p: Parameters) -> None:
    """Check that reactions fit into a session.

    Raises:
        ConfigError: when one begins outside the session, or too many expressions are to follow it.
    """
    most = int(np.diff(_EXPRESSIONS_S)[0] / (p.micro_duration_s[1] + _APART_S))
    for reaction in reactions:
        if not 0.0 <= reaction.onset_s <= p.duration_s - _EXPRESSIONS_S[1] - p.micro_duration_s[1]:
            raise ConfigError(
                f"a reaction is planted at {reaction.onset_s:g} s; its expressions must end within "
                f"the {p.duration_s:g} s of the session."
            )
        if not 0 <= reaction.micro_expressions <= most:
            raise ConfigError(
                f"{reaction.micro_expressions} micro-expressions are planted at "
                f"{reaction.onset_s:g} s; allowed are 0 to {most}, as long as they may last here."
            )


def response_course(since_s: Array) -> Array:
    """Return the heart's response (time,), 0 to 1, at so many seconds from the onset."""
    rise, fall = (
        np.clip((since_s - first) / (last - first), 0.0, 1.0) for first, last in (_RISE_S, _FALL_S)
    )
    return np.asarray(rise * rise * (3 - 2 * rise) - fall * fall * (3 - 2 * fall))


def add_expressions(
    rng: np.random.Generator,
    p: Parameters,
    reactions: Sequence[PlantedReaction],
    micro: Sequence[Event],
    macro: Sequence[Event],
) -> tuple[tuple[Event, ...], tuple[Event, ...]]:
    """Return the session's micro- and macro-expressions with those of reactions among them.

    They are drawn as the session's own are, at times drawn evenly, at least 0.3 s apart; an
    expression of the session's own that is in their way is left out.
    """
    planted: list[Event] = []
    for reaction in reactions:
        for _ in range(reaction.micro_expressions):
            planted.append(_fitting(rng, p, reaction.onset_s, planted))
    kept = [tuple(e for e in events if _apart(e, planted)) for events in (micro, macro)]
    return tuple(sorted((*kept[0], *planted), key=lambda event: event.onset_s)), kept[1]


def _fitting(
    rng: np.random.Generator, p: Parameters, onset_s: float, taken: Sequence[Event]
) -> Event:
    for _ in range(_TRIES):
        at_s = round(onset_s + rng.uniform(*_EXPRESSIONS_S), 4)
        label = str(rng.choice(p.micro_classes))
        event = draw_expression(rng, at_s, label, p.micro_duration_s, p.micro_displacement_percent)
        if _apart(event, taken):
            return event
    raise ConfigError(f"the reactions around {onset_s:g} s lie too near to each other.")


def _apart(event: Event, others: Sequence[Event]) -> bool:
    return all(
        event.offset_s + _APART_S <= other.onset_s or event.onset_s >= other.offset_s + _APART_S
        for other in others
    )
