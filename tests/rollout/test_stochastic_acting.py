"""Agents that draw from their policies."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from rllib_remix.rollout.acting import StochasticTeamActor
from tests.rollout.test_acting import ACTIONS, AGENTS, are_available, network, remembered, seen

COPIES = 6000


def policies(obs, avail_actions):
    """π [N, n, U] of the first step."""
    agent = network()
    with torch.no_grad():
        # Logits of some size, so that actions are unlike each other.
        agent.head.weight *= 8
    logits, _ = agent.step(
        torch.from_numpy(obs), torch.full(obs.shape[:2], -1), torch.zeros(obs[..., 0].size, 8)
    )
    exponentials = np.where(avail_actions, np.exp(logits.detach().double().numpy()), 0.0)
    return agent, exponentials / exponentials.sum(-1, keepdims=True)


def counts(actions):
    """[n, U]: how often each agent took each action."""
    return np.stack([(actions == action).sum(0) for action in range(ACTIONS)], axis=-1)


def same_in_all_copies(share=0.6):
    obs, avail_actions = seen(1, seed=3, share=share)
    avail_actions[0, 0] = [True, True, True, False, True]
    return obs.repeat(COPIES, 0), avail_actions.repeat(COPIES, 0)


@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_every_action_is_drawn_as_often_as_its_policy_says_with_epsilon_beside_it(epsilon):
    obs, avail_actions = same_in_all_copies()
    agent, pi = policies(obs, avail_actions)
    actions = StochasticTeamActor(agent, COPIES).act(
        obs, avail_actions, epsilon=epsilon, rng=np.random.default_rng(0)
    )
    assert are_available(actions, avail_actions)
    expected = (1 - epsilon) * pi[0] + epsilon * avail_actions[0] / avail_actions[0].sum(-1, keepdims=True)
    for drawn, probabilities in zip(counts(actions), expected, strict=True):
        possible = probabilities > 0
        assert possible.sum() > 1
        assert chisquare(drawn[possible], COPIES * probabilities[possible]).pvalue > 1e-3
    assert pi[0].max() > 0.4  # It is not the uniform one.


def test_agents_of_one_copy_draw_independently():
    obs, avail_actions = same_in_all_copies(share=1.0)
    agent, pi = policies(obs, avail_actions)
    actions = StochasticTeamActor(agent, COPIES).act(obs, avail_actions, rng=np.random.default_rng(1))
    both = np.zeros((ACTIONS, ACTIONS))
    np.add.at(both, (actions[:, 0], actions[:, 1]), 1)
    expected = COPIES * np.outer(pi[0, 0], pi[0, 1])
    possible = expected > 0
    assert expected[possible].min() > 5  # as the statistic needs
    assert chisquare(both[possible], expected[possible]).pvalue > 1e-3


def test_an_unavailable_action_is_never_drawn_however_large_its_logit():
    agent = network()
    with torch.no_grad():
        agent.head.bias[0] = 1e4
    obs, avail_actions = seen(500)
    avail_actions[..., 0], avail_actions[..., 1] = False, True
    actions = StochasticTeamActor(agent, 500).act(
        obs, avail_actions, epsilon=0.5, rng=np.random.default_rng(0)
    )
    assert are_available(actions, avail_actions)


def test_the_same_random_numbers_give_the_same_actions_which_are_remembered():
    obs, avail_actions = seen(20)
    drawn = []
    for seed in (5, 5, 6):
        actor = StochasticTeamActor(network(), 20)
        drawn.append(actor.act(obs, avail_actions, rng=np.random.default_rng(seed)))
        assert (remembered(actor) == drawn[-1]).all()
        assert (drawn[-1].shape, drawn[-1].dtype) == ((20, AGENTS), np.int64)
    assert (drawn[0] == drawn[1]).all()
    assert (drawn[0] != drawn[2]).any()
