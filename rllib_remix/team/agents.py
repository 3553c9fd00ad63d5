"""Which team the env runners play: all of them must have the same agents in the same order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from ray.rllib.algorithms.algorithm import Algorithm

from rllib_remix.envs.agent_layout import Layout
from rllib_remix.envs.team_env import TeamSpec, other_agents
from rllib_remix.errors import SettingError
from rllib_remix.models.groups.assignment import SETTING, agent_groups
from rllib_remix.models.sizes import network_shapes
from rllib_remix.rollout.building import build_team_env
from rllib_remix.rollout.recorder import EpisodeRecorder


def env_id_and_creator(env_specifier: Any, config: Any) -> tuple[Any, Any]:
    """RLlib's of an algorithm, for any function too: env runners make the environments of teams themselves."""
    if callable(env_specifier):
        return env_specifier, env_specifier
    return Algorithm._get_env_id_and_creator(env_specifier, config)


def ask_for_team_spec(
    training: Any, evaluation: Any, *, networks: Mapping[str, Any] | None = None
) -> TeamSpec:
    """The team of the env runners.

    Args:
        training, evaluation: groups of env runners; the second may be None.
        networks: the config's `networks()`; without them all agents share their parameters.

    Raises:
        SettingError: they have not the same agents in the same order, or others are evaluated that no networks are of.
        IndexError: no env runner answered.
    """
    spec = _team_specs(training)[0]
    check_agents(training, spec)
    if evaluation is not None:
        check_agents(evaluation, spec, of_evaluation=True)
        if any(agent_groups(networks or {}, spec.n_agents, spec.agents)):
            _check_are_as_many(evaluation, spec)
    return spec


def _check_are_as_many(evaluation: Any, spec: TeamSpec) -> None:
    for other in _team_specs(evaluation):
        if other.n_agents != spec.n_agents:
            raise SettingError(
                f"{SETTING}: the evaluation has {other.n_agents} agents, the training {spec.n_agents}; allowed where "
                "agents do not share all parameters: the same, as no others have networks."
            )


def ask_for_agent_layout(training: Any) -> Layout | None:
    """What the agents of the env runners see and do; None if they cannot say it in JSON.

    Args:
        training: a group of env runners.
    """
    local = training.num_remote_env_runners() == 0
    return training.foreach_env_runner(_agent_layout, local_env_runner=local)[0]


def check_agents(group: Any, spec: TeamSpec, *, of_evaluation: bool = False) -> None:
    """Raises SettingError unless the env runners of a group have the agents of `spec`, in its order."""
    for other in _team_specs(group):
        # An evaluation may play with another number of agents.
        may_differ = of_evaluation and other.n_agents != spec.n_agents
        difference = "" if may_differ else other_agents(other.agents, spec.agents)
        if difference:
            raise SettingError(
                f"env: the agents of an env runner's environment are not those of the others: {difference}. An agent "
                "would take another's place; announce them in a fixed order, such as "
                "`possible_agents = sorted(…)` and not a list made from a set."
            )


def explain_failed_runners(config: Any, error: Exception) -> NoReturn:
    """Remote env runners that could not start do not say why: builds their environment here, and sees.

    Raises:
        RuntimeError: nothing is wrong with it here. Otherwise, what it raises.
    """
    copies = config.num_envs_per_env_runner or 1
    env = build_team_env(config.env, config.env_config, copies, num_processes=config.num_env_processes)
    EpisodeRecorder(env.spec, copies)
    network_shapes(env.spec, config.networks())
    env.close()
    raise RuntimeError("No env runner could be started; Ray's log says why.") from error


# What env runners are asked to do; at module level, so that Ray ships it by name.


def _team_spec(runner: Any) -> TeamSpec:
    return runner.get_team_spec()


def _agent_layout(runner: Any) -> Layout | None:
    return runner.get_agent_layout()


def _team_specs(group: Any) -> list[TeamSpec]:
    return group.foreach_env_runner(_team_spec, local_env_runner=group.num_remote_env_runners() == 0)
