"""Tables in memory as batches: nothing is copied by worker processes, nothing is read twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytorch_lightning as lightning
import torch
from lightning_fabric.utilities.apply_func import move_data_to_device
from torch import Tensor

from affectfuse.datasets.splits import Split
from affectfuse.fusion.model import FusionModel
from affectfuse.training.fused.samples import SampleTable

__all__ = ["Batch", "Batches", "SampleData", "as_batch"]

Batch = dict[str, Any]
"""Tensors by name, or by name and modality or target; the first axis of each is the batch."""

_EMBEDDED_AT_ONCE = 4096
_MOST_ON_DEVICE = 2 << 30


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
        draws: so many random numbers in [0, 1) for each row, (batch, draws), are added as 'draws';
            they follow from the seed and the place in the pass, whichever process asks.
        part: which of how many interleaved parts of each batch to give: a process's share. All are
            of one length, so that a part may end in a row that is another's: 'own' (batch,) bool
            says which rows are its own. With one part there is no 'own'.
    """

    def __init__(
        self,
        rows: Batch,
        batch_size: int,
        seed: Callable[[], int] | None = None,
        draws: int = 0,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        self._rows = rows
        self._size = batch_size
        self._seed = seed
        self._draws = draws
        self._part = part
        self._count, self._device = len(_one_of(rows)), _one_of(rows).device

    def __len__(self) -> int:
        return -(-self._count // self._size)

    def __iter__(self) -> Iterator[Batch]:
        order, draws = torch.arange(self._count), None
        if self._seed is not None:
            generator = torch.Generator().manual_seed(self._seed())
            order = torch.randperm(self._count, generator=generator)
            if self._draws:
                draws = torch.rand(self._count, self._draws, generator=generator)
                draws = draws.to(self._device)
        order = order.to(self._device)
        first, parts = self._part
        for start in range(0, self._count, self._size):
            stop = min(start + self._size, self._count)
            share = -(-(stop - start) // parts)
            places = start + first + parts * torch.arange(share)
            own, places = places < stop, places.clamp(max=stop - 1)
            batch = _take(self._rows, order[places])
            if draws is not None:
                batch["draws"] = draws[places]
            if parts > 1:
                batch["own"] = own.to(self._device)
            yield batch


def _one_of(batch: Batch) -> Tensor:
    value = next(iter(batch.values()))
    return _one_of(value) if isinstance(value, dict) else value


def _take(batch: Batch, rows: Tensor) -> Batch:
    return {
        name: _take(value, rows) if isinstance(value, dict) else value.index_select(0, rows)
        for name, value in batch.items()
    }


class SampleData(lightning.LightningDataModule):
    """The samples of a data set, split by subject.

    Where several processes train, each takes its share of every batch, so that `batch_size` is that
    of all together; each sees all of the other sides.

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
        self._rows = {side: as_batch(part) for side, part in self.sides.items()}
        self._batch_size = batch_size
        self._first_seed = seed

    def embed(self, model: FusionModel) -> None:
        """Put the embeddings of all samples, by the model's encoders as they are, in their place.

        Those that the table has are taken as they are. Batches then hold 'embeddings', by modality
        (batch, embedding_dim), and no 'samples'.
        """
        for side, rows in self._rows.items():
            samples, known = rows.pop("samples"), self.sides[side].embeddings
            rows["embeddings"] = {name: torch.from_numpy(found) for name, found in known.items()}
            count = len(self.sides[side])
            parts = []
            with torch.no_grad():
                for start in range(0, max(count, 1), _EMBEDDED_AT_ONCE):
                    part = slice(start, start + _EMBEDDED_AT_ONCE)
                    present = {name: here[part] for name, here in rows["present"].items()}
                    parts.append(model.embed({n: s[part] for n, s in samples.items()}, present))
            rows["embeddings"] |= {n: torch.cat([part[n] for part in parts]) for n in samples}

    def train_dataloader(self) -> Batches:
        rows = self._near(self._rows["train"])
        part = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        return Batches(rows, self._batch_size, self._seed, len(rows["present"]), part)

    def val_dataloader(self) -> Batches:
        return self._whole("validation")

    def test_dataloader(self) -> Batches:
        return self._whole("test")

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, index: int) -> Batch:
        if _one_of(batch).device == device:
            return batch  # asking each tensor in turn takes longer than a small step
        moved: Batch = super().transfer_batch_to_device(batch, device, index)
        return moved

    def _whole(self, side: str) -> Batches:
        return Batches(self._near(self._rows[side]), max(1, len(self.sides[side])))

    def _near(self, rows: Batch) -> Batch:
        """Return the rows in the memory of the device that trains, if they are not too many."""
        if self.trainer is None or _bytes(rows) > _MOST_ON_DEVICE:
            return rows
        moved: Batch = move_data_to_device(rows, self.trainer.strategy.root_device)
        return moved

    def _seed(self) -> int:
        epoch = self.trainer.current_epoch if self.trainer else 0
        return self._first_seed * 1_000_003 + epoch


def _bytes(rows: Batch) -> int:
    return sum(
        _bytes(value) if isinstance(value, dict) else value.numel() * value.element_size()
        for value in rows.values()
    )
