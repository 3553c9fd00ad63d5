"""Teams that act without Ray, replayed episode by episode with a network that has seen nothing else."""

import numpy as np
import pytest

from rllib_remix.models.sizes import new_agent
from rllib_remix.playing.episodes import play
from rllib_remix.playing.teams import ExploringTeam
from rllib_remix.policy import TeamPolicy
from tests.plain_play import (
    NotingGame,
    are_greedy,
    asked_for,
    input_dim,
    plain_utilities,
    strong_weights,
)

HIDDEN = 6
NETWORKS = [
    {"last_action": True, "agent_id": True, "clamp": None},
    {"last_action": True, "agent_id": False, "clamp": (-1.0, 1.5)},
    {"last_action": False, "agent_id": True, "clamp": None},
]


def trained(game, network=NETWORKS[0]):
    """A network whose memory matters, and its weights."""
    import torch

    settings = {
        "agent_hidden_dim": HIDDEN,
        "observe_last_action": network["last_action"],
        "observe_agent_id": network["agent_id"],
        "utility_clamp": network["clamp"],
    }
    agent = new_agent(game.spec, settings)
    size = input_dim(last_action=network["last_action"], agent_id=network["agent_id"])
    weights = strong_weights(size, HIDDEN)
    agent.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
    return agent, weights


def greedy(shown, weights, network=NETWORKS[0]):
    values = plain_utilities(weights, shown.obs, shown.actions, **network)
    return are_greedy(values, np.array(shown.avail_actions), np.array(shown.actions))


def finished(game, round_=0):
    """All episodes that ended in every copy, those beyond its quota too."""
    return [shown for of_copy in game.rounds[round_] for shown in of_copy]


@pytest.mark.parametrize("network", NETWORKS, ids=["all inputs", "no id, clamped", "no last action"])
def test_a_policy_acts_as_a_network_that_saw_this_episode_alone(network):
    game = NotingGame(3)
    agent, weights = trained(game, network)
    policy = TeamPolicy(agent, algorithm="QMIX")
    policy.reset(num_envs=3)
    step, first = game.reset(seed=1), np.ones(3, bool)
    for _ in range(80):
        over = step.terminated | step.truncated
        step, first = game.step(policy.act(step, first)), over
    assert len(finished(game)) > 30
    assert all(greedy(shown, weights, network).all() for shown in finished(game))


def test_a_policy_that_is_reset_forgets_all_and_takes_another_number_of_copies():
    game = NotingGame(2)
    agent, weights = trained(game)
    policy = TeamPolicy(agent, algorithm="QMIX")
    for copies in (2, 1, 4):
        game = NotingGame(copies)
        policy.reset(num_envs=copies)
        step = game.reset()
        over = np.zeros(copies, bool)
        for _ in range(20):
            following = step.terminated | step.truncated
            step, over = game.step(policy.act(step, over)), following
        assert all(greedy(shown, weights).all() for shown in finished(game))


@pytest.mark.parametrize("episodes", [1, 7, 20])
def test_an_evaluation_plays_the_quota_of_every_copy_and_reports_what_the_game_showed(episodes):
    game = NotingGame(3)
    agent, weights = trained(game)
    played = play(TeamPolicy(agent, algorithm="QMIX"), game, episodes, seed=3, keep_step_infos=True)
    expected = asked_for(game.rounds[0], episodes)
    assert all(greedy(shown, weights).all() for shown in finished(game))
    assert played.lengths == [len(shown.rewards) for shown in expected]
    assert played.returns == pytest.approx([sum(map(float, shown.rewards)) for shown in expected], abs=1e-5)
    for name in ("score", "luck"):
        assert played.info[name] == [shown.infos[-1][name] for shown in expected]
    assert played.step_infos == [shown.infos[1:] for shown in expected]


def test_an_evaluation_counts_the_env_steps_of_copies_that_have_something_left_to_play():
    game = NotingGame(2)
    agent, _ = trained(game)
    played = play(TeamPolicy(agent, algorithm="QMIX"), game, 6, seed=3)
    assert played.num_env_steps == sum(played.lengths)
    # 25 steps for every copy: episodes that end within them count.
    limited = play(TeamPolicy(agent, algorithm="QMIX"), game, 0, steps=50, seed=3)
    assert limited.num_env_steps == 50
    lengths = [[len(shown.rewards) for shown in of_copy] for of_copy in game.rounds[1]]
    whole = [
        length
        for of_copy in lengths
        for length, sum_ in zip(of_copy, np.cumsum(of_copy), strict=True)
        if sum_ <= 25
    ]
    assert sorted(limited.lengths) == sorted(whole)


def test_an_exploring_team_leaves_the_greedy_action_at_its_rate_and_remembers_what_it_did():
    game = NotingGame(4)
    agent, weights = trained(game)
    play(ExploringTeam(agent, epsilon=0.25, seed=1), game, 100, seed=3)
    shown = finished(game)
    differ = np.concatenate([~greedy(one, weights) for one in shown])
    others = np.concatenate([1 - 1 / np.array(one.avail_actions)[:-1].sum(-1) for one in shown]) * 0.25
    spread = np.sqrt((others * (1 - others)).sum())
    assert abs(differ.sum() - others.sum()) < 4 * spread
