"""Compiled elementwise parts of a GRU's steps, forward and backward, on float32 or bfloat16 arrays.

NumPy has no bfloat16: such arrays come as uint16, the upper halves of float32 numbers. All arithmetic is float32.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

from rllib_remix.compiling import CACHE

# Without the check for division by 0, and with these liberties, loops become vector instructions.
_OPTIONS: dict[str, Any] = {
    "cache": CACHE,
    "error_model": "numpy",
    "fastmath": {"contract", "arcp", "nsz"},
    "nogil": True,  # Threads that learn from parts of a batch compute at the same time.
}
_ONE, _TWO = np.float32(1), np.float32(2)
_LOG2_E = np.float32(1.4426950408889634)
_MAX_EXPONENT = np.float32(60)  # of 2; what σ then lacks of 0 or 1 is below 1e-18
_ROUNDER = np.float32(1.5 * 2**23)  # added and subtracted, it rounds to an integer
# 2^x on [-1/2, 1/2]: ln(2)^k / k!
_P1, _P2, _P3, _P4, _P5, _P6 = (
    np.float32(c)
    for c in (0.6931471806, 0.2402265070, 0.0555041087, 0.0096181291, 0.0013333558, 0.0001540353)
)


@intrinsic
def _power_of_two(typing_context: Any, exponent: Any) -> Any:
    """2^k of an integral float32 k in [-126, 127]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integer = ir.IntType(32)
        biased = builder.add(builder.fptosi(arguments[0], integer), ir.Constant(integer, 127))
        return builder.bitcast(builder.shl(biased, ir.Constant(integer, 23)), ir.FloatType())

    return types.float32(types.float32), generate


@intrinsic
def _from_bfloat16(typing_context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integer = ir.IntType(32)
        upper = builder.shl(builder.zext(arguments[0], integer), ir.Constant(integer, 16))
        return builder.bitcast(upper, ir.FloatType())

    return types.float32(types.uint16), generate


@intrinsic
def _to_bfloat16(typing_context: Any, number: Any) -> Any:
    """Rounded to the nearest, ties to even; not for NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integer = ir.IntType(32)
        sixteen = ir.Constant(integer, 16)
        bits = builder.bitcast(arguments[0], integer)
        is_odd = builder.and_(builder.lshr(bits, sixteen), ir.Constant(integer, 1))
        rounded = builder.add(builder.add(bits, ir.Constant(integer, 0x7FFF)), is_odd)
        return builder.trunc(builder.lshr(rounded, sixteen), ir.IntType(16))

    return types.uint16(types.float32), generate


def _load(number) -> Any:
    """A number of an array as float32."""


@overload(_load, inline="always")
def _load_by_type(number):
    if isinstance(number, types.Integer):
        return lambda number: _from_bfloat16(number)  # pyright: ignore[reportCallIssue]
    return lambda number: number


def _store(array, row, column, number) -> None:
    """Writes a float32 number into an array."""


@overload(_store)
def _store_by_type(array, row, column, number):
    def store(array, row, column, number):
        array[row, column] = number

    def store_rounded(array, row, column, number):
        array[row, column] = _to_bfloat16(number)  # pyright: ignore[reportCallIssue]

    return store_rounded if isinstance(array.dtype, types.Integer) else store


@njit(inline="always", **_OPTIONS)
def _sigmoid(x):
    y = -x * _LOG2_E
    y = _MAX_EXPONENT if y > _MAX_EXPONENT else y
    y = -_MAX_EXPONENT if y < -_MAX_EXPONENT else y
    whole = (y + _ROUNDER) - _ROUNDER
    f = y - whole
    power = _ONE + f * (_P1 + f * (_P2 + f * (_P3 + f * (_P4 + f * (_P5 + f * _P6)))))
    return _ONE / (_ONE + power * _power_of_two(whole))  # pyright: ignore[reportCallIssue]


# H is a constant of the functions that these become parts of, so that their loops are vectorised. The compiler gives up
# on loops over more arrays than these, because it must check that none overlap.


@njit(inline="always", **_OPTIONS)
def _forward_rows(H, products, bias, hidden, gates, new_hidden, new_hidden_low):
    for i in range(len(new_hidden)):
        for j in range(H):
            x_r, h_r = _load(products[i, j]) + bias[j], _load(products[i, 3 * H + j]) + bias[3 * H + j]
            x_z, h_z = (
                _load(products[i, H + j]) + bias[H + j],
                _load(products[i, 4 * H + j]) + bias[4 * H + j],
            )
            x_n = _load(products[i, 2 * H + j]) + bias[2 * H + j]
            h_n = _load(products[i, 5 * H + j]) + bias[5 * H + j]
            r, z = _sigmoid(x_r + h_r), _sigmoid(x_z + h_z)
            n = _TWO * _sigmoid(_TWO * (x_n + r * h_n)) - _ONE
            _store(gates, i, j, n)
            _store(gates, i, H + j, r)
            _store(gates, i, 2 * H + j, z)
            _store(gates, i, 3 * H + j, h_n)
            new_hidden[i, j] = n + z * (hidden[i, j] - n)
    for i in range(len(new_hidden_low)):
        for j in range(H):
            _store(new_hidden_low, i, j, new_hidden[i, j])


@njit(inline="always", **_OPTIONS)
def _backward_rows(H, d_out, hidden, gates, d_hidden, d_bias):
    for i in range(len(d_out)):
        for j in range(H):
            n, r = _load(gates[i, j]), _load(gates[i, H + j])
            z, h_n = _load(gates[i, 2 * H + j]), _load(gates[i, 3 * H + j])
            d_new = d_out[i, j] + d_hidden[i, j]
            d_past = d_new * z
            d_hidden[i, j] = d_past
            d_n = (d_new - d_past) * (_ONE - n * n)
            d_h_n = d_n * r
            _store(gates, i, j, d_n)
            _store(gates, i, H + j, d_h_n * h_n * (_ONE - r))
            _store(gates, i, 2 * H + j, d_past * (_ONE - z) * (hidden[i, j] - n))
            _store(gates, i, 3 * H + j, d_h_n)
        for j in range(4 * H):
            d_bias[j] += _load(gates[i, j])


@functools.cache
def step_kernels(hidden_dim: int) -> tuple[Callable[..., None], Callable[..., None]]:
    """`forward_step` and `backward_step` for H hidden units.

    Arrays are [rows, …]; "low" ones are float32 or uint16 (bfloat16), all others are float32.
    The step is PyTorch's: h' = n + z·(h - n) with n = tanh(x_n + r·h_n) and r, z = σ(x + h).
    """
    H = hidden_dim

    @njit(**_OPTIONS)
    def forward_step(products, bias, hidden, gates, new_hidden, new_hidden_low):
        """Fills low `gates` [4H] with n, r, z, h_n, and `new_hidden` [H] with h'.

        The first rows of h', as many as the low `new_hidden_low` [H] has, are also written there.

        Args:
            products: low [6H], W·x and U·h, each in PyTorch's order r, z, n.
            bias: [6H] in all, not per row, b and c.
            hidden: [H], h.
        """
        _forward_rows(H, products, bias, hidden, gates, new_hidden, new_hidden_low)

    @njit(**_OPTIONS)
    def backward_step(d_out, hidden, gates, d_hidden, d_bias):
        """From ∂L/∂h' to the gradients of the gates' sums, which replace `gates`: those of n, r, z, h_n.

        The first three are the gradient of W·x + b, the last three that of U·h + c.

        Args:
            d_out: [H], what reaches h' from outside.
            hidden: [H], h. gates: low [4H], from `forward_step`.
            d_hidden: [H], what reaches h' from the next step; becomes the part of ∂L/∂h that goes past the gates.
            d_bias: [4H], to which the gradients are added, summed over rows.
        """
        _backward_rows(H, d_out, hidden, gates, d_hidden, d_bias)

    return forward_step, backward_step


@functools.cache
def group_step_kernels(hidden_dim: int) -> tuple[Callable[..., None], Callable[..., None]]:
    """`forward_groups` and `backward_groups`: the same for G groups, each with its own biases.

    Arrays are [G, …], and `now`, `before` and `after` are slices: where in them the step's rows are, those of the step
    before, and of the next.
    """
    H = hidden_dim

    @njit(**_OPTIONS)
    def forward_groups(products, bias, hidden, before, gates, states, low_states, now, after):
        """As `forward_step` for every group.

        Args:
            products: low [G, rows, 6H]. bias: [G, 6H].
            hidden: h is [G, before, H].
            gates, states, low_states: filled at `now`, `now` and `after`.
        """
        for g in range(len(bias)):
            _forward_rows(
                H,
                products[g],
                bias[g],
                hidden[g, before],
                gates[g, now],
                states[g, now],
                low_states[g, after],
            )

    @njit(**_OPTIONS)
    def backward_groups(d_out, hidden, before, gates, now, d_hidden, d_bias):
        """As `backward_step` for every group.

        Args:
            d_out: [G, rows, H], of which the first are of this step.
            hidden: h is [G, before, H].
            gates: [G, …, 4H], replaced at `now`.
            d_hidden: [G, rows, H]. d_bias: [G, 4H].
        """
        rows = slice(0, now.stop - now.start)
        for g in range(len(d_bias)):
            _backward_rows(H, d_out[g, rows], hidden[g, before], gates[g, now], d_hidden[g], d_bias[g])

    return forward_groups, backward_groups
