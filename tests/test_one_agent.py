"""One agent by itself chooses what it does in its team, from its own history alone."""

import json

import numpy as np
import pytest
import torch

from rllib_remix import TeamPolicy, make_team_env
from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.errors import SettingError
from tests.hostile import good_checkpoint as good
from tests.onnx_export.teams import KINDS, SPEC, policy_of, shown, team_actions, team_of, write_team
from tests.plain_play import NotingGame, are_greedy, plain_utilities
from tests.test_policy import NETWORKS, trained

STEPS = 60


def alone(policy):
    return [policy.agent(name) for name in policy.agents]


@pytest.mark.parametrize("kind", KINDS)
def test_it_chooses_over_an_episode_what_the_team_chooses_for_it(kind):
    policy, spec = policy_of(kind)
    agents, seen = alone(policy), set()
    for obs, masks in shown(spec, STEPS):
        own = [agent.act(*step) for agent, *step in zip(agents, obs, masks, strict=True)]
        assert own == team_actions(policy, obs, masks).tolist()
        seen.add(tuple(own))
    assert len(seen) > 10  # no dull team


@pytest.mark.parametrize("network", NETWORKS, ids=["all inputs", "no id, clamped", "no last action"])
def test_its_choices_are_those_of_a_network_that_saw_its_observations_alone(network):
    game = NotingGame(1)
    policy = TeamPolicy(trained(game, network)[0], algorithm="QMIX", agents=game.spec.agents)
    agents, step = alone(policy), game.reset(seed=1)
    for _ in range(80):
        own = [
            agent.act(*each) for agent, *each in zip(agents, step.obs[0], step.avail_actions[0], strict=True)
        ]
        if step.terminated[0] or step.truncated[0]:  # the next step begins another episode
            for agent in agents:
                agent.reset()
        step = game.step(np.array([own]))
    weights, episodes = trained(game, network)[1], game.rounds[0][0]
    assert len(episodes) > 10
    for episode in episodes:
        values = plain_utilities(weights, episode.obs, episode.actions, **network)
        assert are_greedy(values, np.array(episode.avail_actions), np.array(episode.actions)).all()


@pytest.mark.parametrize("kind", ["all share", "own networks", "images"])
def test_what_the_others_see_changes_nothing_for_it_alone_or_in_its_team(kind):
    policy, spec = policy_of(kind)
    elsewhere, _ = policy_of(kind)
    bob, others_differ = policy.agent("bob"), False
    for (obs, masks), (others_see, others_may) in zip(
        shown(spec, STEPS), shown(spec, STEPS, seed=5), strict=True
    ):
        here = team_actions(policy, obs, masks)
        others_see[1], others_may[1] = obs[1], masks[1]
        there = team_actions(elsewhere, others_see, others_may)
        assert bob.act(obs[1], masks[1]) == here[1] == there[1]
        others_differ |= here.tolist() != there.tolist()
    assert others_differ


def test_it_remembers_until_it_is_reset_and_neither_the_team_nor_another_remembers_for_it():
    policy, spec = policy_of("all share")
    steps = list(shown(spec, STEPS))
    expected = [team_actions(policy, *step)[2] for step in steps]
    agent, twin = policy.agent(2), policy.agent(2)
    assert [agent.act(obs[2], masks[2]) for obs, masks in steps] == expected
    assert [agent.act(obs[2], masks[2]) for obs, masks in steps] != expected  # it goes on
    agent.reset()
    assert [agent.act(obs[2], masks[2]) for obs, masks in steps] == expected
    assert [twin.act(obs[2], masks[2]) for obs, masks in steps] == expected
    policy.reset()
    for step, action in zip(steps, expected, strict=True):  # the team's memory is its own
        policy.agent(2).act(step[0][2])
        assert team_actions(policy, *step)[2] == action


@pytest.mark.parametrize("write", [good.write_checkpoint, good.write_export], ids=["checkpoint", "export"])
def test_it_comes_from_a_checkpoint_and_from_an_export(tmp_path, write):
    policy = TeamPolicy.from_checkpoint(write(tmp_path / "team"))
    env = make_team_env(policy.environment, policy.env_config)
    step, agents = env.reset(seed=0), alone(policy)
    own = [agent.act(*each) for agent, *each in zip(agents, step.obs[0], step.avail_actions[0], strict=True)]
    assert own == policy.act(step)[0].tolist()
    assert [(agent.name, agent.index) for agent in agents] == [("agent_0", 0), ("agent_1", 1)]


def test_taking_an_agent_out_changes_neither_the_team_nor_what_is_drawn_elsewhere():
    policy, _ = policy_of("normalised images")
    before = {name: (id(weight), weight.clone()) for name, weight in policy.network.named_parameters()}
    drawn = torch.get_rng_state()
    policy.agent(0)
    assert torch.equal(torch.get_rng_state(), drawn)
    after = dict(policy.network.named_parameters())
    assert all(
        id(after[name]) == number and torch.equal(after[name], weight)
        for name, (number, weight) in before.items()
    )


# Agents that are not alike


@pytest.fixture
def unlike(tmp_path):
    """cyd sees 3 of 5 numbers and has 2 of 4 actions."""
    from tests.onnx_export.test_exporting import team_layout

    layout = json.loads(json.dumps(team_layout()))
    return TeamPolicy.from_checkpoint(write_team(tmp_path / "e", layout=layout))


def test_an_agent_that_sees_and_does_less_gives_its_own_numbers_or_the_teams(unlike):
    by_own, by_team, team = unlike.agent("cyd"), unlike.agent("cyd"), []
    assert (by_own.obs_size, by_own.n_actions) == (3, 2)
    for obs, masks in shown(SPEC, STEPS):
        obs[2, 3:], masks[2] = 0, [masks[2, 0], not masks[2, 0] or masks[2, 1], False, False]
        own = by_own.act(obs[2, :3], masks[2, :2])
        assert own == by_team.act(obs[2], masks[2]) == team_actions(unlike, obs, masks)[2]
        team.append(own)
    assert {*team} == {0, 1}


def test_without_a_mask_it_has_all_its_own_actions(unlike):
    free, masked = unlike.agent("cyd"), unlike.agent("cyd")
    for obs, _ in shown(SPEC, STEPS):
        assert free.act(obs[2, :3]) == masked.act(obs[2, :3], [1, 1])


def test_images_are_given_as_they_are():
    policy, spec = policy_of("images")
    flat, shaped = policy.agent("ann"), policy.agent("ann")
    for obs, masks in shown(spec, 20):
        assert flat.act(obs[0], masks[0]) == shaped.act(obs[0].reshape(spec.obs_shape).astype(int), masks[0])


# What it does not take


@pytest.mark.parametrize(
    ("agent", "message"),
    [
        ("bop", r"agent: unknown name 'bop'; did you mean 'bob'\? Allowed: ann, bob, cyd"),
        (3, "agent: 3 is not allowed; it must be an index from 0 to 2 or a name, of policy.agents"),
        (-1, "agent: -1 is not allowed"),
        (True, "agent: True is not allowed"),
        (1.0, "agent: 1.0 is not allowed"),
    ],
)
def test_an_agent_that_is_not_there_is_named(agent, message):
    policy, _ = policy_of("all share")
    with pytest.raises(SettingError, match=message):
        policy.agent(agent)


def test_of_agents_without_names_the_index_counts():
    policy = TeamPolicy(team_of()[2], algorithm="QMIX")
    assert policy.agent(np.int64(1)).index == 1
    with pytest.raises(
        SettingError, match="it must be an index from 0 to 2, as the agents' names are not known"
    ):
        policy.agent("bob")


@pytest.mark.parametrize(
    ("observation", "mask", "message"),
    [
        (
            np.zeros(4),
            None,
            "agent 'cyd': the observation has 4 numbers, expected 3, or 5 with zeros behind them",
        ),
        (
            {"obs": [0, 0, 0]},
            None,
            r"agent 'cyd': the observation is \{'obs': .*; allowed: an array of numbers",
        ),
        (None, None, "the observation is None; allowed: an array of numbers"),
        ([[1, 2], [3]], None, "allowed: an array of numbers"),
        (
            [0, np.nan, 0],
            None,
            "agent 'cyd': the observation holds values that float32, as in training, cannot hold",
        ),
        ([0, 1e300, 0], None, "cannot hold"),
        (np.zeros(3), [1], "agent 'cyd': the mask has 1 numbers, expected 2, or 4 with zeros behind them"),
        (
            np.zeros(3),
            [1, 2],
            r"avail_actions is \[1, 2\]; it may hold 0 \(unavailable\) and 1 \(available\) only",
        ),
        (np.zeros(3), ["a", "b"], "the mask is .*; allowed: an array of numbers"),
    ],
)
def test_what_an_agent_cannot_act_on_is_named(unlike, observation, mask, message):
    with pytest.raises(TeamEnvError, match=message):
        unlike.agent("cyd").act(observation, mask)


def test_bytes_that_are_none_are_named():
    policy, spec = policy_of("images")
    for wrong in (256, -1, 0.5):
        with pytest.raises(TeamEnvError, match="holds values that uint8, as in training, cannot hold"):
            policy.agent("ann").act(np.full(spec.obs_dim, wrong))
