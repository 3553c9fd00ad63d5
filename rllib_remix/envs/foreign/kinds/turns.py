"""PettingZoo's turn-based environments (AECEnv) as a TeamEnv."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils.conversions import aec_to_parallel

from rllib_remix.envs.foreign.agent_order import ALL
from rllib_remix.envs.foreign.kinds.multi_agent_env import MultiAgentEnvAdapter
from rllib_remix.envs.foreign.stand_in import StandIn


class TurnsEnv(StandIn):
    """Stands for an AECEnv; speaks in dicts, as RLlib's do: whose turn it is is observed, and acts.

    A step is one turn. All rewards of a turn count, whoever receives them. When the episode is over, all who were
    still in it show what they see.
    """

    def __init__(self, env: AECEnv) -> None:
        self.env = env
        # PettingZoo's limits count cycles, in which all have had a turn.
        self.turns_in_a_cycle = len(getattr(env, "possible_agents", ())) or 1

    def get_observation_space(self, agent: Hashable) -> Any:
        """That of one agent."""
        return self.env.observation_space(agent)

    def get_action_space(self, agent: Hashable) -> Any:
        """That of one agent."""
        return self.env.action_space(agent)

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        """What the first agent sees, and its info."""
        # Games written in C take seeds of 31 bits.
        self.env.reset(seed=None if seed is None else seed & 0x7FFFFFFF, options=options)
        return self._shown([self.env.agent_selection])

    def step(self, actions: dict[Hashable, Any]) -> tuple[dict, dict, dict, dict, dict]:
        """What the next agent sees, and what the turn did to all."""
        env = self.env
        env.step(actions[env.agent_selection])
        rewards, terminateds, truncateds = dict(env.rewards), dict(env.terminations), dict(env.truncations)
        present = list(env.agents)
        last = self._shown(present) if _all_are_flagged(env) else None
        while env.agents and (env.terminations[env.agent_selection] or env.truncations[env.agent_selection]):
            env.step(None)  # How an agent that is out of it leaves.
        over = not env.agents
        shown = self._shown([env.agent_selection]) if not over else last or ({}, {})
        cut_off = over and any(truncateds.values())
        terminateds[ALL], truncateds[ALL] = over and not cut_off, cut_off
        return shown[0], rewards, terminateds, truncateds, shown[1]

    def _shown(self, agents: list[Hashable]) -> tuple[dict, dict]:
        """Observations and infos of some agents."""
        infos = {agent: self.env.infos.get(agent, {}) for agent in agents}
        return {agent: self.env.observe(agent) for agent in agents}, infos


def _all_are_flagged(env: AECEnv) -> bool:
    return all(env.terminations[agent] or env.truncations[agent] for agent in env.agents)


class TurnsEnvAdapter(MultiAgentEnvAdapter):
    """PettingZoo's turns: who is selected acts, the others wait; the episode is over when no agents are left.

    The state is "state" in the agents' Dict observations, or `env.state()`.
    """

    STATE_PLACES = 'state(), nor "state" in an observation'
    NOBODY = "no agent is selected"

    @classmethod
    def accepts(cls, env: Any) -> bool:
        return isinstance(env, TurnsEnv)


def of_turns(env: AECEnv) -> ParallelEnv | TurnsEnv:
    """An AECEnv whose agents act together where it says that they can, otherwise turn by turn."""
    if env.metadata.get("is_parallelizable", False):
        return aec_to_parallel(env)
    return TurnsEnv(env)
