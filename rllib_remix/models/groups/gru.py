"""The GRUs of several groups and their output layers, over packed sequences, in one time loop."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from rllib_remix.models.groups.layers import GroupedGRU, GroupedLinear, grouped_linear, gru_step
from rllib_remix.models.kernels.loading import group_step_kernels
from rllib_remix.models.packed_gru import array_of, n_first, n_last


def grouped_gru_outputs(
    gru: GroupedGRU, head: GroupedLinear, inputs: Tensor, sizes: list[int], initial: Tensor | None = None
) -> Tensor:
    """What `gru_outputs` gives of every group, on rows of its own.

    Args:
        gru, head: float32 parameters.
        inputs: [G, M, I] float32 or bfloat16 (then, on CPUs, as in `gru_outputs`), packed as GroupedPacking has it.
        sizes: its `group_sizes`.
        initial: [G, sizes[0], H] float32, hidden states to start from, which get no gradient; None is zeros.

    Returns:
        [G, M, O] float32, packed in the same way.
    """
    if inputs.device.type == "cpu":
        parameters = (*gru.parameters(), head.weight, head.bias)
        learns = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (inputs, *parameters))
        return _GroupedGRU.apply(inputs, sizes, initial, learns, *parameters)  # pyright: ignore[reportReturnType]
    return stepped_gru_outputs(gru, head, inputs, sizes, initial)


def stepped_gru_outputs(
    gru: GroupedGRU, head: GroupedLinear, inputs: Tensor, sizes: list[int], initial: Tensor | None = None
) -> Tensor:
    """The same in PyTorch's functions, step by step, always in float32: libraries have no GRU for several groups."""
    of_inputs = grouped_linear(inputs.float(), gru.weight_ih_l0, gru.bias_ih_l0)
    hidden = initial
    if hidden is None:
        hidden = of_inputs.new_zeros(len(of_inputs), sizes[0], gru.weight_hh_l0.shape[-1])
    states = []
    for of_input in of_inputs.split(sizes, 1):
        hidden = hidden[:, : of_input.shape[1]]
        of_hidden = grouped_linear(hidden, gru.weight_hh_l0, gru.bias_hh_l0)
        hidden = gru_step(of_input, of_hidden, hidden)
        states.append(hidden)
    return head(torch.cat(states, 1))


class _GroupedGRU(torch.autograd.Function):
    """As `_PackedGRU`, with G in front of everything: per step three batched products and one kernel."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, inputs: Tensor, sizes: list[int], initial: Tensor | None, keep: bool, *parameters: Tensor
    ) -> Tensor:
        w, u, b, c, v, d = (parameter.detach() for parameter in parameters)
        w, u, bias = w.to(inputs.dtype), u.to(inputs.dtype), torch.cat([b, c], 1)
        groups, total, _ = inputs.shape
        hidden_dim, most = u.shape[2], sizes[0]
        step, _ = group_step_kernels(hidden_dim)
        room = total if keep else 2 * most
        gates = inputs.new_empty(groups, room, 4 * hidden_dim)
        low_states = inputs.new_empty(groups, room, hidden_dim)
        states = bias.new_empty(groups, room, hidden_dim)
        start = bias.new_zeros(groups, most, hidden_dim) if initial is None else initial.detach().contiguous()
        low_states[:, :most] = start
        products = inputs.new_empty(groups, most, 6 * hidden_dim)
        outputs = bias.new_empty(groups, d.shape[1], total)
        gates_, low_states_, states_, products_, bias_ = map(
            array_of, (gates, low_states, states, products, bias)
        )
        hidden_, before = array_of(start), slice(0, most)
        slot = 0
        for rows_next, x, output in zip(
            [*sizes[1:], 0], inputs.split(sizes, 1), outputs.split(sizes, 2), strict=True
        ):
            rows = x.shape[1]
            now = slice(slot, slot + rows)
            slot_next = now.stop if keep else most - slot
            after = slice(slot_next, slot_next + rows_next)
            torch.bmm(x, w.mT, out=products[:, :rows, : 3 * hidden_dim])
            torch.bmm(low_states[:, now], u.mT, out=products[:, :rows, 3 * hidden_dim :])
            step(products_, bias_, hidden_, before, gates_, states_, low_states_, now, after)
            torch.bmm(v, states[:, now].mT, out=output)
            hidden_, before, slot = states_, now, slot_next
        if keep:
            ctx.save_for_backward(inputs, low_states, states, start, w, u, v)
            ctx.gates, ctx.sizes = gates, sizes
        return outputs.mT + d.unsqueeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        inputs, low_states, states, first_states, w, u, v = ctx.saved_tensors
        gates, ctx.gates = ctx.gates, None  # They are about to become their own gradients.
        if gates is None:
            raise RuntimeError("Only one backward pass through a packed GRU is possible.")
        sizes, hidden_dim, most = ctx.sizes, u.shape[2], ctx.sizes[0]
        groups = len(u)
        _, step = group_step_kernels(hidden_dim)
        d_bias = states.new_zeros(groups, 4 * hidden_dim)
        d_state, d_new_state = states.new_zeros(2, groups, most, hidden_dim)
        d_inputs, w = torch.empty_like(inputs), n_first(w)
        gates_, states_, d_bias_, d_state_, d_new_state_ = map(
            array_of, (gates, states, d_bias, d_state, d_new_state)
        )
        end = inputs.shape[1]
        for rows, rows_before in zip(reversed(sizes), [*reversed(sizes[:-1]), 0], strict=True):
            start = end - rows
            now = slice(start, end)
            hidden_, before = states_, slice(start - rows_before, start)
            if not rows_before:
                hidden_, before = array_of(first_states), slice(0, rows)
            torch.bmm(d_outputs[:, now], v, out=d_new_state[:, :rows])
            step(d_new_state_, hidden_, before, gates_, now, d_state_, d_bias_)
            d_gates = gates[:, now]
            torch.bmm(d_gates[..., : 3 * hidden_dim], w, out=d_inputs[:, now])
            d_state[:, :rows] += d_gates[..., hidden_dim:] @ u
            end = start
        d_n, d_r, d_z, d_h_n = d_bias.chunk(4, -1)
        return (
            d_inputs,
            None,
            None,
            None,
            n_last(gates[..., : 3 * hidden_dim].mT @ inputs).float(),
            (gates[..., hidden_dim:].mT @ low_states).float(),
            torch.cat([d_r, d_z, d_n], -1),
            torch.cat([d_r, d_z, d_h_n], -1),
            d_outputs.mT @ states,
            d_outputs.sum(1),
        )
