"""The two constraints of QTRAN-base that tie the agents' utilities to the joint value Q_jt.

If both hold everywhere, every agent's greedy action together is the best joint action of Q_jt (Son et al. 2019,
theorem 1): there Σ_a Q^a - Q_jt + V is 0, and nowhere below it.
"""

from __future__ import annotations

from torch import Tensor


def greedy_errors(greedy_sum: Tensor, q_jt: Tensor, state_value: Tensor) -> Tensor:
    """Σ_a Q^a(ū_a) - sg Q_jt(ū) + V at the greedy joint action ū, which the first constraint has at 0.

    Args:
        greedy_sum: [B, T] float32, Σ_a Q^a(ū_a).
        q_jt: [B, T] float32, Q_jt of that joint action; it gets no gradient.
        state_value: [B, T] float32, V.

    Returns:
        [B, T] float32.
    """
    return greedy_sum - q_jt.detach() + state_value


def taken_errors(chosen_sum: Tensor, q_jt: Tensor, state_value: Tensor) -> Tensor:
    """min(0, Σ_a Q^a(u_a) - sg Q_jt(u) + V) at the joint action u taken: the second constraint, broken where it is below 0.

    Arguments and result are as of `greedy_errors`, of u.
    """
    return (chosen_sum - q_jt.detach() + state_value).clamp(max=0.0)
