"""The names that the package imports from Ray, each with its stand-in, and how they get into a process.

`install` puts modules under Ray's names into `sys.modules`, with every name that the package imports from there, and no
other: what is missing fails at its import. What no learner, env runner or replay buffer calls is `absent`: it can be
subclassed and named, and raises when it is made.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any

from gpu.without_ray import learners, metrics, runners, settings

_VERSION = "0 (stand-ins)"


def has_ray() -> bool:
    """Whether Ray is installed, or stands in already."""
    return "ray" in sys.modules or importlib.util.find_spec("ray") is not None


def are_installed() -> bool:
    """Whether `install` was called."""
    return getattr(sys.modules.get("ray"), "__version__", "") == _VERSION


def absent(name: str) -> type:
    """A class that nobody can make an object of."""

    def refuse(self: Any, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(f"{name} is needed, but Ray is not installed here; only its stand-ins are.")

    return type(name, (), {"__init__": refuse})


def _absent(*names: str) -> dict[str, Any]:
    return {name: absent(name) for name in names}


def _same(*names: str) -> dict[str, Any]:
    """Constants whose values are their names in lower case."""
    return {name: name.lower() for name in names}


# What the package imports, module by module. Constants have RLlib's values, which tests compare.
NAMES: dict[str, dict[str, Any]] = {
    "ray": {**_absent("ObjectRef"), "__version__": _VERSION},
    "ray.cloudpickle": {"cloudpickle": None},
    "ray.exceptions": {
        name: type(name, (Exception,), {}) for name in ("RayError", "GetTimeoutError", "RayTaskError")
    },
    "ray.rllib.algorithms.algorithm": _absent("Algorithm"),
    "ray.rllib.algorithms.algorithm_config": {"AlgorithmConfig": settings.AlgorithmConfig},
    "ray.rllib.callbacks.callbacks": {"RLlibCallback": settings.RLlibCallback},
    "ray.rllib.callbacks.utils": {"make_callback": settings.make_callback},
    "ray.rllib.core": {
        "DEFAULT_MODULE_ID": settings.DEFAULT_MODULE_ID,
        "ALL_MODULES": learners.ALL_MODULES,
        "COMPONENT_ENV_RUNNER": "env_runner",
        "COMPONENT_EVAL_ENV_RUNNER": "eval_env_runner",
        "COMPONENT_LEARNER": "learner",
        "COMPONENT_LEARNER_GROUP": "learner_group",
        "COMPONENT_OPTIMIZER": "optimizer",
        "COMPONENT_RL_MODULE": "rl_module",
        "DEFAULT_AGENT_ID": "default_agent",
    },
    "ray.rllib.core.learner.learner": {"DEFAULT_OPTIMIZER": learners.DEFAULT_OPTIMIZER},
    "ray.rllib.core.learner.torch.torch_learner": {"TorchLearner": learners.TorchLearner},
    "ray.rllib.core.rl_module.apis": {
        "InferenceOnlyAPI": type("InferenceOnlyAPI", (), {}),
        "TargetNetworkAPI": type("TargetNetworkAPI", (), {}),
    },
    "ray.rllib.core.rl_module.rl_module": {"RLModuleSpec": learners.RLModuleSpec},
    "ray.rllib.core.rl_module.torch": {"TorchRLModule": learners.TorchRLModule},
    "ray.rllib.env": {
        "INPUT_ENV_SINGLE_SPACES": "__env_single__",
        "INPUT_ENV_SPACES": "__env__",
    },
    "ray.rllib.env.env_context": _absent("EnvContext"),
    "ray.rllib.env.env_runner": {
        "NUM_ENV_STEP_FAILURES_LIFETIME": "num_env_step_failures",
        "EnvRunner": runners.EnvRunner,
    },
    "ray.rllib.env.env_runner_group": _absent("EnvRunnerGroup"),
    "ray.rllib.policy.sample_batch": {
        "MultiAgentBatch": learners.MultiAgentBatch,
        "SampleBatch": learners.SampleBatch,
    },
    "ray.rllib.utils": {"force_list": settings.force_list},
    "ray.rllib.utils.checkpoints": {"Checkpointable": type("Checkpointable", (), {})},
    "ray.rllib.utils.from_config": {"NotProvided": settings.NotProvided},
    "ray.rllib.utils.metrics": {
        **_same("NUM_ENV_STEPS_SAMPLED", "NUM_ENV_STEPS_SAMPLED_LIFETIME", "NUM_ENV_STEPS_TRAINED"),
        **_same("NUM_ENV_STEPS_TRAINED_LIFETIME", "NUM_EPISODES", "NUM_EPISODES_LIFETIME"),
        **_same("NUM_AGENT_STEPS_SAMPLED", "NUM_AGENT_STEPS_SAMPLED_LIFETIME"),
        **_same("NUM_MODULE_STEPS_SAMPLED", "NUM_MODULE_STEPS_SAMPLED_LIFETIME"),
        **_same("EPISODE_LEN_MAX", "EPISODE_LEN_MEAN", "EPISODE_LEN_MIN"),
        **_same("EPISODE_RETURN_MAX", "EPISODE_RETURN_MEAN", "EPISODE_RETURN_MIN", "TIMERS"),
        "EPISODE_AGENT_RETURN_MEAN": "agent_episode_returns_mean",
        "ENV_RUNNER_RESULTS": "env_runners",
        "EVALUATION_RESULTS": "evaluation",
        "LEARNER_RESULTS": "learners",
        "SAMPLE_TIMER": "sample",
        "ENV_RUNNER_SAMPLING_TIMER": "env_runner_sampling_timer",
        "LEARNER_UPDATE_TIMER": "learner_update_timer",
        "REPLAY_BUFFER_SAMPLE_TIMER": "replay_buffer_sampling_timer",
        "WEIGHTS_SEQ_NO": "weights_seq_no",
    },
    "ray.rllib.utils.metrics.metrics_logger": {"MetricsLogger": metrics.MetricsLogger},
    "ray.rllib.utils.schedules.scheduler": {"Scheduler": settings.Scheduler},
    "ray.rllib.utils.torch_utils": {"convert_to_torch_tensor": learners.convert_to_torch_tensor},
    "ray.train._internal.session": _absent("_TrainingResult"),
    "ray.train._internal.storage": _absent("StorageContext"),
    "ray.tune": _absent("Checkpoint"),
    "ray.tune.execution.placement_groups": _absent("PlacementGroupFactory"),
    "ray.tune.registry": {"ENV_CREATOR": "env_creator", "_global_registry": settings.EmptyRegistry()},
    "ray.tune.search.sample": _absent("Domain"),
    "ray.util.placement_group": _absent("PlacementGroup"),
    "ray.util.scheduling_strategies": _absent("PlacementGroupSchedulingStrategy"),
}


def install() -> None:
    """Lets all imports from Ray find the stand-ins, and those of pyarrow, which comes with it, something empty.

    Raises:
        RuntimeError: Ray itself was imported before.
    """
    if "ray" in sys.modules:
        raise RuntimeError("Ray has been imported already; its stand-ins must come first.")
    for name, content in NAMES.items():
        vars(_module(name)).update(content)
    if importlib.util.find_spec("pyarrow") is None:
        _module("pyarrow.fs")


def _module(name: str) -> ModuleType:
    """The module of that name, made with those above it where there are none."""
    if name in sys.modules:
        return sys.modules[name]
    made = ModuleType(name, "A stand-in.")
    made.__path__ = []  # type: ignore[attr-defined]  (it may have modules below it)
    sys.modules[name] = made
    above, _, own = name.rpartition(".")
    if above:
        setattr(_module(above), own, made)
    return made
