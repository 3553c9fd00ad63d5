import numpy as np
import pytest

from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.envs.parallel import parallel_env
from rllib_remix.errors import SettingError
from rllib_remix.rollout.building import build_team_env
from tests.envs.foreign.unlike import Hive, Meadow


def test_copies_must_be_alike_and_distinct():
    one = Meadow()
    with pytest.raises(SettingError, match="returned the same environment twice"):
        adapt(lambda copy: one, 2)
    with pytest.raises(SettingError, match="copy 1 differs from copy 0"):
        adapt(lambda copy: Meadow(dtype=(np.uint8, np.float32)[copy]), 2)


def test_copies_may_have_classes_of_their_own():
    def make(copy):
        class Local(Meadow):
            pass

        return Local()

    assert adapt(make, 2).num_envs == 2


def test_copies_must_be_of_the_same_kind():
    def make(copy):
        return Hive() if copy else Meadow()

    with pytest.raises(SettingError, match="copy 1 differs from copy 0 in its kind"):
        adapt(make, 2)


def test_the_seed_of_a_copy_depends_on_the_seed_and_the_copy_alone():
    def seeds(num_envs, seed):
        env = adapt(lambda copy: Meadow(), num_envs)
        env.reset(seed=seed)
        return [single.seed for single in env.envs]

    assert seeds(3, seed=5)[:2] == seeds(2, seed=5)
    assert len({*seeds(3, seed=5), *seeds(3, seed=6)}) == 6


def test_a_resumed_run_goes_on_with_the_same_seeds():
    env, resumed = adapt(lambda copy: Meadow(), 2), adapt(lambda copy: Meadow(), 2)
    env.reset(seed=1)
    first = [single.seed for single in env.envs]
    resumed.set_state(env.get_state())
    env.reset()
    resumed.reset()
    assert [single.seed for single in env.envs] != first
    assert [single.seed for single in env.envs] == [single.seed for single in resumed.envs]


def test_the_picture_comes_from_the_copy():
    env = adapt(lambda copy: parallel_env("matrix_game", render_mode="rgb_array"), 2)
    env.reset()
    assert env.render(1).shape == (96, 96, 3)
    with pytest.raises(NotImplementedError, match='render_mode="rgb_array"'):
        adapt(lambda copy: Hive(), 1, {"episode_limit": 9}).render()


class Closing(Meadow):
    """Counts in `open` how many are open; copies of `fails` fail to close."""

    def __init__(self, open_, copy, *, fails=(), differs=None, broken=None):
        if copy == broken:
            raise OSError("no land")
        super().__init__()
        self.open, self.copy, self.fails = open_, copy, fails
        if copy == differs:
            self.possible_agents = ["ant"]
        open_.add(copy)

    def close(self):
        self.open.discard(self.copy)
        if self.copy in self.fails:
            raise OSError(f"copy {self.copy} is stuck")


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"differs": 2}, {}),
        ({"broken": 2}, {}),
        ({"fails": (0,)}, {"team_reward": "wasp"}),
        ({}, {"stat": 1}),
    ],
)
def test_what_was_made_is_closed_where_a_team_is_refused(settings, options):
    left = set()

    def make(config):
        return Closing(left, config.vector_index, **settings)

    with pytest.raises((SettingError, OSError), match=r"copy 2 differs|no land|wasp|stat"):
        build_team_env(make, {"team_adapter": options}, 3)
    assert not left


def test_a_copy_that_fails_to_close_leaves_no_other_open():
    left = set()
    env = adapt(lambda copy: Closing(left, copy, fails=(0, 1)), 3)
    with pytest.raises(OSError, match="copy 0 is stuck"):
        env.close()
    assert not left
