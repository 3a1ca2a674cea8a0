from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from affectfuse.config import cache_dir
from affectfuse.errors import ModelNotFoundError
from affectfuse.recording import models
from affectfuse.recording.models import BUNDLE, find_bundle


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFFECTFUSE_MODELS", raising=False)


@pytest.fixture
def content(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """What stands for the bundle: its size and checksum are made to be the official ones."""
    content = b"a bundle"
    monkeypatch.setattr(models, "_SIZE_BYTES", len(content))
    monkeypatch.setattr(models, "_SHA256", hashlib.sha256(content).hexdigest())
    return content


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFECTFUSE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a download brings (bytes, or an error), and the addresses that were asked for."""
    state: dict[str, Any] = {"brings": OSError("no network"), "asked": []}

    def downloader(**_: object) -> Any:
        def download(url: str, output_file: str, _: object) -> None:
            state["asked"].append(url)
            if isinstance(state["brings"], Exception):
                raise state["brings"]
            Path(output_file).write_bytes(state["brings"])

        return download

    monkeypatch.setattr("pooch.HTTPDownloader", downloader)
    return state


def test_the_order_of_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, network: dict[str, Any]
) -> None:
    cached = cache_dir() / "models" / BUNDLE
    network["brings"] = content
    assert find_bundle() == cached
    assert cached.read_bytes() == content
    assert find_bundle() == cached
    assert len(network["asked"]) == 1
    assert network["asked"][0].startswith("https://storage.googleapis.com/mediapipe-models/")

    folder = tmp_path / "models"
    folder.mkdir()
    (folder / BUNDLE).write_bytes(content)
    monkeypatch.setenv("AFFECTFUSE_MODELS", str(folder))
    assert find_bundle() == folder / BUNDLE
    monkeypatch.setenv("AFFECTFUSE_MODELS", str(folder / BUNDLE))
    assert find_bundle() == folder / BUNDLE

    named = tmp_path / "mine.task"
    named.write_bytes(content)
    assert find_bundle(named) == named


def test_a_place_that_was_named_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: dict[str, Any]
) -> None:
    with pytest.raises(ModelNotFoundError, match=f"{BUNDLE} is not at '.*nowhere' .*config"):
        find_bundle(tmp_path / "nowhere")
    monkeypatch.setenv("AFFECTFUSE_MODELS", str(tmp_path))
    with pytest.raises(ModelNotFoundError, match=f"{BUNDLE} is not at .*AFFECTFUSE_MODELS"):
        find_bundle()
    assert network["asked"] == []


@pytest.mark.parametrize("brings", [OSError("no\nnetwork"), b"something else"])
def test_without_it_one_line_says_what_to_do(
    network: dict[str, Any], content: bytes, brings: Any
) -> None:
    network["brings"] = brings
    with pytest.raises(ModelNotFoundError) as caught:
        find_bundle()
    message = str(caught.value)
    assert "\n" not in message
    for part in (BUNDLE, "AFFECTFUSE_MODELS", str(cache_dir()), "mediapipe==0.10.21"):
        assert part in message
    assert list((cache_dir() / "models").glob("*")) == []


def test_half_a_bundle_in_the_cache_is_loaded_again(
    content: bytes, network: dict[str, Any]
) -> None:
    cached = cache_dir() / "models" / BUNDLE
    cached.parent.mkdir(parents=True)
    cached.write_bytes(content[:3])
    network["brings"] = content
    assert find_bundle().read_bytes() == content


@pytest.mark.shared_data
def test_the_official_bundle_has_the_size_and_checksum(shared_data: Path) -> None:
    bundle = (shared_data / "models" / BUNDLE).read_bytes()
    assert len(bundle) == models._SIZE_BYTES
    assert hashlib.sha256(bundle).hexdigest() == models._SHA256
