"""Settings of configs that Python code made, which RLlib's new API stack takes and does not look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rllib_remix.errors import UserError, shown
from rllib_remix.experiments.old.algorithms import algorithm_of
from rllib_remix.experiments.old.fates import Refused
from rllib_remix.experiments.old.models import translate_model
from rllib_remix.experiments.old.settings_of_algorithms import FATES_BY_ALGORITHM
from rllib_remix.experiments.old.settings_of_all import FATES
from rllib_remix.experiments.old.translation import Translation

# What a Python module has to set instead of settings that a file's translation reads.
_IN_PYTHON = {
    "hiddens": "use rl_module(model_config={'head_fcnet_hiddens': …})",
    "model": "use rl_module(model_config=…)",
    "num_gpus": "use learners(num_learners=…, num_gpus_per_learner=…)",
    "observation_filter": "use env_runners(env_to_module_connector=…) with RLlib's MeanStdFilter",
    "optimization": "use training(actor_lr=…, critic_lr=…, alpha_lr=…)",
    "policy_model_config": "use rl_module(model_config=…)",
    "q_model_config": "use rl_module(model_config=…)",
}


def check_effects(owner: str, config: Any, default: Any) -> None:
    """Checks a config of RLlib's own, made by whatever means, for settings that its new API stack does not look at.

    Args:
        owner: what it is, for messages.
        config: an AlgorithmConfig.
        default: the algorithm's config as it is before anything is set.

    Raises:
        UserError: names the first that differs from its default, its value and what to use.
    """
    algorithm = algorithm_of(default.algo_class)
    fates = {**FATES, **FATES_BY_ALGORITHM.get(algorithm, {})}
    settings, defaults = vars(config), vars(default)
    for name, fate in fates.items():
        instead = fate.instead if isinstance(fate, Refused) else _IN_PYTHON.get(name)
        harmless = fate.harmless if isinstance(fate, Refused) else ()
        value = settings.get(name)
        if instead is None or value is None or value in harmless or value == defaults.get(name):
            continue
        if isinstance(value, Mapping) and isinstance(usual := defaults.get(name), Mapping):
            value = {key: part for key, part in value.items() if key not in usual or usual[key] != part}
        raise UserError(f"{owner}: {name}: {shown(value)} would have no effect; {instead}.")
    if settings.get("_rl_module_spec") is None and isinstance(settings.get("_model_config"), Mapping):
        model = Translation(owner, algorithm, {})
        translate_model(model, "model_config", settings["_model_config"])
        model.check()


def check_framework(owner: str, framework: object) -> None:
    """Raises UserError unless the framework is PyTorch, the only one of the new API stack."""
    if framework not in ("torch", None):
        raise UserError(
            f"{owner}: {framework!r} is not supported, RLlib's new API stack runs on PyTorch only; use torch."
        )
