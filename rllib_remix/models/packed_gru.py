"""A GRU and its output layer over packed sequences: only steps that exist are computed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import PackedSequence

from rllib_remix.models.kernels.loading import step_kernels


def gru_outputs(
    gru: nn.GRU, head: nn.Linear, inputs: Tensor, batch_sizes: list[int], initial: Tensor | None = None
) -> Tensor:
    """The head's outputs along sequences.

    On CPUs with compiled elementwise parts, which is faster than PyTorch's own GRU; elsewhere with PyTorch's.

    Args:
        gru: one layer, one direction, with biases; float32 parameters.
        head: from the GRU's H hidden units to O outputs, in float32.
        inputs: [R, I] float32 or bfloat16 (then, on CPUs, the GRU's matrix products and what is kept for its
            backward pass are bfloat16), packed: the sequences' first steps, longest sequence first, then their second steps, ….
        batch_sizes: how many sequences have a step 0, a step 1, …; never increasing.
        initial: [batch_sizes[0], H] float32, hidden states to start from, which get no gradient; None is zeros.

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
        learns = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (inputs, *parameters))
        return _PackedGRU.apply(inputs, batch_sizes, initial, learns, *parameters)  # pyright: ignore[reportReturnType]
    return library_gru_outputs(gru, head, inputs, batch_sizes, initial)


def library_gru_outputs(
    gru: nn.GRU, head: nn.Linear, inputs: Tensor, batch_sizes: list[int], initial: Tensor | None = None
) -> Tensor:
    """The same with PyTorch's GRU, always in float32: one fused call on GPUs.

    Under autocast to bfloat16 a GPU's GRU would run in float16, whose range is too small for these gradients.
    """
    start = None if initial is None else initial.unsqueeze(0)
    hidden, _ = gru(PackedSequence(inputs.float(), torch.tensor(batch_sizes)), start)
    return head(hidden.data)


class _PackedGRU(torch.autograd.Function):
    """The time loop: per step three matrix products and a kernel forward, the same backward.

    W, b are the input's weights and biases, U, c the recurrent ones (gates r, z, n), V, d the head's. "Low" is the
    dtype of the inputs; states are float32.
    """

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,
        inputs: Tensor,
        batch_sizes: list[int],
        initial: Tensor | None,
        keep: bool,
        *parameters: Tensor,
    ) -> Tensor:
        w, u, b, c, v, d = (parameter.detach() for parameter in parameters)
        w, u, bias = w.to(inputs.dtype), u.to(inputs.dtype), torch.cat([b, c])
        hidden_dim, most, total = u.shape[1], batch_sizes[0], len(inputs)
        step, _ = step_kernels(hidden_dim)
        # For a backward pass every step's values are kept; otherwise two slots are used in turn.
        room = total if keep else 2 * most
        gates = inputs.new_empty(room, 4 * hidden_dim)
        low_states = inputs.new_empty(room, hidden_dim)  # what a step starts from
        states = bias.new_empty(room, hidden_dim)  # what it leads to
        start = bias.new_zeros(most, hidden_dim) if initial is None else initial.detach().contiguous()
        low_states[:most] = start
        products = inputs.new_empty(most, 6 * hidden_dim)
        outputs = bias.new_empty(len(d), total)  # this way round the products are much faster
        gates_, low_states_, states_, products_ = map(array_of, (gates, low_states, states, products))
        bias_, state_ = array_of(bias), array_of(start)
        slot = 0
        for rows_next, x, output in zip(
            [*batch_sizes[1:], 0], inputs.split(batch_sizes), outputs.split(batch_sizes, 1), strict=True
        ):
            rows, end = len(x), slot + len(x)
            slot_next = end if keep else most - slot
            torch.mm(x, w.t(), out=products[:rows, : 3 * hidden_dim])
            torch.mm(low_states[slot:end], u.t(), out=products[:rows, 3 * hidden_dim :])
            new_state_ = states_[slot:end]
            low_new_state_ = low_states_[slot_next : slot_next + rows_next]
            step(products_, bias_, state_, gates_[slot:end], new_state_, low_new_state_)
            torch.mm(v, states[slot:end].t(), out=output)
            state_, slot = new_state_, slot_next
        if keep:
            ctx.save_for_backward(inputs, low_states, states, start, w, u, v)
            ctx.gates, ctx.batch_sizes = gates, batch_sizes
        return outputs.t() + d

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        inputs, low_states, states, first_state, w, u, v = ctx.saved_tensors
        gates, ctx.gates = ctx.gates, None  # They are about to become their own gradients.
        if gates is None:
            raise RuntimeError("Only one backward pass through a packed GRU is possible.")
        sizes, hidden_dim, most = ctx.batch_sizes, u.shape[1], ctx.batch_sizes[0]
        _, step = step_kernels(hidden_dim)
        d_bias = states.new_zeros(4 * hidden_dim)
        d_state, d_new_state = states.new_zeros(2, most, hidden_dim)
        d_inputs, w = torch.empty_like(inputs), n_first(w)
        gates_, states_, d_bias_, d_state_, d_new_state_ = map(
            array_of, (gates, states, d_bias, d_state, d_new_state)
        )
        end = len(inputs)
        for rows, rows_before, d_output, d_gates, d_x in zip(
            reversed(sizes),
            [*reversed(sizes[:-1]), 0],
            reversed(d_outputs.split(sizes)),
            reversed(gates.split(sizes)),
            reversed(d_inputs.split(sizes)),
            strict=True,
        ):
            start = end - rows
            state_ = states_[start - rows_before : start] if rows_before else array_of(first_state)
            torch.mm(d_output, v, out=d_new_state[:rows])
            step(d_new_state_[:rows], state_, gates_[start:end], d_state_, d_bias_)
            torch.mm(d_gates[:, : 3 * hidden_dim], w, out=d_x)
            d_state[:rows] += d_gates[:, hidden_dim:] @ u
            end = start
        d_n, d_r, d_z, d_h_n = d_bias.chunk(4)
        return (
            d_inputs,
            None,
            None,
            None,
            n_last(gates[:, : 3 * hidden_dim].t() @ inputs).float(),
            (gates[:, hidden_dim:].t() @ low_states).float(),
            torch.cat([d_r, d_z, d_n]),
            torch.cat([d_r, d_z, d_h_n]),
            d_outputs.t() @ states,
            d_outputs.sum(0),
        )


def n_first(rows: Tensor) -> Tensor:
    """[..., 3H, I] in the order r, z, n → n, r, z."""
    r, z, n = rows.chunk(3, -2)
    return torch.cat([n, r, z], -2)


def n_last(rows: Tensor) -> Tensor:
    """[..., 3H, I] in the order n, r, z → r, z, n."""
    n, r, z = rows.chunk(3, -2)
    return torch.cat([r, z, n], -2)


def array_of(tensor: Tensor) -> Any:
    """The tensor's memory as NumPy sees it."""
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()
