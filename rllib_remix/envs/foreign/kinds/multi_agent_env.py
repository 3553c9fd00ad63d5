"""RLlib's `MultiAgentEnv` as a TeamEnv."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.kinds.ungrouped import UngroupedEnv
from rllib_remix.envs.foreign.vectorised import ForeignEnvAdapter


class MultiAgentEnvAdapter(ForeignEnvAdapter):
    """RLlib: whoever is observed acts next; "__all__" among the flags ends the episode; who ended does not come back.

    The state is `infos["__common__"]["state"]`, "state" in the agents' Dict observations, or `env.state()`.
    """

    STATE_PLACES = 'state(), infos["__common__"]["state"] or "state" in an observation'
    NOBODY = "no agent is observed"

    @classmethod
    def accepts(cls, env: Any) -> bool:
        from ray.rllib.env.multi_agent_env import MultiAgentEnv

        return isinstance(env, MultiAgentEnv | UngroupedEnv)

    @classmethod
    def spaces_of(cls, env: Any, agent: Hashable) -> tuple[Any, Any]:
        return env.get_observation_space(agent), env.get_action_space(agent)

    def _acts(self, copy: int, agent: Hashable, observations: dict) -> bool:
        return agent in observations and agent not in self._copies.ended[copy]

    def _listed(self, copy: int, observations: dict) -> list[Hashable]:
        ended = self._copies.ended[copy]
        return [agent for agent in observations if agent not in ended] if ended else list(observations)

    def _takes_turns(self, env: Any) -> bool:
        return True

    def _outcome(
        self, copy: int, ended: dict[Hashable, str], over: dict[str, bool], observations: dict
    ) -> tuple[bool, bool]:
        before = self._copies.ended[copy]
        ended = self._copies.ended[copy] = {**ended, **before}
        if over["terminated"]:
            return True, False
        if over["truncated"] or len(ended) == self.n_agents:
            terminated = len(ended) == self.n_agents and "truncated" not in ended.values()
            return terminated, not terminated
        for agent, kind in before.items():
            if agent in observations:
                raise TeamEnvError(
                    f"{self._where(copy, self._copies.slot(agent))}: it is observed again, but was {kind} before, which "
                    "is final in RLlib. Flag it only when it is gone for good; or give a PettingZoo ParallelEnv, whose "
                    "`agents` may come back."
                )
        return False, False
