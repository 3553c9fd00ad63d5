"""Acting without Ray: the team's decentralised executors, loaded from a checkpoint.

One agent needs its own observations and actions, nothing else: `TeamPolicy.agent` gives it alone. The team is only
stepped together for speed.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rllib_remix.checkpoints.reading import CheckpointError
from rllib_remix.checkpoints.team import check_portable, read_metadata, read_team_weights
from rllib_remix.envs.agent_layout import Layout, check_layout
from rllib_remix.envs.team_env import TeamEnv, TeamSpec, TeamStep, other_agents
from rllib_remix.errors import SettingError, shown, unknown
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.groups.one_agent import network_of_one
from rllib_remix.models.sizes import new_agent
from rllib_remix.rollout.acting import TeamActor
from rllib_remix.rollout.agent_acting import AgentPolicy
from rllib_remix.rollout.dict_acting import DictReader
from rllib_remix.zoo.catalog import located

__all__ = ["TeamPolicy", "new_agent", "read_metadata"]

_AGENT = "agent."  # what the names of its weights begin with


class TeamPolicy:
    """The greedy policy of a trained team.

    Args:
        network: the trained agent network.
        agents: the agents' names, in the order of their slots in what the policy sees and returns; empty if an older
            checkpoint does not say them. An environment must have them in this order: `env.spec.agents`.
        team, layout: its sizes, and what each agent sees and does (`env.spec`, `env.agent_layout`): what `act_dict`
            needs.
        algorithm, environment, env_config: what it was trained with; `environment` and `env_config` are None
            if they were given as code rather than as names.

    Example:
        >>> policy = TeamPolicy.from_checkpoint("…/checkpoint_000000")  # doctest: +SKIP
        >>> policy.reset(num_envs=1)  # doctest: +SKIP
        >>> actions = policy.act(step)  # doctest: +SKIP

        In a loop over a PettingZoo ParallelEnv, which need not be adapted:

        >>> observations, infos = env.reset()  # doctest: +SKIP
        >>> policy.reset()  # doctest: +SKIP
        >>> while env.agents:  # doctest: +SKIP
        ...     actions = policy.act_dict(observations, infos, agents=env.agents)
        ...     observations, rewards, terminations, truncations, infos = env.step(actions)

        One agent by itself, on a machine of its own:

        >>> speaker = policy.agent("speaker_0")  # doctest: +SKIP
        >>> action = speaker.act(observation)  # doctest: +SKIP
    """

    def __init__(
        self,
        network: RecurrentAgent,
        *,
        algorithm: str,
        environment: str | None = None,
        env_config: dict[str, Any] | None = None,
        agents: Sequence[str] = (),
        team: TeamSpec | None = None,
        layout: Layout | None = None,
    ):
        self.network = network.eval().requires_grad_(False)
        self.algorithm, self.environment, self.env_config = algorithm, environment, env_config
        self.agents = tuple(agents)
        self._team, self._shown = team, (team, layout) if team and team.agents and layout else None
        self._reader: DictReader | None = None  # made for the first dict
        self.reset()

    @classmethod
    def from_checkpoint(cls, path: str | Path, *, layout: Layout | None = None) -> TeamPolicy:
        """Loads the policy of an algorithm's checkpoint, or of what `rllib export` made of one.

        Nothing is unpickled, so the folder may come from a stranger.

        Args:
            path: the folder, or `zoo:NAME` for a team that ships with the package (`rllib zoo list`).
            layout: what each agent sees and does, for `act_dict` with an older checkpoint that does not say it:
                `make_team_env(…).agent_layout`.

        Raises:
            CheckpointError: no checkpoint of rllib_remix, or a damaged one.
            SettingError: the layout is not of this team, or there is no team of that name.
        """
        folder = located(path)
        metadata = read_metadata(folder)
        check_portable(folder)
        weights = read_team_weights(folder, metadata)
        try:
            team = TeamSpec.from_saved(metadata["team"])
            network = new_agent(team, metadata["networks"])
            network.load_state_dict(
                {
                    name.removeprefix(_AGENT): torch.from_numpy(array)
                    for name, array in weights.items()
                    if name.startswith(_AGENT)
                }
            )
            return cls(
                network,
                algorithm=metadata["algorithm"],
                environment=metadata["environment"],
                env_config=metadata["env_config"],
                agents=team.agents,
                team=team,
                layout=metadata.get("agent_layout") if layout is None else _of_team(layout, team),
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
        self._num_envs, self._actor = num_envs, TeamActor(self.network, num_envs)

    def act(self, step: TeamStep, first: np.ndarray | None = None) -> np.ndarray:
        """Each agent's best available action, [N, n] int64.

        Args:
            step: what the N copies show.
            first: [N] bool, copies whose episode begins with this step; their agents forget what was before.
        """
        if first is not None and first.any():
            self._actor.forget(first)
        return self._actor.act(step.obs, step.avail_actions)

    def agent(self, agent: int | str) -> AgentPolicy:
        """One agent by itself, at the beginning of an episode: what runs where only this agent is.

        It chooses what the team's policy chooses for this agent, from the agent's own observations alone. Every call gives
        a new one with a history of its own; the team's histories are not touched.

        Args:
            agent: its index from 0 on, or its name, of `agents`.

        Raises:
            SettingError: there is no such agent.
        """
        index = self._index(agent)
        network = network_of_one(self.network, index)
        name = self.agents[index] if self.agents else f"agent_{index}"
        entries = self._shown[1] if self._shown else []
        own = next((entry for entry in entries if name in entry["agents"]), {})
        return AgentPolicy(
            network,
            name=name,
            index=index,
            obs_size=own.get("obs_size", network.obs_dim),
            n_actions=own.get("n_actions", network.n_actions),
            obs_dtype=self._team.obs_dtype if self._team else None,
        )

    def _index(self, agent: int | str) -> int:
        if isinstance(agent, str) and self.agents:
            if agent not in self.agents:
                raise unknown("agent", agent, self.agents)
            return self.agents.index(agent)
        is_number = isinstance(agent, int | np.integer) and not isinstance(agent, bool)
        if is_number and int(agent) in range(self.network.n_agents):
            return int(agent)
        names = " or a name, of policy.agents" if self.agents else ", as the agents' names are not known"
        raise SettingError(
            f"agent: {shown(agent)} is not allowed; it must be an index from 0 to {self.network.n_agents - 1}{names}."
        )

    def act_dict(
        self,
        observations: Mapping[Any, Any],
        infos: Mapping[Any, Any] | None = None,
        *,
        agents: Collection[Hashable] | None = None,
    ) -> dict[Hashable, Any]:
        """Each agent's best available action in one environment, as a loop over it has it; see the example above.

        What agents saw and did before is remembered: call `reset()` when an episode begins.

        Args:
            observations: agent -> what it sees, as in training, with its mask if it has one there; agents that are
                gone, or do not act now, are missing.
            infos: agent -> its info, where the mask may be.
            agents: who acts next, such as PettingZoo's `env.agents`; None for all that are observed.

        Returns:
            Agent -> action, in the environment's own form. An agent whose mask leaves no action waits: it has none.

        Raises:
            SettingError: the policy was reset for several copies, or does not know what its agents see.
            TeamEnvError: an unknown agent, or an observation or a mask that does not fit; it names the agent.
        """
        if self._shown is None:
            raise SettingError(
                "act_dict: the checkpoint does not say what each agent sees and does; give it with "
                "TeamPolicy.from_checkpoint(path, layout=make_team_env(…).agent_layout), of the environment it was trained in."
            )
        if self._num_envs != 1:
            raise SettingError(
                f"act_dict: the policy was reset for {self._num_envs} copies, but acts in one; call reset()."
            )
        if self._reader is None:
            self._reader = DictReader(*self._shown)
        obs, avail_actions, acts = self._reader.read(observations, infos or {}, agents)
        return self._reader.sent(self._actor.act(obs, avail_actions)[0], acts)


def _of_team(layout: Layout, team: TeamSpec) -> Layout:
    try:
        check_layout(layout, team._asdict())
    except ValueError as error:
        raise SettingError(
            f"layout: {error}; it must be that of the environment it was trained in."
        ) from error
    return layout
