"""What each protocol says of sessions in which nothing was reacted to, and of planted reactions.

    python benchmarks/session_scoring/null_sessions.py [--sessions 1000] [--protocol NAME ...]

Sessions are made of tracks by `tests/scoring/simulated.py`: a heart rate with 1/f drift and
habituation, autocorrelated skin conductance, respiration, cardio, expressions in bursts, missing
stretches, and to every question, whatever its kind, the same response that fades.

A row is a channel, 'any' the smallest p over all channels, adjusted for their number, and 'all' the
protocol's total. `.05`: share of sessions with p <= .05, plain and with ties broken by chance
(which makes p uniform without an effect); `KS`: the p of the Kolmogorov-Smirnov test that the
latter is uniform; `excess`: the most by which the plain p falls below its level more often than
nominal, in standard errors. `found`: share of sessions with a planted reaction in which the
channel's adjusted p is at most .05.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import kstest

from affectfuse.config import build, load_node
from affectfuse.scoring.measuring import MeasuringProtocol

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from scoring.simulated import Design, Effect, Simulated, simulate

DESIGNS: dict[str, Design] = {
    "baseline_shift": "events",
    "comparison_question": "comparison",
    "oss3": "comparison",
    "concealed_information": "items",
}
PLANTED = Effect(heart_rate_bpm=4.0, eda_us=0.5, micro_expressions=2)
LEVELS = np.array([0.01, 0.05, 0.1, 0.2, 0.5])


def rejections(
    protocol: MeasuringProtocol, make: Callable[[int], Simulated], seeds: range
) -> dict[str, list[tuple[float, float]]]:
    """Return by channel the (plain, randomised) p of each session, NaN left out."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for seed in seeds:
        measured = protocol.measure(*make(seed).all())
        permuted = protocol.permuted(measured)
        chance = np.random.default_rng([seed, 1]).random(len(permuted.channels) + 1)
        plain, uniform = permuted.p_values(), permuted.p_values(chance)
        for name, p, u in zip(permuted.channels, plain, uniform, strict=True):
            found[name].append((float(p), float(u)))
        found["any"].append((permuted.p_any(), permuted.p_any(float(chance[-1]))))
        for contrast in protocol.evaluate(measured).contrasts:
            if contrast.channel == "all":
                found["all"].append((contrast.p_value, np.nan))
    return found


def discoveries(
    protocol: MeasuringProtocol, make: Callable[[int], Simulated], seeds: range
) -> dict[str, float]:
    """Return by channel the share of sessions in which it is found, adjusted p at most .05."""
    found: dict[str, list[bool]] = defaultdict(list)
    for seed in seeds:
        for contrast in protocol.score(*make(seed).all()).contrasts:
            p = contrast.p_value if contrast.channel == "all" else contrast.p_adjusted
            found[contrast.channel].append(p <= 0.05)
    return {name: float(np.mean(hits)) for name, hits in found.items()}


def report(name: str, sessions: int, planted: int, *, fixed_order: bool) -> None:
    """Print the table of one protocol."""
    protocol = build(load_node("protocol", name), MeasuringProtocol)  # type: ignore[type-abstract]
    design = DESIGNS[name]

    def make(seed: int, effect: Effect = Effect()) -> Simulated:  # noqa: B008
        return simulate(seed, design, effect, fixed_order=fixed_order)

    null = rejections(protocol, make, range(sessions))
    power = discoveries(protocol, lambda seed: make(seed, PLANTED), range(10**6, 10**6 + planted))
    order = ", kinds always in the same order" if fixed_order else ""
    print(f"\n{name}: {sessions} sessions without an effect, {planted} with{order}")
    print(f"{'channel':28} {'n':>5} {'.05':>6} {'random':>6} {'KS':>6} {'excess':>6} {'found':>6}")
    for channel, pairs in null.items():
        both = np.array(pairs)
        both = both[np.isfinite(both[:, 0])]
        if not len(both):
            continue
        plain, uniform = both.T
        shares = np.mean(plain[:, None] <= LEVELS, axis=0)
        excess = np.max((shares - LEVELS) / np.sqrt(LEVELS * (1 - LEVELS) / len(plain)))
        ties = np.isfinite(uniform).all()
        random = f"{np.mean(uniform <= 0.05):6.3f}" if ties else "      "
        ks = f"{kstest(uniform, 'uniform').pvalue:6.3f}" if ties else "      "
        hit = f"{power[channel]:6.2f}" if channel in power else "      "
        print(f"{channel:28} {len(plain):5} {shares[1]:6.3f} {random} {ks} {excess:6.1f} {hit}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--planted", type=int, default=100)
    parser.add_argument("--protocol", nargs="*", default=list(DESIGNS), choices=list(DESIGNS))
    parser.add_argument("--fixed-order", action="store_true")
    options = parser.parse_args()
    for name in options.protocol:
        report(name, options.sessions, options.planted, fixed_order=options.fixed_order)


if __name__ == "__main__":
    main()
