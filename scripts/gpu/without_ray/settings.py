"""Stand-ins for RLlib's config and what it is made of: schedules, callbacks, and Tune's registry, which is empty."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

DEFAULT_MODULE_ID = "default_policy"


class NotProvided:
    """The mark of an argument that was left out."""


class RLlibCallback:
    """No callback, with the hooks that env runners look for."""

    def _nothing(self, **kwargs: Any) -> None:
        """Does nothing."""

    on_environment_created = on_episode_created = on_episode_start = _nothing
    on_episode_step = on_episode_end = on_sample_end = _nothing


def make_callback(
    hook: str, objects: Sequence[Any], functions: Sequence[Callable[..., Any]], *, kwargs: dict[str, Any]
) -> None:
    """Calls a hook of all objects, and all functions."""
    for call in [*(getattr(each, hook) for each in objects), *functions]:
        call(**kwargs)


def force_list(elements: Any = None) -> list[Any]:
    """A list of them; of None an empty one."""
    if elements is None:
        return []
    return list(elements) if isinstance(elements, list | tuple | set) else [elements]


class EmptyRegistry:
    """Knows no environment."""

    def contains(self, category: str, key: str) -> bool:
        """False."""
        return False


class Scheduler:
    """A number, or one that goes in straight lines from one [env steps, number] to the next."""

    def __init__(self, fixed_value_or_schedule: Any, **kwargs: Any):
        self._given = fixed_value_or_schedule
        self._is_schedule = isinstance(fixed_value_or_schedule, list | tuple)

    def get_current_value(self) -> Any:
        """The number at env step 0."""
        return self.update(0)

    def update(self, timestep: int) -> Any:
        """The number at that env step."""
        return (
            float(np.interp(timestep, *zip(*self._given, strict=True))) if self._is_schedule else self._given
        )


class AlgorithmConfig:
    """The settings of RLlib's that learners and env runners read, at RLlib's defaults."""

    def __init__(self, algo_class: type | None = None):
        self.algo_class = algo_class
        self.env: Any = None
        self.env_config: dict[str, Any] = {}
        self.seed: int | None = None
        self.framework_str = "torch"
        self.num_env_runners = self.num_learners = self.num_gpus_per_learner = self.local_gpu_idx = 0
        self.num_envs_per_env_runner = self.num_epochs = 1
        self.train_batch_size = 32
        self.lr: Any = 0.001
        self.gamma = 0.99
        self.grad_clip: float | None = None
        self.grad_clip_by = "global_norm"
        self.log_gradients = self.torch_skip_nan_gradients = False
        self.explore = True
        self.in_evaluation = self.create_env_on_local_worker = self.restart_failed_sub_environments = False
        self.metrics_num_episodes_for_smoothing = 100
        self.callbacks_class: Any = RLlibCallback
        for hook in (name for name in vars(RLlibCallback) if name.startswith("on_")):
            setattr(self, f"callbacks_{hook}", None)

    def _set(self, **settings: Any) -> Any:
        for name, value in settings.items():
            if name not in vars(self):
                raise TypeError(f"{name}: Ray is not installed here, and its stand-in has no such setting.")
            setattr(self, name, value)
        return self

    env_runners = learners = debugging = _set

    def environment(self, env: Any, *, env_config: dict[str, Any] | None = None) -> Any:
        """Sets which environment is played."""
        return self._set(env=env, env_config=env_config or {})

    def training(
        self, *, lr: Any = NotProvided, gamma: Any = NotProvided, grad_clip: Any = NotProvided
    ) -> Any:
        """Sets these three."""
        given = {"lr": lr, "gamma": gamma, "grad_clip": grad_clip}
        return self._set(**{name: value for name, value in given.items() if value is not NotProvided})

    def copy(self, copy_frozen: bool | None = None) -> Any:
        """Another config with the same settings."""
        return copy.deepcopy(self)

    def get_config_for_module(self, module_id: str) -> Any:
        """This one: a team is one module."""
        return self

    @property
    def learner_class(self) -> Any:
        """The algorithm's own."""
        return self.get_default_learner_class()  # type: ignore[attr-defined]

    def get_rl_module_spec(self, *, spaces: Any, inference_only: bool) -> Any:
        """What the team's module is made from."""
        spec = self.get_default_rl_module_spec()  # type: ignore[attr-defined]
        spec.observation_space, spec.action_space = spaces[DEFAULT_MODULE_ID]
        spec.inference_only = inference_only
        return spec

    get_multi_rl_module_spec = get_rl_module_spec


def set_seeds(seed: int | None) -> None:
    """As RLlib does where there is a seed: for Python, NumPy and PyTorch, which then is deterministic where it can be."""
    if seed is None:
        return
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    if torch.version.cuda is None:
        torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
