"""The adapter on sound games: what it shows, and when it asks the client for what."""

import numpy as np
import pytest

from rllib_remix.envs.checker import check_team_env
from rllib_remix.envs.registry import make_team_env
from rllib_remix.envs.smac.game import SmacError
from rllib_remix.envs.smac.maps import MAPS
from rllib_remix.errors import SettingError
from tests.envs.smac.conftest import QUICK

pytestmark = pytest.mark.battery  # a game is a process

STOP = 1


def play(env, steps, action=STOP):
    """The last of some steps in which every agent takes the same action."""
    step = None
    for _ in range(steps):
        step = env.step(np.full((env.num_envs, env.n_agents), action))
    return step


def marks(step):
    """Of every copy: the last digits of its game's seed, and its env step in the episode (see FakeClient)."""
    seeds = step.state[:, 0].astype(int)
    return seeds.tolist(), np.rint((step.state[:, 0] - seeds) * 1000).astype(int).tolist()


def test_sizes_are_known_and_no_game_is_started_before_the_first_reset(fakes, processes_of_test):
    env = fakes.make(3, map_name="2s3z")
    assert env.spec[:5] == (5, 11, 80, 120, 120)  # agents, actions, obs, state, limit
    assert env.pids() == [None] * 3
    assert processes_of_test() == []
    assert env.counters() == {"num_game_starts": 0, "num_game_faults": 0}


def test_the_contract_is_kept(fakes):
    check_team_env(fakes.make(2), episodes=3)


@pytest.mark.parametrize("map_name", ["MMM2", "bane_vs_bane"])
def test_every_kind_of_map_has_the_clients_sizes(fakes, map_name):
    step = fakes.make(map_name=map_name).reset()
    game = MAPS[map_name]
    assert step.avail_actions.shape == (1, game.n_agents, game.n_actions)


def test_the_first_step_of_an_environment_that_was_not_reset_is_a_reset(fakes):
    step = play(fakes.make(2), 1)
    assert marks(step)[1] == [0, 0]
    assert step.rewards.tolist() == [0, 0]


def test_an_episode_shows_what_the_client_shows_and_a_finished_copy_starts_anew(fakes):
    env = fakes.make(2)
    step = env.reset(seed=3)
    seeds = [start["seed"] % 1000 for start in fakes.starts()]
    assert sorted(marks(step)[0]) == sorted(seeds)
    assert marks(step)[1] == [0, 0]
    assert step.obs.dtype == step.state.dtype == np.float32
    assert not step.avail_actions[0, 0, 0]
    assert step.avail_actions[0, 0, 1]
    step = play(env, 3)
    assert marks(step)[1] == [3, 3]
    assert not step.terminated.any()
    step = play(env, 1)
    assert step.terminated.tolist() == [True, True]
    assert not step.truncated.any()
    assert not step.broken.any()
    assert step.info["battle_won"].tolist() == [True, True]
    assert step.info["dead_enemies"].tolist() == [3, 3]
    step = play(env, 1)
    assert marks(step)[1] == [0, 0]
    assert step.rewards.tolist() == [0, 0]
    assert step.info["battle_won"].tolist() == [False, False]
    assert len(fakes.starts()) == 2


def test_the_rewards_scale_stays_the_same_in_every_episode_whatever_is_reset_when(fakes):
    env = fakes.make(told={"late_enemies": 2})
    env.reset()
    rewards = [float(play(env, 1).rewards[0])]
    env.reset()  # in the midst of the first episode
    rewards.append(float(play(env, 1).rewards[0]))
    env.reset()
    rewards += [float(play(env, 1).rewards[0]) for _ in range(4)]
    # 3 enemies pay 10 each, the win 200, 45 hit points each: 365. 100 / (365 / 20) = 5.479
    assert rewards == pytest.approx([100 / (365 / 20)] * 6)
    assert len(fakes.starts()) == 1


def test_a_second_reset_before_any_step_asks_nothing_of_the_client(fakes):
    env = fakes.make(2, faults={"always": ["reset", 0, "error"]})
    first = env.reset(seed=1)
    shown = first.state.copy()
    assert (env.reset().state == shown).all()
    assert (env.reset(seed=1).state == shown).all()
    play(env, 1)
    assert len(fakes.starts()) == 2
    assert env.counters()["num_game_faults"] == 0


def test_a_reset_in_the_midst_of_an_episode_starts_another_in_the_same_game(fakes):
    env = fakes.make(2)
    env.reset()
    play(env, 4)  # a whole episode
    play(env, 3)
    assert marks(env.reset())[1] == [0, 0]
    assert len(fakes.starts()) == 2


def test_a_time_limit_is_truncated_and_a_defeat_is_terminated(fakes):
    env = fakes.make(told={"result": "timeout"})
    env.reset()
    step = play(env, 60)  # the limit of 3m
    assert (step.truncated.tolist(), step.terminated.tolist()) == ([True], [False])
    assert step.info["episode_limit"].tolist() == [1]

    env = fakes.make(told={"result": "defeat", "episode_steps": 60})
    env.reset()
    step = play(env, 60)  # defeated in the very last step
    assert (step.truncated.tolist(), step.terminated.tolist()) == ([False], [True])
    assert step.info["episode_limit"].tolist() == [0]
    assert step.info["battle_won"].tolist() == [False]
    assert step.info["dead_allies"].tolist() == [3]


def test_a_time_limit_terminates_where_that_is_set(fakes):
    env = fakes.make(told={"result": "timeout"}, continuing_episode=False)
    env.reset()
    step = play(env, 60)
    assert (step.truncated.tolist(), step.terminated.tolist()) == ([False], [True])
    assert step.info["episode_limit"].tolist() == [1]


def test_time_stands_in_its_reserved_place_and_nowhere_else(fakes):
    env = fakes.make(obs_timestep_number=True)
    assert env.obs_dim == 31
    env.reset()
    step = play(env, 3)
    assert step.obs.shape == (1, 3, 31)
    assert step.obs[0, :, -1].tolist() == pytest.approx([3 / 60] * 3)
    assert (step.obs[0, :, :-1] == step.state[0, 0]).all()


def test_time_is_in_the_state_too_where_that_is_made_of_observations(fakes):
    env = fakes.make(obs_timestep_number=True, obs_instead_of_state=True)
    env.reset()
    step = play(env, 3)
    assert (step.state.reshape(1, 3, 31) == step.obs).all()


def test_another_version_of_smac_is_refused_with_the_sizes(fakes, processes_of_test):
    env = fakes.make(2, told={"extra_entries": 2})
    with pytest.raises(
        SmacError, match=r"obs of the game is of shape \(3, 32\), but on map '3m' .* it is \(3, 30\)"
    ):
        env.reset()
    assert len(fakes.starts()) <= 2  # not tried again
    assert processes_of_test() == []


def test_the_build_of_the_game_is_among_the_info(fakes, monkeypatch, tmp_path):
    assert fakes.make().reset().info["game_build"].tolist() == [75689]
    # A client that does not tell: the newest that is installed.
    monkeypatch.setenv("SC2PATH", str(tmp_path))
    for build in (69232, 60000):
        program = tmp_path / "Versions" / f"Base{build}" / "SC2_x64"
        program.parent.mkdir(parents=True)
        program.touch()
    assert fakes.make(told={"build": 0}).reset().info["game_build"].tolist() == [69232]
    env = fakes.make(told={"build": 0}, game_version="4.10")
    assert env.reset().info["game_build"].tolist() == [75689]


def test_the_client_gets_smacs_arguments_under_smacs_names(fakes, tmp_path):
    env = fakes.make(step_mul=4.0, difficulty=3, reward_sparse=True, replay_dir=str(tmp_path))
    env.reset()
    (start,) = fakes.starts()
    assert start["step_mul"] == 4
    assert isinstance(start["step_mul"], int)
    assert start["difficulty"] == "3"
    assert start["reward_sparse"] is True
    assert start["continuing_episode"] is True
    assert start["replay_dir"] == str(tmp_path)
    assert set(start) - {"pid", "time"} == {
        *("map_name", "step_mul", "move_amount", "difficulty", "game_version", "seed", "continuing_episode"),
        *("obs_all_health", "obs_own_health", "obs_last_action", "obs_pathing_grid", "obs_terrain_height"),
        *("obs_instead_of_state", "obs_timestep_number", "state_last_action", "state_timestep_number"),
        *("reward_sparse", "reward_only_positive", "reward_death_value", "reward_win", "reward_defeat"),
        *("reward_negative_scale", "reward_scale", "reward_scale_rate", "replay_dir", "replay_prefix"),
        *("window_size_x", "window_size_y", "heuristic_ai", "heuristic_rest", "debug"),
    }


def test_what_smacs_script_played_is_written_into_the_actions(fakes):
    env = fakes.make(2, heuristic_ai=True)
    env.reset()
    actions = np.zeros((2, 3), np.int64)  # not available, and not played
    env.step(actions)
    assert actions.tolist() == [[2, 3, 4], [2, 3, 4]]
    env = fakes.make(1)
    env.reset()
    actions = np.full((1, 3), STOP)
    env.step(actions)
    assert actions.tolist() == [[STOP] * 3]


# Seeds


def seeds(env, seed):
    """The seeds of every copy's game after a reset with that seed."""
    return [int(value) for value in env.reset(seed=seed).state[:, 0]]


def test_a_copys_game_has_a_seed_of_its_own_from_the_resets_seed_and_the_copy_alone(fakes):
    two, three = seeds(fakes.make(2), 5), seeds(fakes.make(3), 5)
    assert three[:2] == two
    assert len(set(three)) == 3
    assert seeds(fakes.make(2), 6) != two


def test_a_reset_with_a_seed_starts_played_games_anew(fakes):
    env = fakes.make(1)
    first = seeds(env, 5)
    play(env, 1)
    assert seeds(env, 5) == first
    assert seeds(env, 6) != first
    assert len(fakes.starts()) == 3


def test_environments_without_a_seed_differ(fakes):
    fakes.make(1).reset()
    fakes.make(1).reset()
    one, other = fakes.starts()
    assert one["seed"] != other["seed"]


# The end


def test_a_closed_environment_leaves_nothing_and_may_be_closed_and_started_again(
    fakes, processes_of_test, temporary_folder
):
    env = fakes.make(2, told={"child": True})
    first = seeds(env, 1)
    assert len(processes_of_test()) == 4
    env.close()
    env.close()
    assert processes_of_test() == []
    assert not list(temporary_folder.glob("*/env_*"))
    assert marks(env.reset())[0] != first  # the streams of seeds go on
    env.close()


def test_replays_are_saved_when_a_game_ends(fakes, tmp_path):
    env = fakes.make(2, replay_dir=str(tmp_path), replay_prefix="final", restart_every_episodes=1)
    env.reset()
    play(env, 5)  # an episode, and the first step of the next
    assert len(list(tmp_path.glob("final_*.SC2Replay"))) == 2
    env.close()
    assert len(list(tmp_path.glob("final_*.SC2Replay"))) == 4


# Errors


@pytest.mark.parametrize(
    ("action", "name"), [(0, "no-op"), (8, "attack enemy 2"), (9, "no action"), (-1, "no action")]
)
def test_an_illegal_action_is_named_with_its_agent_and_what_is_available(fakes, action, name):
    env = fakes.make(3)
    env.reset()
    actions = np.full((3, 3), STOP)
    actions[1, 2] = action
    with pytest.raises(
        ValueError, match=rf"action {action} \({name}\) of agent 2 \(marine\) in copy 1 is not available"
    ) as error:
        env.step(actions)
    assert str(error.value).endswith(
        "allowed now: 1 (stop), 2 (north), 3 (south), 4 (east), 5 (west), 6 (attack enemy 0), 7 (attack enemy 1)."
    )
    assert marks(play(env, 1))[1] == [1, 1, 1]  # nothing had moved


def test_a_medivac_heals_agents(fakes):
    env = fakes.make(map_name="MMM")
    env.reset()
    actions = np.full((1, 10), STOP)
    actions[0, 9] = 15
    with pytest.raises(ValueError, match=r"action 15 \(heal ally 9\) of agent 9"):
        env.step(actions)


def test_actions_of_a_copy_that_starts_anew_are_ignored(fakes):
    env = fakes.make(1)
    env.reset()
    play(env, 4)
    assert marks(play(env, 1, action=0))[1] == [0]


def test_actions_of_a_wrong_form_are_refused(fakes):
    env = fakes.make(2)
    env.reset()
    for actions in (np.ones((2, 4), int), np.ones((2, 3))):
        with pytest.raises(ValueError, match=r"expected integers of shape \(2, 3\) = \[num_envs, n_agents\]"):
            env.step(actions)


def test_an_unknown_setting_is_refused_with_the_nearest_name():
    with pytest.raises(SettingError, match="unknown key 'dificulty'; did you mean 'difficulty'"):
        make_team_env("smac", {"dificulty": "7"})


def test_the_environment_has_its_name():
    assert make_team_env("smac", QUICK, 2).num_envs == 2
