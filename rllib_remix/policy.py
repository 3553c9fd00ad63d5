"""Acting without Ray: the team's decentralised executors, loaded from a checkpoint.

One agent needs its own observations and actions, nothing else; the team is only stepped together for speed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rllib_remix.checkpoints.reading import CheckpointError
from rllib_remix.checkpoints.team import check_portable, read_metadata, read_team_weights
from rllib_remix.envs.team_env import TeamEnv, TeamSpec, TeamStep, other_agents
from rllib_remix.errors import SettingError
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.sizes import new_agent
from rllib_remix.rollout.acting import TeamActor

__all__ = ["TeamPolicy", "new_agent", "read_metadata"]

_AGENT = "agent."  # what the names of its weights begin with


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
        folder = Path(path)
        metadata = read_metadata(folder)
        check_portable(folder)
        weights = read_team_weights(folder, metadata)
        try:
            team = TeamSpec.from_saved(metadata["team"])
            agent = new_agent(team, metadata["networks"])
            agent.load_state_dict(
                {
                    name.removeprefix(_AGENT): torch.from_numpy(array)
                    for name, array in weights.items()
                    if name.startswith(_AGENT)
                }
            )
            return cls(
                agent,
                algorithm=metadata["algorithm"],
                environment=metadata["environment"],
                env_config=metadata["env_config"],
                agents=team.agents,
            )
        except (MemoryError, RuntimeError) as error:
            raise CheckpointError(
                f"checkpoint {str(path)!r}: there is not enough memory for its team."
            ) from error

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
