"""The code blocks of the README and the docs, run as they stand, in order, one folder a page.

`make docs` runs this; `make test` does not, since the blocks train and score.
A block marked `console` holds lines that begin with `$ `: each must exit with 0. A block marked
`python` is run as a script. One marked with a file's name too (`python custom/belt.py`) is written
to that file. Other blocks are not run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?:(console|python)|\w+ ([\w./-]+))\n(.*?)^```", re.M | re.S)
RUNNABLE = [page for page in PAGES if BLOCK.search(page.read_text("utf-8"))]


def test_there_are_blocks_to_run() -> None:
    assert ROOT / "README.md" in RUNNABLE


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_blocks_run(page: Path, tmp_path: Path) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for language, file, body in BLOCK.findall(page.read_text("utf-8")):
        commands = []
        if file:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(body, "utf-8")
        elif language == "python":
            commands = [[sys.executable, "-c", body]]
        else:
            lines = [line[2:] for line in body.splitlines() if line.startswith("$ ")]
            commands = [["sh", "-c", line] for line in lines]
        for command in commands:
            run = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True
            )
            assert run.returncode == 0, f"{command[-1]}\n{run.stdout}\n{run.stderr}"
