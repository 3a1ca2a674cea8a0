"""vitallens (https://github.com/Rouast-Labs/vitallens-python): its local methods g, chrom, pos.

Its models behind a paid service are not run. Rates are its `rolling_heart_rate`.
"""

from __future__ import annotations

from importlib.metadata import version

from job import Analyse, Analysis, run
from vitallens import VitalLens


def load(method: str) -> Analyse:
    tool = VitalLens(method=method, estimate_rolling_vitals=True, export_to_json=False)

    def analyse(clip: str) -> Analysis:
        faces = tool(clip)
        if not faces:
            return {}
        face = faces[0]
        found: Analysis = {
            "waveform": (face["time"], face["waveforms"]["ppg_waveform"]["data"]),
            "clip_bpm": face["vitals"].get("heart_rate", {}).get("value", float("nan")),
        }
        rolling = face["rolling_vitals"].get("heart_rate")
        if rolling:
            found["rates"] = (face["time"], rolling["data"])
            found["confidence"] = rolling["confidence"]
        return found

    return analyse


if __name__ == "__main__":
    run(load, version("vitallens"))
