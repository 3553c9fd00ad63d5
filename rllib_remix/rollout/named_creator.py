"""What RLlib's own algorithms call for an environment by its name: they take creators that are registered with Ray."""

from __future__ import annotations

from typing import Any

from rllib_remix.envs.naming.names import find_maker


class NamedCreator:
    """Makes the environment of a name, as RLlib's env runners can play it; PettingZoo's in RLlib's own wrappers.

    It is sent to other processes as the name alone, which is looked up there.
    """

    is_of_a_name = True  # by which `registered_with_ray` knows that no user registered it

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, context: Any) -> Any:
        return for_rllib(find_maker(self.name).make(context))


def for_rllib(env: Any) -> Any:
    """An environment of PettingZoo in RLlib's wrapper for it; another as it is."""
    from pettingzoo import AECEnv, ParallelEnv
    from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv, PettingZooEnv

    if isinstance(env, ParallelEnv):
        return ParallelPettingZooEnv(env)
    return PettingZooEnv(env) if isinstance(env, AECEnv) else env


def make_known_to_ray(name: str) -> None:
    """Registers a name with Ray, if RLlib cannot make its environment by itself."""
    from ray.tune.registry import ENV_CREATOR, _global_registry, register_env

    if _global_registry.contains(ENV_CREATOR, name):
        return
    maker = find_maker(name)
    if not maker.is_of_gymnasium or name.startswith("gymnasium:"):
        register_env(name, NamedCreator(name))
