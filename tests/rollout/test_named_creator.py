"""Environments of names, as RLlib's own algorithms play them."""

import pickle

import gymnasium
import pytest
from pettingzoo import ParallelEnv
from ray.rllib.env.env_context import EnvContext
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
from ray.tune.registry import ENV_CREATOR, _global_registry

from rllib_remix.envs.naming.names import registered_with_ray
from rllib_remix.envs.parallel import parallel_env
from rllib_remix.errors import SettingError
from rllib_remix.rollout.named_creator import NamedCreator, make_known_to_ray


class Single(gymnasium.Env):
    """One agent's, with a config as RLlib gives it."""

    def __init__(self, config):
        self.given = config


def game(episode_limit=9):
    return parallel_env("two_step_game")


NAMES = [f"{__name__}.Single", f"{__name__}.game", "gymnasium:CartPole-v1"]


@pytest.fixture
def forgotten():
    """Names that this test registers."""
    names = []
    yield names
    for name in names:
        _global_registry.unregister(ENV_CREATOR, name)


def test_a_class_gets_the_config_with_the_number_of_the_worker():
    made = NamedCreator(f"{__name__}.Single")(EnvContext({"size": 3}, worker_index=2))
    assert (made.given["size"], made.given.worker_index) == (3, 2)


def test_an_environment_of_pettingzoo_comes_in_rllibs_wrapper_and_takes_keywords():
    made = NamedCreator(f"{__name__}.game")(EnvContext({"episode_limit": 3}, worker_index=0))
    assert isinstance(made, ParallelPettingZooEnv)
    assert isinstance(made.par_env, ParallelEnv)
    with pytest.raises(SettingError, match="unknown key 'episode_limt'; did you mean 'episode_limit'"):
        NamedCreator(f"{__name__}.game")(EnvContext({"episode_limt": 3}, worker_index=0))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_rllib_cannot_make_is_registered_and_sent_as_a_name_alone(forgotten, name):
    forgotten.append(name)
    make_known_to_ray(name)
    make_known_to_ray(name)
    creator = _global_registry.get(ENV_CREATOR, name)
    assert pickle.loads(pickle.dumps(creator)).name == name
    assert registered_with_ray(name) is None  # no user did it


def test_an_id_of_gymnasium_stays_rllibs():
    make_known_to_ray("CartPole-v1")
    assert not _global_registry.contains(ENV_CREATOR, "CartPole-v1")
