"""Embeddings of frozen encoders: computed once, and kept on disk by content and configuration.

A frozen encoder with learnt weights, and what standardises its samples, come from a checkpoint: in
every fold, inner fold and seed they are the same, so that the whole table is embedded beforehand.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from affectfuse.caching import Extracted, Task, digest, digest_code, run_tasks
from affectfuse.checkpoint import build_model
from affectfuse.containers import Array
from affectfuse.datasets.base import Progress
from affectfuse.errors import DatasetError
from affectfuse.files import file_sha256
from affectfuse.fusion.estimator import one_thread
from affectfuse.fusion.model import FusionModel, Standardise
from affectfuse.fusion.outputs import Outputs
from affectfuse.modalities.base import Modality
from affectfuse.training.fused.samples import SampleTable
from affectfuse.training.fused.training import FusionPlan
from affectfuse.versions import package_versions

__all__ = ["EmbeddingCache", "embed_frozen"]

_EMBEDDED_AT_ONCE = 256
_WORTH_A_PROCESS = 16 << 20  # bytes of samples: a process takes seconds to begin
_NAME = "embeddings"


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingCache:
    """Where embeddings are kept, and what makes those that are not there yet.

    Attributes:
        folder: of the files, one a modality and subject; several runs may share it.
        configs: of the modalities, by name; part of what an embedding is found by.
        workers: processes to run at once, where there is enough to do for them.
        progress: told how many are done.
    """

    folder: Path
    configs: Mapping[str, Mapping[str, Any]]
    workers: int = 1
    progress: Progress | None = None


def embed_frozen(
    table: SampleTable, plan: FusionPlan, kept: EmbeddingCache | None = None
) -> SampleTable:
    """Return the table with embeddings in place of the samples of frozen encoders.

    Encoders without weights (`Identity`) are left to the model: nothing is saved by a file. Where
    all are such, or none is frozen, the table is as it was.

    The numbers are the same with and without files, in one process and in many: a subject's rows
    are always embedded together, and no random number is drawn.

    Args:
        table: of all subjects.
        plan: what is trained, with which encoders.
        kept: None: computed anew, and nothing is kept.

    Raises:
        ConfigError: when the encoders are built in another way than the checkpoint's.
        DatasetError: when what was computed could not be read back.
    """
    if not (plan.settings.freeze_encoders and plan.encoders):
        return table
    known = [name for name in plan.encoders.weights if name in table.samples]
    if not known:
        return table
    with torch.random.fork_rng(devices=[]):  # building an encoder draws its first weights
        model = build_model(plan.modalities, plan.fusion, [0.0] * len(Outputs(plan.targets)))
        plan.encoders.load(model)
        frozen = [name for name in known if any(True for _ in model.encoders[name].parameters())]
        found = _embeddings(table, plan, model, frozen, kept)
    left = {name: samples for name, samples in table.samples.items() if name not in frozen}
    return replace(table, samples=left, embeddings={**table.embeddings, **found})


def _embeddings(
    table: SampleTable,
    plan: FusionPlan,
    model: FusionModel,
    frozen: list[str],
    kept: EmbeddingCache | None,
) -> dict[str, Array]:
    assert plan.encoders is not None
    whose = {subject: _rows(table.subjects, subject) for subject in np.unique(table.subjects)}
    tasks: list[Task] = []
    for name in frozen:
        modality = plan.modalities[name]
        weights = _stored(plan.encoders.weights[name])
        facts: dict[str, Any] = {}
        if kept:
            facts = {
                "what": _NAME,
                "weights": hashlib.sha256(weights).hexdigest(),
                "config": kept.configs[name],
                "code": _code(modality, model.encoders[name]),
                "versions": package_versions("torch", "numpy"),
            }
        for subject, rows in whose.items():
            samples, present = table.samples[name][rows], table.present[name][rows]
            embed = partial(_embed, modality, weights, samples, present)
            file = Path()
            if kept:
                own = {"samples": _content(samples), "present": _content(present)}
                file = kept.folder / f"{digest({**facts, **own})}.safetensors"
            tasks.append((f"{name} of {subject}", file, embed))
    if kept:
        much = sum(table.samples[name].nbytes for name in frozen) // _WORTH_A_PROCESS
        workers = min(kept.workers, 1 + much)
        made, failed = run_tasks(tasks, workers, "embedding samples", kept.progress, one_thread)
        for what, reason in failed.items():
            raise DatasetError(f"the embeddings of {what}: {reason}")
    else:
        made = {what: embed() for what, _, embed in tasks}
    found = {}
    for name in frozen:
        width = plan.modalities[name].embedding_dim
        found[name] = np.zeros((len(table), width), np.float32)
        for subject, rows in whose.items():
            found[name][rows] = made[f"{name} of {subject}"][_NAME]
    return found


def _rows(subjects: Array, subject: str) -> slice | Array:
    """Return where a subject's rows are; a slice, which copies nothing, if they lie together."""
    rows = np.flatnonzero(subjects == subject)
    together = rows[-1] - rows[0] == len(rows) - 1
    return slice(int(rows[0]), int(rows[-1]) + 1) if together else rows


def _stored(weights: Mapping[str, Tensor]) -> bytes:
    """Return weights as bytes: what other processes are given, and a digest is made of."""
    apart = {key: weight.detach().cpu().clone(memory_format=torch.contiguous_format)
             for key, weight in weights.items()}  # fmt: skip
    return safetensors.torch.save(apart)


def _content(array: Array) -> str:
    found = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
    found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def _code(modality: Modality, encoder: nn.Module) -> list[str]:
    """Return digests of the code that embeds; torch itself is known by its version."""
    parts = {type(part) for part in encoder.modules()}
    own = {part for part in parts if part.__module__.partition(".")[0] != "torch"}
    files = (inspect.getfile(Standardise), __file__)
    return [digest_code(frozenset({type(modality), *own})), *(file_sha256(Path(f)) for f in files)]


def _embed(modality: Modality, weights: bytes, samples: Array, present: Array) -> Extracted:
    """Return the embeddings (row, embedding_dim) of samples (row, *sample_shape)."""
    name = modality.name
    standardise, encoder = Standardise(modality.sample_shape), modality.encoder()
    parts = {"standardise": standardise, "encoders": encoder}
    whole = nn.ModuleDict({part: nn.ModuleDict({name: own}) for part, own in parts.items()})
    whole.load_state_dict(safetensors.torch.load(weights))
    whole.eval()
    found = []
    with torch.no_grad():
        for start in range(0, len(samples), _EMBEDDED_AT_ONCE):
            rows = slice(start, start + _EMBEDDED_AT_ONCE)
            here = torch.from_numpy(present[rows])
            found.append(encoder(standardise(torch.from_numpy(samples[rows]), here)))
    return {_NAME: torch.cat(found).numpy()}
