"""A tiny CASME II whose people are rendered, so that faces are found and expressions move."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from datasets.coded_trees import CASME2_HEADER, write_xlsx

from affectfuse.datasets.synthetic import draw_session
from affectfuse.datasets.synthetic.rendering import Renderer

RATE_HZ = 50.0
_MARGIN = 3  # frames before the onset and after the offset
_CLASSES = 5


def write_expressive_casme2(root: Path, subjects: int) -> None:
    """Write subjects' clips, one of each class, and a sheet in which one apex is unknown."""
    rows = {1: CASME2_HEADER}
    for subject in range(1, subjects + 1):
        script = draw_session(
            10 + subject, subject, variant_seed=11, duration_s=10.0, fps=RATE_HZ,
            width=200, height=200, interocular_percent=28.0, hidden_state=False,
            micro_expressions_per_min=60.0, micro_gap_s=0.6, macro_expressions_per_min=0.0,
            blinks_per_min=0.0, micro_displacement_percent=(4.0, 6.0),
        )  # fmt: skip
        events = script.micro_expressions[:_CLASSES]  # shuffled rounds: one of each class
        frames = np.array(script.frame_times_s)
        for event in events:
            name = f"EP{subject:02d}_{event.label}"
            onset, apex, offset = (
                int(np.argmin(np.abs(frames - time_s)))
                for time_s in (event.onset_s, event.apex_s or 0.0, event.offset_s)
            )
            first, last = max(onset - _MARGIN, 0), offset + _MARGIN
            shown = replace(script, frame_times_s=tuple(frames[first : last + 1].tolist()))
            folder = root / "CASME2_RAW_selected" / f"sub{subject:02d}" / name
            folder.mkdir(parents=True)
            for number, frame in enumerate(Renderer(shown).frames(), start=first):
                picture = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
                path = folder / f"img{number}.jpg"
                path.write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
            units = "+".join(sorted({unit[2:-1] for unit in event.weights}, key=int))
            coded_apex = "/" if len(rows) == 1 else apex
            rows[len(rows) + 1] = (
                subject, name, None, onset, coded_apex, offset, None, units, event.label
            )  # fmt: skip
    unmapped = list(rows[2])
    unmapped[-1] = "fear"  # the same images, in a word that is no class
    rows[len(rows) + 1] = tuple(unmapped)
    write_xlsx(root / "CASME2-coding-20140508.xlsx", {"Sheet1": rows})
