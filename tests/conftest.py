"""Fixtures that every room shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from affectfuse.containers import Frame


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


@pytest.fixture(scope="session")
def face_video(tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    """Twelve seconds of a synthetic face with a pulse, expressions and blinks, faces found."""
    from affectfuse.config import load_recipe
    from affectfuse.datasets.synthetic import synthesise
    from affectfuse.recording.faces import FaceTracker
    from affectfuse.recording.reader import open_recording

    path = tmp_path_factory.mktemp("face") / "face.mp4"
    parameters = ["duration_s=12", "width=240", "height=240", "seed=5", "interocular_percent=30"]
    synthesise(load_recipe("synth", parameters), path)
    with open_recording(path) as recording, FaceTracker() as faces:
        return [faces.track(o) for o in recording.observations() if isinstance(o, Frame)]
