"""gymnasium environments that give and take a list with one entry for each agent, as a TeamEnv.

Level-Based Foraging, RWARE and SMAClite are such; EPyMARL calls them `gymma`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from numbers import Integral
from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete, Space, Tuple

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.agent_order import ALL, COMMON
from rllib_remix.envs.foreign.agent_view import MASK
from rllib_remix.envs.foreign.kinds.multi_agent_env import MultiAgentEnvAdapter
from rllib_remix.envs.foreign.scalars import flag_in, number_in
from rllib_remix.envs.foreign.stand_in import StandIn, inside
from rllib_remix.envs.joint_actions import choices, own_form
from rllib_remix.errors import SettingError

_FLAGS, _LISTS = (bool, np.bool_), (tuple, list)


class ListEnv(StandIn):
    """Stands for a gymnasium environment of several agents, agent_0, agent_1, …; speaks in dicts, as RLlib's do.

    One reward for the team is that of the first agent, so that the sum over agents, and the mean over those that
    received one, are what the environment paid. An agent that is flagged alone does not act any more.
    """

    def __init__(self, env: gym.Env, spaces: list[tuple[Any, Any]]) -> None:
        """
        Args:
            env: the environment.
            spaces: observation and action space of each agent, see `spaces_of_lists`.
        """
        self.env = env
        self.possible_agents: list[Hashable] = [f"agent_{index}" for index in range(len(spaces))]
        self._spaces = dict(zip(self.possible_agents, spaces, strict=True))
        self._counts = [choices(actions) for _, actions in spaces]
        # Sent for an agent that does not act.
        self._idle = [own_form(actions, 0) if choices(actions) else None for _, actions in spaces]
        rows = has_rows(env.observation_space, len(spaces))
        self._of_all = None if rows or _parts(env.observation_space) else env.observation_space
        self.assumed = [f"observations: of {env.observation_space}, a row for each agent"] if rows else []
        self._avail_actions = _method(env, "get_avail_actions")
        self._own_state = _method(env, "get_state") or _method(env, "state")
        self.pays_team = False  # whether a reward was one number
        self._gone: dict[Hashable, str] = {}
        self._time = 0

    def get_observation_space(self, agent: Hashable) -> Any:
        """That of one agent."""
        return self._spaces[agent][0]

    def get_action_space(self, agent: Hashable) -> Any:
        """That of one agent."""
        return self._spaces[agent][1]

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        """Observations and infos, by agent."""
        self._gone, self._time = {}, 0
        result = self.env.reset(seed=seed, options=options)
        if not isinstance(result, tuple) or len(result) != 2:
            raise self._wrong("reset()", _described(result), "a tuple of 2: observations, info")
        return self._observations(result[0]), self._infos(result[1])

    def step(self, actions: dict[Hashable, Any]) -> tuple[dict, dict, dict, dict, dict]:
        """Observations, rewards, both kinds of flags and infos, by agent.

        Args:
            actions: of the agents that act; the others' are their first ones.
        """
        joint = [
            actions.get(agent, idle) for agent, idle in zip(self.possible_agents, self._idle, strict=True)
        ]
        result = self.env.step(tuple(joint))
        self._time += 1
        if not isinstance(result, tuple) or len(result) != 5:
            expected = "a tuple of 5: observations, rewards, terminated, truncated, info"
            raise self._wrong("step()", _described(result), expected)
        if self._is_plain(*result):
            seen, paid = (dict(zip(self.possible_agents, given, strict=True)) for given in result[:2])
            return seen, paid, {ALL: False}, {ALL: False}, {}
        observations, rewards, terminated, truncated, info = result
        terminateds, truncateds = self._flags(terminated, "terminated"), self._flags(truncated, "truncated")
        return (
            self._observations(observations),
            self._rewards(rewards),
            *self._still_gone(terminateds, truncateds),
            self._infos(info),
        )

    def _is_plain(self, observations: Any, rewards: Any, terminated: Any, truncated: Any, info: Any) -> bool:
        """Whether a step is one like most: a list for each agent, nobody flagged, and nothing told."""
        count = len(self.possible_agents)
        return (
            type(terminated) in _FLAGS
            and type(truncated) in _FLAGS
            and not (terminated or truncated or info or self._gone)
            and type(observations) in _LISTS
            and type(rewards) in _LISTS
            and len(observations) == len(rewards) == count
            and self._avail_actions is None
            and (info is None or type(info) is dict)
        )

    def state(self) -> Any:
        """What `get_state()` or `state()` of the environment returns.

        Raises:
            NotImplementedError: it has neither.
        """
        if self._own_state is None:
            raise NotImplementedError
        return self._own_state()

    def _observations(self, given: Any) -> dict[Hashable, Any]:
        if isinstance(given, tuple | list) or (isinstance(given, np.ndarray) and self._of_all is None):
            each = self._for_each(given, "observations")
        elif self._of_all is not None and np.shape(given) == self._of_all.shape:
            each = [given] * len(self.possible_agents)  # All see the same.
        else:
            raise self._wrong(
                "the observations", _described(given), f"{len(self.possible_agents)} in a tuple"
            )
        pairs = zip(self.possible_agents, each, strict=True)
        return {agent: seen for agent, seen in pairs if agent not in self._gone}

    def _rewards(self, given: Any) -> dict[Hashable, Any]:
        if isinstance(given, tuple | list | np.ndarray) and np.ndim(given):
            return dict(zip(self.possible_agents, self._for_each(given, "rewards"), strict=True))
        if number_in(given) is None:
            expected = f"{len(self.possible_agents)} in a list, or one number for the team"
            raise self._wrong("the rewards", _described(given), expected)
        self.pays_team = True
        return {self.possible_agents[0]: given}

    def _flags(self, given: Any, kind: str) -> dict[Hashable, Any]:
        if isinstance(given, tuple | list | np.ndarray) and np.ndim(given):
            return dict(zip(self.possible_agents, self._for_each(given, kind), strict=True))
        if flag_in(given) is None:
            raise self._wrong(
                kind, _described(given), f"True, False or {len(self.possible_agents)} of them in a list"
            )
        return {ALL: given}

    def _still_gone(self, terminateds: dict, truncateds: dict) -> tuple[dict, dict]:
        """The flags, with the agents that were flagged before."""
        over = any(flag_in(flags.get(ALL)) for flags in (terminateds, truncateds))
        now = {agent: "truncated" for agent, flag in truncateds.items() if flag_in(flag)}
        now |= {agent: "terminated" for agent, flag in terminateds.items() if flag_in(flag)}
        for agent, kind in self._gone.items():
            if agent not in now and not over:
                raise TeamEnvError(
                    f"{self._here()}: {agent} was {kind} before and is flagged no more, so that it cannot be told whether "
                    "it is back. Keep the flag of an agent that is gone until the episode is over, and flag none that "
                    "goes on."
                )
        self._gone = {agent: kind for agent, kind in now.items() if agent != ALL}
        return terminateds, truncateds

    def _infos(self, given: Any) -> dict[Hashable, Any]:
        if isinstance(given, tuple | list):
            return dict(zip(self.possible_agents, self._for_each(given, "infos"), strict=True))
        if given is not None and not isinstance(given, dict):
            raise self._wrong("the info", _described(given), "a dict")
        infos: dict[Hashable, Any] = {}
        common = given or {}
        if common:
            name = next((name for name in MASK if name in common), None)
            masks = None if name is None else self._for_each(common[name], name)
            if masks is not None:
                common = {key: value for key, value in common.items() if key != name}
            infos[COMMON] = common
        else:
            masks = None
        if masks is None and self._avail_actions is not None:
            masks = self._for_each(self._avail_actions(), "get_avail_actions()")
        if masks is not None:
            for agent, count, mask in zip(self.possible_agents, self._counts, masks, strict=True):
                infos[agent] = {MASK[0]: _unpadded(mask, count)}
        return infos

    def _for_each(self, given: Any, what: str) -> list[Any]:
        if not isinstance(given, tuple | list | np.ndarray) or len(given) != len(self.possible_agents):
            raise self._wrong(
                f"the {what}", _described(given), f"{len(self.possible_agents)}, one for each agent"
            )
        return list(given)

    def _wrong(self, what: str, got: str, expected: str) -> TeamEnvError:
        return TeamEnvError(f"{self._here()}: {what}: got {got}, expected {expected}.")

    def _here(self) -> str:
        return f"{type(inside(self)).__name__}, step {self._time} of the episode"


class ListEnvAdapter(MultiAgentEnvAdapter):
    """gymnasium with one entry for each agent: all act in every step, until the episode or an agent is flagged.

    The state is "state" in the info, `get_state()` or `state()`.
    """

    STATE_PLACES = 'get_state(), state() or "state" in the info'
    NOBODY = "there are no agents"

    @classmethod
    def accepts(cls, env: Any) -> bool:
        return isinstance(env, ListEnv)

    def _takes_turns(self, env: Any) -> bool:
        return False  # It wants the actions of all.


def of_lists(env: Any) -> ListEnv | None:
    """A gymnasium environment whose spaces are lists; None for those of one agent, and for anything else.

    Raises:
        SettingError: spaces that do not fit each other.
    """
    spaces = spaces_of_lists(env) if isinstance(env, gym.Env) else None
    return ListEnv(env, spaces) if spaces else None


def spaces_of_lists(env: gym.Env) -> list[tuple[Any, Any]] | None:
    """Observation and action space of each agent; None if the environment has one agent.

    Either is a Tuple or list with one entry for each agent, or, with `n_agents` announced, one that holds for all;
    a Box with a leading axis of that length has a row for each.
    Beside a Tuple of observations a MultiDiscrete has one action for each agent.
    """
    name = type(inside(env)).__name__
    observations, actions = _parts(env.observation_space), _parts(env.action_space)
    count = next((len(parts) for parts in (actions, observations) if parts), None) or _announced(env)
    if count is None:
        return None
    if not actions and isinstance(env.action_space, MultiDiscrete) and len(env.action_space.nvec) == count:
        pairs = zip(env.action_space.nvec, env.action_space.start, strict=True)
        actions = [Discrete(int(n), start=int(start)) for n, start in pairs]
    if has_rows(env.observation_space, count):
        observations = _rows(cast(Box, env.observation_space))
    observations = observations or [env.observation_space] * count
    actions = actions or [env.action_space] * count
    total = getattr(env.unwrapped, "n_actions", None)
    if (
        isinstance(total, Integral)
        and _method(env, "get_avail_actions")
        and all(_fits(a, int(total)) for a in actions)
    ):
        actions = [Discrete(int(total))] * len(actions)  # The masks, of one length, say which are an agent's.
    if len(observations) != len(actions):
        raise SettingError(
            f"env: {name} has {len(observations)} observation spaces and {len(actions)} action spaces; both need one for "
            "each agent."
        )
    return list(zip(observations, actions, strict=True))


def _parts(space: Any) -> list[Any]:
    """The spaces in a Tuple or list of them; none for other spaces."""
    if isinstance(space, Tuple):
        return list(space)
    return list(space) if isinstance(space, list | tuple) and all(isinstance(s, Space) for s in space) else []


def has_rows(space: Any, count: int) -> bool:
    """Whether one space of observations has a row for each of `count` agents."""
    return isinstance(space, Box) and len(space.shape) > 1 and space.shape[0] == count


def _rows(space: Box) -> list[Box]:
    pairs = zip(space.low, space.high, strict=True)
    return [Box(low, high, dtype=space.dtype.type) for low, high in pairs]


def _announced(env: gym.Env) -> int | None:
    """`n_agents`, `num_agents` or the length of `agents`, if there are several."""
    agents = getattr(env.unwrapped, "agents", None)
    for count in (
        *(getattr(env.unwrapped, name, None) for name in ("n_agents", "num_agents")),
        len(agents) if isinstance(agents, list) else None,
    ):
        if isinstance(count, Integral) and int(count) > 1:
            return int(count)
    return None


def _fits(actions: Any, total: int) -> bool:
    return isinstance(actions, Discrete) and int(actions.start) == 0 and int(actions.n) <= total


def _method(env: gym.Env, name: str) -> Callable[[], Any] | None:
    """A method of an environment or of what it wraps."""
    layer: Any = env
    while True:
        if callable(method := getattr(layer, name, None)):
            return method
        if not isinstance(layer, gym.Wrapper):
            return None
        layer = layer.env


def _unpadded(mask: Any, count: int | None) -> Any:
    """A mask without what follows the agent's own actions, where that is never available."""
    if count is None or not isinstance(mask, tuple | list | np.ndarray) or len(mask) <= count:
        return mask
    return mask if np.any(mask[count:]) else mask[:count]


def _described(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    text = repr(value)
    return f"{text if len(text) <= 80 else f'{text[:79]}…'}, of type {type(value).__name__}"
