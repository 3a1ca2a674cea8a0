"""The import directions: a room imports only from rooms upstream of it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import affectfuse

PACKAGE = Path(affectfuse.__file__).parent

ORDER = [
    {"errors"},
    {"containers"},
    {"config"},
    {"files", "versions"},
    {"signals"},
    {"recording"},
    {"modalities", "datasets", "fusion", "scoring"},  # side by side: they never meet
    {"extraction", "caching"},
    {"checkpoint", "gathering"},
    {"stored_tracks"},
    {"evaluation"},
    {"training"},
    {"reports"},
    {"exporting"},
    {"session_file"},
    {"pipeline"},
    {"progress"},
    {"demo"},
    {"cli"},
    {"__main__"},
]
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}

ONLY_IN = {
    "av": {"recording"},
    "mediapipe": {"recording"},
    "pytorch_lightning": {"training"},
    "lightning": set(),
    "torch": {"modalities", "fusion", "checkpoint", "training", "exporting"},
    "onnxruntime": {"exporting"},
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> list[str]:
    """Every dotted name a file imports, at any depth of its code."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def test_every_file_lies_in_a_known_room() -> None:
    assert len(FILES) > 20
    assert {room_of(path) for path in FILES} <= set(LEVEL)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_upstream(path: Path) -> None:
    room = room_of(path)
    for name in imports_of(path):
        top, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if top == "affectfuse" and other in LEVEL and other != room:
            assert LEVEL[other] < LEVEL[room], f"{room} must not import {other}"
        if top in ONLY_IN:
            assert room in ONLY_IN[top], f"only {sorted(ONLY_IN[top])} may import {top}, not {room}"


def loaded_after(statement: str) -> set[str]:
    """Top-level modules that are loaded once a fresh interpreter has run the statement."""
    code = f"import sys\n{statement}\nprint(*{{m.partition('.')[0] for m in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


HEAVY = {"torch", "pytorch_lightning", "mediapipe", "av", "cv2", "scipy", "plotly"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_after("import affectfuse, affectfuse.cli") & HEAVY


def test_scoring_evaluation_and_reports_need_no_torch() -> None:
    rooms = "import affectfuse.scoring.baseline_shift, affectfuse.pipeline"
    rooms += ", affectfuse.reports.session_page.page"
    rooms += ", affectfuse.evaluation.heart_rate, affectfuse.reports.evaluations.evaluation"
    assert not loaded_after(rooms) & {"torch", "pytorch_lightning"}
