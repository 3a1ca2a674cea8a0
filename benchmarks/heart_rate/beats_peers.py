"""HeartPy and NeuroKit2 on pulse waveforms; run by the interpreter of an environment of theirs.

    PEER_PYTHON beats_peers.py SIGNALS.npz RESULT.json

SIGNALS holds `rate_hz` and, by recording, `KEY/signal` (time,) and `KEY/windows` (window, 2), the
begin and end of each window in seconds. RESULT gives by method and recording the times of the beats
in the whole recording and, by window, the RMSSD and SDNN that the tool itself reports for it.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import heartpy
import neurokit2
import numpy as np

Found = tuple[list[float], float, float]
"""Times of the beats in seconds, RMSSD and SDNN in ms."""


def by_heartpy(signal: Any, rate_hz: float) -> Found:
    """Filtered as its documentation advises for noisy PPG; rejected beats and outliers left out."""
    clean = heartpy.filter_signal(
        signal, [0.7, 3.5], sample_rate=rate_hz, order=3, filtertype="bandpass"
    )
    data, measures = heartpy.process(heartpy.scale_data(clean), rate_hz, clean_rr=True)
    kept = [p for p, good in zip(data["peaklist"], data["binary_peaklist"], strict=False) if good]
    return [p / rate_hz for p in kept], float(measures["rmssd"]), float(measures["sdnn"])


def by_neurokit(signal: Any, rate_hz: float) -> Found:
    """Elgendi's detector, artefacts corrected (Lipponen and Tarvainen), as its own HRV asks for."""
    clean = neurokit2.ppg_clean(signal, sampling_rate=rate_hz)
    _, info = neurokit2.ppg_peaks(clean, sampling_rate=rate_hz, correct_artifacts=True)
    hrv = neurokit2.hrv_time(info["PPG_Peaks"], sampling_rate=rate_hz)
    peaks = np.asarray(info["PPG_Peaks"], dtype=float) / rate_hz
    return peaks.tolist(), float(hrv["HRV_RMSSD"].iloc[0]), float(hrv["HRV_SDNN"].iloc[0])


METHODS: dict[str, Callable[[Any, float], Found]] = {
    f"HeartPy {heartpy.__version__.removeprefix('Version ')}": by_heartpy,
    f"NeuroKit2 {neurokit2.__version__}": by_neurokit,
}


def main() -> None:
    warnings.simplefilter("ignore")
    given = np.load(sys.argv[1])
    rate_hz = float(given["rate_hz"])
    keys = sorted({name.split("/")[0] for name in given.files if "/" in name})
    results: dict[str, dict[str, Any]] = {method: {} for method in METHODS}
    for method, find in METHODS.items():
        for key in keys:
            signal = given[f"{key}/signal"]
            beats_s, rmssd, sdnn = [], [], []
            try:
                beats_s = find(signal, rate_hz)[0]
            except Exception as error:  # a tool that gives up has found nothing
                print(f"{method}, {key}: {type(error).__name__}: {error}", file=sys.stderr)
            for begin_s, end_s in given[f"{key}/windows"]:
                part = signal[round(begin_s * rate_hz) : round(end_s * rate_hz)]
                try:
                    _, window_rmssd, window_sdnn = find(part, rate_hz)
                except Exception:
                    window_rmssd = window_sdnn = float("nan")
                rmssd.append(window_rmssd)
                sdnn.append(window_sdnn)
            results[method][key] = {"beats_s": beats_s, "rmssd_ms": rmssd, "sdnn_ms": sdnn}
    Path(sys.argv[2]).write_text(json.dumps(results))


if __name__ == "__main__":
    main()
