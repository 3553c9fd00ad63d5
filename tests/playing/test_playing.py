"""Playing a fixed number of episodes, and choosing the checkpoint."""

import os

import numpy as np
import pytest

from rllib_remix.checkpoints.finding import find_checkpoint
from rllib_remix.envs.team_env import TeamEnv, TeamStep
from rllib_remix.errors import UserError
from rllib_remix.playing.animation import MIN_SIDE, enlarge
from rllib_remix.playing.episodes import play, quotas
from rllib_remix.playing.evaluation import DEFAULT_EPISODES, DEFAULT_STEPS, limits, report, summary


class Countdown(TeamEnv):
    """Copy i plays episodes of i + 1 steps with reward 1 each: short ones end more often."""

    n_agents, n_actions, obs_dim, state_dim, episode_limit = 1, 1, 1, 1, 9

    def __init__(self, num_envs: int):
        self.num_envs = num_envs

    def reset(self, seed=None):
        self._time = np.zeros(self.num_envs, dtype=int)
        self._over = np.zeros(self.num_envs, dtype=bool)
        return self._show(np.zeros(self.num_envs))

    def step(self, actions):
        moved = ~self._over
        self._time = np.where(moved, self._time + 1, 0)
        self._over = self._time >= np.arange(self.num_envs) + 1
        return self._show(moved)

    def _show(self, rewards):
        shape = (self.num_envs, 1, 1)
        return TeamStep(
            obs=np.zeros(shape),
            state=np.zeros((self.num_envs, 1)),
            avail_actions=np.ones(shape, dtype=bool),
            rewards=np.asarray(rewards, dtype=np.float32),
            terminated=self._over,
            truncated=np.zeros(self.num_envs, dtype=bool),
            info={"time": self._time},
        )


class Idle:
    """Acts, and remembers which copies it was told begin."""

    def __init__(self):
        self.firsts = []

    def reset(self, num_envs):
        self.num_envs = num_envs

    def act(self, step, *, first):
        self.firsts.append(first.tolist())
        return np.zeros((self.num_envs, 1), dtype=int)


def test_quotas_are_even_and_add_up():
    assert quotas(7, 3).tolist() == [3, 2, 2]


def test_every_copy_plays_its_quota_however_long_its_episodes_are():
    played = play(Idle(), Countdown(3), 6, seed=0)
    assert sorted(played.lengths) == [1, 1, 2, 2, 3, 3]  # not 1, 1, 1, …, which end first
    assert played.returns == played.lengths
    assert played.info["time"] == played.lengths


def test_a_limit_of_steps_is_kept_exactly_and_what_it_cuts_off_is_left_out():
    played = play(Idle(), Countdown(3), 0, steps=13, seed=0)  # 5, 4 and 4 steps for the copies
    assert sorted(played.lengths) == [1, 1, 1, 1, 1, 2, 2, 3]
    assert played.num_env_steps == 13


def test_the_first_limit_that_is_reached_stops():
    assert play(Idle(), Countdown(1), 2, steps=100, seed=0).num_env_steps == 2
    assert len(play(Idle(), Countdown(1), 100, steps=2, seed=0).returns) == 2


def test_the_infos_of_every_step_are_kept_on_demand():
    played = play(Idle(), Countdown(2), 4, seed=0, keep_step_infos=True)
    assert [len(infos) for infos in played.step_infos] == played.lengths
    assert played.step_infos[-1] == [{"time": 1.0}, {"time": 2.0}]
    assert not play(Idle(), Countdown(2), 4, seed=0).step_infos


def test_every_finished_episode_is_reported():
    counts = []
    play(Idle(), Countdown(2), 4, seed=0, on_episode=lambda played: counts.append(len(played.returns)))
    assert counts == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("episodes", "steps", "expected"),
    [
        (None, None, (DEFAULT_EPISODES, 0)),
        (None, 50, (0, 50)),
        (None, 0, (DEFAULT_EPISODES, 0)),
        (5, None, (5, 0)),
        (0, None, (0, DEFAULT_STEPS)),
        (5, 50, (5, 50)),
        (5, 0, (5, 0)),
    ],
)
def test_an_option_that_is_not_given_sets_no_limit_unless_there_were_none(episodes, steps, expected):
    assert limits(episodes, steps) == expected


def test_the_policy_is_told_which_episodes_begin():
    policy = Idle()
    play(policy, Countdown(2), 4, seed=0)
    # Copy 0 ends after every step and begins anew on the next one; copy 1 ends after two.
    assert policy.firsts[:4] == [[True, True], [False, False], [True, False], [False, True]]


def test_the_summary_has_the_standard_error_and_every_info():
    result = summary([1.0, 3.0], [2, 4], {"battle_won": [0.0, 1.0]})
    assert result["episode_return_mean"] == 2.0
    assert result["episode_return_standard_error"] == pytest.approx(1.0)  # s = √2, √2 / √2 = 1
    assert result["battle_won_mean"] == 0.5
    lines = report({"algorithm": "QMIX", "environment": "game", **result})
    assert lines[0] == "QMIX on game, 2 greedy episodes"
    assert lines[1].split() == ["Return", "2.00", "±", "1.00", "(standard", "error)"]


def test_one_episode_has_no_standard_error():
    result = summary([1.0], [2], {})
    assert result["episode_return_standard_error"] is None
    assert "±" not in report({"algorithm": "QMIX", "environment": "game", **result})[1]


def test_the_newest_checkpoint_of_an_experiment_is_taken(tmp_path):
    for age, name in enumerate(["b/checkpoint_000001", "a/checkpoint_000007", "b/checkpoint_000000"]):
        (tmp_path / name).mkdir(parents=True)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    assert find_checkpoint(tmp_path) == tmp_path / "b/checkpoint_000001"
    assert find_checkpoint(tmp_path / "a") == tmp_path / "a/checkpoint_000007"
    assert find_checkpoint(tmp_path / "a/checkpoint_000007") == tmp_path / "a/checkpoint_000007"


def test_of_a_copy_the_newest_checkpoint_is_known_by_its_name(tmp_path):
    names = [
        "QMIX_a_00000_0_2026-01-02_10-00-00/checkpoint_000002",
        "QMIX_a_00000_0_2026-01-02_10-00-00/checkpoint_000010",
        "QMIX_a_00001_1_2026-01-01_10-00-00/checkpoint_000030",
    ]
    for age, name in enumerate(names):
        (tmp_path / name).mkdir(parents=True)
        os.utime(tmp_path / name, (1000 + age * (-1) ** age, 1000))
    assert find_checkpoint(tmp_path) == tmp_path / names[1]


def test_no_checkpoint_is_a_clear_error(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        find_checkpoint(tmp_path / "missing")
    with pytest.raises(UserError, match="no checkpoint in"):
        find_checkpoint(tmp_path)


def test_small_pictures_are_enlarged_by_whole_pixels():
    picture = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    large = enlarge(picture)
    assert large.shape == (MIN_SIDE, MIN_SIDE * 3 // 2, 3)
    assert (large[0, 0] == picture[0, 0]).all()
    assert (large[-1, -1] == picture[1, 2]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("missing",), "does not exist"),
        ((".",), "no checkpoint in"),
        (("broken", "--env-config", "x"), "--env-config: not JSON"),
        (("broken", "--render", "a.png"), "must end in .gif"),
        (("broken", "--out", "no/such/folder.json"), "does not exist"),
        (("broken", "--out", "a.pkl"), "must end in .json"),
        (("broken", "--use-shelve"), "use --out FILE.json"),
        (("broken", "--save-info"), "add --out"),
        (("broken", "--track-progress"), "add --out"),
        (("broken", "--steps", 0, "--episodes", 0), "one of them must be above 0"),
        (("--algo", "QMIX"), "CHECKPOINT: none given"),
        (("broken",), "there is no rllib_checkpoint.json in it"),
    ],
)
def test_evaluate_refuses_bad_input_in_one_line(refused, tmp_path, options, message):
    if options[0] == "broken":  # an empty folder
        (tmp_path / "checkpoint_000000").mkdir()
        options = (tmp_path / "checkpoint_000000", *options[1:])
    assert message in refused("evaluate", *options)
