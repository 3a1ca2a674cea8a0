"""Runs a tool's adapter over clips, in a process of its own, on one core; results are kept."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import affectfuse
from affectfuse.config import configs_dir

METHODS = {
    "affectfuse": ("heart_rate",),
    "open-rppg": ("FacePhys.rlap", "ME-flow.rlap"),
    "vitallens": ("pos", "chrom", "g"),
    "rppg-toolbox": ("POS", "CHROM", "ICA", "GREEN", "LGI", "PBV", "OMIT"),
}
"""By tool, the methods that are run; the first is the one whose memory is measured."""

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "KERAS_BACKEND": "jax",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


@dataclass(frozen=True)
class Tool:
    """A tool and the interpreter of the environment it is installed in.

    Attributes:
        name: a key of `METHODS`.
        python: path of the interpreter.
        methods: that are run.
        core: the processor core that it may use; None leaves the choice to the system.
    """

    name: str
    python: str
    methods: tuple[str, ...]
    core: int | None = 0

    def folder(self, kept: Path) -> Path:
        """Folder of its results below `kept`; our own is named after the code that made them."""
        return kept / (f"{self.name}-{_own_digest()}" if self.name == "affectfuse" else self.name)

    def results(self, clips: Mapping[str, Path], kept: Path) -> dict[str, dict[str, Any]]:
        """Return the result of each clip, by its key; runs what was not run before."""
        folder = self.folder(kept)
        folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(",".join(self.methods).encode()).hexdigest()[:6]
        paths = {key: folder / f"{key}-{digest}.json" for key in clips}
        missing = [key for key, path in paths.items() if not path.is_file()]
        if missing:
            self._run([(clips[key], paths[key]) for key in missing], folder / "log.txt")
        return {key: json.loads(path.read_text()) for key, path in paths.items() if path.is_file()}

    def _run(self, jobs: Sequence[tuple[Path, Path]], log: Path) -> None:
        adapter = Path(__file__).parent / "adapters" / f"run_{self.name.replace('-', '_')}.py"
        command = [self.python, str(adapter), ",".join(self.methods), str(time.time())]
        for clip, result in jobs:
            command += [str(clip), str(result)]
        with log.open("a") as written:
            code = subprocess.run(
                command,
                env={**os.environ, **ONE_THREAD},
                stdout=written,
                stderr=subprocess.STDOUT,
                preexec_fn=self._pin,
                check=False,
            ).returncode
        if code:
            print(f"{self.name}: its process ended with code {code}; see {log}", file=sys.stderr)

    def _pin(self) -> None:
        if self.core is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {self.core})


def _own_digest() -> str:
    package = Path(affectfuse.__file__).parent
    sources = [
        path
        for room in ("modalities/heart_rate", "signals", "recording")
        for path in (package / room).rglob("*.py")
    ]
    sources.append(configs_dir() / "modality" / "heart_rate.yaml")
    whole = hashlib.sha256(b"\0".join(path.read_bytes() for path in sorted(sources)))
    return whole.hexdigest()[:8]
