"""Splits by subject."""

from __future__ import annotations

import pytest

from affectfuse.datasets.splits import (
    Split,
    check_classes,
    grouped_k_fold,
    hold_out,
    leave_one_subject_out,
)
from affectfuse.errors import DatasetError

SUBJECTS = [f"s{index:02d}" for index in range(20)]


def everyone(split: Split) -> list[str]:
    return sorted([*split.train, *split.validation, *split.test])


def test_hold_out_draws_the_shares() -> None:
    split = hold_out(SUBJECTS, validation=0.25, test=0.2, seed=0)
    assert [len(side) for side in (split.train, split.validation, split.test)] == [11, 5, 4]
    assert everyone(split) == SUBJECTS


def test_hold_out_depends_on_the_seed_alone() -> None:
    split = hold_out(SUBJECTS, 0.25, 0.25, seed=3)
    assert split == hold_out([*reversed(SUBJECTS), *SUBJECTS], 0.25, 0.25, seed=3)
    assert split != hold_out(SUBJECTS, 0.25, 0.25, seed=4)


def test_a_small_share_still_draws_one_and_zero_draws_none() -> None:
    split = hold_out(SUBJECTS[:4], validation=0.0, test=0.01, seed=0)
    assert [len(side) for side in (split.train, split.validation, split.test)] == [3, 0, 1]


def test_hold_out_of_named_subjects() -> None:
    split = hold_out(SUBJECTS, validation=["s04"], test=["s01", "s00"], seed=0)
    assert (split.validation, split.test) == (("s04",), ("s00", "s01"))
    mixed = hold_out(SUBJECTS, validation=0.5, test=["s07"], seed=0)
    assert mixed.test == ("s07",)
    assert len(mixed.validation) == 10
    assert everyone(mixed) == SUBJECTS


@pytest.mark.parametrize("folds", [2, 3, 7, 20])
def test_k_fold_tests_each_subject_once(folds: int) -> None:
    splits = grouped_k_fold(SUBJECTS, folds, validation=0.2, seed=1)
    assert sorted(subject for split in splits for subject in split.test) == SUBJECTS
    sizes = {len(split.test) for split in splits}
    assert max(sizes) - min(sizes) <= 1
    assert all(everyone(split) == SUBJECTS and split.validation for split in splits)


def test_leave_one_subject_out() -> None:
    splits = leave_one_subject_out(SUBJECTS, validation=0.1, seed=0)
    assert [split.test for split in splits] == [(subject,) for subject in SUBJECTS]
    assert all(len(split.validation) == 2 and everyone(split) == SUBJECTS for split in splits)


def test_a_subject_on_two_sides_is_refused() -> None:
    with pytest.raises(DatasetError, match="subject 'b' is in both train and test"):
        Split(("a", "b"), (), ("b",))
    with pytest.raises(DatasetError, match="subject 's00' is in both validation and test"):
        hold_out(SUBJECTS, ["s00"], ["s00"], 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hold_out(SUBJECTS, 0.2, ["s99"], 0), "test subject 's99' is not in the data set"),
        (lambda: hold_out(["a", "b"], 0.5, 0.5, 0), "leaves no subject to train on"),
        (lambda: hold_out(SUBJECTS, 0.2, 1.0, 0), "the test share is 1.0; it must be at least 0"),
        (lambda: grouped_k_fold(["a"], 2, 0.0, 0), "2 folds over 1 subjects"),
        (lambda: leave_one_subject_out(["a"], 0.0, 0), "at least two subjects, but there are 1"),
        (
            lambda: check_classes({"calm": 3, "tense": 0}, "samples"),
            "no training sample of 'tense'",
        ),
    ],
)
def test_what_cannot_be_split_is_named(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(DatasetError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_classes_that_all_occur_are_accepted() -> None:
    check_classes({"calm": 1, "tense": 2}, "samples")
