"""A stand-in for the package smacv2: its wrapper's methods and attributes around a client without a game.

As in SMACv2, generators are the system's, reads are passed on to the client but writes are not, the configuration
that is given is written into, and rewards are divided by what the very first enemies were worth.
"""

import random

import numpy as np

from rllib_remix.envs.smac.options import Smacv2Options
from tests.envs.smac.fake_client import FakeClient


class Uniform:
    """A distribution that holds another, as those of SMACv2 do."""

    def __init__(self, config, inner=None):
        self.config, self.inner = config, inner
        self.rng = np.random.default_rng()

    def generate(self):
        own = {self.config["env_key"]: {"item": self.rng.random()}}
        return own | (self.inner.generate() if self.inner else {})


class Game(FakeClient):
    """What StarCraft2Env is in SMACv2; observations show what was drawn."""

    options_class = Smacv2Options
    lost_resets = 0  # resets in which the game does not create all units

    def reset(self, episode_config):
        self.drawn = [part["item"] for part in episode_config.values()] + [random.random(), np.random.rand()]
        health = 50 + int(100 * self.drawn[0])
        for enemy in self.enemies.values():
            enemy.health_max = health
        if self._episode_count == 0:
            self.max_reward = len(self.enemies) * 10 + 200
        return super().reset()

    def get_obs(self):
        size = self.layout.obs_dim
        return [np.resize(self.drawn, size).astype(np.float32) for _ in range(self.layout.n_agents)]

    def get_state(self):
        return np.resize(self.drawn, self.layout.state_dim).astype(np.float32)


class FakeCapabilityEnvWrapper:
    def __init__(self, **kwargs):
        self.distribution_config = kwargs["capability_config"]
        self.env_key_to_distribution_map = {}
        for key, config in self.distribution_config.items():
            if key not in ("n_units", "n_enemies"):
                config["env_key"] = key
                inner = Uniform({"env_key": f"inner_{key}"})
                self.env_key_to_distribution_map[key] = Uniform(config, inner)
        self.env = Game(**{**kwargs, "capability_config": _as_given(self.distribution_config)})

    def reset(self):
        drawn = {}
        for distribution in self.env_key_to_distribution_map.values():
            drawn |= distribution.generate()
        seen = self.env.reset(drawn)
        if self.env.lost_resets > 0:
            self.env.lost_resets -= 1
            return None
        return seen

    def full_restart(self):
        return self.env.full_restart()

    def __getattr__(self, name):
        return getattr(self.env, name)


def _as_given(config):
    """Without what the wrapper wrote."""
    keep = {key: dict(part) if isinstance(part, dict) else part for key, part in config.items()}
    for part in keep.values():
        if isinstance(part, dict):
            part.pop("env_key", None)
    return keep
