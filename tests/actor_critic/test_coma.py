"""COMA's learner step against a plain computation in float64, and its advantage by properties."""

import itertools

import numpy as np
import pytest
import torch
from ray.rllib.core import DEFAULT_MODULE_ID

from rllib_remix.learning.policies import (
    counterfactual_advantages,
    log_policy,
    policies_of,
    policy_gradient_loss,
)
from tests.actor_critic.reference_coma import ReferenceCOMA, Settings
from tests.actor_critic.steps import (
    check_numbers,
    check_step,
    learner_of,
    prepared,
    rewritten_padding,
    update,
)
from tests.learner_step.learners import a_batch, gradients, module_of, parameters, tensors


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        pytest.param(Settings(td_lambda=1.0, truncated_value="last"), marks=pytest.mark.battery),
        pytest.param(Settings(td_lambda=0.0, time_limit="termination"), marks=pytest.mark.battery),
        pytest.param(Settings(skip_removed_agents=False), marks=pytest.mark.battery),
    ],
)
def test_a_step_is_the_plain_computations(settings):
    learner = learner_of("COMA", settings)
    before = parameters(learner)
    expected = ReferenceCOMA(before, a_batch(), settings)
    logged = update(learner, a_batch())
    check_numbers(logged, expected)
    advantages, returns = np.concatenate(expected.advantages), np.concatenate(expected.returns)
    assert logged["advantage_mean"] == pytest.approx(advantages.mean(), rel=1e-4, abs=1e-6)
    assert logged["advantage_std"] == pytest.approx(advantages.std(), rel=1e-4)
    assert logged["target_mean"] == pytest.approx(returns.mean(), rel=1e-4)
    assert logged["value_mean"] == pytest.approx(np.concatenate(expected.taken).mean(), rel=1e-4)
    check_step(learner, before, logged, expected)


def test_the_value_after_a_cut_is_of_actions_drawn_from_the_policies():
    settings = Settings(td_lambda=1.0, truncated_value="last")
    learner = learner_of("COMA", settings)
    expected = ReferenceCOMA(parameters(learner), a_batch(), settings)
    logged = update(learner, a_batch())
    assert logged["target_mean"] == pytest.approx(np.concatenate(expected.returns).mean(), rel=1e-4)
    assert logged["value_loss"] == pytest.approx(expected.value_loss(expected.parameters), rel=1e-5)


def test_what_stands_on_padding_has_no_influence():
    learners = [learner_of("COMA", Settings()) for _ in range(2)]
    logged = [update(learners[0], a_batch()), update(learners[1], rewritten_padding(a_batch()))]
    assert logged[0] == logged[1]
    for name, gradient in gradients(learners[0]).items():
        assert (gradient == gradients(learners[1])[name]).all()


def loss_of(learner, batch, fwd_out):
    return learner.compute_loss_for_module(
        module_id=DEFAULT_MODULE_ID,
        config=learner.config,
        batch=prepared(batch)[DEFAULT_MODULE_ID],
        fwd_out=fwd_out,
    )


def test_no_gradient_reaches_the_logits_of_an_agent_that_has_no_choice_nor_values_of_actions_not_taken():
    learner = learner_of("COMA", Settings(entropy_coefficient=0.3))
    batch, given = tensors(a_batch()), a_batch()
    fwd_out = {
        "logits": torch.randn(6, 5, 3, 4, requires_grad=True),
        "action_values": torch.randn(6, 5, 3, 4, requires_grad=True),
        "target_values": torch.randn(6, 6, 3, requires_grad=True),
    }
    loss_of(learner, given, fwd_out).backward()
    avail, padding = batch["avail_actions"][:, :-1], torch.arange(5) >= batch["lengths"][:, None]
    of_logits = fwd_out["logits"].grad
    forced = avail.sum(-1) == 1
    assert forced[0, 2:, 2].all()  # the agent that was removed
    assert not of_logits[forced].any()
    assert not of_logits[~avail].any()
    assert not of_logits[padding].any()
    assert of_logits[~forced & ~padding.unsqueeze(-1)].any(-1).all()
    of_values = fwd_out["action_values"].grad
    taken = torch.nn.functional.one_hot(batch["actions"], 4).bool() & ~padding[..., None, None]
    assert (of_values[taken] != 0).all()  # of agents that have left too, whose returns go on
    assert not of_values[~taken].any()
    assert fwd_out["target_values"].grad is None


def test_an_advantage_is_zero_on_average_over_the_policy():
    torch.manual_seed(0)
    avail = torch.rand(50, 5) < 0.6
    avail[:, 2] |= ~avail.any(-1)
    policy, values = log_policy(3 * torch.randn(50, 5), avail), 10 * torch.randn(50, 5)
    of_actions = [counterfactual_advantages(policy, values, torch.full((50,), u)) for u in range(5)]
    mean = (policy.exp() * torch.stack(of_actions, -1)).sum(-1)
    torch.testing.assert_close(mean, torch.zeros(50), rtol=0, atol=1e-5)
    single = avail.sum(-1) == 1
    assert single.any()
    only = counterfactual_advantages(policy, values, avail.int().argmax(-1))[single]
    assert (only == 0).all()


def test_an_advantage_by_hand():
    # π = (¼, ¾), Q = (2, 6): the baseline is ½ + 4½ = 5.
    policy, values = torch.tensor([[0.25, 0.75]] * 2).log(), torch.tensor([[2.0, 6.0]] * 2)
    assert counterfactual_advantages(policy, values, torch.tensor([0, 1])).tolist() == [-3.0, 1.0]


def test_the_baseline_leaves_the_expected_gradient_which_is_that_of_the_expected_return():
    # A one-step game of two agents with three actions each: all nine joint actions, with their probabilities.
    torch.manual_seed(0)
    payoff = torch.randn(3, 3) * 4
    logits = torch.randn(2, 3, requires_grad=True)
    joint = torch.tensor(list(itertools.product(range(3), repeat=2)))  # [9, 2]
    rewards = payoff[joint[:, 0], joint[:, 1]]
    policy = logits.log_softmax(-1)
    probabilities = policy[0].exp()[joint[:, 0]] * policy[1].exp()[joint[:, 1]]
    (of_return,) = torch.autograd.grad((probabilities * rewards).sum(), logits)
    batch = policies_of(
        logits.expand(9, 1, 2, 3), torch.ones(9, 1, 2, 3, dtype=torch.bool), joint.unsqueeze(1)
    )
    # Q^a(·) of agent a with the other's action as it was.
    values = torch.stack([payoff[:, joint[:, 1]].t(), payoff[joint[:, 0]]], dim=1).unsqueeze(1)
    advantages = counterfactual_advantages(batch.log_probabilities, values, joint.unsqueeze(1))
    mask, one = torch.ones(9, 1, dtype=torch.bool), torch.tensor(1.0)
    for credit in (advantages, rewards.view(9, 1, 1).expand(9, 1, 2)):
        weighted = credit * probabilities.detach().view(9, 1, 1)
        (found,) = torch.autograd.grad(
            policy_gradient_loss(batch.taken, weighted, mask, one), logits, retain_graph=True
        )
        torch.testing.assert_close(found, -of_return / 2, rtol=1e-4, atol=1e-5)  # a mean over two agents


def test_actor_and_critic_have_optimizers_and_only_the_critic_a_target():
    learner = learner_of("COMA", Settings())
    kinds = dict(learner.get_optimizers_for_module(DEFAULT_MODULE_ID))
    assert set(kinds) == {"actor", "critic"}
    assert kinds["actor"].param_groups[0]["lr"] == 0.004
    assert kinds["critic"].param_groups[0]["lr"] == 0.007
    ((source, target),) = module_of(learner).get_target_network_pairs()
    assert source is module_of(learner).central_critic
    assert not any(weight.requires_grad for weight in target.parameters())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_it_learns_in_both_dtypes_with_normalised_observations_and_the_time(dtype):
    learner = learner_of(
        "COMA", Settings(), compute_dtype=dtype, normalize_observations=True, observe_time=True
    )
    batch = rewritten_padding(a_batch())
    before = parameters(learner)
    logged = update(learner, batch)
    assert all(np.isfinite(logged[name]) for name in ("policy_loss", "value_loss", "grad_norm"))
    assert all((parameters(learner)[name] != before[name]).any() for name in gradients(learner))
