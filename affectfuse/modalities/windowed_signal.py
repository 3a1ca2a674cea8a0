"""What the modalities of a wearable's slow signals share: windows of readings against the past."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from affectfuse.containers import (
    Array,
    Interval,
    ModalitySample,
    Observation,
    Reading,
    SignalBlock,
)
from affectfuse.errors import RecordingError
from affectfuse.modalities.base import Extractor, Modality, Need, Recognise
from affectfuse.signals.resampling import resample

if TYPE_CHECKING:
    from torch import nn

__all__ = ["WindowReader", "WindowReading", "WindowedSignal"]


@dataclass(frozen=True, slots=True, eq=False)
class WindowReading:
    """What one window of a signal says.

    Attributes:
        features: (feature,) of the window, NaN where not known.
        quality: in [0, 1].
        tracks: what became known with it, for plots and scores.
    """

    features: Array
    quality: float
    tracks: Sequence[Reading] = ()


class WindowReader(ABC):
    """Reads one window after another of one recording's signal.

    Attributes:
        features: names of the features, units in the names or their logarithms.
        channels: how many the signal has.
        rate_hz: of the uniform grid that it is given on.
    """

    features: tuple[str, ...]
    channels: int
    rate_hz: float

    @abstractmethod
    def read(self, time_s: float, values: Array) -> WindowReading:
        """Read the window (time, channel) that ends at `time_s`, NaN where readings are missing.

        Windows come in order of time, one a period.
        """

    def rest(self, time_s: float, values: Array) -> Iterable[Reading]:
        """Return what was held back as unsettled, from the last window, which ends at `time_s`."""
        return ()


class WindowedSignal(Modality):
    """Features of a window of readings, less what they were in the past of the same recording.

    People and sensors differ more from each other than a person's states do, so a sample is the
    difference of each feature between the window, `window_s` long, and its mean over earlier
    windows: over those that ended from `past_gap_s` to `past_gap_s` + s before this one, for each s
    of `past_s`; and, where one is declared, over those within the baseline, the first `baseline_s`
    of the recording. Labels and the future have no part in it. A feature that is not known counts
    as unchanged, 0. As long as a mean is not known, the sample's quality is 0. With neither past
    nor baseline, as in recordings too short for them, a sample is the features themselves.

    A sample is float32 (difference,): all features against the first past, then the next, ..., then
    the baseline. It is known as soon as the first reading at or after its end has come, and depends
    on no later one, nor on how the readings were cut into blocks.

    Args:
        source: name of the signal among a recording's sensors.
        window_s: length of the window.
        period_s: from one window to the next.
        past_s: length of each span of the past; [] none.
        past_gap_s: how long before this window's end the windows of the past end, at least.
        baseline_s: how much of the recording's beginning is a declared baseline; None: nothing.
        max_gap_s: a longer gap between two readings is left missing.
        quality_floor: a sample of lower quality counts as absent.
        embedding_dim: width of the encoder's output; 0: the standardised sample itself is the
            embedding.
    """

    needs: frozenset[Need] = frozenset({"signal"})

    def __init__(
        self,
        source: str,
        window_s: float,
        period_s: float,
        past_s: Sequence[float],
        past_gap_s: float,
        baseline_s: float | None,
        max_gap_s: float,
        quality_floor: float,
        embedding_dim: int,
    ) -> None:
        if not 0.0 < period_s <= window_s:
            raise ValueError(f"period_s is {period_s:g}: give more than 0, at most window_s.")
        if past_s and not past_gap_s > 0.0:
            raise ValueError(f"past_gap_s is {past_gap_s:g}: the past must end before the window.")
        if any(not span_s >= period_s for span_s in past_s):
            raise ValueError(f"past_s is {list(past_s)}: a span holds at least one period.")
        if baseline_s is not None and not baseline_s >= window_s + period_s:
            raise ValueError(f"baseline_s is {baseline_s:g}: give at least a window and a period.")
        self.source = source
        self.window_s = window_s
        self.period_s = period_s
        self.past_s = tuple(past_s)
        self.past_gap_s = past_gap_s
        self.baseline_s = baseline_s
        self.max_gap_s = max_gap_s
        self.latency_s = window_s / 2.0
        self.max_age_s = 2.0 * period_s
        self.quality_floor = quality_floor
        references = len(self.past_s) + (baseline_s is not None) or 1
        self.sample_shape = (references * len(self.reader().features),)
        self.embedding_dim = embedding_dim or self.sample_shape[0]
        self._linear = embedding_dim == 0

    @abstractmethod
    def reader(self) -> WindowReader:
        """Return a fresh reader, for one recording."""

    def extractor(
        self, recognise: Recognise | None = None, annotations: Sequence[Interval] | None = None
    ) -> Extractor:
        return _Windows(self)

    def encoder(self) -> nn.Module:
        """Return (batch, difference) -> (batch, embedding_dim)."""
        from torch import nn

        if self._linear:
            return nn.Identity()
        return nn.Sequential(nn.Linear(self.sample_shape[0], self.embedding_dim), nn.GELU())


class _Windows(Extractor):
    """Holds one window of readings, and the features of the windows that are still the past."""

    def __init__(self, modality: WindowedSignal) -> None:
        self._modality = modality
        self._reader = modality.reader()
        self._past = _Past(modality)
        self._times_s = np.zeros(0)
        self._values = np.zeros((0, self._reader.channels))
        self._first_s = self._next_s = np.nan

    def push(self, observation: Observation) -> Iterable[Reading]:
        if isinstance(observation, SignalBlock) and observation.source == self._modality.source:
            yield from self._take(observation)

    def flush(self) -> Iterable[Reading]:
        if len(self._times_s):
            rate_hz = self._reader.rate_hz
            time_s = float(np.floor(self._times_s[-1] * rate_hz + 1e-6) + 1.0) / rate_hz
            yield from self._reader.rest(time_s, self._grid(time_s))

    def _take(self, block: SignalBlock) -> Iterator[Reading]:
        newest_s = self._times_s[-1] if len(self._times_s) else -np.inf
        wanted, given = self._reader.channels, len(block.channels)
        if given != wanted:
            named = ", ".join(map(repr, block.channels))
            raise RecordingError(
                f"the signal '{block.source}' has {given} channels ({named}); "
                f"'{self._modality.name}' reads {wanted}: say which columns they are (sources)."
            )
        usable = (block.times_s > newest_s) & np.isfinite(block.values).all(axis=1)
        times_s, values = block.times_s[usable], block.values[usable]
        period_s = self._modality.period_s
        if len(times_s) and np.isnan(self._first_s):
            self._first_s = float(times_s[0])
            self._next_s = (np.floor(self._first_s / period_s) + 1.0) * period_s
        while len(times_s):
            upto = int(np.searchsorted(times_s, self._next_s)) + 1
            self._times_s = np.concatenate([self._times_s, times_s[:upto]])
            self._values = np.concatenate([self._values, values[:upto]])
            times_s, values = times_s[upto:], values[upto:]
            newest_s = float(self._times_s[-1])
            # What lies in a gap longer than a window is passed over.
            empty = np.floor((newest_s - self._next_s - self._modality.window_s) / period_s)
            self._next_s += max(0.0, float(empty)) * period_s
            while newest_s >= self._next_s:
                yield from self._window(float(self._next_s))
                self._next_s += period_s

    def _window(self, time_s: float) -> Iterator[Reading]:
        modality, values = self._modality, self._grid(time_s)
        found = self._reader.read(time_s, values)
        yield from found.tracks
        if time_s - self._first_s < modality.window_s:
            return
        differences, known = self._past.differences(time_s, found.features)
        share = float(np.isfinite(values).all(axis=1).mean())
        quality = found.quality * share if known else 0.0
        self._past.add(time_s, found.features)
        onset_s = time_s - modality.window_s
        yield ModalitySample(modality.name, onset_s, time_s, differences, quality)

    def _grid(self, time_s: float) -> Array:
        """Return the window that ends at `time_s` on the reader's grid; let go of what is older."""
        max_gap_s, rate_hz = self._modality.max_gap_s, self._reader.rate_hz
        count = round(self._modality.window_s * rate_hz)
        start_s = (round(time_s * rate_hz) - count) / rate_hz
        held = self._times_s >= start_s - max_gap_s
        self._times_s, self._values = self._times_s[held], self._values[held]
        return resample(self._times_s, self._values, start_s, count, rate_hz, max_gap_s)


class _Past:
    """The features of earlier windows, as far back as they are needed."""

    def __init__(self, modality: WindowedSignal) -> None:
        self._spans_s, self._gap_s = modality.past_s, modality.past_gap_s
        self._baseline_s = modality.baseline_s
        self._windows: deque[tuple[float, Array]] = deque()
        self._baseline: list[Array] = []

    def add(self, time_s: float, features: Array) -> None:
        """Take a window's features."""
        if self._baseline_s is not None and time_s <= self._baseline_s:
            self._baseline.append(features)
        self._windows.append((time_s, features))
        while self._windows[0][0] < time_s - self._gap_s - max(self._spans_s, default=0.0):
            self._windows.popleft()

    def differences(self, time_s: float, features: Array) -> tuple[Array, bool]:
        """Return float32 (difference,), 0 where not known; and whether every past is known."""
        pasts = [
            [row for at_s, row in self._windows if span_s > time_s - self._gap_s - at_s >= 0.0]
            for span_s in self._spans_s
        ]
        if self._baseline_s is not None:
            pasts.append(self._baseline if time_s > self._baseline_s else [])
        means = [_mean(past, len(features)) for past in pasts]
        differences = np.concatenate([features - mean for mean in means] or [features])
        return np.nan_to_num(differences, nan=0.0).astype(np.float32), all(map(len, pasts))


def _mean(rows: Sequence[Array], width: int) -> Array:
    """Return the mean of each feature over the windows in which it is known."""
    table = np.reshape(rows, (-1, width))
    known = np.isfinite(table)
    total = np.where(known, table, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    mean: Array = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean
