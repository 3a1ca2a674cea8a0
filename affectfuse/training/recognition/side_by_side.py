"""Networks of one shape, trained side by side as one: the folds of a cross-validation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

__all__ = ["SideBySide"]


class SideBySide(nn.Module):
    """Several networks on as many batches at once; their weights never mix.

    One network is called as it is. More are stacked and vectorised (`torch.func.vmap`), which on a
    graphics card is many times as fast as one after the other, and on a CPU slower. A sum of their
    losses gives each the gradient that it has by itself; random numbers drawn inside the networks
    (dropout) are other ones than when trained alone.

    Args:
        networks: alike but for their weights; (batch, *clip_shape) -> (embedding, logits).
        compiled: whether to compile them (torch.compile); only one by itself is.

    Shape:
        clips (network, batch, *clip_shape) -> embedding (network, batch, embedding_dim),
        logits (network, batch, class).
    """

    def __init__(self, networks: Sequence[nn.Module], compiled: bool = False) -> None:
        super().__init__()
        self._alone = networks[0] if len(networks) == 1 else None
        self._names: dict[str, str] = {}
        if self._alone is None:
            weights, buffers = stack_module_state(list(networks))
            for name, value in (weights | buffers).items():
                self._names[name] = name.replace(".", "/")  # a dot may be in no parameter's name
                if name in weights:
                    learnt = nn.Parameter(value.detach(), requires_grad=value.requires_grad)
                    self.register_parameter(self._names[name], learnt)
                else:
                    self.register_buffer(self._names[name], value)
        self._networks = [copy.deepcopy(network) for network in networks]
        self._template = [copy.deepcopy(networks[0]).to("meta")]  # in lists: not parts of this one

        compile_it = compiled and self._alone is not None
        # In a tuple, so that it does not become a part of this module a second time.
        self._call: tuple[Any] = (torch.compile(self._alone) if compile_it else self._alone,)

    def train(self, mode: bool = True) -> SideBySide:
        super().train(mode)
        self._template[0].train(mode)
        return self

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        if self._alone is not None:
            embedding, logits = self._call[0](clips[0])
            return embedding[None], logits[None]

        def one(state: dict[str, Tensor], part: Tensor) -> Any:
            return functional_call(self._template[0], state, (part,))

        outputs: tuple[Tensor, Tensor] = torch.vmap(one, randomness="different")(
            self._state(), clips
        )
        return outputs

    def head(self, name: str) -> Callable[[Tensor], Tensor] | None:
        """Return a further head of the networks, (network, batch, embedding_dim) -> (network,
        batch, output), or None when they have no such part."""
        part = getattr(self._alone or self._template[0], name, None)
        if not isinstance(part, nn.Module):
            return None
        if self._alone is not None:
            return lambda embedding: part(embedding[0])[None]
        prefix = f"{name}."
        state = {
            n.removeprefix(prefix): w for n, w in self._state().items() if n.startswith(prefix)
        }
        return lambda embedding: torch.vmap(lambda s, e: functional_call(part, s, (e,)))(
            state, embedding
        )

    def network(self, index: int) -> nn.Module:
        """Return one network with its weights as they are now, on the CPU."""
        self._networks[index].load_state_dict(self.weights_of(index))
        return self._networks[index]

    def networks(self) -> list[nn.Module]:
        """Return all networks with their weights as they are now, on the CPU."""
        return [self.network(index) for index in range(len(self._networks))]

    def weights_of(self, index: int) -> dict[str, Tensor]:
        """Return a copy of one network's weights and buffers, on the CPU."""
        if self._alone is not None:
            state = self._alone.state_dict()
        else:
            state = {name: value[index] for name, value in self._state().items()}
        return {name: value.detach().cpu().clone() for name, value in state.items()}

    def _state(self) -> dict[str, Tensor]:
        return {name: getattr(self, key) for name, key in self._names.items()}
