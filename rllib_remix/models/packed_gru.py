"""A GRU and its output layer over packed sequences: only steps that exist are computed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rllib_remix.models.gru_kernels import step_kernels


def gru_outputs(gru: nn.GRU, head: nn.Linear, inputs: Tensor, batch_sizes: list[int]) -> Tensor:
    """The head's outputs along sequences whose hidden states start at zero.

    On CPUs with compiled elementwise parts, which is faster than PyTorch's own GRU; elsewhere with PyTorch's.

    Args:
        gru: one layer, one direction, with biases; float32 parameters.
        head: from the GRU's H hidden units to O outputs, in float32.
        inputs: [R, I] float32 or bfloat16 (then the GRU's matrix products and what is kept for its backward pass
            are bfloat16), packed: the sequences' first steps, longest sequence first, then their second steps, ….
        batch_sizes: how many sequences have a step 0, a step 1, …; never increasing.

    Returns:
        [R, O] float32, packed in the same way.
    """
    if inputs.device.type == "cpu":
        parameters = (
            gru.weight_ih_l0,
            gru.weight_hh_l0,
            gru.bias_ih_l0,
            gru.bias_hh_l0,
            head.weight,
            head.bias,
        )
        return _PackedGRU.apply(inputs, batch_sizes, *parameters)  # pyright: ignore[reportReturnType]
    return library_gru_outputs(gru, head, inputs, batch_sizes)


def library_gru_outputs(gru: nn.GRU, head: nn.Linear, inputs: Tensor, batch_sizes: list[int]) -> Tensor:
    """The same with PyTorch's GRU: one fused call on GPUs."""
    with torch.autocast(inputs.device.type, inputs.dtype, enabled=inputs.dtype != torch.float32):
        hidden, _ = gru(PackedSequence(inputs, torch.tensor(batch_sizes)))
    return head(hidden.data.float())


class _PackedGRU(torch.autograd.Function):
    """The time loop: per step three matrix products and a kernel forward, the same backward.

    W, b are the input's weights and biases, U, c the recurrent ones (gates r, z, n), V, d the head's. "Low" is the
    dtype of the inputs; states are float32.
    """

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, inputs: Tensor, batch_sizes: list[int], *parameters: Tensor
    ) -> Tensor:
        w, u, b, c, v, d = (parameter.detach() for parameter in parameters)
        w, u, bias = w.to(inputs.dtype), u.to(inputs.dtype), torch.cat([b, c])
        hidden_dim, most, total = u.shape[1], batch_sizes[0], len(inputs)
        step, _ = step_kernels(hidden_dim, inputs.dtype == torch.bfloat16)
        # For a backward pass every step's values are kept; otherwise two slots are used in turn.
        keep = any(ctx.needs_input_grad)
        room = total if keep else 2 * most
        gates = inputs.new_empty(room, 4 * hidden_dim)
        low_states = inputs.new_empty(room, hidden_dim)  # what a step starts from
        states = bias.new_empty(room, hidden_dim)  # what it leads to
        state = bias.new_zeros(most, hidden_dim)
        low_states[:most] = 0
        products = inputs.new_empty(most, 6 * hidden_dim)
        outputs = bias.new_empty(total, len(d))
        start = slot = 0
        for rows, rows_next in itertools.pairwise([*batch_sizes, 0]):
            end, slot_next = start + rows, slot + rows if keep else most - slot
            torch.mm(inputs[start:end], w.t(), out=products[:rows, : 3 * hidden_dim])
            torch.mm(low_states[slot : slot + rows], u.t(), out=products[:rows, 3 * hidden_dim :])
            new_state = states[slot : slot + rows]
            low_new_state = low_states[slot_next : slot_next + rows_next]
            step(*_arrays(products, bias, state, gates[slot : slot + rows], new_state, low_new_state))
            torch.addmm(d, new_state, v.t(), out=outputs[start:end])
            state, start, slot = new_state, end, slot_next
        if keep:
            ctx.save_for_backward(inputs, low_states, states, w, u, v)
            ctx.gates, ctx.batch_sizes = gates, batch_sizes
        return outputs

    @staticmethod
    def backward(ctx: Any, d_outputs: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        inputs, low_states, states, w, u, v = ctx.saved_tensors
        gates, ctx.gates = ctx.gates, None  # They are about to become their own gradients.
        if gates is None:
            raise RuntimeError("Only one backward pass through a packed GRU is possible.")
        hidden_dim, most = u.shape[1], ctx.batch_sizes[0]
        _, step = step_kernels(hidden_dim, inputs.dtype == torch.bfloat16)
        d_bias = states.new_zeros(4 * hidden_dim)
        d_state = states.new_zeros(most, hidden_dim)
        d_new_state, first_state = torch.empty_like(d_state), torch.zeros_like(d_state)
        d_inputs, w = torch.empty_like(inputs), _n_first(w)
        end = len(inputs)
        for rows, rows_before in itertools.pairwise([*reversed(ctx.batch_sizes), 0]):
            start = end - rows
            state = states[start - rows_before : start] if rows_before else first_state
            d_gates = gates[start:end]
            torch.mm(d_outputs[start:end], v, out=d_new_state[:rows])
            step(*_arrays(d_new_state[:rows], state, d_gates, d_state, d_bias))
            torch.mm(d_gates[:, : 3 * hidden_dim], w, out=d_inputs[start:end])
            d_state[:rows] += d_gates[:, hidden_dim:] @ u
            end = start
        d_n, d_r, d_z, d_h_n = d_bias.chunk(4)
        return (
            d_inputs,
            None,
            _n_last(gates[:, : 3 * hidden_dim].t() @ inputs).float(),
            (gates[:, hidden_dim:].t() @ low_states).float(),
            torch.cat([d_r, d_z, d_n]),
            torch.cat([d_r, d_z, d_h_n]),
            d_outputs.t() @ states,
            d_outputs.sum(0),
        )


def _n_first(rows: Tensor) -> Tensor:
    """[3H, …] in the order r, z, n → n, r, z."""
    r, z, n = rows.chunk(3)
    return torch.cat([n, r, z])


def _n_last(rows: Tensor) -> Tensor:
    n, r, z = rows.chunk(3)
    return torch.cat([r, z, n])


def _arrays(*tensors: Tensor) -> Iterator[Any]:
    """The tensors' memory as NumPy sees it."""
    return (
        (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()
        for tensor in tensors
    )
