"""Folds trained side by side come out as each does alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from affectfuse.training.fitting import deterministic
from affectfuse.training.recognition.clips import ClipTable
from affectfuse.training.recognition.recognisers import (
    ClipBatches,
    RecogniserSettings,
    TrainingRows,
    class_weights,
    fit_recognisers,
)
from affectfuse.training.recognition.side_by_side import SideBySide

SETTINGS = RecogniserSettings(
    max_epochs=4, batch_size=8, learning_rate=0.01, weight_decay=0.01, gain=0.0, noise=0.0,
    label_smoothing=0.1, highest_class_weight=10.0, action_unit_loss=0.5, held_out=0.0,
    accelerator="cpu", precision="32-true", compile=False, threads=1,
)  # fmt: skip


class Small(nn.Module):
    """A convolution, a batch normalisation and two heads; nothing random inside."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv2d(2, 4, 3, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.classify = nn.Linear(4, 3)
        self.action_units = nn.Linear(4, 2)

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        embedding = self.norm(self.filters(clips)).relu().mean((2, 3))
        return embedding, self.classify(embedding)


def make_clips(rows: int = 60) -> ClipTable:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, rows)
    arrays = rng.normal(0, 1, (rows, 2, 6, 6)).astype(np.float32)
    arrays[np.arange(rows), labels % 2] += labels[:, None, None]
    units = (labels[:, None] == [1, 2]).astype(np.float32)
    units[:10] = np.nan  # nobody coded these
    subjects = np.array([f"s{row % 6}" for row in range(rows)])
    return ClipTable(arrays, labels, subjects, np.arange(rows).astype(str), subjects, units)


def folds_of(clips: ClipTable, validated: bool = False) -> list[TrainingRows]:
    folds = []
    for number in range(3):
        held_out = clips.subjects == f"s{number}"
        validation = clips.subjects == f"s{number + 3}"
        train = ~held_out & ~validation if validated else ~held_out
        chosen = np.flatnonzero(validation) if validated else np.zeros(0, np.int64)
        folds.append(TrainingRows(np.flatnonzero(train), chosen, 100 + number))
    return folds


def fit(clips: ClipTable, folds: list[TrainingRows], **changes: object) -> list[nn.Module]:
    with deterministic(0):
        settings = replace(SETTINGS, **changes)  # type: ignore[arg-type]
        return fit_recognisers(Small, clips, folds, 3, settings)


@pytest.mark.parametrize("validated", [False, True])
def test_a_fold_is_trained_the_same_alone_and_beside_others(validated: bool) -> None:
    clips = make_clips()
    folds = folds_of(clips, validated)
    together = fit(clips, folds)
    for fold, network in zip(folds, together, strict=True):
        [alone] = fit(clips, [fold])
        for name, weight in alone.state_dict().items():
            torch.testing.assert_close(network.state_dict()[name], weight, rtol=1e-4, atol=1e-5)
        assert not network.training


def test_folds_learn_from_their_own_clips_alone() -> None:
    clips = make_clips()
    folds = folds_of(clips)
    tampered = clips.arrays.copy()
    tampered[clips.subjects == "s0"] += 100.0  # what fold 0 holds out
    [before], [after] = (
        fit(table, folds[:1]) for table in (clips, replace(clips, arrays=tampered))
    )
    for name, weight in before.state_dict().items():
        assert torch.equal(weight, after.state_dict()[name])


def test_validation_takes_the_best_epoch() -> None:
    """Validation labels that are all wrong make the first epoch the best one."""
    clips = make_clips()
    [fold] = folds_of(clips, validated=True)[:1]
    wrong = clips.labels.copy()
    wrong[fold.validation] = (wrong[fold.validation] + 1) % 3
    spoilt = replace(clips, labels=wrong)
    [chosen] = fit(spoilt, [fold], max_epochs=30, learning_rate=0.05)
    [last] = fit(spoilt, [replace(fold, validation=np.zeros(0, np.int64))], max_epochs=30,
                 learning_rate=0.05)  # fmt: skip
    inputs = torch.from_numpy(clips.arrays[fold.validation])
    labels = torch.from_numpy(wrong[fold.validation])
    with torch.no_grad():
        losses = [nn.functional.cross_entropy(n(inputs)[1], labels) for n in (chosen, last)]
    assert losses[0] < losses[1]


def test_action_units_are_learnt_from_the_coded_clips() -> None:
    clips = make_clips(240)
    everything = TrainingRows(np.arange(240), np.zeros(0, np.int64), 1)
    told = []
    for weight in (0.0, 2.0):
        [network] = fit(clips, [everything], max_epochs=30, action_unit_loss=weight)
        with torch.no_grad():
            embedding, _ = network(torch.from_numpy(clips.arrays))
            logits = network.action_units(embedding)  # type: ignore[operator]
        right = (logits.numpy() > 0) == (clips.action_units == 1)
        told.append(right[10:].mean())
    assert told[1] > max(told[0], 0.8)


def test_batches_give_every_fold_its_own_clips_evenly() -> None:
    clips = make_clips()
    folds = folds_of(clips)
    batches = ClipBatches(clips, [f.train for f in folds], [f.seed for f in folds], 8)
    assert len(batches) == 8
    seen = [np.zeros(60, int) for _ in folds]
    known = {array.tobytes(): row for row, array in enumerate(clips.arrays)}
    for _ in range(10):
        for batch in batches:
            assert batch["clips"].shape == (3, 8, 2, 6, 6)
            for counts, part in zip(seen, batch["clips"].numpy(), strict=True):
                for array in part:
                    counts[known[array.tobytes()]] += 1
    for counts, fold in zip(seen, folds, strict=True):
        assert counts.sum() == 640
        assert set(np.flatnonzero(counts)) == set(fold.train)
        assert np.ptp(counts[fold.train]) <= 1


def test_class_weights_are_inverse_to_counts_and_capped() -> None:
    labels = np.repeat([0, 1, 2], [90, 9, 1])
    weights = class_weights(labels, 3, 10.0)
    torch.testing.assert_close(weights, torch.tensor([100 / 270, 100 / 27, 10.0]))
    assert class_weights(labels, 3, 1.0)[1:].tolist() == [1.0, 1.0]


def test_stacked_networks_answer_as_each_does() -> None:
    networks = [Small().eval() for _ in range(3)]
    stacked = SideBySide(networks).eval()
    clips = torch.randn(3, 5, 2, 6, 6)
    embedding, logits = stacked(clips)
    head = stacked.head("action_units")
    assert head is not None
    assert stacked.head("nothing") is None
    for index, network in enumerate(networks):
        expected = network(clips[index])
        torch.testing.assert_close(embedding[index], expected[0])
        torch.testing.assert_close(logits[index], expected[1])
        torch.testing.assert_close(head(embedding)[index], network.action_units(expected[0]))
