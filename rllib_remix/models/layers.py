"""Layers that compute in the dtype of their input; parameters stay float32."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional


def linear(layer: nn.Linear, inputs: Tensor) -> Tensor:
    """[..., I] float32 or bfloat16 → [..., O] of the same dtype."""
    return functional.linear(inputs, layer.weight.to(inputs.dtype), layer.bias.to(inputs.dtype))


def two_layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Linear, ReLU, linear."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def hidden_layers(layers: Iterable[nn.Module], inputs: Tensor) -> Tensor:
    """All of a feed-forward network but its last layer, in the dtype of `inputs`."""
    for layer in list(layers)[:-1]:
        inputs = linear(layer, inputs) if isinstance(layer, nn.Linear) else torch.relu_(inputs)
    return inputs


def outputs(layers: nn.Sequential, inputs: Tensor) -> Tensor:
    """All of a feed-forward network in the dtype of `inputs`; what comes out is float32."""
    return linear(cast(nn.Linear, layers[-1]), hidden_layers(layers, inputs)).float()


def float_or_bfloat16(numbers: Tensor) -> Tensor:
    """Numbers of any real dtype as networks compute with them: bfloat16 if they are, otherwise float32."""
    return numbers if numbers.dtype == torch.bfloat16 else numbers.float()


def last_layer(layers: nn.Sequential, hidden: Tensor) -> Tensor:
    """The last layer in float32, for what must not lose digits."""
    return linear(cast(nn.Linear, layers[-1]), hidden.float())


@torch.no_grad()
def set_to_zero(*layers: nn.Module) -> None:
    """Sets all weights and biases to 0."""
    for layer in layers:
        for parameter in layer.parameters():
            parameter.zero_()


@torch.no_grad()
def rescale(factor: float, *layers: nn.Module) -> None:
    """Multiplies all weights and biases, and with them what linear layers say."""
    for layer in layers:
        for parameter in layer.parameters():
            parameter.mul_(factor)


class NoHead:
    """In the place of a head, linear or grouped: gives the hidden states [..., H] as they are."""

    def __init__(self, head: Any, hidden_dim: int):
        leading = head.weight.shape[:-2]
        self.weight = torch.eye(hidden_dim, device=head.weight.device).expand(*leading, -1, -1)
        self.bias = head.bias.new_zeros(*leading, hidden_dim)

    def __call__(self, states: Tensor) -> Tensor:
        return states
