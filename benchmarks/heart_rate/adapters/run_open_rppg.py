"""open-rppg (https://github.com/KegangWangCCNU/open-rppg): its models, weights in the package.

Its recurrent state survives from one video to the next; here it is set back before each clip.
Rates are its own `hr` over the 10 s before each second.
"""

from __future__ import annotations

from importlib.metadata import version

import rppg
from job import Analyse, Analysis, run


def load(method: str) -> Analyse:
    model = rppg.Model(method)
    fresh = model.state

    def analyse(clip: str) -> Analysis:
        model.state = fresh
        whole = model.process_video(clip) or {}
        values, times_s = model.bvp(raw=True)
        ends_s = list(range(10, int(model.now + 0.1) + 1))  # now: the last frame
        windows = [model.hr(end - 10, end, return_hrv=False) for end in ends_s]
        return {
            "waveform": ([float(t) for t in times_s], [float(v) for v in values]),
            "rates": (ends_s, [_number(window["hr"]) for window in windows]),
            "confidence": [_number(window["SQI"]) for window in windows],
            "clip_bpm": _number(whole.get("hr")),
        }

    return analyse


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


if __name__ == "__main__":
    run(load, version("open-rppg"))
