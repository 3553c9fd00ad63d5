"""`smac_sim` as an environment: contract, chance, errors, other libraries' views."""

import re

import numpy as np
import pytest
from batteries import battery_but

from rllib_remix.envs.checker import check_team_env
from rllib_remix.envs.parallel import parallel_env
from rllib_remix.envs.registry import make_team_env
from rllib_remix.envs.smac.capabilities import SCENARIOS
from rllib_remix.envs.smac.maps import DRAWN_MAPS, MAPS
from rllib_remix.envs.smac.options import Smacv2Options
from rllib_remix.envs.smac_sim.simulator import SmacSim
from rllib_remix.envs.team_env import TeamStep, random_actions
from rllib_remix.errors import SettingError
from tests.envs.smac.size_table import ALL_OBS_FLAGS


def kept(step: TeamStep) -> TeamStep:
    """A copy that the next step does not overwrite."""
    arrays = {name: value.copy() for name, value in step._asdict().items() if isinstance(value, np.ndarray)}
    return step._replace(**arrays, info={name: value.copy() for name, value in step.info.items()})


def play(env: SmacSim, steps: int, *, seed: int | None = 0, actions_seed: int = 0) -> list[TeamStep]:
    """A reset and random legal steps; the actions of copy i depend on `actions_seed` and i alone."""
    streams = [np.random.default_rng([actions_seed, copy]) for copy in range(env.num_envs)]
    played = [kept(env.reset(seed=seed))]
    for _ in range(steps):
        avail = played[-1].avail_actions
        actions = [random_actions(avail[copy], rng) for copy, rng in enumerate(streams)]
        played.append(kept(env.step(np.array(actions))))
    return played


def assert_equal(one: list[TeamStep], other: list[TeamStep], copies=slice(None), other_copies=slice(None)):
    for a, b in zip(one, other, strict=True):
        for name in ("obs", "state", "avail_actions", "rewards", "terminated", "truncated"):
            np.testing.assert_array_equal(getattr(a, name)[copies], getattr(b, name)[other_copies])
        for name, values in a.info.items():
            np.testing.assert_array_equal(values[copies], b.info[name][other_copies])


# The contract


@pytest.mark.parametrize("name", battery_but(["3m", "MMM2"], MAPS))
def test_every_map_keeps_the_contract_of_environments(name):
    check_team_env(SmacSim(2, map_name=name), episodes=2)


def test_every_setting_keeps_the_contract_of_environments():
    for settings in (
        {**ALL_OBS_FLAGS, "obs_instead_of_state": True},
        {"obs_all_health": False, "obs_own_health": False, "state_timestep_number": True},
        {"reward_only_positive": False, "continuing_episode": False, "step_mul": 3, "move_amount": 0.7},
        {"reward_sparse": True, "state_last_action": False},
    ):
        check_team_env(SmacSim(3, map_name="2s3z", **settings))


def test_it_can_be_made_by_name_with_all_settings_of_smac():
    env = make_team_env("smac_sim", {"map_name": "MMM2", "obs_last_action": True}, 4)
    assert (env.num_envs, env.n_agents, env.n_actions, env.episode_limit) == (4, 10, 18, 180)
    assert set(env.setting_names()) == set(vars(Smacv2Options()))


def test_the_default_map_is_8m():
    assert SmacSim().options.map_name == "8m"


def test_finished_copies_start_anew_while_others_go_on():
    env = SmacSim(3, map_name="3m")
    env.reset(seed=0)
    env.battle.units["health"][1, 3:] = 0
    step = env.step(np.ones((3, 3), int))
    assert step.terminated.tolist() == [False, True, False]
    last_obs = step.obs[1].copy()
    assert not last_obs[:, 4:19].any()  # of the dead enemies
    step = env.step(np.ones((3, 3), int))
    assert not step.terminated.any()
    assert env._view.steps.tolist() == [2, 0, 2]
    assert (env.battle.units["health"][1] == 45).all()


def test_the_actions_of_a_copy_that_starts_anew_are_ignored():
    env = SmacSim(1, map_name="3m")
    env.reset(seed=0)
    env.battle.units["health"][0, 3:] = 0
    env.step([[1, 1, 1]])
    step = env.step([[99, -1, 0]])
    assert step.avail_actions[0, :, 1].all()


# Chance


@pytest.mark.parametrize("name", ["3m", "MMM2", "bane_vs_bane"])
def test_the_same_seed_and_actions_give_the_same_play(name):
    assert_equal(play(SmacSim(2, map_name=name), 80), play(SmacSim(2, map_name=name), 80))


def test_a_reset_with_a_seed_starts_the_same_play_whatever_came_before():
    env = SmacSim(2, map_name="2s3z")
    first = play(env, 60, seed=7)
    play(env, 33, seed=8)
    assert_equal(first, play(env, 60, seed=7))


def test_other_seeds_give_other_starts():
    env = SmacSim(2, map_name="3m")
    starts = [env.reset(seed=seed).state.copy() for seed in (0, 1)]
    assert (starts[0] != starts[1]).any(-1).all()
    assert (starts[0][0] != starts[0][1]).any()


@pytest.mark.parametrize("name", ["3m", "1c3s5z", "2m_vs_1z"])
def test_a_copys_play_does_not_depend_on_how_many_copies_there_are(name):
    alone, of_eight = play(SmacSim(1, map_name=name), 100), play(SmacSim(8, map_name=name), 100)
    assert_equal(alone, of_eight, 0, 0)
    of_three = play(SmacSim(3, map_name=name), 100)
    assert_equal(of_three, of_eight, slice(3), slice(3))


def test_a_reset_without_a_seed_lets_the_streams_go_on():
    env, other = SmacSim(1, map_name="3m"), SmacSim(1, map_name="3m")
    first = env.reset(seed=0).state.copy()
    second = env.reset().state.copy()
    assert (first != second).any()
    other.reset(seed=0)
    np.testing.assert_array_equal(other.reset().state, second)


def test_a_resumed_run_plays_on_as_the_first_would_have():
    env = SmacSim(2, map_name="MMM")
    play(env, 120)
    saved = env.get_state()
    expected = play(env, 120, seed=None, actions_seed=1)
    resumed = SmacSim(2, map_name="MMM")
    play(resumed, 5, seed=99)
    resumed.set_state(saved)
    assert_equal(expected, play(resumed, 120, seed=None, actions_seed=1))


def test_a_saved_state_does_not_change_as_the_environment_plays_on():
    env = SmacSim(2, map_name="3m")
    play(env, 10)
    saved = env.get_state()
    streams = saved["streams"].copy()
    play(env, 10, seed=None)
    np.testing.assert_array_equal(saved["streams"], streams)
    env.set_state(saved)
    play(env, 10, seed=None)
    np.testing.assert_array_equal(saved["streams"], streams)


def test_the_state_of_another_number_of_copies_is_left_aside():
    env = SmacSim(2, map_name="3m")
    env.reset(seed=0)
    before = env.get_state()["streams"]
    env.set_state({"streams": np.zeros(3, np.uint64)})
    np.testing.assert_array_equal(env.get_state()["streams"], before)


# Play


def returns_of(env: SmacSim, episodes: int, seed: int = 0) -> tuple[np.ndarray, int]:
    """Returns of random legal play, and how many episodes were won."""
    rng = np.random.default_rng(seed)
    step, running = env.reset(seed=seed), np.zeros(env.num_envs)
    returns, wins = [], 0
    while len(returns) < episodes:
        step = env.step(random_actions(step.avail_actions, rng))
        running += step.rewards
        over = step.terminated | step.truncated
        returns += running[over].tolist()
        wins += int(step.info["battle_won"][over].sum())
        running[over] = 0
    return np.array(returns), wins


def test_random_play_on_3m_returns_about_one_and_a_half_and_never_wins():
    # SMAClite, another simulator of SMAC, gives 1.54 with a deviation of 0.52.
    returns, wins = returns_of(SmacSim(50, map_name="3m"), 300)
    assert 1.1 < returns.mean() < 2.1
    assert 0.3 < returns.std() < 0.9
    assert wins == 0


@pytest.mark.parametrize("name", ["8m", "2s3z", "MMM2", "3s_vs_5z"])
def test_random_play_never_wins_a_battle_of_equals_or_against_more(name):
    returns, wins = returns_of(SmacSim(20, map_name=name), 40)
    assert wins == 0
    assert 0.5 < returns.mean() < 6


def test_fewer_loops_per_step_walk_less_far():
    # 2 loops of 0.140625
    env = SmacSim(1, map_name="2m_vs_1z", step_mul=2)
    env.reset(seed=0)
    before = env.battle.units["x"][0, :2].copy()
    env.step([[4, 4]])
    np.testing.assert_allclose(env.battle.units["x"][0, :2] - before, 0.28125, atol=1e-5)
    assert env.battle.world.battles["loop"][0] == 2


# Errors


def test_an_unknown_map_is_refused_with_all_names_and_the_nearest():
    with pytest.raises(SettingError, match="did you mean '2s3z'") as error:
        SmacSim(map_name="2s3zz")
    assert set(re.findall(r"\w+", str(error.value).partition("Allowed: ")[2])) == {
        *MAPS,
        *DRAWN_MAPS,
        *SCENARIOS,
    }


def test_an_unknown_setting_is_refused_with_the_nearest():
    with pytest.raises(SettingError, match=r"'obs_last_actions'; did you mean 'obs_last_action'\?"):
        make_team_env("smac_sim", {"obs_last_actions": True})
    with pytest.raises(SettingError, match=r"'map_nam'; did you mean 'map_name'\?"):
        SmacSim(map_nam="3m")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reward_sparse": "yes"}, "smac.reward_sparse: 'yes' is not allowed; it must be true or false"),
        ({"step_mul": 0}, r"smac.step_mul: 0 is not allowed; it must be an integer in \[1, 1000\]"),
        ({"obs_own_health": False}, "smac.obs_own_health: false is not allowed with obs_all_health"),
        ({"obs_instead_of_state": True, "state_timestep_number": True}, "smac.state_timestep_number"),
        ({"reward_negative_scale": 1.0}, "set reward_only_positive to false"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        SmacSim(**settings)


@pytest.mark.parametrize("num_envs", [0, -1, 1.5, "2", True])
def test_a_number_of_copies_that_cannot_be_is_refused(num_envs):
    with pytest.raises(SettingError, match=r"smac_sim\.num_envs"):
        SmacSim(num_envs)


def test_an_illegal_action_is_named_with_its_agent_and_what_is_allowed():
    env = SmacSim(2, map_name="3m")
    env.reset(seed=0)
    actions = np.ones((2, 3), int)
    actions[1, 2] = 7
    with pytest.raises(ValueError, match="action 7") as error:
        env.step(actions)
    assert str(error.value) == (
        "smac_sim: action 7 (attack enemy 1) of agent 2 (marine) in copy 1 is not available; "
        "allowed now: 1 (stop), 2 (north), 3 (south), 4 (east), 5 (west)."
    )


@pytest.mark.parametrize(("action", "words"), [(9, "no action"), (-1, "no action"), (0, "no-op")])
def test_actions_that_are_none_and_the_no_op_of_the_living_are_refused(action, words):
    env = SmacSim(1, map_name="3m")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=rf"action {action} \({words}\) of agent 0"):
        env.step([[action, 1, 1]])


def test_the_dead_may_only_do_nothing():
    env = SmacSim(1, map_name="3m")
    env.reset(seed=0)
    env.battle.units["health"][0, 0] = 0
    env.step([[1, 1, 1]])
    with pytest.raises(ValueError, match=r"action 1 \(stop\) of agent 0 .* allowed now: 0 \(no-op\)\."):
        env.step([[1, 1, 1]])
    env.step([[0, 1, 1]])


def test_a_refused_step_changes_nothing():
    env = SmacSim(2, map_name="3m")
    env.reset(seed=0)
    units, shown = env.battle.units.copy(), kept(env.current())
    with pytest.raises(ValueError, match="is not available"):
        env.step([[4, 4, 4], [4, 4, 99]])
    np.testing.assert_array_equal(env.battle.units, units)
    assert_equal([env.current()], [shown])
    env.step([[4, 4, 4], [4, 4, 4]])


# Views


def test_infos_of_the_pettingzoo_view_tell_who_won_and_who_died():
    env = parallel_env("smac_sim", map_name="3m")
    env.reset(seed=0)
    env.team_env.battle.units["health"][0, 3:] = 0
    _, rewards, terminations, _, infos = env.step(dict.fromkeys(env.agents, 1))
    assert rewards["agent_0"] == pytest.approx(20)
    assert terminations["agent_2"]
    assert (infos["agent_0"]["battle_won"], infos["agent_0"]["dead_enemies"]) == (1, 3)


@pytest.mark.parametrize("name", ["3m", "corridor"])
def test_it_can_be_looked_at(name):
    env = SmacSim(2, map_name=name)
    env.reset(seed=0)
    picture = env.render(1)
    assert (picture.dtype, picture.ndim, picture.shape[2]) == (np.uint8, 3, 3)
