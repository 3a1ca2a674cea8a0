"""Fixtures that every room shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real recordings, for tests marked `shared_data`; they skip without it."""
    folder = os.environ.get("AFFECTFUSE_SHARED_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("AFFECTFUSE_SHARED_DATA does not name a folder of real recordings")
    return Path(folder)


@pytest.fixture(autouse=True)
def private_cache(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No test reads or writes the user's own cache."""
    monkeypatch.setenv("AFFECTFUSE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
