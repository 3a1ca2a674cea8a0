"""Recognisers: what names a clip. Trained on labelled clips, then frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pytorch_lightning as lightning
import torch
from torch import Tensor, nn
from torch.nn import functional

from affectfuse.containers import Array
from affectfuse.datasets.base import Progress
from affectfuse.datasets.splits import check_classes
from affectfuse.evaluation.target_metrics import uar, uf1
from affectfuse.modalities.base import Modality
from affectfuse.modalities.recognition import ClosedForm, FrozenRecogniser
from affectfuse.training.fitting import fit
from affectfuse.training.fused.data import Batch
from affectfuse.training.recognition.clips import ClipTable
from affectfuse.training.recognition.side_by_side import SideBySide

__all__ = [
    "ClipBatches",
    "RecogniserModule",
    "RecogniserSettings",
    "TrainedRecogniser",
    "class_weights",
    "fit_recognisers",
    "train_recogniser",
]


@dataclass(frozen=True, slots=True)
class RecogniserSettings:
    """How a recogniser is trained.

    Attributes:
        max_epochs: passes over the clips; all of them are made.
        batch_size: clips a step.
        learning_rate: highest one, of AdamW; it falls to zero along a half cosine.
        weight_decay: of AdamW.
        gain: clips are scaled by a random factor of 1 - gain to 1 + gain.
        noise: random noise added, as a share of the clip's standard deviation.
        label_smoothing: share of a label that is spread over all classes.
        highest_class_weight: rare classes weigh more in the loss, so that all classes weigh the
            same, but none more than so many times as much as in a set of equal counts; 1: no
            weights.
        action_unit_loss: weight of the action units' loss, for a recogniser with such a head.
        held_out: share of the subjects of a recogniser's own data set to test it on.
        accelerator: Lightning's: 'cpu', 'gpu' or 'auto'.
        precision: Lightning's: '32-true', or 'bf16-mixed' or '16-mixed' on a graphics card.
        compile: compile the network with torch.compile: worth it for large ones.
        threads: of torch on the CPU. More are faster on an idle machine, far slower on a busy one,
            and round differently.
    """

    max_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    gain: float
    noise: float
    label_smoothing: float
    highest_class_weight: float
    action_unit_loss: float
    held_out: float
    accelerator: str
    precision: str
    compile: bool
    threads: int

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing is {self.label_smoothing}; allowed: 0 to below 1")
        if not self.highest_class_weight >= 1:
            raise ValueError(f"highest_class_weight is {self.highest_class_weight}; at least 1")


@dataclass(frozen=True, slots=True, eq=False)
class TrainedRecogniser:
    """A frozen recogniser, what it was trained on, and how it does on subjects it has not seen."""

    recognise: FrozenRecogniser
    metrics: dict[str, float]


def class_weights(labels: Array, classes: int, highest: float) -> Tensor:
    """Return the weight of each class in the loss, (class,): inverse to its count, capped."""
    counts = np.bincount(labels, minlength=classes)
    return torch.tensor(
        np.minimum(len(labels) / (classes * np.maximum(counts, 1)), highest), dtype=torch.float32
    )


class ClipBatches:
    """The batches of a pass, of several folds at once: each tensor (fold, batch, ...).

    Each fold goes through its own training clips in its own random order, again and again; a pass
    has as many batches for every fold, so that a fold is trained the same in any company.

    Args:
        clips: of all folds.
        rows: of each fold, the rows it trains on.
        seeds: of each fold's order.
        batch_size: clips of a fold in a batch; fewer when a fold has fewer.
    """

    def __init__(
        self, clips: ClipTable, rows: Sequence[Array], seeds: Sequence[int], batch_size: int
    ) -> None:
        self._tensors = {
            "clips": torch.from_numpy(clips.arrays),
            "labels": torch.from_numpy(clips.labels),
            "action_units": torch.from_numpy(clips.action_units),
        }
        self._size = min(batch_size, *map(len, rows))
        self._batches = -(-len(clips) // self._size)
        self._streams = [_endless(part, seed) for part, seed in zip(rows, seeds, strict=True)]

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[Batch]:
        for _ in range(self._batches):
            rows = torch.tensor([list(islice(s, self._size)) for s in self._streams])
            yield {name: values[rows] for name, values in self._tensors.items()}


def _endless(rows: Array, seed: int) -> Iterator[int]:
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield from rows[torch.randperm(len(rows), generator=generator).numpy()].tolist()


class RecogniserModule(lightning.LightningModule):
    """Trains recognisers with class-weighted cross-entropy on mildly varied clips.

    Args:
        recognisers: of each fold, in place.
        weights: (fold, class), of the classes in the loss.
        settings: see there.
        validation: of each fold, the clips by which its best epoch is chosen; None: the last one.
    """

    def __init__(
        self,
        recognisers: SideBySide,
        weights: Tensor,
        settings: RecogniserSettings,
        validation: Sequence[Batch] | None = None,
    ) -> None:
        super().__init__()
        self.recognisers = recognisers
        self.settings = settings
        self.class_weights: Tensor
        self.register_buffer("class_weights", weights)
        self._validation = validation
        self.best: list[tuple[float, dict[str, Tensor]] | None] = [None] * len(weights)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        embedding, logits = self.recognisers(self.vary(batch["clips"]))
        labels: Tensor = batch["labels"]
        losses = [
            functional.cross_entropy(
                logits[fold].float(),
                labels[fold],
                weight=weights,
                label_smoothing=self.settings.label_smoothing,
            )
            for fold, weights in enumerate(self.class_weights)
        ]
        return torch.stack(losses).sum() + self._action_units(embedding, batch["action_units"])

    def _action_units(self, embedding: Tensor, coded: Tensor) -> Tensor | float:
        """Return the loss of the second head on the clips whose action units were coded."""
        head = self.recognisers.head("action_units")
        known = torch.isfinite(coded)
        if head is None or not self.settings.action_unit_loss or not bool(known.any()):
            return 0.0
        loss = functional.binary_cross_entropy_with_logits(
            head(embedding), coded.nan_to_num(0.0), reduction="none"
        )
        per_fold = (loss * known).sum((1, 2)) / known.sum((1, 2)).clamp_min(1)
        return self.settings.action_unit_loss * per_fold.sum()

    def vary(self, clips: Tensor) -> Tensor:
        """Return the clips (fold, batch, *clip_shape) with a random gain and noise each."""
        if not self.settings.gain and not self.settings.noise:
            return clips
        one_each = (*clips.shape[:2], *[1] * (clips.ndim - 2))
        gain = 1 + self.settings.gain * (2 * torch.rand(one_each, device=clips.device) - 1)
        deviation = clips.flatten(2).std(2).reshape(one_each)
        return gain * clips + self.settings.noise * deviation * torch.randn_like(clips)

    def on_train_epoch_end(self) -> None:
        """Keep the weights of each fold whose validation clips are told best so far."""
        for fold, batch in enumerate(self._validation or ()):
            network = self.recognisers.network(fold).eval()
            with torch.no_grad():
                _, logits = network(batch["clips"])
                loss = float(
                    functional.cross_entropy(
                        logits.float(), batch["labels"], self.class_weights[fold].cpu()
                    )
                )
            best = self.best[fold]
            if best is None or loss < best[0]:
                self.best[fold] = (loss, self.recognisers.weights_of(fold))

    def configure_optimizers(self) -> Any:
        learnt = [p for p in self.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(
            learnt, lr=self.settings.learning_rate, weight_decay=self.settings.weight_decay
        )
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRows:
    """Which rows of a table a fold trains on and, maybe, chooses its epoch by; and its seed."""

    train: Array
    validation: Array
    seed: int


def fit_recognisers(
    create: Callable[[], nn.Module],
    clips: ClipTable,
    folds: Sequence[TrainingRows],
    classes: int,
    settings: RecogniserSettings,
    what: str = "training recognisers",
    progress: Progress | None = None,
) -> list[nn.Module]:
    """Train one recogniser a fold, side by side; return them in evaluation mode.

    A fold with validation rows takes the epoch with the lowest loss on them, others the last one.
    A recogniser in closed form is solved, not trained.

    Args:
        create: returns a new recogniser, drawn from torch's generator.
        clips: of all folds.
        folds: what each trains on; with validation rows in all of them or in none.
        classes: number of classes.
        settings: see there.
        what: named in the progress.
        progress: told of each pass.
    """
    networks = []
    for fold in folds:
        torch.manual_seed(fold.seed)
        networks.append(create())
    highest = settings.highest_class_weight
    weights = torch.stack([class_weights(clips.labels[f.train], classes, highest) for f in folds])
    if isinstance(networks[0], ClosedForm):
        for network, fold, each in zip(networks, folds, weights, strict=True):
            assert isinstance(network, ClosedForm)
            part = _tensors(clips, fold.train)
            network.solve(part["clips"], part["labels"], each)
        return [network.eval() for network in networks]
    chosen = [_tensors(clips, fold.validation) for fold in folds if len(fold.validation)]
    module = RecogniserModule(
        SideBySide(networks, settings.compile), weights, settings, chosen or None
    )
    fit(
        module,
        ClipBatches(clips, [f.train for f in folds], [f.seed for f in folds], settings.batch_size),
        max_epochs=settings.max_epochs,
        accelerator=settings.accelerator,
        precision=settings.precision,
        threads=settings.threads,
        what=what,
        progress=progress,
    )
    trained = module.recognisers.networks()
    for network, best in zip(trained, module.best, strict=True):
        if best is not None:
            network.load_state_dict(best[1])
    return [network.eval() for network in trained]


def _tensors(clips: ClipTable, rows: Array) -> Batch:
    return {
        "clips": torch.from_numpy(clips.arrays[rows]),
        "labels": torch.from_numpy(clips.labels[rows]),
    }


def train_recogniser(
    modality: Modality,
    clips: ClipTable,
    train_subjects: Sequence[str],
    settings: RecogniserSettings,
    seed: int,
    progress: Progress | None = None,
) -> TrainedRecogniser:
    """Train a modality's recogniser on some subjects' clips, test it on the others', freeze it.

    Raises:
        DatasetError: when a class has no clip in training.
    """
    target, module = modality.recogniser_target, modality.recogniser_to_train()
    if target is None or module is None:
        raise ValueError(f"modality '{modality.name}' has no recogniser")
    classes = len(target.classes)
    train = clips.of_subjects(train_subjects)
    held_out = clips.of_subjects(set(clips.subjects.tolist()) - set(train_subjects))
    counts = np.bincount(train.labels, minlength=classes).tolist()
    check_classes(dict(zip(target.classes, counts, strict=True)), f"clips of '{modality.name}'")
    everything = TrainingRows(np.arange(len(train)), np.zeros(0, np.int64), seed)
    [trained] = fit_recognisers(
        lambda: module,
        train,
        [everything],
        classes,
        settings,
        f"training the {modality.name.replace('_', ' ')} recogniser",
        progress,
    )
    recognise = FrozenRecogniser(trained)
    predictions = [int(recognise(clip)[1].argmax()) for clip in held_out.arrays]
    predicted = np.array(predictions, np.int64)
    metrics = {
        "uar": uar(held_out.labels, predicted),
        "uf1": uf1(held_out.labels, predicted),
        "chance_uar": 1 / classes,
        "training_clips": len(train),
        "held_out_clips": len(held_out),
        "held_out_subjects": len(set(held_out.subjects.tolist())),
    }
    return TrainedRecogniser(recognise, metrics)
