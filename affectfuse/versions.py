"""Which versions of what were at work: part of every output's provenance and every cache's key."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from affectfuse import __version__

__all__ = ["package_versions"]

EXTRACTION = ("mediapipe", "av", "numpy", "scipy", "opencv-contrib-python",
              "opencv-contrib-python-headless")  # fmt: skip
"""The packages that decide what is extracted from a recording."""

LEARNING = ("torch", "pytorch-lightning", "omegaconf")


def package_versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python, affectfuse and those of the packages that are installed.

    Args:
        packages: names of distributions; without any, all that affectfuse computes with.
    """
    found = {"python": platform.python_version(), "affectfuse": __version__}
    for name in packages or EXTRACTION + LEARNING:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
