"""Recordings with known truths: one portrait photograph, animated.

    draw_session(seed, subject, ...) -> SessionScript -> render(script, "out.mp4")

All randomness is drawn into the script, which is plain data; rendering replays it.
"""

from affectfuse.datasets.synthetic.conditions import SyntheticConditions
from affectfuse.datasets.synthetic.dataset import Synthetic
from affectfuse.datasets.synthetic.observer import separability
from affectfuse.datasets.synthetic.parameters import CLASSES, Parameters
from affectfuse.datasets.synthetic.reactions import PlantedReaction
from affectfuse.datasets.synthetic.script import SessionScript, draw_session
from affectfuse.datasets.synthetic.subject import Subject
from affectfuse.datasets.synthetic.synthesis import render, synthesise
from affectfuse.datasets.synthetic.truth import Truth, read_truth, truth_of

__all__ = [
    "CLASSES",
    "Parameters",
    "PlantedReaction",
    "SessionScript",
    "Subject",
    "Synthetic",
    "SyntheticConditions",
    "Truth",
    "draw_session",
    "read_truth",
    "render",
    "separability",
    "synthesise",
    "truth_of",
]
