"""Foreign environments as a TeamEnv: N single PettingZoo or RLlib environments, stepped one after the other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable
from numbers import Integral
from typing import Any

import numpy as np
from pettingzoo import AECEnv, ParallelEnv

from rllib_remix.envs.agent_view import COMPACT_DTYPES, AgentView, agent_view
from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.team_env import TeamEnv, TeamStep
from rllib_remix.settings import SettingError, check_choice, check_keys, check_number

OPTIONS = ("state", "team_reward", "episode_limit")
STATES = ("environment", "observations")
TEAM_REWARDS = ("sum", "mean")

_LIMIT_ATTRIBUTES = ("episode_limit", "max_cycles", "max_steps")


def adapt(
    make_env: Callable[[int], Any], num_envs: int = 1, options: dict[str, Any] | None = None
) -> TeamEnv:
    """N copies of a foreign environment as one TeamEnv.

    Args:
        make_env: builds copy i, a PettingZoo `ParallelEnv` or an RLlib `MultiAgentEnv`.
        num_envs: number of copies.
        options: the config's `team_adapter`:
            state: "environment" (default) takes the environment's own global state; "observations" concatenates
                the observations of all agents.
            team_reward: "sum" (default) or "mean" of the rewards that the agents receive in a step.
            episode_limit: env steps after which an episode is truncated; by default what the environment
                announces as `episode_limit`, `max_cycles` or `max_steps`.

    Raises:
        SettingError: another type of environment, an option that cannot be, or spaces that no team can share.
    """
    check_number("num_envs", num_envs, low=1, integer=True)
    envs = [make_env(copy) for copy in range(int(num_envs))]
    if len({id(env) for env in envs}) < len(envs):
        raise SettingError(
            "make_env: returned the same environment twice; it must build a new one on every call."
        )
    return _adapter_for(envs[0])(envs, options)


def _adapter_for(env: Any) -> type[ForeignEnvAdapter]:
    if isinstance(env, ParallelEnv):
        return ParallelEnvAdapter
    from ray.rllib.env.multi_agent_env import MultiAgentEnv

    if isinstance(env, MultiAgentEnv):
        return MultiAgentEnvAdapter
    hint = "; convert it with pettingzoo.utils.aec_to_parallel" if isinstance(env, AECEnv) else ""
    raise SettingError(
        f"env: {type(env).__module__}.{type(env).__qualname__} cannot be adapted{hint}. "
        "Allowed: a PettingZoo ParallelEnv or an RLlib MultiAgentEnv."
    )


class ForeignEnvAdapter(TeamEnv):
    """What both kinds of foreign environments share; see `adapt` for the options.

    The agents are `possible_agents`, in that order. Smaller observations are padded with zeros, smaller action
    sets with actions that are never available. An agent that is not in play (dead, gone, or not observed now)
    shows zeros, has only action 0 available, and its action is not sent.

    Every episode of a copy gets its own seed, which depends on `reset(seed)`, the copy and the number of the
    episode alone.
    """

    def __init__(self, envs: list[Any], options: dict[str, Any] | None = None) -> None:
        """
        Args:
            envs: the copies, all with the same agents and spaces; the first is reset once to measure its state.
            options: see `adapt`.
        """
        options = options or {}
        _check_options(options)
        self.envs = envs
        self.num_envs = len(envs)
        self.agents, self._views = self._common_views(envs)
        self.n_agents = len(self.agents)
        self.n_actions = max(view.n_actions for view in self._views)
        self.obs_dim = max(view.size for view in self._views)
        self.episode_limit = _episode_limit(options, envs[0])
        self._mean_reward = options.get("team_reward") == "mean"
        self._concatenate = options.get("state") == "observations"
        self._allocate()
        self._entropy: Any = np.random.SeedSequence().entropy
        self._episodes = [0] * self.num_envs

    def _common_views(self, envs: list[Any]) -> tuple[list[Hashable], list[AgentView]]:
        agents = self._agents_of(envs[0])
        if not agents:
            raise SettingError(
                f"env: {type(envs[0]).__name__} has no possible_agents; a team needs 1 or more."
            )
        views = [agent_view(agent, *self._spaces(envs[0], agent)) for agent in agents]
        for copy, env in enumerate(envs[1:], start=1):
            # Creators that define the class on every call give every copy a class of its own.
            same = _adapter_for(env) is _adapter_for(envs[0]) and self._agents_of(env) == agents
            if not same or [agent_view(a, *self._spaces(env, a)) for a in agents] != views:
                raise SettingError(
                    f"make_env: copy {copy} differs from copy 0 in its kind, agents or spaces; "
                    "all copies must be of the same kind."
                )
        return agents, views

    def _allocate(self) -> None:
        copies, agents = self.num_envs, self.n_agents
        dtypes = {view.dtype for view in self._views}
        dtype = dtypes.pop() if len(dtypes) == 1 else np.dtype(np.float32)
        self._obs = np.zeros((copies, agents, self.obs_dim), dtype)
        self._avail = np.zeros((copies, agents, self.n_actions), bool)
        self._rewards = np.zeros(copies, np.float32)
        self._terminated = np.zeros(copies, bool)
        self._truncated = np.ones(copies, bool)  # so that the first step of a copy is a reset
        self._in_play = np.zeros((copies, agents), bool)
        self._steps = [0] * copies
        self._ended: list[dict[Hashable, str]] = [
            {} for _ in range(copies)
        ]  # agent -> terminated or truncated
        if self._concatenate:
            self._state = self._obs.reshape(copies, -1)  # a view: always what the agents see
        else:
            example = self._measure_state()
            state_dtype = example.dtype if example.dtype in COMPACT_DTYPES else np.float32
            self._state = np.zeros((copies, example.size), state_dtype)
        self.state_dim = self._state.shape[1]
        self.obs_dtype, self.state_dtype = self._obs.dtype, self._state.dtype

    def _measure_state(self) -> np.ndarray:
        env, name = self.envs[0], type(self.envs[0]).__name__
        observations, infos = _unpacked(env, env.reset(), "reset", "observations, infos")
        advice = 'Mend that, or concatenate what the agents see with team_adapter={"state": "observations"}.'
        try:
            state = self._state_of(env, observations, infos)
        except Exception as error:
            raise SettingError(
                f"team_adapter.state: 'environment' is not possible, as state() of {name} fails with "
                f"{type(error).__name__}: {error}. {advice}"
            ) from error
        if state is None:
            raise SettingError(
                f"team_adapter.state: 'environment' is not possible, as {name} has no {self._STATE_PLACES}. {advice}"
            )
        example = np.asarray(state)
        if example.dtype.kind not in "biuf" or example.size == 0:
            raise SettingError(
                f"team_adapter.state: 'environment' is not possible, as the state of {name} is of type "
                f"{type(state).__name__} and not an array of numbers. {advice}"
            )
        return example

    _STATE_PLACES: str  # where the kind of environment can have its state, for the error

    @abstractmethod
    def _agents_of(self, env: Any) -> list[Hashable]:
        """All agents that can ever appear, in a fixed order."""

    @abstractmethod
    def _spaces(self, env: Any, agent: Hashable) -> tuple[Any, Any]:
        """Observation and action space."""

    @abstractmethod
    def _state_of(self, env: Any, observations: dict, infos: dict) -> Any | None:
        """The global state now, None if the environment has none."""

    @abstractmethod
    def _plays_on(self, env: Any, agent: Hashable, observations: dict) -> bool:
        """Whether an agent that neither terminated nor was truncated acts in the next step."""

    @abstractmethod
    def _outcome(self, copy: int, terminateds: dict, truncateds: dict) -> tuple[bool, bool]:
        """Whether the episode is (terminated, truncated), episode limit aside."""

    def reset(self, seed: int | None = None) -> TeamStep:
        if seed is not None:
            self._entropy = int(seed)
            self._episodes = [0] * self.num_envs
        for copy in range(self.num_envs):
            self._reset_copy(copy)
        return self._current()

    def step(self, actions: np.ndarray) -> TeamStep:
        """Moves every copy on by one step.

        Raises:
            TeamEnvError: an action is not available, or a copy returned something that cannot be used; names
                the copy, the agent and the step.
        """
        for copy in range(self.num_envs):
            if self._terminated[copy] or self._truncated[copy]:
                self._reset_copy(copy)
            else:
                self._step_copy(copy, actions[copy])
        return self._current()

    def _current(self) -> TeamStep:
        return TeamStep(
            self._obs, self._state, self._avail, self._rewards, self._terminated, self._truncated, info={}
        )

    def _reset_copy(self, copy: int) -> None:
        key = (copy, self._episodes[copy])
        seed = int(np.random.SeedSequence(self._entropy, spawn_key=key).generate_state(1)[0])
        self._episodes[copy] += 1
        self._steps[copy] = 0
        self._ended[copy] = {}
        self._rewards[copy] = 0
        self._terminated[copy] = self._truncated[copy] = False
        result = self.envs[copy].reset(seed=seed)
        self._show(copy, *_unpacked(self.envs[copy], result, "reset", "observations, infos"))

    def _step_copy(self, copy: int, actions: np.ndarray) -> None:
        result = self.envs[copy].step(self._sent_actions(copy, actions))
        observations, rewards, terminateds, truncateds, infos = _unpacked(
            self.envs[copy], result, "step", "observations, rewards, terminateds, truncateds, infos"
        )
        self._steps[copy] += 1
        self._rewards[copy] = self._team_reward(copy, rewards)
        for agent in self.agents:
            if agent not in self._ended[copy] and (terminateds.get(agent) or truncateds.get(agent)):
                self._ended[copy][agent] = "terminated" if terminateds.get(agent) else "truncated"
        terminated, truncated = self._outcome(copy, terminateds, truncateds)
        self._terminated[copy] = terminated
        self._truncated[copy] = truncated or (not terminated and self._steps[copy] >= self.episode_limit)
        if self._truncated[copy] and not any(agent in observations for agent in self.agents):
            raise TeamEnvError(
                f"{self._where(copy)}: truncated without any last observation, from which the value of the "
                "rest is estimated; return the observations of the last step too."
            )
        self._show(copy, observations, infos)

    def _sent_actions(self, copy: int, actions: np.ndarray) -> dict[Hashable, int]:
        sent = {}
        for index in np.flatnonzero(self._in_play[copy]):
            action, view = int(actions[index]), self._views[index]
            if not (0 <= action < view.n_actions and self._avail[copy, index, action]):
                raise TeamEnvError(
                    f"{self._where(copy, index)}: action {action} is not available; "
                    f"allowed: {', '.join(map(str, np.flatnonzero(self._avail[copy, index])))}."
                )
            sent[self.agents[index]] = action + view.first_action
        return sent

    def _team_reward(self, copy: int, rewards: dict) -> float:
        """Sum or mean of the rewards that agents received; 0 if none did."""
        given = []
        for index, agent in enumerate(self.agents):
            if rewards.get(agent) is not None:
                given.append(float(rewards[agent]))
                if not np.isfinite(given[-1]):
                    raise TeamEnvError(
                        f"{self._where(copy, index)}: the reward is {given[-1]}; it must be finite."
                    )
        return sum(given) / len(given) if self._mean_reward and given else sum(given)

    def _show(self, copy: int, observations: dict, infos: dict) -> None:
        """Writes what the copy shows now into the arrays of the team."""
        self._obs[copy] = 0
        self._avail[copy] = False
        for index, (agent, view) in enumerate(zip(self.agents, self._views, strict=True)):
            self._in_play[copy, index] = self._is_in_play(copy, agent, observations)
            if not self._in_play[copy, index]:
                self._avail[copy, index, 0] = True
                continue
            try:
                seen, mask = view.read(observations.get(agent), infos.get(agent, {}), self._obs.dtype)
            except TeamEnvError as error:
                raise TeamEnvError(f"{self._where(copy, index)}: {error}") from None
            self._obs[copy, index, : view.size] = seen
            self._avail[copy, index, : view.n_actions] = mask
        if not self._concatenate:
            self._show_state(copy, self._state_of(self.envs[copy], observations, infos))

    def _is_in_play(self, copy: int, agent: Hashable, observations: dict) -> bool:
        """Whether the agent acts next or, after the last step, would act if the episode went on."""
        ended = self._ended[copy].get(agent)
        if self._terminated[copy]:
            return agent in observations
        if self._truncated[copy]:
            return agent in observations and ended != "terminated"
        return ended is None and self._plays_on(self.envs[copy], agent, observations)

    def _show_state(self, copy: int, state: Any | None) -> None:
        if state is None and self._terminated[copy]:
            self._state[copy] = 0  # nothing follows: no value is ever computed from it
            return
        flat = np.asarray(() if state is None else state).ravel()
        if flat.size != self.state_dim:
            raise TeamEnvError(
                f"{self._where(copy)}: the state has {flat.size} numbers, expected {self.state_dim}."
            )
        if flat.dtype.kind == "f" and not np.isfinite(flat).all():
            raise TeamEnvError(f"{self._where(copy)}: the state holds NaN or infinity.")
        if self._state.dtype in COMPACT_DTYPES and flat.dtype != self._state.dtype:
            raise TeamEnvError(
                f"{self._where(copy)}: the state changed from {self._state.dtype} to {flat.dtype}."
            )
        self._state[copy] = flat

    def _where(self, copy: int, index: int | np.intp | None = None) -> str:
        agent = "" if index is None else f", agent {self.agents[index]!r}"
        return (
            f"{type(self.envs[copy]).__name__}, copy {copy}{agent}, step {self._steps[copy]} of the episode"
        )

    def render(self, copy: int = 0) -> np.ndarray:
        """The picture of one copy, [H, W, 3] uint8; build the copies with render_mode="rgb_array"."""
        picture = self.envs[copy].render()
        if not isinstance(picture, np.ndarray):
            raise NotImplementedError(
                f"{type(self.envs[copy]).__name__}.render() returned a {type(picture).__name__}, not an array; "
                'build the environment with render_mode="rgb_array" if it has that.'
            )
        return picture

    def get_state(self) -> dict[str, Any]:
        """What the seeds of the next episodes follow from."""
        return {"entropy": self._entropy, "episodes": list(self._episodes)}

    def set_state(self, state: dict[str, Any]) -> None:
        if len(state["episodes"]) == self.num_envs:
            self._entropy, self._episodes = state["entropy"], list(state["episodes"])

    def close(self) -> None:
        for env in self.envs:
            env.close()


class ParallelEnvAdapter(ForeignEnvAdapter):
    """PettingZoo: agents leave `env.agents` when they are done; the episode is over when none is left."""

    _STATE_PLACES = "state()"

    def _agents_of(self, env: Any) -> list[Hashable]:
        return list(getattr(env, "possible_agents", []))

    def _spaces(self, env: Any, agent: Hashable) -> tuple[Any, Any]:
        return env.observation_space(agent), env.action_space(agent)

    def _state_of(self, env: Any, observations: dict, infos: dict) -> Any | None:
        return _own_state(env)

    def _plays_on(self, env: Any, agent: Hashable, observations: dict) -> bool:
        return agent in env.agents

    def _outcome(self, copy: int, terminateds: dict, truncateds: dict) -> tuple[bool, bool]:
        ended = self._ended[copy]
        if self.envs[copy].agents and len(ended) < self.n_agents:
            return False, False
        truncated = "truncated" in ended.values()
        return not truncated, truncated


class MultiAgentEnvAdapter(ForeignEnvAdapter):
    """RLlib: whoever is observed acts next; "__all__" among the flags ends the episode.

    The state may be `env.state()`, `infos["__common__"]["state"]`, or "state" in an agent's Dict observation.
    """

    _STATE_PLACES = 'state(), infos["__common__"]["state"] or "state" in an observation'

    def _agents_of(self, env: Any) -> list[Hashable]:
        return list(env.possible_agents or env.agents or [])

    def _spaces(self, env: Any, agent: Hashable) -> tuple[Any, Any]:
        return env.get_observation_space(agent), env.get_action_space(agent)

    def _state_of(self, env: Any, observations: dict, infos: dict) -> Any | None:
        common = infos.get("__common__", {})
        if "state" in common:
            return common["state"]
        for observation in observations.values():
            if isinstance(observation, dict) and "state" in observation:
                return observation["state"]
        return _own_state(env)

    def _plays_on(self, env: Any, agent: Hashable, observations: dict) -> bool:
        return agent in observations

    def _outcome(self, copy: int, terminateds: dict, truncateds: dict) -> tuple[bool, bool]:
        ended = self._ended[copy]
        if terminateds.get("__all__"):
            return True, False
        if truncateds.get("__all__") or len(ended) == self.n_agents:
            terminated = all(ended.get(agent) == "terminated" for agent in self.agents)
            return terminated, not terminated
        return False, False


def _check_options(options: dict[str, Any]) -> None:
    check_keys("team_adapter", options, OPTIONS)
    if "state" in options:
        check_choice("team_adapter.state", options["state"], STATES)
    if "team_reward" in options:
        check_choice("team_adapter.team_reward", options["team_reward"], TEAM_REWARDS)
    if options.get("episode_limit") is not None:
        check_number("team_adapter.episode_limit", options["episode_limit"], low=1, integer=True)


def _episode_limit(options: dict[str, Any], env: Any) -> int:
    """The option, or what the environment announces."""
    if options.get("episode_limit") is not None:
        return int(options["episode_limit"])
    for owner in (env, env.unwrapped):
        for name in _LIMIT_ATTRIBUTES:
            limit = getattr(owner, name, None)
            if isinstance(limit, Integral) and not isinstance(limit, bool) and int(limit) >= 1:
                return int(limit)
    raise SettingError(
        f"team_adapter.episode_limit: missing, and {type(env).__name__} announces none as "
        f"{', '.join(_LIMIT_ATTRIBUTES)}; set the largest number of env steps in an episode, e.g. "
        'team_adapter={"episode_limit": 100}.'
    )


def _own_state(env: Any) -> Any | None:
    """`env.state()`, None if there is none."""
    method = getattr(env, "state", None)
    try:
        return method() if callable(method) else None
    except NotImplementedError:
        return None


def _unpacked(env: Any, result: Any, method: str, names: str) -> tuple[dict, ...]:
    """What `reset` or `step` returned, if it is the tuple of dicts that it should be."""
    expected = len(names.split(", "))
    if (
        not isinstance(result, tuple)
        or len(result) != expected
        or not all(isinstance(r, dict) for r in result)
    ):
        got = (
            f"({', '.join(type(r).__name__ for r in result)})"
            if isinstance(result, tuple)
            else type(result).__name__
        )
        raise TeamEnvError(
            f"{type(env).__name__}.{method}() returned {got}, expected a tuple of {expected} dicts: {names}."
        )
    return result
