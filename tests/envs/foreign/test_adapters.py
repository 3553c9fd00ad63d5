import subprocess
import sys

import numpy as np
import pytest

from rllib_remix.envs.checker import check_team_env
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.envs.foreign.kinds.multi_agent_env import MultiAgentEnvAdapter
from rllib_remix.envs.foreign.kinds.parallel_env import ParallelEnvAdapter
from rllib_remix.envs.parallel import parallel_env
from rllib_remix.envs.registry import make_team_env
from tests.envs.foreign.unlike import Hive, Meadow, played


def test_the_kind_of_environment_picks_the_adapter():
    assert isinstance(adapt(lambda copy: Meadow()), ParallelEnvAdapter)
    assert isinstance(adapt(lambda copy: Hive(), options={"episode_limit": 9}), MultiAgentEnvAdapter)


def test_parallel_environments_do_not_load_ray():
    code = (
        "import sys; from rllib_remix.envs.foreign.adapters import adapt; from rllib_remix.envs.parallel import parallel_env;"
        "adapt(lambda copy: parallel_env('matrix_game')); sys.exit('ray' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("end", ["terminated", "truncated"])
@pytest.mark.parametrize("where", ["info", "observation"])
def test_adapted_rllib_environments_keep_the_contract(end, where):
    check_team_env(adapt(lambda copy: Hive(end, where), 2, {"episode_limit": 4}), episodes=3)


@pytest.mark.parametrize("state", ["environment", "observations"])
@pytest.mark.parametrize(
    "script", [{}, {"ant": {2: "terminated"}}, {"ant": {2: "truncated"}, "bee": {4: "terminated"}}]
)
def test_adapted_parallel_environments_keep_the_contract(state, script):
    check_team_env(adapt(lambda copy: Meadow(script), 2, {"state": state}), episodes=3)


def test_smaller_agents_are_padded_with_zeros_and_unavailable_actions():
    env = adapt(lambda copy: Meadow(), 2)
    step = env.reset(seed=0)
    assert (env.n_agents, env.n_actions, env.obs_dim, env.state_dim, env.episode_limit) == (2, 4, 3, 2, 6)
    assert step.obs[1].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert step.avail_actions[1].tolist() == [[True, True, False, False], [True] * 4]
    assert step.state.tolist() == [[0, 2], [0, 2]]


@pytest.mark.parametrize(("team_reward", "expected"), [("sum", 4), ("mean", 2)])
def test_the_team_reward_is_the_sum_or_the_mean(team_reward, expected):
    step = played(adapt(lambda copy: Meadow(), 1, {"team_reward": team_reward}), [[0, 0]])[-1]
    assert step.rewards.tolist() == [expected]  # the agents receive 1 and 3


def test_an_agent_that_died_keeps_its_place_and_its_actions_are_not_sent():
    env = adapt(lambda copy: Meadow({"ant": {1: "terminated"}}))
    step = played(env, [[1, 3], [0, 2]])[-1]
    assert step.obs[0].tolist() == [[0, 0, 0], [3, 3, 0]]
    assert step.avail_actions[0, 0].tolist() == [True, False, False, False]
    assert env.envs[0].received == [{"ant": 1, "bee": 3}, {"bee": 2}]
    assert step.rewards.tolist() == [3]  # only the bee is left


@pytest.mark.parametrize(
    ("script", "terminated", "truncated"),
    [
        ({"ant": {2: "terminated"}, "bee": {2: "terminated"}}, True, False),
        ({"ant": {1: "terminated"}, "bee": {2: "terminated"}}, True, False),
        ({"ant": {1: "terminated"}, "bee": {2: "truncated"}}, False, True),
        ({"ant": {1: "truncated"}, "bee": {2: "terminated"}}, False, True),
        ({"ant": {1: "terminated"}}, False, False),
        ({}, False, False),
    ],
)
def test_an_episode_ends_with_its_last_agent(script, terminated, truncated):
    step = played(adapt(lambda copy: Meadow(script)), [[0, 0], [0, 0]])[-1]
    assert (bool(step.terminated[0]), bool(step.truncated[0])) == (terminated, truncated)


def test_the_last_observation_of_a_truncated_episode_is_shown():
    step = played(adapt(lambda copy: Meadow()), [[0, 0]] * 6)[-1]
    assert step.truncated.all()
    assert step.obs[0].tolist() == [[7, 7, 7], [7, 7, 0]]


@pytest.mark.parametrize("death", [2, 6])
def test_an_agent_that_died_shows_nothing_when_the_others_are_truncated(death):
    step = played(adapt(lambda copy: Meadow({"ant": {death: "terminated"}})), [[0, 0]] * 6)[-1]
    assert step.truncated.all()
    assert step.obs[0].tolist() == [[0, 0, 0], [7, 7, 0]]  # the ant died: only the bee would act again


def test_the_episode_limit_truncates_and_the_next_step_resets():
    env = adapt(lambda copy: Meadow(), 1, {"episode_limit": 2})
    steps = played(env, [[0, 0]] * 3)
    assert steps[2].truncated.tolist() == [True]
    assert steps[2].obs[0, 0].tolist() == [3, 3, 3]
    assert steps[3].obs[0, 0].tolist() == [1, 1, 1]
    assert steps[3].rewards.tolist() == [0]
    assert not steps[3].truncated.any()
    assert len(env.envs[0].received) == 2


def test_rllib_agents_that_are_not_observed_wait():
    env = adapt(lambda copy: Hive(), 1, {"episode_limit": 9})
    first, second, *_, last = played(env, [[1, 0], [0, 2], [1, 0], [0, 1]])
    assert first.obs[0].tolist() == [[1, 0, 0, 0, 0], [0] * 5]  # one-hot of the time
    assert first.avail_actions[0].tolist() == [[False, True, True], [True, False, False]]
    assert second.obs[0].tolist() == [[0] * 5, [0, 1, 0, 0, 0]]
    assert second.rewards.tolist() == [2]
    assert env.envs[0].received[:2] == [{"even": 11}, {"odd": 12}]  # Discrete(3, start=10)
    assert last.terminated.tolist() == [True]


def test_an_rllib_agent_that_terminates_does_not_act_on_its_last_observation():
    class Sting(Hive):
        def step(self, action_dict):
            observations, rewards, terminateds, *rest = super().step(action_dict)
            return observations, rewards, {**terminateds, "odd": self.time == 1}, *rest

    step = played(adapt(lambda copy: Sting(), 1, {"episode_limit": 9}), [[1, 0]])[-1]
    assert step.obs[0, 1].tolist() == [0] * 5  # although "odd" was observed
    assert step.avail_actions[0, 1].tolist() == [True, False, False]


@pytest.mark.parametrize(("where", "expected"), [("info", [3, 7]), ("observation", [3])])
def test_the_state_of_rllib_environments_is_found(where, expected):
    env = adapt(lambda copy: Hive(where=where), 1, {"episode_limit": 9})
    assert played(env, [[1, 0], [0, 1], [1, 0]])[-1].state[0].tolist() == expected


@pytest.mark.parametrize(("dtype", "kept"), [("uint8", "uint8"), ("int8", "int8"), ("float64", "float32")])
def test_compact_dtypes_are_kept(dtype, kept):
    env = adapt(lambda copy: Meadow(dtype=np.dtype(dtype).type), 1, {"state": "observations"})
    step = env.reset()
    assert step.obs.dtype == step.state.dtype == kept


def test_masks_come_from_infos_too():
    env = adapt(lambda copy: Meadow(mask={"ant": [0, 1], "bee": np.array([1, 0, 0, 1])}))
    assert env.reset().avail_actions[0].tolist() == [[False, True, False, False], [True, False, False, True]]


@pytest.mark.parametrize("name", ["two_step_game", "predator_prey"])
def test_our_environments_adapted_back_play_the_same_episode(name):
    adapted = adapt(lambda copy: parallel_env(name), 1, {"team_reward": "mean"})
    native = make_team_env(name)
    theirs = adapted.reset(seed=4)
    ours = native.reset(seed=np.random.SeedSequence(4, spawn_key=(0, 0)).generate_state(1)[0])
    rng = np.random.default_rng(0)
    while True:
        for field in ("obs", "state", "avail_actions", "rewards", "terminated", "truncated"):
            np.testing.assert_array_equal(getattr(theirs, field), getattr(ours, field), err_msg=field)
            assert getattr(theirs, field).dtype == getattr(ours, field).dtype
        if ours.terminated[0] or ours.truncated[0]:
            break
        actions = (ours.avail_actions * rng.random(ours.avail_actions.shape)).argmax(axis=-1)
        theirs, ours = adapted.step(actions), native.step(actions)


def test_environments_that_pettingzoo_ships_work():
    pytest.importorskip("pygame")
    from pettingzoo.classic import rps_v2
    from pettingzoo.sisl import pursuit_v5

    def pursuit(copy):
        return pursuit_v5.parallel_env(x_size=8, y_size=8, n_evaders=3, n_pursuers=3, max_cycles=10)

    def scissors(copy):
        return rps_v2.parallel_env(max_cycles=5)

    check_team_env(adapt(pursuit, 2, {"episode_limit": 10}))
    check_team_env(adapt(scissors, 2, {"state": "observations"}))
