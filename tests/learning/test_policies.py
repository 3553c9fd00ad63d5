"""Policies over available actions, by hand-worked numbers, and the policy gradient against a game that is enumerated."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.learning.policies import (
    drawn_actions,
    entropies,
    expected_values,
    log_policy,
    mean_over_steps,
    numbered_uniforms,
    policies_of,
    policy_gradient_loss,
    uniforms_of_update,
)

INF = math.inf


def test_a_policy_is_the_softmax_of_the_available_actions_alone():
    logits = torch.tensor([math.log(1.0), math.log(3.0), 50.0])
    # π = (1, 3) / 4; the third action, however good, is not available.
    log_pi = log_policy(logits, torch.tensor([True, True, False]))
    torch.testing.assert_close(log_pi, torch.tensor([math.log(0.25), math.log(0.75), -INF]))
    # H = -(0.25·ln 0.25 + 0.75·ln 0.75) = 0.5623
    assert entropies(log_pi).item() == pytest.approx(0.5623, abs=1e-4)
    # 0.25·8 + 0.75·(-4) = -1, whatever the value of what is not available.
    assert expected_values(log_pi, torch.tensor([8.0, -4.0, 1e9])).item() == pytest.approx(-1.0)


def test_an_agent_without_a_choice_is_sure_to_the_bit_and_has_no_gradient():
    logits = torch.tensor([[1.7, -30.0, 4.0]], requires_grad=True)
    policies = policies_of(logits, torch.tensor([[False, True, False]]), torch.tensor([1]))
    assert policies.taken.tolist() == policies.entropies.tolist() == [0.0]
    (policies.taken.sum() * 5 + policies.entropies.sum()).backward()
    assert logits.grad.tolist() == [[0.0, 0.0, 0.0]]


def test_padding_without_available_actions_is_finite():
    logits = torch.randn(2, 3, requires_grad=True)
    log_pi = log_policy(logits, torch.zeros(2, 3, dtype=torch.bool))
    entropies(log_pi).sum().backward()
    assert log_pi.isfinite().all()
    assert logits.grad.isfinite().all()


@given(st.integers(0, 10_000))
def test_probabilities_sum_to_one_whatever_the_mask_and_logits_of_any_size(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(6, 5, generator=generator) * 10 ** torch.randint(0, 5, (6, 1), generator=generator)
    avail = torch.rand(6, 5, generator=generator) < 0.5
    avail[:, 2] = True
    log_pi = log_policy(logits, avail)
    torch.testing.assert_close(log_pi.exp().sum(-1), torch.ones(6))
    assert (log_pi == -INF)[~avail].all()
    # Adding a constant to all logits changes nothing.
    torch.testing.assert_close(log_policy(logits / 1e3 + 3, avail), log_policy(logits / 1e3, avail))
    bound = avail.sum(-1).float().log()
    assert ((entropies(log_pi) >= -1e-6) & (entropies(log_pi) <= bound + 1e-5)).all()


def test_a_mean_is_over_real_steps_and_agents():
    values = torch.tensor([[[1.0, 3.0], [INF, INF]], [[2.0, 4.0], [6.0, 8.0]]])
    mask = torch.tensor([[True, False], [True, True]])
    # Agents' means 2, 3 and 7 over 3 steps: 4
    assert mean_over_steps(values, mask, torch.tensor(3.0)).item() == 4.0
    assert mean_over_steps(values[..., 0], mask, torch.tensor(3.0)).item() == 3.0  # (1 + 2 + 6) / 3


def test_padding_that_is_infinite_or_no_number_neither_counts_nor_spoils_gradients():
    logits = torch.randn(1, 2, 1, 2, requires_grad=True)
    avail = torch.tensor([[[[True, True]], [[True, False]]]])
    policies = policies_of(logits, avail, torch.tensor([[[0], [1]]]))
    assert policies.taken[0, 1, 0] == -INF
    mask = torch.tensor([[True, False]])
    loss = policy_gradient_loss(policies.taken, torch.tensor([[2.0, math.nan]]), mask, torch.tensor(1.0))
    assert loss.item() == pytest.approx(-2 * policies.taken[0, 0, 0].item())
    loss.backward()
    assert logits.grad.isfinite().all()
    assert not logits.grad[0, 1].any()


PAYOFF = torch.tensor([[8.0, -12.0, -12.0], [-12.0, 0.0, 0.0], [-12.0, 1.0, 3.0]], dtype=torch.float64)
AVAILABLE = torch.tensor([[True, True, True], [True, False, True]])


def expected_payoff(logits):
    """Σ_u Π_a π^a(u_a)·payoff(u) over all joint actions of two agents."""
    first, second = log_policy(logits, AVAILABLE).exp()
    return first @ PAYOFF @ second


def sampled_gradient(logits, advantage_of):
    """The mean of the loss's gradient over joint actions, each as often as it is drawn; `advantage_of` gives [n]."""
    first, second = log_policy(logits.detach(), AVAILABLE).exp()
    gradient = torch.zeros_like(logits)
    for joint in itertools.product(range(3), range(3)):
        drawn = first[joint[0]] * second[joint[1]]
        if drawn == 0:
            continue
        policies = policies_of(logits[None, None], AVAILABLE[None, None], torch.tensor([[list(joint)]]))
        advantages = advantage_of(joint)
        loss = policy_gradient_loss(
            policies.taken, advantages, torch.ones(1, 1, dtype=torch.bool), torch.tensor(1.0)
        )
        gradient += drawn * torch.autograd.grad(loss, logits)[0]
    return gradient


@pytest.mark.parametrize("baseline", [0.0, -3.5])
def test_the_expected_gradient_is_that_of_the_expected_payoff_over_the_agents_whatever_the_baseline(baseline):
    logits = torch.tensor([[0.3, -0.5, 1.2], [-0.2, 9.0, 0.4]], dtype=torch.float64, requires_grad=True)
    gradient = sampled_gradient(logits, lambda u: (PAYOFF[u] - baseline).view(1, 1))
    expected = torch.autograd.grad(expected_payoff(logits), logits)[0]
    torch.testing.assert_close(gradient, -expected / 2)
    assert gradient[1, 1] == 0  # not available
    assert (gradient[0] != 0).all()


def test_agents_may_have_advantages_of_their_own():
    taken = torch.tensor([[[-1.0, -2.0]]], requires_grad=True)
    advantages = torch.tensor([[[3.0, -5.0]]])
    loss = policy_gradient_loss(taken, advantages, torch.tensor([[True]]), torch.tensor(1.0))
    assert loss.item() == -(3 * -1 + -5 * -2) / 2
    loss.backward()
    assert taken.grad.tolist() == [[[-1.5, 2.5]]]


def test_an_action_is_drawn_where_the_distribution_function_passes_the_number():
    # π = (¼, 0, ½, ¼): the function is ¼, ¼, ¾, 1.
    policy = torch.tensor([0.25, 0.0, 0.5, 0.25]).log().expand(7, 4)
    uniforms = torch.tensor([0.0, 0.2499, 0.2501, 0.5, 0.7499, 0.7501, 1 - 2**-53], dtype=torch.float64)
    assert drawn_actions(policy, uniforms).tolist() == [0, 0, 2, 2, 2, 3, 3]
    alone = torch.tensor([-torch.inf, 0.0, -torch.inf])
    assert drawn_actions(alone, torch.tensor(0.0, dtype=torch.float64)).item() == 1
    assert drawn_actions(alone, torch.tensor(1 - 2**-53, dtype=torch.float64)).item() == 1


def test_numbered_uniforms_are_spread_evenly_and_depend_on_the_number_alone():
    numbers = torch.arange(20_000)
    found = numbered_uniforms(numbers, 3)
    assert (found.shape, found.dtype) == ((20_000, 3), torch.float64)
    assert found.min() >= 0
    assert found.max() < 1
    some = torch.tensor([17, 3, 19_999])
    assert (numbered_uniforms(some, 3) == found[some]).all()
    # By agent, of two agents together, and of one after the other: 10 × 10 boxes of 200 each, give or take 14.
    for one, other in ((found[:, 0], found[:, 1]), (found[:-1, 2], found[1:, 2]), (found[:, 1], found[:, 2])):
        boxes = ((one * 10).floor() * 10 + (other * 10).floor()).long().bincount(minlength=100)
        assert (boxes - 200).abs().max() < 5 * 14
    large = numbered_uniforms(torch.tensor([2**40, 2**40 + 1]), 2)
    assert ((large >= 0) & (large < 1)).all()
    assert len(set(large.flatten().tolist())) == 4


def test_uniforms_of_an_update_are_spread_evenly_and_others_in_the_next():
    numbers = torch.arange(20_000)
    first, second = (uniforms_of_update(numbers, torch.full_like(numbers, update), 3) for update in (7, 8))
    assert (first.shape, first.dtype) == ((20_000, 3), torch.float64)
    assert first.min() >= 0
    assert first.max() < 1
    # Of two updates, of two steps, of two episodes: 10 × 10 boxes of 200 each, give or take 14.
    pairs = ((first[:, 0], second[:, 0]), (first[:, 0], first[:, 2]), (first[:-1, 1], first[1:, 1]))
    for one, other in pairs:
        boxes = ((one * 10).floor() * 10 + (other * 10).floor()).long().bincount(minlength=100)
        assert (boxes - 200).abs().max() < 5 * 14


def test_uniforms_of_an_update_depend_neither_on_the_others_of_the_batch_nor_on_its_length():
    numbers, update = torch.tensor([5, 2**40, 19]), torch.full((3,), 2**33)
    found = uniforms_of_update(numbers, update, 12)
    assert (uniforms_of_update(numbers[1:], update[1:], 8) == found[1:, :8]).all()
    assert ((found >= 0) & (found < 1)).all()
    assert len(set(found.flatten().tolist())) == 36
