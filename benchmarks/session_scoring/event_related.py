"""Event-related heart rate and skin conductance beside NeuroKit2's, of the same processed signals.

    python benchmarks/session_scoring/event_related.py bio_eventrelated_100hz.csv

The file is NeuroKit2's example (`neurokit2.data("bio_eventrelated_100hz")`): 150 s of ECG, skin
conductance and respiration with a photosensor that marks four events. NeuroKit2 cleans the signals;
its features and ours are then computed on the same windows, `tests/scoring/event_related.py` says
how. Heart rate: mean, highest and lowest after the event less the value at it. Skin conductance:
the amplitude of the first response after the event, ours the largest rise in the window, which is
defined where NeuroKit2 detects no response too.

What NeuroKit2 has and we do not compute: times of the extremes, trends, the phase of the heart at
the event, rise and recovery times; `EDA_Peak_Amplitude`, the highest phasic value against nothing.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import neurokit2
import pandas

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from scoring.event_related import PAIRS, compared

RATE_HZ = 100
WINDOWS_S = (4.0, 6.9, 9.9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="bio_eventrelated_100hz.csv")
    data = pandas.read_csv(parser.parse_args().data)
    processed, _ = neurokit2.bio_process(
        ecg=data["ECG"], rsp=data["RSP"], eda=data["EDA"], sampling_rate=RATE_HZ
    )
    events = neurokit2.events_find(data["Photosensor"], threshold_keep="below")
    onsets = [int(onset) for onset in events["onset"]]
    largest = dict.fromkeys(PAIRS, 0.0)
    print(f"{'window':>6} {'feature':20} {'event':>5} {'NeuroKit2':>10} {'ours':>10} {'apart':>8}")
    for window_s in WINDOWS_S:
        for pair in compared(processed, RATE_HZ, onsets, window_s):
            both = f"{pair.theirs:10.4f} {pair.ours:10.4f}"
            apart = "" if math.isnan(pair.theirs) else f"{pair.relative:8.3%}"
            print(f"{window_s:5.1f}s {pair.feature:20} {pair.event + 1:5} {both} {apart:>8}")
            if apart:
                largest[pair.feature] = max(largest[pair.feature], pair.relative)
    print("\nlargest relative difference, where NeuroKit2 gives a value")
    for feature, apart in largest.items():
        print(f"{feature:20} {PAIRS[feature]:26} {apart:.3%}")


if __name__ == "__main__":
    main()
