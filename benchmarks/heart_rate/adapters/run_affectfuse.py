"""affectfuse: the whole `score` with heart rate alone, its report included."""

from __future__ import annotations

import tempfile
from pathlib import Path

from job import Analyse, Analysis, run

from affectfuse import __version__
from affectfuse.config import load_recipe
from affectfuse.pipeline import score_recording
from affectfuse.reports.writing import write_session


def load(method: str) -> Analyse:
    recipe = load_recipe("score", [f"modalities=[{method}]"])

    def analyse(clip: str) -> Analysis:
        result = score_recording(recipe, clip)
        with tempfile.TemporaryDirectory() as folder:
            write_session(result, Path(folder) / "out")
        rate, wave = result.tracks["heart_rate_bpm"], result.tracks.get("bvp")
        found: Analysis = {
            "rates": (rate.times_s.tolist(), rate.values.tolist()),
            "confidence": rate.quality.tolist(),
        }
        if wave is not None:
            found["waveform"] = (wave.times_s.tolist(), wave.values.tolist())
        return found

    return analyse


if __name__ == "__main__":
    run(load, __version__)
