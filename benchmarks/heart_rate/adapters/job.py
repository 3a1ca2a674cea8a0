"""What every adapter does: load a tool, give it whole clips, write what it says and what it cost.

An adapter is a script that is run by the tool's own interpreter, so this file and the adapters
import nothing but the standard library, NumPy and the tool:

    PYTHON run_TOOL.py METHOD[,METHOD ...] STARTED CLIP RESULT [CLIP RESULT ...]

STARTED is the Unix time at which the process was started; loading is all until the first clip.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Analysis = dict[str, Any]
"""`waveform`: (times_s, values); `rates`: (times_s, bpm) of windows that end at these times, as the
tool reports them; `confidence` of each; `clip_bpm`: its figure for the whole clip. All optional.
`shared`: (wall, processor) seconds of work done for an earlier method and not repeated."""

Analyse = Callable[[str], Analysis]


def run(load: Callable[[str], Analyse], version: str) -> None:
    """Run the methods over the clips that the command line names."""
    methods, started, clips = sys.argv[1].split(","), float(sys.argv[2]), sys.argv[3:]
    tools, load_s = {}, {}
    for method in methods:
        tools[method] = load(method)
        load_s[method] = time.time() - started
        started = time.time()
    for clip, result in zip(clips[::2], clips[1::2], strict=True):
        found = {method: _measured(tools[method], clip) for method in methods}
        for method in methods:
            found[method]["load_s"] = load_s[method]
        document = {"version": version, "methods": found, "peak_mebibytes": _peak_mebibytes()}
        part = Path(result + ".part")
        part.write_text(json.dumps(document))
        part.replace(result)


def _measured(analyse: Analyse, clip: str) -> Analysis:
    wall_s, processor_s = time.perf_counter(), _processor_s()
    try:
        found = analyse(clip)
    except Exception as error:  # a tool's failure is a result
        return {"error": repr(error)}
    shared = found.pop("shared", (0.0, 0.0))
    found["run_s"] = time.perf_counter() - wall_s + shared[0]
    found["processor_s"] = _processor_s() - processor_s + shared[1]
    return found


def _processor_s() -> float:
    """Processor time of this process, its threads and the children it has waited for."""
    return sum(os.times()[:4])


def _peak_mebibytes() -> float:
    """Peak resident memory of this process, or of a child (a decoder) where that is more.

    On Linux VmHWM, which begins with the program: `ru_maxrss` also counts what the parent had at
    the fork, so that a child's says nothing unless it exceeds its parent's.
    """
    own, children = (
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    status = Path("/proc/self/status")
    if status.is_file():
        facts = dict(line.split(":", 1) for line in status.read_text().splitlines())
        own, children = int(facts["VmHWM"].split()[0]), children if children > own else 0
    return max(own, children) / 1024
