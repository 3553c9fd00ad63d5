"""Whether settings exist: those of an algorithm, of its model and of its evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rllib_remix.errors import UserError, nearest, shown
from rllib_remix.experiments.algorithm import is_of_team
from rllib_remix.experiments.checks.setting_values import check_values
from rllib_remix.experiments.old.models import model_defaults
from rllib_remix.ray_releases import check_release_has

if TYPE_CHECKING:
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig


# Keys that RLlib translates although its configs do not list them.
TRANSLATED_KEYS = frozenset({"lambda", "multiagent", "callbacks_class"})


def check_names_and_values(config: AlgorithmConfig, settings: Mapping[str, Any]) -> None:
    """Checks names and values of settings, and of those within evaluation_config.

    Raises:
        UserError: names the first that cannot be.
    """
    parts = {"config": settings}
    if isinstance(settings.get("evaluation_config"), Mapping):
        parts["config: evaluation_config"] = settings["evaluation_config"]
    defaults = config.to_dict()
    for owner, part in parts.items():
        if not is_of_team(config):  # their update_from_dict checks the names, with its own message
            check_rllib_settings(owner, config, part)
        check_values(owner, defaults, part)
        if isinstance(part.get("_model_config"), Mapping):
            check_values(f"{owner}: model", model_defaults(), part["_model_config"])


def check_rllib_settings(owner: str, config: AlgorithmConfig, names: Iterable[str]) -> None:
    """Checks that settings of one of RLlib's own algorithms exist.

    Raises:
        UserError: names the first that does not, and the nearest.
    """
    members = {name: getattr(type(config), name) for name in dir(type(config))}
    properties = {name for name, member in members.items() if isinstance(member, property) and member.fset}
    allowed = {*config.to_dict(), *vars(config), *properties} | TRANSLATED_KEYS
    for name in map(str, names):
        if name not in allowed and not name.startswith("__"):  # Tune's own, such as __trial_info__
            check_release_has(owner, name)
            guess = nearest(name, [key for key in allowed if not key.startswith("_")])
            hint = f"did you mean {guess!r}?" if guess else f"see the settings of {type(config).__name__}."
            raise UserError(f"{owner}: unknown key {shown(name)}; {hint}")
