"""RLlib's grouped environments, in which a group of agents speaks as one, with its agents apart again."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import gymnasium as gym

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.agent_order import ALL, COMMON, announced_agents, described
from rllib_remix.envs.foreign.scalars import number_in
from rllib_remix.envs.foreign.stand_in import StandIn
from rllib_remix.errors import SettingError

# What RLlib's GroupAgentsWrapper keeps of its agents in a group's infos.
_REWARDS, _INFOS = "_group_rewards", "_group_info"


def without_groups(env: Any) -> Any:
    """An RLlib MultiAgentEnv as it is, or with the agents of its groups apart.

    `with_agent_groups`, which RLlib's own QMIX needed, makes one agent of several: its observations and actions are
    Tuples.

    Raises:
        SettingError: a group of which that cannot be told.
    """
    from ray.rllib.env.wrappers.group_agents_wrapper import GroupAgentsWrapper

    if type(env) is GroupAgentsWrapper:
        return env.env
    agents = announced_agents(env)
    return UngroupedEnv(env, agents) if any(_is_group(env, agent) for agent in agents) else env


def _is_group(env: Any, agent: Hashable) -> bool:
    """Whether the actions and observations of an agent are Tuples, with one part for each member.

    An agent whose actions alone are a Tuple is one agent, whose actions have several parts.
    """
    try:
        spaces = env.get_action_space(agent), env.get_observation_space(agent)
    except Exception:  # Who reads the space next says what is wrong with it.
        return False
    return all(isinstance(space, gym.spaces.Tuple) for space in spaces)


class UngroupedEnv(StandIn):
    """Stands for a MultiAgentEnv; its agents are the members of the groups.

    The reward of a group is shared evenly among its members, unless the environment says what each received.
    """

    def __init__(self, env: Any, agents: list[Hashable]) -> None:
        self.env = env
        self._members: dict[Hashable, list[Hashable]] = {}
        self._spaces: dict[Hashable, tuple[Any, Any]] = {}
        for agent in agents:
            observations, actions = env.get_observation_space(agent), env.get_action_space(agent)
            if not _is_group(env, agent):
                self._members[agent], self._spaces[agent] = [agent], (observations, actions)
                continue
            if len(observations) != len(actions):
                raise SettingError(
                    f"observation space of agent {agent!r}: {observations} does not fit its actions {actions}; allowed: "
                    "a Tuple of as many spaces. Better give the environment without groups."
                )
            self._members[agent] = _member_names(env, agent, len(actions))
            self._spaces |= dict(
                zip(self._members[agent], zip(observations, actions, strict=True), strict=True)
            )
        self.possible_agents = [member for agent in agents for member in self._members[agent]]
        self._groups = {agent for agent in agents if _is_group(env, agent)}

    def get_observation_space(self, agent: Hashable) -> Any:
        """That of one member."""
        return self._spaces[agent][0]

    def get_action_space(self, agent: Hashable) -> Any:
        """That of one member."""
        return self._spaces[agent][1]

    def reset(self, **kwargs: Any) -> Any:
        """As the environment's, with what belongs to a group dealt out to its members."""
        result = self.env.reset(**kwargs)
        if not _are_dicts(result, 2):
            return result  # Who asked says what is wrong.
        observations, infos = result
        return self._dealt(observations, "observation"), self._infos(infos)

    def step(self, actions: dict[Hashable, Any]) -> Any:
        """As the environment's; the actions of a group's members reach it together.

        Raises:
            TeamEnvError: only a part of a group acts, or a group's observation is not one for each member.
        """
        result = self.env.step(self._together(actions))
        if not _are_dicts(result, 5):
            return result
        observations, rewards, terminateds, truncateds, infos = result
        return (
            self._dealt(observations, "observation"),
            self._rewards(rewards, infos),
            self._flags(terminateds),
            self._flags(truncateds),
            self._infos(infos),
        )

    def _together(self, actions: dict[Hashable, Any]) -> dict[Hashable, Any]:
        together = {}
        for agent, members in self._members.items():
            acting = [member for member in members if member in actions]
            if agent not in self._groups:
                together |= {member: actions[member] for member in acting}
            elif acting:
                if len(acting) < len(members):
                    waiting = next(member for member in members if member not in actions)
                    raise TeamEnvError(
                        f"agent {waiting!r} of group {agent!r} has no action available, but its group acts as one; give "
                        "the environment without groups, or an action without effect."
                    )
                together[agent] = tuple(actions[member] for member in members)
        return together

    def _dealt(self, values: dict[Hashable, Any], what: str) -> dict[Hashable, Any]:
        dealt = {}
        for agent, value in values.items():
            members = self._members.get(agent, [agent])
            if agent not in self._groups:
                dealt[agent] = value
            elif not hasattr(value, "__len__") or len(value) != len(members) or isinstance(value, dict):
                raise TeamEnvError(
                    f"the {what} of group {described(agent)} is a {type(value).__name__}, expected {len(members)} "
                    "together, one for each member."
                )
            else:
                dealt |= dict(zip(members, value, strict=True))
        return dealt

    def _rewards(self, rewards: dict[Hashable, Any], infos: dict[Hashable, Any]) -> dict[Hashable, Any]:
        dealt = {}
        for agent, reward in rewards.items():
            members = self._members.get(agent, [agent])
            if agent not in self._groups:
                dealt[agent] = reward
                continue
            info = infos.get(agent)
            each = info.get(_REWARDS) if isinstance(info, dict) else None
            if not isinstance(each, list) or len(each) != len(members):
                number = number_in(reward)
                each = [reward if number is None else number / len(members)] * len(members)
            dealt |= dict(zip(members, each, strict=True))
        return dealt

    def _flags(self, flags: dict[Hashable, Any]) -> dict[Hashable, Any]:
        dealt = {}
        for agent, flag in flags.items():
            dealt |= dict.fromkeys(self._members.get(agent, [agent]) if agent != ALL else [ALL], flag)
        return dealt

    def _infos(self, infos: dict[Hashable, Any]) -> dict[Hashable, Any]:
        dealt: dict[Hashable, Any] = {}
        for agent, info in infos.items():
            members = self._members.get(agent, [agent])
            if agent not in self._groups or agent == COMMON or not isinstance(info, dict):
                dealt |= dict.fromkeys(members, info)
                continue
            own = {name: value for name, value in info.items() if name not in (_REWARDS, _INFOS)}
            each = info.get(_INFOS)
            each = each if isinstance(each, list) and len(each) == len(members) else [{}] * len(members)
            dealt |= {member: own | (of or {}) for member, of in zip(members, each, strict=True)}
        return dealt


def _member_names(env: Any, group: Hashable, count: int) -> list[Hashable]:
    """As the wrapper inside names them, otherwise by their number in the group."""
    for place in (env, getattr(env, "env", None)):
        groups = getattr(place, "groups", None)
        if isinstance(groups, dict) and len(groups.get(group, ())) == count:
            return list(groups[group])
    return [f"{group}_{index}" for index in range(count)]


def _are_dicts(result: Any, count: int) -> bool:
    return isinstance(result, tuple) and len(result) == count and all(isinstance(r, dict) for r in result)
