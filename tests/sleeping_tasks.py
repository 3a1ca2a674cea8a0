"""`python sleeping_tasks.py FOLDER`: two workers that each note their number and sleep on."""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

from affectfuse.caching import Extracted, run_tasks


def sleeping(folder: Path) -> Extracted:
    (folder / f"{os.getpid()}.worker").touch()
    time.sleep(300)
    return {}


if __name__ == "__main__":
    # What is started in the background of a shell script is told to ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    place = Path(sys.argv[1])
    run_tasks([(n, place / n, partial(sleeping, place)) for n in "ab"], 2, "sleeping")
