import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chisquare

from rllib_remix.envs.team_env import random_actions
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.rollout.acting import TeamActor

AGENTS, OBS_DIM, ACTIONS = 3, 4, 5


def network(seed: int = 0) -> RecurrentAgent:
    torch.manual_seed(seed)
    return RecurrentAgent(OBS_DIM, ACTIONS, AGENTS, hidden_dim=8)


def seen(copies: int, seed: int = 0, share: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """Random observations and available actions, at least one for every agent."""
    rng = np.random.default_rng(seed)
    avail_actions = rng.random((copies, AGENTS, ACTIONS)) < share
    avail_actions[..., 2] |= ~avail_actions.any(-1)
    return rng.normal(size=(copies, AGENTS, OBS_DIM)).astype(np.float32), avail_actions


def are_available(actions: np.ndarray, avail_actions: np.ndarray) -> bool:
    return bool(np.take_along_axis(avail_actions, actions[..., None], -1).all())


def remembered(actor: TeamActor) -> np.ndarray:
    """Last actions [N, n], -1 where there is none."""
    codes = actor._network._last_action
    return np.where(codes.any(-1), codes.argmax(-1), -1)


def test_without_exploration_every_agent_takes_its_best_available_action_along_the_episode():
    agent, copies = network(), 4
    actor = TeamActor(agent, copies)
    hidden, last_actions = torch.zeros(copies * AGENTS, 8), torch.full((copies, AGENTS), -1)
    for t in range(6):
        obs, avail_actions = seen(copies, seed=t)
        with torch.no_grad():
            utilities, hidden = agent.step(torch.from_numpy(obs), last_actions, hidden)
        expected = np.where(avail_actions, utilities.numpy(), -np.inf).argmax(-1)
        actions = actor.act(obs, avail_actions)
        assert actions.tolist() == expected.tolist()
        assert (actions.shape, actions.dtype) == ((copies, AGENTS), np.int64)
        last_actions = torch.from_numpy(expected)


def test_acting_greedily_needs_no_randomness_and_uses_none():
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    TeamActor(network(), 2).act(*seen(2), epsilon=0.0, rng=rng)
    assert rng.bit_generator.state == before


def test_full_exploration_is_uniform_over_the_available_actions():
    copies = 4000
    obs = np.zeros((copies, AGENTS, OBS_DIM), np.float32)
    avail_actions = np.zeros((copies, AGENTS, ACTIONS), np.bool_)
    available = ([0, 1, 2, 3, 4], [1, 3], [2])
    for agent, actions in enumerate(available):
        avail_actions[:, agent, actions] = True
    taken = TeamActor(network(), copies).act(obs, avail_actions, epsilon=1.0, rng=np.random.default_rng(0))
    for agent, actions in enumerate(available):
        counts = np.bincount(taken[:, agent], minlength=ACTIONS)
        assert counts[actions].sum() == copies
        assert len(actions) == 1 or chisquare(counts[actions]).pvalue > 1e-3


def test_agents_explore_independently_at_the_given_rate():
    copies, epsilon = 4000, 0.3
    obs = np.zeros((copies, AGENTS, OBS_DIM), np.float32)
    avail_actions = np.ones((copies, AGENTS, ACTIONS), np.bool_)
    agent = network()
    greedy = TeamActor(agent, copies).act(obs, avail_actions)
    actions = TeamActor(agent, copies).act(obs, avail_actions, epsilon=epsilon, rng=np.random.default_rng(1))
    # A random action is another than the greedy one in 4 of 5 cases: 0.3 · 0.8 = 0.24, and all three 0.24³.
    differs = actions != greedy
    assert binomtest(int(differs.sum()), copies * AGENTS, 0.24).pvalue > 1e-3
    assert binomtest(int(differs.all(-1).sum()), copies, 0.24**3).pvalue > 1e-3


def test_the_explored_action_is_the_one_that_is_remembered():
    agent = network()
    obs, avail_actions = seen(3)
    explorer = TeamActor(agent, 3)
    taken = explorer.act(obs, avail_actions, epsilon=1.0, rng=np.random.default_rng(3))
    assert remembered(explorer).tolist() == taken.tolist()
    taken[:] = 0  # what the caller does with its array is its own affair
    assert remembered(explorer).tolist() != taken.tolist()


@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([0.05, 0.5, 1.0]))
def test_an_unavailable_action_is_never_taken(seed, epsilon, share):
    actor, rng = TeamActor(network(), 6), np.random.default_rng(seed)
    for t in range(3):
        obs, avail_actions = seen(6, seed=seed + t, share=share)
        assert are_available(actor.act(obs, avail_actions, epsilon=epsilon, rng=rng), avail_actions)


def test_forgetting_clears_the_memory_of_the_named_copies_only():
    agent, copies = network(), 4
    actor = TeamActor(agent, copies)
    for t in range(3):
        actor.act(*seen(copies, seed=t))
    hidden, last_actions = actor._network.hidden.clone(), remembered(actor)
    actor.forget(np.array([False, True, False, True]))
    assert (actor._network.hidden[[1, 3]] == 0).all()
    assert (remembered(actor)[[1, 3]] == -1).all()
    assert torch.equal(actor._network.hidden[[0, 2]], hidden[[0, 2]])
    assert np.array_equal(remembered(actor)[[0, 2]], last_actions[[0, 2]])


def test_a_copy_that_forgot_acts_as_if_it_had_just_begun():
    agent = network()
    actor = TeamActor(agent, 2)
    for t in range(5):
        actor.act(*seen(2, seed=t))
    actor.forget(np.array([True, False]))
    obs, avail_actions = seen(2, seed=99)
    fresh = TeamActor(agent, 2)
    fresh.act(obs, avail_actions)
    actor.act(obs, avail_actions)
    torch.testing.assert_close(actor._network.hidden[0], fresh._network.hidden[0])
    assert not torch.allclose(actor._network.hidden[1], fresh._network.hidden[1])


def test_memory_of_earlier_steps_changes_what_agents_think():
    agent = network()
    obs, avail_actions = seen(2, seed=9)
    fresh, experienced = TeamActor(agent, 2), TeamActor(agent, 2)
    experienced.act(*seen(2, seed=1))
    fresh.act(obs, avail_actions)
    experienced.act(obs, avail_actions)
    assert not torch.allclose(fresh._network.hidden, experienced._network.hidden)


def test_the_same_randomness_gives_the_same_actions():
    obs, avail_actions = seen(20)
    taken = [
        TeamActor(network(), 20).act(obs, avail_actions, epsilon=0.5, rng=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    ]
    assert taken[0].tolist() == taken[1].tolist() != taken[2].tolist()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float64, np.bool_])
def test_observations_may_have_any_real_dtype(dtype):
    rng = np.random.default_rng(0)
    obs = rng.integers(0, 2, (4, AGENTS, OBS_DIM)).astype(dtype)
    _, avail_actions = seen(4)
    agent = network()
    expected = TeamActor(agent, 4).act(obs.astype(np.float32), avail_actions)
    assert TeamActor(agent, 4).act(obs, avail_actions).tolist() == expected.tolist()


def test_acting_takes_over_new_weights_of_its_network():
    agent, other = network(0), network(1)
    obs, avail_actions = seen(50)
    actor = TeamActor(agent, 50)
    agent.load_state_dict(other.state_dict())
    assert actor.act(obs, avail_actions).tolist() == TeamActor(other, 50).act(obs, avail_actions).tolist()


def test_random_actions_are_available_and_uniform():
    avail_actions = np.tile(np.array([True, False, True, True, False]), (3000, 1))
    counts = np.bincount(random_actions(avail_actions, np.random.default_rng(0)), minlength=5)
    assert counts[[1, 4]].tolist() == [0, 0]
    assert chisquare(counts[[0, 2, 3]]).pvalue > 1e-3
