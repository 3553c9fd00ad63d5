"""Entropy-regularised values: hand-worked numbers, limits, the policies' fixed point, and FOP's factorization."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.learning.policies import log_policy
from rllib_remix.learning.soft_values import soft_policy_losses, soft_state_values, soft_values
from rllib_remix.models.mixing.qplex import duplex_dueling

ALL = torch.tensor(True)
SCALES = st.sampled_from([0.1, 1.0, 100.0])
TEMPERATURES = st.sampled_from([0.01, 0.5, 20.0])


def values_and_avail(seed, scale, shape=(5, 4)):
    generator = torch.Generator().manual_seed(seed)
    avail = torch.rand(shape, generator=generator) < 0.6
    avail[..., 1] |= ~avail.any(-1)
    return torch.randn(shape, generator=generator) * scale, avail


def test_the_soft_value_worked_by_hand():
    # α 2, Q = 2 log (1, 2, 5) and an unavailable one: 2·log(1 + 2 + 5) = 2 log 8.
    values = torch.tensor([0.0, 2 * math.log(2), 2 * math.log(5), 99.0])
    avail = torch.tensor([True, True, True, False])
    assert soft_values(values, avail, 2.0).item() == pytest.approx(2 * math.log(8))
    # All four alike at 3, α ½: 3 + ½ log 4.
    assert soft_values(torch.full((4,), 3.0), ALL.expand(4), 0.5).item() == pytest.approx(
        3 + 0.5 * math.log(4)
    )


@given(st.integers(0, 2**32), SCALES, TEMPERATURES)
def test_it_lies_between_the_greatest_value_and_that_with_the_entropy_of_all_actions(
    seed, scale, temperature
):
    values, avail = values_and_avail(seed, scale)
    soft = soft_values(values, avail, temperature)
    best = values.masked_fill(~avail, -torch.inf).amax(-1)
    assert (soft >= best).all()
    assert (soft <= best + temperature * avail.sum(-1).log() + 1e-5 * (scale + temperature)).all()


def test_without_temperature_it_is_the_greatest_value():
    values, avail = values_and_avail(3, 1.0, (200, 4))
    best = values.masked_fill(~avail, -torch.inf).amax(-1)
    torch.testing.assert_close(soft_values(values, avail, 1e-4), best, rtol=0, atol=1e-4 * math.log(4))


def test_of_a_single_available_action_it_is_its_value_to_the_bit():
    values, avail = torch.randn(50, 4) * 1e3, torch.zeros(50, 4, dtype=torch.bool)
    avail[torch.arange(50), torch.arange(50) % 4] = True
    assert torch.equal(soft_values(values, avail, 0.3), values[avail])


@pytest.mark.parametrize("temperature", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("scale", [1e-3, 1e6])
def test_it_is_finite_at_all_temperatures_and_scales_and_on_padding(temperature, scale):
    values = torch.randn(20, 4) * scale
    for avail in (ALL, ~ALL):  # no action is available on padding
        assert soft_values(values, avail.expand(20, 4), temperature).isfinite().all()


@given(st.integers(0, 2**32), SCALES, TEMPERATURES)
def test_the_policies_loss_is_least_at_the_softmax_where_it_is_minus_the_soft_value(seed, scale, temperature):
    values, avail = values_and_avail(seed, scale)
    at_softmax = soft_policy_losses(log_policy(values / temperature, avail), values, temperature)
    rounding = {"rtol": 1e-4, "atol": 1e-4 * (scale + temperature)}
    torch.testing.assert_close(at_softmax, -soft_values(values, avail, temperature), **rounding)
    for other in range(5):
        noise = torch.randn(values.shape, generator=torch.Generator().manual_seed(other))
        policy = log_policy(values / temperature + noise, avail)
        assert (soft_policy_losses(policy, values, temperature) >= at_softmax - rounding["atol"]).all()


def test_the_softmax_is_the_fixed_point_of_the_policies_gradient_and_values_get_none():
    values, avail = values_and_avail(0, 1.0)
    values.requires_grad_()
    for shift, is_fixed in ((0.0, True), (0.5, False)):
        logits = (values.detach() / 0.7 + shift * torch.arange(4.0)).requires_grad_()
        soft_policy_losses(log_policy(logits, avail), values, 0.7).sum().backward()
        choice = avail.sum(-1) > 1
        assert (logits.grad.abs().amax(-1)[choice] < 1e-6).all() == is_fixed
        assert not logits.grad[~avail].any()
        assert not logits.grad[~choice].any()
    assert values.grad is None


def test_the_policies_loss_worked_by_hand():
    # π = (¼, ¾), Q = (4, -8), α 2: expectation 1 - 6 = -5, entropy ¼ log 4 + ¾ log 4/3.
    policy = torch.tensor([0.25, 0.75]).log()
    entropy = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    loss = soft_policy_losses(policy, torch.tensor([4.0, -8.0]), 2.0)
    assert loss.item() == pytest.approx(5 - 2 * entropy)


def test_the_state_value_has_the_mean_of_the_agents_entropies():
    # 3 - 0.5·mean(-1, -2, 0) = 3 + 0.5
    taken = torch.tensor([[-1.0, -2.0, 0.0]])
    assert soft_state_values(torch.tensor([3.0]), taken, 0.5).item() == pytest.approx(3.5)


@given(st.integers(0, 2**32), st.sampled_from([0.2, 1.0, 3.0]), st.sampled_from([0.3, 1.0, 2.5]))
def test_with_a_constant_importance_the_joint_policy_is_the_product_of_the_agents(
    seed, temperature, importance
):
    values, avail = values_and_avail(seed, 1.0, (3, 4))
    soft = soft_values(values, avail, temperature)
    allowed = [row.nonzero().flatten().tolist() for row in avail]
    joint = torch.tensor(list(itertools.product(*allowed)))  # every joint action of available ones
    q_jt = 0.7 + duplex_dueling(
        values[torch.arange(3), joint], soft.expand(len(joint), 3), torch.tensor(importance)
    )
    of_team = (q_jt / (importance * temperature)).softmax(0)
    of_agents = log_policy(values / temperature, avail)[torch.arange(3), joint].sum(-1).exp()
    torch.testing.assert_close(of_team, of_agents, rtol=1e-3, atol=1e-5)
