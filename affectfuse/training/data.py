"""Tables in memory as batches: nothing is copied by worker processes, nothing is read twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor

from affectfuse.datasets.splits import Split
from affectfuse.training.samples import SampleTable

__all__ = ["Batch", "Batches", "SampleData", "as_batch"]

Batch = dict[str, Any]
"""Tensors by name, or by name and modality; the first axis of each is the batch."""


def as_batch(table: SampleTable) -> Batch:
    """Return the table's rows as tensors, sharing its memory."""
    return {
        "samples": {name: torch.from_numpy(array) for name, array in table.samples.items()},
        "present": {name: torch.from_numpy(array) for name, array in table.present.items()},
        "quality": {name: torch.from_numpy(array) for name, array in table.quality.items()},
        "labels": {name: torch.from_numpy(found) for name, found in table.labels.items()},
    }


class Batches:
    """Cuts a batch of all rows into smaller ones.

    Args:
        rows: all of them.
        batch_size: of the batches; the last may be smaller.
        seed: called at the start of each pass; rows are shuffled by it. None keeps their order.
    """

    def __init__(self, rows: Batch, batch_size: int, seed: Callable[[], int] | None = None) -> None:
        self._rows = rows
        self._size = batch_size
        self._seed = seed
        self._count = len(next(iter(rows["labels"].values())))

    def __len__(self) -> int:
        return -(-self._count // self._size)

    def __iter__(self) -> Iterator[Batch]:
        order = torch.arange(self._count)
        if self._seed is not None:
            generator = torch.Generator().manual_seed(self._seed())
            order = torch.randperm(self._count, generator=generator)
        for start in range(0, self._count, self._size):
            yield _take(self._rows, order[start : start + self._size])


def _take(batch: Batch, rows: Tensor) -> Batch:
    return {
        name: _take(value, rows) if isinstance(value, dict) else value[rows]
        for name, value in batch.items()
    }


class SampleData(lightning.LightningDataModule):
    """The samples of a data set, split by subject.

    Args:
        table: of all subjects.
        split: who is on which side.
        batch_size: in training; the other sides come as one batch.
        seed: of the order of the training samples, which differs by epoch.
    """

    def __init__(self, table: SampleTable, split: Split, batch_size: int, seed: int) -> None:
        super().__init__()
        self.sides = {
            side: table.of_subjects(subjects) for side, subjects in split.as_dict().items()
        }
        self._batch_size = batch_size
        self._first_seed = seed

    def train_dataloader(self) -> Batches:
        return Batches(as_batch(self.sides["train"]), self._batch_size, self._seed)

    def val_dataloader(self) -> Batches:
        return self._whole("validation")

    def test_dataloader(self) -> Batches:
        return self._whole("test")

    def _whole(self, side: str) -> Batches:
        table = self.sides[side]
        return Batches(as_batch(table), max(1, len(table)))

    def _seed(self) -> int:
        epoch = self.trainer.current_epoch if self.trainer else 0
        return self._first_seed * 1_000_003 + epoch
