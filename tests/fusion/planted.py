"""Planted evidence: Gaussian modalities about a class, and one that is pure noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from affectfuse.config import build, load_node
from affectfuse.fusion.base import FusionHead, FusionOutput

INFORMATIVE = {"face": 4, "pulse": 4}
WITH_NOISE = {**INFORMATIVE, "noise": 8}
_SHIFTS = {"face": 0.3, "pulse": 0.22, "noise": 0.0}  # of each feature between classes, in sd
Rows = dict[str, Tensor]


@dataclass(frozen=True)
class Planted:
    embeddings: Rows
    labels: Tensor

    @classmethod
    def draw(cls, n_rows: int, seed: int) -> Planted:
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 2, n_rows)
        embeddings = {
            name: rng.normal(size=(n_rows, width)) + _SHIFTS[name] * (labels[:, None] - 0.5) * 2
            for name, width in WITH_NOISE.items()
        }
        return cls(
            {name: torch.tensor(rows, dtype=torch.float32) for name, rows in embeddings.items()},
            torch.tensor(labels),
        )


def train(
    name: str, modalities: dict[str, int], data: Planted, seed: int = 0, epochs: int = 30
) -> FusionHead:
    """Train a configured head as the trainer does: unimodal losses beside, modalities dropped."""
    torch.manual_seed(seed)
    head = build(
        load_node("fusion", name),
        FusionHead,  # type: ignore[type-abstract]
        embedding_dims=modalities,
        prior_logits=torch.full((2,), 0.5).log(),
    )
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=1e-2)
    for _ in range(epochs):
        for rows in torch.randperm(len(data.labels)).split(64):
            drawn = torch.rand(len(rows), len(modalities))
            kept = (drawn > 0.2) | (drawn == drawn.amax(1, keepdim=True))
            labels = data.labels[rows]
            output = fuse(head, {m: data.embeddings[m][rows] for m in modalities}, kept)
            own = torch.cat([output.modality_logits[m] for m in modalities])
            known = kept.T.flatten()
            loss = functional.cross_entropy(output.logits, labels)
            loss = loss + functional.cross_entropy(
                own[known], labels.repeat(len(modalities))[known]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return head.eval()


def fuse(head: FusionHead, embeddings: Rows, kept: Tensor) -> FusionOutput:
    present = {name: kept[:, column] for column, name in enumerate(embeddings)}
    ones = {name: torch.ones(len(kept)) for name in embeddings}
    output: FusionOutput = head(embeddings, present, ones)
    return output


@torch.no_grad()
def probabilities(head: FusionHead, data: Planted, present: Sequence[str]) -> Tensor:
    """Return the probability of class 1 with only these modalities present, (row,)."""
    names = list(head.embedding_dims)
    kept = torch.tensor([name in present for name in names]).expand(len(data.labels), -1)
    output = fuse(head, {name: data.embeddings[name] for name in names}, kept)
    return torch.softmax(output.logits, -1)[:, 1]


def auroc(labels: Tensor, scores: Tensor) -> float:
    """Return the share of pairs, one of each class, that the scores order right."""
    order = scores.argsort()
    ranks = torch.empty(len(scores), dtype=torch.float64)
    ranks[order] = torch.arange(1, len(scores) + 1, dtype=torch.float64)
    positive = labels == 1
    n_pos, n_neg = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - n_pos * (n_pos + 1) / 2) / (n_pos * n_neg))


def confidence(scores: Tensor) -> float:
    return float(torch.maximum(scores, 1 - scores).mean())
