"""Respiration and the regularity of beats, in rendered video of 640x480.

    python benchmarks/heart_rate/breathing.py [--tuning]

In every second session a person breathes 10 to 22 times a minute, which shifts the beats (sd 20 to
40 ms) and modulates amplitude and baseline of the pulse (15 to 30 %). In the others the heart beats
like a clock and nothing breathes: there RMSSD should be 0 and no respiration be given. The head is
nearly still; the camera's noise is 0.75 or 1.5 grey levels. Nothing was tuned on the sessions that
are read without --tuning.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from rendered import rendered, tracks_of

from affectfuse.containers import Array
from affectfuse.datasets.synthetic import SessionScript, draw_session
from affectfuse.datasets.synthetic.physiology import mean_heart_rate

DURATION_S, WINDOW_S, DELAY_S = 60.0, 30.0, 3.4
WITHIN_PER_MIN, REGULAR_MS = 2.0, 8.0


def planned(seed: int, number: int) -> SessionScript:
    """Return a session: it breathes when its number is even, else its heart beats like a clock."""
    rng = np.random.default_rng([seed, number])
    rate_bpm = round(rng.uniform(55.0, 95.0), 1)
    body: dict[str, Any] = {
        "rsa_sd_ms": 0.0,
        "beat_jitter_sd_ms": 0.0,
        "respiration_percent": 0.0,
    }
    if number % 2 == 0:
        body = {
            "rsa_sd_ms": round(rng.uniform(20.0, 40.0), 1),
            "respiration_percent": round(rng.uniform(15.0, 30.0), 1),
            "breaths_per_min": round(rng.uniform(10.0, 22.0), 1),
        }
    return draw_session(
        seed * 100 + number,
        number,
        variant_seed=seed,
        duration_s=DURATION_S,
        noise_sd=0.75 if number % 4 < 2 else 1.5,
        heart_rate_bpm=rate_bpm,
        hidden_state=False,
        sway_degrees=0.3,
        heart_rate_drift_sd_bpm=0.0,
        **body,
    )


def rmssd_ms(script: SessionScript) -> float:
    beats_s = np.array(script.beats_s)
    return 1000.0 * float(np.sqrt(np.mean(np.diff(beats_s, 2) ** 2)))


def share(good: Array) -> str:
    return f"{good.mean():.2f}" if len(good) else "-"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tuning", action="store_true", help="the sessions looked at in tuning")
    parser.add_argument("--sessions", type=int, default=6)
    arguments = parser.parse_args()
    errors: list[Array] = []
    invented: list[Array] = []
    regular: list[Array] = []
    print("session noise | respiration: true, given, error /min | RMSSD, ms: true, known, read")
    for number in range(1, arguments.sessions + 1):
        script = planned(72 if arguments.tuning else 82, number)
        breathes = script.parameters.respiration_percent > 0.0
        tracks = tracks_of(rendered(script))
        breath, rmssd = tracks["respiration_rate_per_min"], tracks["rmssd_ms"]
        whole = breath.times_s >= WINDOW_S + DELAY_S
        ends_s = breath.times_s[whole] - DELAY_S
        true = mean_heart_rate(np.array(script.breaths_s), ends_s, WINDOW_S)
        error = np.abs(breath.values[whole] - true)
        given = error[np.isfinite(error)]
        known = rmssd.values[np.isfinite(rmssd.values)]
        watched = rmssd.times_s >= 20.0 + DELAY_S
        if breathes:
            errors.append(error)
        else:
            invented.append(np.isfinite(breath.values[whole]))
            regular.append(np.where(watched, rmssd.values, np.nan)[watched])
        told = f"{true.mean():5.1f}" if breathes else " none"
        off = f"{np.median(given):.2f}" if len(given) and breathes else "-"
        middle = f"{np.median(known):.1f}" if len(known) else "-"
        print(
            f"{number:4d} {script.parameters.noise_sd:8.2f} | {told} "
            f"{np.isfinite(breath.values[whole]).mean():.2f} {off:>5} | {rmssd_ms(script):5.1f} "
            f"{share(np.isfinite(rmssd.values[watched]))} {middle}",
            flush=True,
        )
    all_errors = np.concatenate(errors)
    told_errors = all_errors[np.isfinite(all_errors)]
    print(
        f"breathing: given in {share(np.isfinite(all_errors))} of the seconds, within "
        f"{WITHIN_PER_MIN:g} a minute in {share(told_errors <= WITHIN_PER_MIN)} of these; "
        f"not breathing: given in {share(np.concatenate(invented))}"
    )
    beats = np.concatenate(regular)
    known = beats[np.isfinite(beats)]
    print(
        f"beats like a clock: RMSSD known in {share(np.isfinite(beats))}, at most {REGULAR_MS:g} "
        f"ms in {share(known <= REGULAR_MS)} of these, highest {known.max(initial=0.0):.1f} ms"
    )


if __name__ == "__main__":
    main()
