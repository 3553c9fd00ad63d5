"""Acting without Ray: the team's decentralised executors, loaded from a checkpoint.

One agent needs its own observations and actions, nothing else; the team is only stepped together for speed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rllib_remix.envs.team_env import TeamEnv, TeamSpec, TeamStep, other_agents
from rllib_remix.manifest import METADATA, CheckpointError
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.portable import SETTINGS_FILE, WEIGHTS_FILE, find_portable, read_weights
from rllib_remix.rollout.acting import TeamActor
from rllib_remix.settings import SettingError

_KINDS = {
    "algorithm": str,
    "environment": str | None,
    "env_config": dict | None,
    "team": dict,
    "networks": dict,
}
_NETWORKS = {"agent_hidden_dim", "observe_last_action", "observe_agent_id", "utility_clamp"}


class TeamPolicy:
    """The greedy policy of a trained team.

    Args:
        agent: the trained agent network.
        agents: the agents' names, in the order of their slots in what the policy sees and returns; empty if an older
            checkpoint does not say them. An environment must have them in this order: `env.spec.agents`.
        algorithm, environment, env_config: what it was trained with; `environment` and `env_config` are None
            if they were given as code rather than as names.

    Example:
        >>> policy = TeamPolicy.from_checkpoint("…/checkpoint_000000")  # doctest: +SKIP
        >>> policy.reset(num_envs=1)  # doctest: +SKIP
        >>> actions = policy.act(step)  # doctest: +SKIP
    """

    def __init__(
        self,
        agent: RecurrentAgent,
        *,
        algorithm: str,
        environment: str | None = None,
        env_config: dict[str, Any] | None = None,
        agents: Sequence[str] = (),
    ):
        self.agent = agent.eval().requires_grad_(False)
        self.algorithm, self.environment, self.env_config = algorithm, environment, env_config
        self.agents = tuple(agents)
        self._actor = TeamActor(self.agent, num_envs=1)

    @classmethod
    def from_checkpoint(cls, path: str | Path) -> TeamPolicy:
        """Loads the policy of an algorithm's checkpoint, or of what `rllib export` made of one.

        Nothing is unpickled, so the folder may come from a stranger.

        Raises:
            CheckpointError: no checkpoint of rllib_remix, or a damaged one.
        """
        metadata = read_metadata(path)
        team = TeamSpec.from_saved(metadata["team"])
        agent = new_agent(team, metadata["networks"])
        try:
            agent.load_state_dict(_read_agent_weights(Path(path)))
        except RuntimeError as error:
            raise CheckpointError(
                f"checkpoint {str(path)!r}: its weights do not fit its networks ({error})."
            ) from error
        return cls(
            agent,
            algorithm=metadata["algorithm"],
            environment=metadata["environment"],
            env_config=metadata["env_config"],
            agents=team.agents,
        )

    def check_agents(self, env: TeamEnv) -> None:
        """Raises SettingError unless an environment has the agents that were trained, in their order."""
        if difference := other_agents(self.agents, env.spec.agents):
            raise SettingError(
                f"env: the policy is of {difference}; play it with the environment that it was trained with."
            )

    def reset(self, num_envs: int = 1) -> None:
        """Begins new episodes in `num_envs` copies: the agents remember nothing."""
        self._actor = TeamActor(self.agent, num_envs)

    def act(self, step: TeamStep, first: np.ndarray | None = None) -> np.ndarray:
        """Each agent's best available action, [N, n] int64.

        Args:
            step: what the N copies show.
            first: [N] bool, copies whose episode begins with this step; their agents forget what was before.
        """
        if first is not None and first.any():
            self._actor.forget(first)
        return self._actor.act(step.obs, step.avail_actions)


def new_agent(spec: TeamSpec, networks: dict[str, Any]) -> RecurrentAgent:
    """An untrained agent of a team of these sizes; `networks` as a config's `networks()` or a checkpoint has them."""
    clamp = networks["utility_clamp"]
    return RecurrentAgent(
        spec.obs_dim,
        spec.n_actions,
        spec.n_agents,
        hidden_dim=networks["agent_hidden_dim"],
        observe_last_action=networks["observe_last_action"],
        observe_agent_id=networks["observe_agent_id"],
        utility_clamp=tuple(clamp) if clamp else None,
    )


def read_metadata(path: str | Path) -> dict[str, Any]:
    """What an algorithm's checkpoint says about itself.

    Raises:
        CheckpointError: no checkpoint of rllib_remix, or a damaged one.
    """
    folder = Path(path)
    file = folder / METADATA
    if not file.is_file():
        file = folder / SETTINGS_FILE  # of an export
    if not file.is_file():
        raise CheckpointError(
            f"checkpoint {str(path)!r}: there is no {METADATA} in it; allowed: the folder of a checkpoint."
        )
    try:
        metadata = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"checkpoint {str(path)!r}: {file.name} is damaged ({error}).") from error
    if not isinstance(metadata, dict) or "team" not in metadata:
        raise CheckpointError(f"checkpoint {str(path)!r} was not made by an algorithm of rllib_remix.")
    wrong = [name for name, kinds in _KINDS.items() if not isinstance(metadata.get(name), kinds)]
    if (
        wrong
        or not set(TeamSpec._fields) - set(TeamSpec._field_defaults) <= set(metadata["team"])
        or not set(metadata["networks"]) >= _NETWORKS
    ):
        what = ", ".join(wrong) or "team or networks"
        raise CheckpointError(
            f"checkpoint {str(path)!r}: {file.name} is damaged (its {what} cannot be used)."
        )
    return metadata


def _read_agent_weights(path: Path) -> dict[str, torch.Tensor]:
    folder = find_portable(path)
    try:
        weights = read_weights(folder)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"checkpoint {str(path)!r}: the weights in {str(folder / WEIGHTS_FILE)!r} cannot be read ({error}). It is "
            "incomplete or damaged; use an earlier one."
        ) from error
    prefix = "agent."
    return {
        name.removeprefix(prefix): torch.from_numpy(array)
        for name, array in weights.items()
        if name.startswith(prefix)
    }
