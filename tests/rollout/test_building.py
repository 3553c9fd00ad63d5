import pytest

from rllib_remix.envs.matrix_games import TwoStepGame
from rllib_remix.envs.naming.names import find_maker
from rllib_remix.errors import SettingError
from rllib_remix.rollout.building import build_team_env


def test_no_environment_is_an_error_that_shows_how_to_give_one():
    with pytest.raises(
        SettingError, match=r'env: no environment given; for example .environment\("predator_prey"\)'
    ):
        build_team_env(None, {}, 1)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ("math.pi", "env: 'math.pi' is of type float; allowed: the path of a class or a function"),
        ("math.tau_", "'math' .* has no 'tau_'; did you mean 'math.tau'"),
        ("no.such.module", "cannot import 'no.such.module': ModuleNotFoundError"),
        ("..Env", "cannot import '..Env'"),
        ("predatorprey", "did you mean 'predator_prey'"),
        (3, "unknown environment 3"),
    ],
)
def test_what_makes_no_environment_is_named(env, message):
    with pytest.raises(SettingError, match=message):
        find_maker(env)


def test_the_path_of_a_class_is_imported():
    from rllib_remix.envs.predator_prey import PredatorPrey

    assert find_maker("rllib_remix.envs.predator_prey.PredatorPrey").create is PredatorPrey
    assert build_team_env("rllib_remix.envs.predator_prey.PredatorPrey", {}, 3).num_envs == 3


class Small(TwoStepGame):
    """A TeamEnv of a user, with a setting of its own."""

    def __init__(self, num_envs, size=1):
        super().__init__(num_envs)


def test_a_setting_that_a_class_does_not_take_is_named_with_the_nearest():
    assert build_team_env(Small, {"size": 2}, 3).num_envs == 3
    with pytest.raises(SettingError, match="env_config of Small: unknown key 'sise'; did you mean 'size'"):
        build_team_env(Small, {"sise": 2}, 1)


def test_a_creator_that_cannot_take_the_settings_is_told_so():
    with pytest.raises(
        SettingError, match=r"env: two\(size, length\) cannot be called with one argument.*register_env"
    ):
        build_team_env(two, {"size": 3}, 1)


def two(size, length): ...
