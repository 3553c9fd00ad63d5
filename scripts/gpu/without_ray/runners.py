"""A stand-in for RLlib's base of env runners."""

from __future__ import annotations

from typing import Any

from gpu.without_ray.metrics import MetricsLogger
from gpu.without_ray.settings import set_seeds


class EnvRunner:
    """What an env runner is told, its metrics and its seed."""

    def __init__(self, *, config: Any, **kwargs: Any):
        self.config = config.copy(copy_frozen=False)
        self.num_env_steps_sampled_lifetime = 0
        self.worker_index = kwargs.get("worker_index")
        self.num_workers = kwargs.get("num_workers", self.config.num_env_runners)
        self.env: Any = None
        self.metrics = MetricsLogger()
        self._seed = None if self.config.seed is None else self.config.seed + (self.worker_index or 0)
        set_seeds(self._seed)
