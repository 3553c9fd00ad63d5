"""An RLlib algorithm whose return is known: `lr` is added to it in every iteration, beginning from 0."""

import json
import time
from pathlib import Path

from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.algorithms.algorithm_config import AlgorithmConfig
from ray.tune import Trainable


class PlantedConfig(AlgorithmConfig):
    """RLlib's own settings."""

    def __init__(self, algo_class=None):
        super().__init__(algo_class or Planted)


class Planted(Algorithm):
    """Trains nothing. One process can run a trial after another."""

    @classmethod
    def get_default_config(cls):
        return PlantedConfig()

    def setup(self, config):
        self.total, self.steps = 0.0, 0

    def step(self):
        self.total += self.config.lr
        self.steps += 100
        return {
            "env_runners": {"episode_return_mean": self.total},
            "num_env_steps_sampled_lifetime": self.steps,
            "lr": self.config.lr,
        }

    def log_result(self, result):
        Trainable.log_result(self, result)  # without the callbacks that `setup` would have made

    def save_checkpoint(self, checkpoint_dir):
        (Path(checkpoint_dir) / "state.json").write_text(json.dumps([self.total, self.steps]))

    def load_checkpoint(self, checkpoint_dir):
        self.total, self.steps = json.loads((Path(checkpoint_dir) / "state.json").read_text())

    def reset_config(self, new_config):
        self.config = self.get_default_config().update_from_dict(new_config)
        self.total, self.steps = 0.0, 0
        return True

    def cleanup(self):
        pass


class Slow(Planted):
    """Takes a while for an iteration, so that a test can do something meanwhile."""

    def step(self):
        time.sleep(0.2)
        return super().step()


class Late(Slow):
    """Takes a while before its first iteration too."""

    def setup(self, config):
        time.sleep(2)
        super().setup(config)
