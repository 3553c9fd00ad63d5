"""Linear layers and GRUs of several groups; their parameters begin as PyTorch's, each group's drawn by itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _uniform(groups: int, *shape: int, bound: float) -> nn.Parameter:
    return nn.Parameter(torch.empty(groups, *shape).uniform_(-bound, bound))


class GroupedLinear(nn.Module):
    """G linear layers; `weight` [G, O, I] and `bias` [G, O], as nn.Linear has them of each.

    Args:
        groups, in_features, out_features: G, I and O.
    """

    def __init__(self, groups: int, in_features: int, out_features: int):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = _uniform(groups, out_features, in_features, bound=in_features**-0.5)
        self.bias = _uniform(groups, out_features, bound=in_features**-0.5)

    def forward(self, inputs: Tensor) -> Tensor:
        """[G, R, I] float32 or bfloat16 → [G, R, O] of the same dtype."""
        return grouped_linear(inputs, self.weight, self.bias)


class GroupedGRU(nn.Module):
    """The parameters of G GRUs of one layer, named and ordered as nn.GRU has them of each, with G in front.

    Args:
        groups, input_size, hidden_size: G, I and H.
    """

    def __init__(self, groups: int, input_size: int, hidden_size: int):
        super().__init__()
        bound = hidden_size**-0.5
        self.weight_ih_l0 = _uniform(groups, 3 * hidden_size, input_size, bound=bound)
        self.weight_hh_l0 = _uniform(groups, 3 * hidden_size, hidden_size, bound=bound)
        self.bias_ih_l0 = _uniform(groups, 3 * hidden_size, bound=bound)
        self.bias_hh_l0 = _uniform(groups, 3 * hidden_size, bound=bound)


def grouped_linear(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """[G, R, I], [G, O, I], [G, O] → [G, R, O], in the dtype of the inputs."""
    weight, bias = weight.to(inputs.dtype), bias.to(inputs.dtype)
    return torch.baddbmm(bias.unsqueeze(1), inputs, weight.transpose(1, 2))


def gru_step(of_input: Tensor, of_hidden: Tensor, hidden: Tensor) -> Tensor:
    """h' = n + z·(h - n) with n = tanh(x_n + r·h_n) and r, z = σ(x + h), PyTorch's step.

    Args:
        of_input, of_hidden: [..., 3H], W·x + b and U·h + c, each in PyTorch's order r, z, n.
        hidden: [..., H], h.
    """
    x_r, x_z, x_n = of_input.chunk(3, -1)
    h_r, h_z, h_n = of_hidden.chunk(3, -1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return n + z * (hidden - n)
