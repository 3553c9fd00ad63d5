import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.learning.qtran import greedy_errors, taken_errors


def test_errors_worked_by_hand():
    # Σ Q - Q_jt + V: 3 - 5 + 1 = -1, 3 - 1 + 1 = 3.
    sums, q_jt, value = torch.tensor([3.0, 3.0]), torch.tensor([5.0, 1.0]), torch.tensor([1.0, 1.0])
    assert greedy_errors(sums, q_jt, value).tolist() == [-1, 3]
    assert taken_errors(sums, q_jt, value).tolist() == [-1, 0]


def test_no_gradient_reaches_q_jt_and_the_second_has_one_only_where_the_sum_is_too_low():
    sums, value = (torch.tensor([3.0, 3.0]).requires_grad_() for _ in range(2))
    q_jt = torch.tensor([8.0, 1.0]).requires_grad_()
    taken_errors(sums, q_jt, value).square().sum().backward()
    assert (sums.grad.tolist(), value.grad.tolist(), q_jt.grad) == ([-4, 0], [-4, 0], None)  # 2·(3 - 8 + 3)
    sums.grad = value.grad = None
    greedy_errors(sums, q_jt, value).square().sum().backward()
    assert (sums.grad.tolist(), value.grad.tolist(), q_jt.grad) == ([-4, 10], [-4, 10], None)


@given(st.integers(0, 2**32), st.integers(2, 3))
def test_where_both_constraints_hold_the_agents_greedy_actions_are_the_best_joint_action(seed, agents):
    """A joint value as both ask for it: below Σ Q + V by any amount, by nothing at the greedy joint action."""
    generator = torch.Generator().manual_seed(seed)
    utilities = torch.randn(agents, 3, generator=generator)
    value = torch.randn((), generator=generator)
    joint_actions = torch.tensor(list(itertools.product(range(3), repeat=agents)))
    sums = utilities[torch.arange(agents), joint_actions].sum(-1)
    greedy = (joint_actions == utilities.argmax(-1)).all(-1)
    below = torch.rand(len(sums), generator=generator).masked_fill(greedy, 0.0)
    q_jt = sums + value - below
    assert greedy_errors(sums, q_jt, value)[greedy].abs().max() < 1e-6
    assert taken_errors(sums, q_jt, value).abs().max() < 1e-6
    assert q_jt.argmax() == greedy.float().argmax()
    # Without the second another joint action may be better.
    better = q_jt.clone()
    better[~greedy] += 10
    assert greedy_errors(sums, better, value)[greedy].abs().max() < 1e-6
    assert taken_errors(sums, better, value).abs().max() > 1
