"""What a pulse network learns from: windows of traces, and of recordings with a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectfuse.caching import Extracted, digest_code, run_items
from affectfuse.containers import Array, ModalitySample
from affectfuse.datasets.base import DatasetItem, Progress
from affectfuse.datasets.synthetic.traces import draw_conditions, simulate
from affectfuse.evaluation.references import METHODS, reference_heart_rate
from affectfuse.extraction import extract_recording
from affectfuse.modalities.heart_rate.learned import LearnedHeartRate
from affectfuse.modalities.heart_rate.pulse_signals import pulse_signals
from affectfuse.training.fused.data import Batch

__all__ = ["PulseWindows", "make_windows", "read_windows"]

_WINDOWS_A_TRACE = 2
_TRUTH_S = 10.0
_LEAST_KNOWN = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class PulseWindows:
    """Windows of signals with what is true of each.

    Attributes:
        signals: (window, channel, time) float32, see `pulse_signals`.
        rates_bpm: (window,) float32, mean heart rate of its last 10 s, 0 without a pulse.
        bvp: (window, time) float32; zeros where there is none that is aligned in time.
    """

    signals: Array
    rates_bpm: Array
    bvp: Array

    def __len__(self) -> int:
        return len(self.signals)

    def batch(self) -> Batch:
        """Return the windows as tensors, sharing their memory."""
        batch = {f.name: torch.from_numpy(getattr(self, f.name)) for f in fields(self)}
        return {**batch, "labels": torch.arange(len(self))}

    @classmethod
    def join(cls, parts: Sequence[PulseWindows]) -> PulseWindows:
        """Return the windows of all parts."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))


def make_windows(
    traces: int,
    length: int,
    rate_hz: float,
    silent: float,
    seed: int,
    progress: Progress | None = None,
) -> PulseWindows:
    """Simulate traces under wide conditions and cut windows, two of each.

    Args:
        traces: how many.
        length: samples of a window.
        rate_hz: of the uniform grid.
        silent: share of the traces without a pulse.
        seed: traces of different seeds have nothing in common.
        progress: told how many are done.
    """
    windows = traces * _WINDOWS_A_TRACE
    truth = round(_TRUTH_S * rate_hz)
    found: PulseWindows | None = None
    for number in range(traces):
        rng = np.random.default_rng([seed, number])
        pulse = bool(rng.random() >= silent)
        conditions = draw_conditions(rng, pulse, wide=True)
        duration_s = _WINDOWS_A_TRACE * length / rate_hz + max(2.0, _TRUTH_S - length / rate_hz)
        made = simulate(conditions, duration_s, rate_hz, int(rng.integers(2**31)))
        signals = pulse_signals(made.colours, made.motion, rate_hz)
        if found is None:
            found = PulseWindows(
                np.zeros((windows, len(signals), length), np.float32),
                np.zeros(windows, np.float32),
                np.zeros((windows, length), np.float32),
            )
        for part in range(_WINDOWS_A_TRACE):
            row = number * _WINDOWS_A_TRACE + part
            end = signals.shape[1] - part * length
            found.signals[row] = signals[:, end - length : end]
            found.bvp[row] = made.bvp[end - length : end]
            found.rates_bpm[row] = made.heart_rate_bpm[end - truth : end].mean() if pulse else 0.0
        if progress and (number % 100 == 99 or number == traces - 1):
            progress("making traces", number + 1, traces)
    assert found is not None
    return found


def read_windows(
    items: Sequence[DatasetItem],
    modality: LearnedHeartRate,
    config: Mapping[str, Any],
    folder: Path,
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[dict[str, PulseWindows], dict[str, str]]:
    """Return the windows of recordings that have a reference heart rate, one a second.

    They are the samples that the extractor gives, so training sees what scoring sees. The pulse
    wave of a sensor is left out: it comes from elsewhere on the body, at a time of its own.

    Args:
        items: the recordings.
        modality: whose extractor reads the signals.
        config: its config, part of what cached signals are found by.
        folder: of the cached signals.
        workers: processes that extract at once.
        progress: told how many recordings are done.

    Returns:
        the windows by recording; and, by recording, why there are none.
    """
    common = {
        "what": "pulse signals",
        "modality": config,
        "code": digest_code(frozenset({type(modality)})),
    }
    by_key = {i.key: i for i in items if any(name in i.references for name in METHODS)}
    work = ((item, partial(_extract, item, modality), common) for item in by_key.values())
    found, failed = run_items(work, folder, workers, "reading pulse signals", progress)
    without = f"no reference heart rate: it has none of {', '.join(METHODS)}"
    failed |= {item.key: without for item in items if item.key not in by_key}
    windows = {key: _with_truth(by_key[key], found[key]) for key in found}
    failed |= {k: "no second with a face and a reference" for k, w in windows.items() if not len(w)}
    return {key: window for key, window in windows.items() if len(window)}, failed


def _extract(item: DatasetItem, modality: LearnedHeartRate) -> Extracted:
    times_s, signals = [], []
    for reading in extract_recording(item.source, {modality.name: modality}):
        if isinstance(reading, ModalitySample) and reading.quality > 0.0:
            times_s.append(reading.offset_s)
            signals.append(modality.signals(reading.array))
    shape = (0, *modality.signals_shape)
    return {
        "times_s": np.array(times_s, np.float64),
        "signals": np.stack(signals) if signals else np.zeros(shape, np.float32),
    }


def _with_truth(item: DatasetItem, extracted: Extracted) -> PulseWindows:
    name = next(name for name in METHODS if name in item.references)
    ends_s = extracted["times_s"]
    starts_s = np.maximum(ends_s - _TRUTH_S, 0.0)
    rates = reference_heart_rate(item.references, name, starts_s, ends_s, _LEAST_KNOWN)
    known = np.isfinite(rates)
    signals = extracted["signals"][known]
    silent = np.zeros((len(signals), signals.shape[-1]), np.float32)
    return PulseWindows(signals, rates[known].astype(np.float32), silent)
