"""Heart rate beside open peers, side by side in one run: error, speed, load time, memory.

    python benchmarks/heart_rate/peers.py \\
        --peer open-rppg=PEERS/open-rppg/bin/python \\
        --peer vitallens=PEERS/vitallens/bin/python \\
        --peer rppg-toolbox=PEERS/toolbox/bin/python

Each peer lives in an environment of its own, never in ours (`python -m venv PEERS/NAME`); what it
was run with: `pip install open-rppg==0.1.1`; `pip install vitallens==0.6.2 scipy psutil`, and
FFmpeg; for the Toolbox `pip install "numpy<2" "scipy<1.14" "opencv-python-headless<4.12"
scikit-image scikit-learn PyWavelets`, a checkout, and its path in a .pth file in site-packages.
The adapters' docstrings say what is run, and how. Every tool is given the whole clip, in a process
of its own, pinned to one core with one thread.

Two comparisons are printed, both once a second from 10 s on against the true mean
rate over the 10 s before: what each tool itself reports (its own window and post-processing), and
the rate that one and the same spectral estimator finds in each tool's waveform (given the frames'
true times, which not all tools know). A second without a figure counts as not known, and lowers
the share beside the error. Results are kept by tool and clip, and our own by the code that made
them, so that an interrupted or repeated run does only what is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from agreement import auroc, from_waveform, reported, ticks
from clips import frames, repeated
from tools import METHODS, Tool

from affectfuse.config import build, cache_dir, load_node
from affectfuse.containers import Array
from affectfuse.datasets.base import Dataset, DatasetItem

Results = Mapping[str, Mapping[str, Any]]
Rates = Callable[[Mapping[str, Any], Array], Array]


def clips_of(name: str, conditions: Sequence[str]) -> list[DatasetItem]:
    """Return a data set's recordings, of the given conditions or of all."""
    dataset = build(load_node("dataset", name), Dataset)  # type: ignore[type-abstract]
    dataset.prepare(lambda what, done, total: print(f"{what} {done}/{total}", file=sys.stderr))
    items = dataset.items()
    return [i for i in items if not conditions or i.attributes.get("condition") in conditions]


def rows(items: Sequence[DatasetItem], results: Results, method: str, rates: Rates) -> Array:
    """Return one row a second and clip: truth, estimate, confidence."""
    parts = []
    for item in items:
        times_s, truth = ticks(item.references["heart_rate_bpm"])
        found = results.get(item.key, {}).get("methods", {}).get(method, {})
        confidence = reported(found, times_s, "confidence")
        parts.append(np.column_stack([truth, rates(found, times_s), confidence]))
    return np.concatenate(parts)


def summary(found: Array) -> dict[str, float]:
    """Return median error in bpm, share beyond 3 bpm, and share of the seconds that are known."""
    known = np.isfinite(found[:, 1])
    error = np.abs(found[known, 1] - found[known, 0])
    return {
        "median_bpm": float(np.median(error)) if known.any() else float("nan"),
        "mean_bpm": float(np.mean(error)) if known.any() else float("nan"),
        "beyond_3_bpm": float(np.mean(error > 3)) if known.any() else float("nan"),
        "known": float(np.mean(known)),
        "seconds": len(found),
    }


def compare(items: Sequence[DatasetItem], by_tool: Mapping[Tool, Results]) -> dict[str, Any]:
    """Return, by kind of estimate and method, the summary of each condition."""
    groups: dict[str, list[DatasetItem]] = {}
    for item in items:
        groups.setdefault(item.attributes.get("condition", "all"), []).append(item)
    table: dict[str, Any] = {"reported": {}, "same_estimator": {}, "confidence": {}}
    for tool, results in by_tool.items():
        for method in tool.methods:
            name = f"{tool.name} {method}"
            for kind, rates in (("reported", reported), ("same_estimator", from_waveform)):
                found = {c: rows(group, results, method, rates) for c, group in groups.items()}
                table[kind][name] = {c: summary(part) for c, part in found.items()}
                if kind == "reported":
                    table["confidence"][name] = told_apart(np.concatenate(list(found.values())))
    return table


def told_apart(found: Array) -> dict[str, float]:
    """Return how well the confidence tells errors within 2 bpm from errors beyond 5."""
    found = found[np.isfinite(found).all(axis=1)]
    error = np.abs(found[:, 1] - found[:, 0])
    near, far = found[error < 2, 2], found[error > 5, 2]
    return {"auroc": auroc(near, far), "within_2_bpm": len(near), "beyond_5_bpm": len(far)}


def costs(items: Sequence[DatasetItem], by_tool: Mapping[Tool, Results]) -> dict[str, Any]:
    """Return frames/s of wall and of processor time over all clips, and load time, by method."""
    counted = {item.key: frames(item.path) for item in items}
    table = {}
    for tool, results in by_tool.items():
        for method in tool.methods:
            ran = {
                key: result["methods"][method]
                for key, result in results.items()
                if "run_s" in result["methods"].get(method, {})
            }
            if not ran:
                continue
            speeds = [counted[key] / clip["run_s"] for key, clip in ran.items()]
            busy = [counted[key] / clip["processor_s"] for key, clip in ran.items()]
            loads = {clip["load_s"] for clip in ran.values()}
            table[f"{tool.name} {method}"] = {
                "version": next(iter(results.values()))["version"],
                "frames_per_s": float(np.median(speeds)),
                "best_frames_per_s": float(np.max(speeds)),
                "frames_per_processor_s": float(np.median(busy)),
                "load_s": float(np.median(list(loads))),
                "failed_clips": len(items) - len(ran),
            }
    return table


def memory(
    tools: Sequence[Tool], source: Path, lengths_s: Sequence[float], kept: Path
) -> dict[str, Any]:
    """Return the peak memory in MiB of each tool's first method, by length of the video."""
    table: dict[str, Any] = {}
    for length_s in lengths_s:
        clip = kept / f"repeated-{length_s:g}s.mp4"
        if not clip.is_file():
            repeated(source, length_s, clip)
        for tool in tools:
            # the Toolbox loads every frame, twice over while it makes an array of them
            if tool.name == "rppg-toolbox" and length_s > 120:
                continue
            one = Tool(tool.name, tool.python, tool.methods[:1], tool.core)
            found = one.results({clip.stem: clip}, kept).get(clip.stem)
            if found:
                name = f"{tool.name} {tool.methods[0]}"
                table.setdefault(name, {})[f"{length_s:g} s"] = found["peak_mebibytes"]
    return table


def show(table: Mapping[str, Any], missing: Sequence[str]) -> None:
    """Print the tables."""
    titles = {
        "reported": "what each tool reports",
        "same_estimator": "one estimator over each tool's waveform",
    }
    for kind, title in titles.items():
        print(f"\nMedian error in bpm, {title} (in brackets: % of the seconds known, when not all)")
        conditions = list(next(iter(table[kind].values())))
        print(f"{'':28s}" + "".join(f"{c[:13]:>14s}" for c in conditions))
        for name, by_condition in table[kind].items():
            print(f"{name:28s}" + "".join(f"{_cell(by_condition[c]):>14s}" for c in conditions))
    print("\nConfidence: within 2 bpm told from beyond 5 (AUROC), seconds on each side")
    for name, told in table["confidence"].items():
        print(f"{name:28s}{told['auroc']:8.3f}{told['within_2_bpm']:8d}{told['beyond_5_bpm']:8d}")
    print("\nframes/s (median), best clip, per s of processor time, load in s, clips failed")
    for name, cost in table["costs"].items():
        print(
            f"{name:28s}{cost['frames_per_s']:8.0f}{cost['best_frames_per_s']:8.0f}"
            f"{cost['frames_per_processor_s']:8.0f}{cost['load_s']:8.1f}{cost['failed_clips']:5d}"
            f"   version {cost['version']}"
        )
    if table["memory"]:
        print("\nPeak memory in MiB, by length of the video (640x480)")
        for name, by_length in table["memory"].items():
            print(f"{name:28s}" + "".join(f"{k:>8s} {v:8.0f}" for k, v in by_length.items()))
    for name in missing:
        print(f"{name}: not run (no --peer {name}=PYTHON was given)")


def _cell(found: Mapping[str, float]) -> str:
    if found["known"] == 0:
        return "-"
    known = "" if found["known"] > 0.995 else f" ({100 * found['known']:.0f})"
    return f"{found['median_bpm']:.2f}{known}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", default="heart_rate_stress", help="name of a data set config")
    parser.add_argument(
        "--condition", action="append", default=[], help="only this one; repeatable"
    )
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--no-own", action="store_true", help="leave affectfuse out")
    parser.add_argument("--method", action="append", default=[], help="only this one; repeatable")
    parser.add_argument("--core", type=int, default=0, help="core to pin each tool to; -1: none")
    parser.add_argument("--memory", action="store_true", help="peak memory at 60 s and 300 s too")
    parser.add_argument("--kept", type=Path, help="folder of the results that are kept")
    parser.add_argument("--out", type=Path, help="JSON file to write the tables to")
    arguments = parser.parse_args()
    given = dict(peer.split("=", 1) for peer in arguments.peer)
    if unknown := set(given) - set(METHODS):
        parser.error(f"unknown peer {sorted(unknown)}; known are {sorted(METHODS)}")
    pythons = ({} if arguments.no_own else {"affectfuse": sys.executable}) | given
    core = None if arguments.core < 0 else arguments.core
    wanted = set(arguments.method)
    tools = [
        Tool(name, python, tuple(m for m in METHODS[name] if not wanted or m in wanted), core)
        for name, python in pythons.items()
    ]
    tools = [tool for tool in tools if tool.methods]
    kept = arguments.kept or cache_dir() / "benchmarks" / Path(arguments.dataset).stem
    items = clips_of(arguments.dataset, arguments.condition)
    clips = {item.key: item.path for item in items}
    by_tool = {tool: tool.results(clips, kept) for tool in tools}
    table = compare(items, by_tool)
    table["costs"] = costs(items, by_tool)
    table["memory"] = memory(tools, items[0].path, (60, 300), kept) if arguments.memory else {}
    table["load_average"] = os.getloadavg()
    show(table, sorted(set(METHODS) - set(pythons)))
    if arguments.out:
        arguments.out.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
