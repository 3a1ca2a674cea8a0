"""A whole evaluation of planted recordings: known figures, what is left out, what is kept."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectfuse.config import build
from affectfuse.containers import Track
from affectfuse.datasets.base import Dataset, DatasetItem
from affectfuse.errors import ConfigError, DatasetError
from affectfuse.evaluation.groups import split_by_attributes
from affectfuse.evaluation.heart_rate import (
    HeartRateEvaluation,
    evaluate_heart_rate,
    heart_rate_recipe,
)
from affectfuse.evaluation.tracks import collect_tracks
from affectfuse.modalities.base import Modality


def evaluate(recipe: Path, *overrides: str) -> HeartRateEvaluation:
    return evaluate_heart_rate(heart_rate_recipe(str(recipe), overrides))


def test_planted_errors_are_found_and_told_apart(pulses: Path) -> None:
    result = evaluate(pulses)
    overall = result.overall
    assert (overall.recordings, overall.subjects, overall.rows) == (12, 6, 12 * 36)
    assert overall.metrics["mae_bpm"].value == pytest.approx((0.5 + 8.0) / 2, abs=0.05)
    assert overall.metrics["coverage_percent"].value == pytest.approx(100 * 35 / 36)
    assert overall.metrics["auroc"].value == 1.0
    assert overall.metrics["pearson_r"].low < overall.metrics["pearson_r"].value
    groups = {(g.attribute, g.value): g for g in result.groups}
    conditions = [value for attribute, value in groups if attribute == "condition"]
    assert conditions == ["moving", "still"]
    for value, bias in (("still", 0.5), ("moving", -8.0)):
        group = groups["condition", value]
        assert (group.recordings, group.subjects) == (6, 6)
        assert group.metrics["bias_bpm"].value == pytest.approx(bias, abs=0.05)
    assert groups["condition", "still"].metrics["snr_db"].value > 5
    assert groups["condition", "moving"].metrics["snr_db"].value < 2
    assert len([1 for attribute, _ in groups if attribute == "age"]) == 6
    assert not any(attribute == "group" for attribute, _ in groups)
    assert result.agreement.bias_bpm == pytest.approx(-3.75, abs=0.05)
    assert [part.share for part in result.reliability] == [0.0] * 5 + [1.0] * 5
    assert result.risk_coverage[0][-1] == pytest.approx(35 / 36)
    assert "only 6 subjects" in result.notes[0]
    assert not result.skipped
    assert "heart_rate_bpm in 12 recordings" in " ".join(result.method)


def test_the_toolbox_protocol_by_name(pulses: Path) -> None:
    result = evaluate(pulses, "evaluation=toolbox", "evaluation.window_s=20")
    assert result.overall.rows == 24
    assert result.overall.metrics["median_ae_bpm"].value == 0.0
    assert result.overall.metrics["macc"].value > 0.5
    assert "rPPG-Toolbox" in result.method[0]


def test_one_subject_has_figures_and_no_intervals(pulses: Path) -> None:
    result = evaluate(pulses, "dataset.subjects=1")
    assert all(math.isnan(found.low) for found in result.overall.metrics.values())
    assert "one subject" in result.notes[0]


def test_what_was_read_is_kept_until_it_changes(pulses: Path) -> None:
    from affectfuse.evaluation import tracks

    read, seen = tracks.extract_recording, []

    def count(path: Path, *rest: Any) -> Any:
        seen.append(path.stem)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return read(path, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracks, "extract_recording", count)
        with pytest.raises(KeyboardInterrupt):
            evaluate(pulses)
        whole = evaluate(pulses)
        assert len(seen) == 4 + 9  # three were finished before the interruption
        assert evaluate(pulses, "evaluation=toolbox").overall.recordings == 12
        assert len(seen) == 13
        again = evaluate(pulses)
        assert again.overall.metrics == whole.overall.metrics
        evaluate(pulses, "modalities.heart_rate.least_s=6")
        assert len(seen) == 25


def test_weights_that_a_config_names_count_by_their_content(pulses: Path, tmp_path: Path) -> None:
    recipe = heart_rate_recipe(str(pulses), ["dataset.subjects=1"])
    dataset = build(recipe.dataset, Dataset)  # type: ignore[type-abstract]
    dataset.prepare()
    modality = build(recipe.modalities.heart_rate, Modality)  # type: ignore[type-abstract]
    weights, cache = tmp_path / "w.safetensors", tmp_path / "cache"
    kept = []
    for content in (b"1", b"2", b"1"):
        weights.write_bytes(content)
        tracks, _ = collect_tracks(dataset.items(), modality, {"weights": str(weights)}, cache)
        assert len(tracks) == 2
        kept.append(len(list(cache.iterdir())))
    assert kept == [2, 4, 4]


def test_a_recording_that_cannot_be_read_is_left_out(pulses: Path) -> None:
    evaluate(pulses)
    data = pulses.parent / "data"
    (data / "00-still.npz").write_bytes(b"torn")
    (data / "01-still.npz").unlink()
    (data / "01-still.npz").mkdir()
    result = evaluate(pulses)
    assert result.overall.recordings == 10
    assert result.skipped["00-still"] == "00-still.npz is no recording"
    assert set(result.skipped) == {"00-still", "01-still"}
    for file in data.glob("*.npz"):
        if file.is_file():
            file.write_bytes(b"torn")
    with pytest.raises(DatasetError, match="none of 12 recordings of 'pulses' could be evaluated"):
        evaluate(pulses)


def test_a_data_set_without_references_is_refused_before_anything_is_read(pulses: Path) -> None:
    with pytest.raises(DatasetError, match=r"none with a reference .*'beat_interval_ms'"):
        evaluate(pulses, "dataset.references=[respiration]")
    with pytest.raises(DatasetError, match=r"protocol 'toolbox' can use \('bvp'\)"):
        evaluate(pulses, "evaluation=toolbox", "dataset.references=[heart_rate_bpm]")
    with pytest.raises(DatasetError, match="has 0 recordings"):
        evaluate(pulses, "dataset.subjects=0")
    assert not (pulses.parent / "cache").exists()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("evaluation=tolbox", "Did you mean 'toolbox'"),
        ("evaluation.window=3", "Did you mean 'window_s'"),
        ("modalities=[]", "names 0 modalities"),
        ("modalities=[heart_rate,micro_expression]", "names 2 modalities"),
        ("draws=5", "at least 100"),
        ("workers=0", "'workers' is 0; allowed is a whole number of at least 1"),
        ("seed=-1", "at least 0"),
        ("evaluation.band_hz=[0.6, 20]", "give a band below 15 Hz"),
    ],
)
def test_overrides_that_cannot_be_are_refused(pulses: Path, override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        evaluate(pulses, override)


def test_a_name_is_a_data_set_or_a_recipe(pulses: Path, tmp_path: Path) -> None:
    recipe = heart_rate_recipe("synthetic", ["dataset.subjects=2"])
    assert recipe.dataset.target.endswith("Synthetic")
    assert recipe.dataset.subjects == 2
    assert heart_rate_recipe("evaluate_heart_rate").evaluation.target.endswith("EverySecond")
    with pytest.raises(ConfigError, match="Did you mean 'synthetic'"):
        heart_rate_recipe("sinthetic")
    with pytest.raises(ConfigError, match="unknown key 'recogniser_dataset'"):
        heart_rate_recipe("train")
    other = tmp_path / "other.yaml"
    other.write_text("dataset: synthetic\n")
    with pytest.raises(ConfigError, match="extends: evaluate_heart_rate"):
        heart_rate_recipe(str(other))


def item(key: str, **attributes: str) -> DatasetItem:
    known = Track("bvp", "1", np.arange(2.0), np.ones(2), np.ones(2))
    return DatasetItem(key, key, Path(key), references={"bvp": known}, attributes=attributes)


def test_many_numbers_become_ranges_and_many_words_no_groups() -> None:
    items = [item(str(n), skin_tone=f"{n / 10:.1f}", code=f"x{n}") for n in range(40)]
    groups = split_by_attributes(items)
    assert [group.attribute for group in groups] == ["skin_tone"] * 4
    assert [group.value for group in groups] == ["0 to 0.9", "1 to 1.9", "2 to 2.9", "3 to 3.9"]
    assert [len(group.keys) for group in groups] == [10] * 4
    mixed = split_by_attributes([item("a", light="9"), item("b", light="10"), item("c")])
    assert [group.value for group in mixed] == ["9", "10"]
