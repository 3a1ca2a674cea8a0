"""A small stateful network from region signals to pulse wave and heart rate."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from affectfuse.modalities.heart_rate.posterior import RATES_BPM
from affectfuse.modalities.heart_rate.pulse_signals import N_CHANNELS

__all__ = ["PulseNetwork", "Resonators"]

_STEP_BPM = RATES_BPM[1] - RATES_BPM[0]
_REGIONS, _COLOURS, _MOTIONS = 4, 12, 3
_RATES = slice(RATES_BPM[0] // _STEP_BPM, RATES_BPM[-1] // _STEP_BPM + 1)
_BAND = slice(36 // _STEP_BPM, 240 // _STEP_BPM + 1)
_HIGHEST_BPM = 2 * RATES_BPM[-1]
_NEAR_BINS = 5
_TINY = 1e-6


class Resonators(nn.Module):
    """A diagonal state-space layer: every channel drives damped resonators at 0, 2, ... 440 bpm.

    Three poles a frequency, of dampings a, a + b and a + 2b a second, add up to the window
    exp(-at) (1 - exp(-bt))^2 into the past: a spectrogram without frames, from a state of constant
    size. The dampings are learned.

    Reference: Gupta, Gu and Berant 2022, "Diagonal state spaces are as effective as structured
    state spaces", arXiv:2203.14343. Deviation: the frequencies are fixed and the poles read as a
    window, not with free weights.

    Args:
        rate_hz: of the signals' uniform grid.
    """

    def __init__(self, rate_hz: float) -> None:
        super().__init__()
        self.rate_hz = rate_hz
        self.angles: Tensor
        angles = 2 * math.pi / rate_hz * torch.arange(0, _HIGHEST_BPM + 1, _STEP_BPM) / 60.0
        self.register_buffer("angles", angles, persistent=False)
        self.log_damping = nn.Parameter(torch.tensor([0.12, 0.5]).log())

    def initial_state(self, batch: int) -> Tensor:
        """Return the state before any signal: complex (batch, channel, pole, frequency)."""
        return self.angles.new_zeros((batch, N_CHANNELS, 3, len(self.angles))).to(torch.complex64)

    def advance(self, signals: Tensor, state: Tensor) -> Tensor:
        """Return the state after a block of signals (batch, channel, time)."""
        count = torch.tensor([signals.shape[-1]], device=signals.device)
        kept = torch.view_as_complex(self._powers(count)[0])
        return state * kept + torch.view_as_complex(self.driven(signals))

    def driven(self, signals: Tensor) -> Tensor:
        """Return the state after a first block: (batch, channel, pole, frequency, real and
        imaginary)."""
        ages = torch.arange(signals.shape[-1] - 1, -1, -1, device=signals.device)
        kernel = self._powers(ages)
        return (signals @ kernel.flatten(1)).reshape(*signals.shape[:2], *kernel.shape[1:])

    def _powers(self, ages: Tensor) -> Tensor:
        """Return the poles to the power of each age: (age, pole, frequency, real and imaginary)."""
        turned = ages[:, None] * self.angles
        circle = torch.stack([turned.cos(), turned.sin()], dim=-1)
        faded = torch.exp(-ages[:, None] * self._dampings())
        return faded[:, :, None, None] * circle[:, None]

    def spectra(self, poles: Tensor) -> Tensor:
        """Return the windowed spectra (batch, channel, frequency, real and imaginary).

        In the signals' units: a constant of 1 over the whole past gives 1 at frequency 0.

        Args:
            poles: the state as real numbers, see `driven`.
        """
        constant = 1.0 / (1.0 - torch.exp(-self._dampings()))
        total = constant[0] - 2 * constant[1] + constant[2]
        return (poles[:, :, 0] - 2 * poles[:, :, 1] + poles[:, :, 2]) / total

    def _dampings(self) -> Tensor:
        slow, fast = self.log_damping.exp() / self.rate_hz
        return torch.stack([slow, slow + fast, slow + 2 * fast])


class PulseNetwork(nn.Module):
    """Resonators, an adaptive mixture of the skin's colours, and a readout over heart rates.

    1. `Resonators` on every channel.
    2. What goes with the head's motion is regressed out, over all frequencies (ridge). In each
       region, and in all together, the colours are mixed so that a learned pulse colour passes
       and all else is least (minimum variance): noise has colours of its own, which no fixed
       projection cancels. A fixed projection is learned beside it.
    3. The powers of the mixtures at a rate, at its double and at its half go through convolutions
       along the rates to one logit a rate; from their pool and the expected rate comes the
       embedding, and from that the logit of 'no pulse'.

    References: minimum variance, Capon 1969, doi:10.1109/PROC.1969.7278; a fixed pulse colour,
    de Haan and van Leest 2014, doi:10.1088/0967-3334/35/9/1913.

    Args:
        rate_hz: of the uniform grid the signals lie on.
        embedding_dim: width of the embedding.
        width: of the convolutions.

    Shape: signals (batch, channel, time), see `pulse_signals` -> embedding (batch, embedding_dim),
        logits (batch, rate + 1), see `RATES_BPM`.
    """

    def __init__(self, rate_hz: float, embedding_dim: int = 32, width: int = 48) -> None:
        super().__init__()
        self.settings = {"rate_hz": rate_hz, "embedding_dim": embedding_dim, "width": width}
        self.resonators = Resonators(rate_hz)
        self.rates: Tensor
        self.register_buffer("rates", (torch.tensor(RATES_BPM) - 80.0) / 30.0, persistent=False)
        self.pulse_bins: Tensor
        bins = torch.arange(len(self.resonators.angles))
        fundamental = torch.arange(_RATES.start, _RATES.stop)[:, None]
        near = [(bins - order * fundamental).abs() <= _NEAR_BINS for order in (1, 2)]
        self.register_buffer("pulse_bins", (near[0] | near[1]).float(), persistent=False)
        self.log_ridges = nn.Parameter(torch.tensor([-7.4, -4.0, -3.0, -4.0]))
        self.pulse_colour = nn.Parameter(torch.tensor([0.43, 1.0, 0.69]))
        self.projection = nn.Parameter(torch.tensor([-0.6, 1.0, -0.4]))
        features = 3 * (2 * (_REGIONS + 1) + 3) + 2
        self.along_rates = nn.Sequential(
            nn.Conv1d(features, width, 5, padding=2),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Conv1d(width, width, 5, padding=4, dilation=2),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Conv1d(width, width, 5, padding=8, dilation=4),
            nn.GELU(),
        )
        self.rate_logit = nn.Conv1d(width, 1, 1)
        self.embed = nn.Linear(3 * width + 2, embedding_dim)
        self.none_logit = nn.Linear(embedding_dim, 1)

    def forward(self, signals: Tensor) -> tuple[Tensor, Tensor]:
        embedding, logits, *_ = self._read(self.resonators.driven(signals))
        return embedding, logits

    def initial_state(self, batch: int) -> Tensor:
        """Return the state at the beginning of a recording."""
        return self.resonators.initial_state(batch)

    def step(self, signals: Tensor, state: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
        """Take a block of signals, of one sample or more.

        Returns:
            embedding and logits at its end, the pulse wave over it (batch, time), rising with blood
            volume; and the state for the next block.
        """
        state = self.resonators.advance(signals, state)
        embedding, logits, colours, coupling, passed = self._read(torch.view_as_real(state))
        weights = self._wave_weights(colours, passed, logits.detach())
        still = signals[:, :_COLOURS] - coupling @ signals[:, _COLOURS : _COLOURS + _MOTIONS]
        wave = -(weights[:, None, :] @ still).squeeze(1)
        return (embedding, logits, wave), state

    def _read(self, poles: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return embedding, logits, the colours' spectra without motion, how motion couples to
        them, and how much of the pulse's colour each passes."""
        spectra = self.resonators.spectra(poles)
        seen = spectra[:, -_REGIONS:, 0, 0]
        colours, motion, coupling = self._without_motion(spectra, seen)
        passed = ((seen > 0.05).to(seen.dtype)[:, :, None] * self.pulse_colour).flatten(1)
        embedding, logits = self._judge(self._mix(colours, passed), colours, motion, seen)
        return embedding, logits, colours, coupling, passed

    def _without_motion(self, spectra: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the spectra of colours and motion, and their coupling (batch, 12, 3).

        As if the whole window were known.
        """
        known = seen.clamp_min(0.05)
        colours = spectra[:, :_COLOURS] / known.repeat_interleave(3, 1)[:, :, None, None]
        motion = spectra[:, _COLOURS : _COLOURS + _MOTIONS] / known.amax(1)[:, None, None, None]
        within = motion[:, :, _BAND].flatten(2)
        moved = _covariance(within, within) + self.log_ridges[0].exp() * _eye(within)
        coupled = _covariance(colours[:, :, _BAND].flatten(2), within)
        coupling = _solved(moved, coupled.transpose(-1, -2)).transpose(-1, -2)
        return colours - torch.einsum("bcm,bmfi->bcfi", coupling, motion), motion, coupling

    def _mix(self, colours: Tensor, passed: Tensor) -> Tensor:
        """Return the power of the mixtures (batch, mixture, frequency).

        Minimum variance in each region and over all of them, the fixed projection in each region,
        and the sum of those in units of their noise.
        """
        within = colours[:, :, _BAND].flatten(2)
        weights = _minimum_variance(_covariance(within, within), passed, self.log_ridges[1].exp())
        together = torch.einsum("bc,bcfi->bfi", weights, colours)[:, None]
        by_region = colours.reshape(-1, _REGIONS, 3, *colours.shape[2:])
        inside = by_region[:, :, :, _BAND].flatten(3)
        alone = _minimum_variance(
            _covariance(inside, inside),
            passed.reshape(-1, _REGIONS, 3),
            self.log_ridges[2].exp(),
        )
        regions = torch.einsum("brc,brcfi->brfi", alone, by_region)
        fixed = torch.einsum("c,brcfi->brfi", self.projection, by_region)
        noise = fixed[:, :, _BAND].square().sum(-1).mean(-1).add(_TINY).sqrt()
        added = (fixed / noise[:, :, None, None]).sum(1, keepdim=True)
        mixtures = torch.cat([regions, together, fixed, added], dim=1)
        return mixtures.square().sum(-1)

    def _wave_weights(self, colours: Tensor, passed: Tensor, logits: Tensor) -> Tensor:
        """Return the weights (batch, 12) of the colours in the wave.

        Minimum variance of what is not the pulse: where the pulse probably is, and at its double,
        frequencies count for as much less, or a strong pulse would be cancelled as noise.
        """
        belief = torch.softmax(logits, -1)[:, :-1]
        noise = (1 - (belief @ self.pulse_bins)).clamp_min(0.02)[:, None, :, None]
        within = (noise.sqrt() * colours)[:, :, _BAND].flatten(2)
        return _minimum_variance(_covariance(within, within), passed, self.log_ridges[3].exp())

    def _judge(
        self, power: Tensor, colours: Tensor, motion: Tensor, seen: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return embedding and logits."""
        raw = colours.square().sum(-1)
        logs = torch.cat([power, raw.mean(1, keepdim=True)], dim=1).add(_TINY).log()
        levels = logs[:, :, _BAND].mean(-1, keepdim=True)
        moved = motion.square().sum(-1)
        above = [torch.log1p(moved.sum(1, keepdim=True) / self.log_ridges[0].exp())]
        above.append((raw.mean(1, keepdim=True) + _TINY).log() - math.log(1e-3))
        maps = torch.cat([logs - levels, *above], dim=1)
        rates = torch.arange(_RATES.start, _RATES.stop, device=maps.device)
        at = [maps[:, :, rates], maps[:, :, 2 * rates], maps[:, :, rates // 2]]
        common = torch.stack([seen.mean(1), levels[:, _REGIONS, 0]], dim=1)
        hidden = self.along_rates(
            torch.cat([*at, common[:, :, None].expand(-1, -1, len(rates))], dim=1)
        )
        logits = self.rate_logit(hidden)
        belief = torch.softmax(logits, -1)
        mean = (belief * self.rates).sum(-1)
        spread = (belief * (self.rates - mean[..., None]).square()).sum(-1)
        chosen = (hidden * belief).sum(-1)
        pooled = torch.cat([chosen, hidden.mean(-1), hidden.amax(-1), mean, spread], dim=-1)
        embedding = torch.tanh(self.embed(pooled))
        return embedding, torch.cat([logits.squeeze(1), self.none_logit(embedding)], dim=-1)


def _eye(like: Tensor) -> Tensor:
    return torch.eye(like.shape[-2], device=like.device)


def _covariance(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean products over the last axis: (..., n, k), (..., m, k) -> (..., n, m)."""
    return first @ second.transpose(-1, -2) / first.shape[-1]


def _solved(matrix: Tensor, right: Tensor) -> Tensor:
    """Return x of matrix @ x = right, (..., n, k), for positive definite matrices (..., n, n).

    ONNX has no such operator: there the matrix is eliminated column by column. One that is
    positive definite needs no pivots.
    """
    if not torch.onnx.is_in_onnx_export():
        solved: Tensor = torch.linalg.solve(matrix, right)
        return solved
    size = matrix.shape[-1]
    rows = torch.cat([matrix, right], -1)
    for column in range(size):
        pivot = rows[..., column : column + 1, :] / rows[..., column : column + 1, column, None]
        others = torch.arange(size, device=rows.device)[:, None] != column
        rows = torch.where(others, rows - rows[..., :, column, None] * pivot, pivot)
    return rows[..., size:]


def _minimum_variance(covariance: Tensor, passed: Tensor, ridge: Tensor) -> Tensor:
    """Return the weights (..., n) of least variance whose product with `passed` is 1."""
    size = covariance.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None] * ridge + _TINY
    solved = _solved(covariance + size * _eye(covariance), passed.unsqueeze(-1)).squeeze(-1)
    gain = (solved * passed).sum(-1, keepdim=True)
    weights: Tensor = solved / gain.clamp_min(_TINY)
    return weights
