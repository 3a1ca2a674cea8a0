"""A process of several ends with the one that began it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

CHILD = """
import time
from affectfuse.training.orphans import end_with_parent
{}
print("up", flush=True)
time.sleep(60)
"""
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {!r}])
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a dead parent is not noticed there")
@pytest.mark.parametrize(("call", "ends"), [("end_with_parent()", True), ("pass", False)])
def test_a_child_ends_when_its_parent_is_killed(call: str, ends: bool) -> None:
    command = [sys.executable, "-c", PARENT.format(CHILD.format(call))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pipe = parent.stdout.fileno()  # of both: it is at its end when both are
        said = b""
        while not said.endswith(b"up\n"):
            said += os.read(pipe, 100)
        parent.kill()
        ended, _, _ = select.select([pipe], [], [], 30.0 if ends else 3.0)
        if not ended:
            os.kill(int(said.split()[0]), signal.SIGKILL)
        assert bool(ended) is ends
