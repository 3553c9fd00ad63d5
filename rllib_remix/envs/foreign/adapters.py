"""Foreign environments as a TeamEnv: N single PettingZoo or RLlib environments, stepped one after the other."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Hashable
from numbers import Integral
from typing import Any

import numpy as np
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils.conversions import turn_based_aec_to_parallel_wrapper

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.agent_order import (
    ALL,
    COMMON,
    announced_agents,
    described,
    names_of,
    nearest_agent,
)
from rllib_remix.envs.foreign.agent_view import COMPACT_DTYPES, STATE, AgentView, agent_view
from rllib_remix.envs.foreign.info_values import InfoValues
from rllib_remix.envs.foreign.observed_state import STATE_ADVICE, ObservedState
from rllib_remix.envs.foreign.scalars import flag_in, number_in
from rllib_remix.envs.foreign.ungrouped import UngroupedEnv, without_groups
from rllib_remix.envs.team_env import TeamEnv, TeamStep
from rllib_remix.errors import SettingError
from rllib_remix.settings import check_choice, check_keys, check_number

OPTIONS = ("state", "team_reward", "episode_limit")
STATES = ("environment", "observations")
TEAM_REWARDS = ("sum", "mean")

_LIMIT_ATTRIBUTES = ("episode_limit", "max_cycles", "max_steps")
_LARGEST = float(np.finfo(np.float32).max)


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
    _check_options(options or {})
    envs = [_bare(make_env(copy)) for copy in range(int(num_envs))]
    if len({id(env) for env in envs}) < len(envs):
        raise SettingError(
            "make_env: returned the same environment twice; it must build a new one on every call."
        )
    return _adapter_for(envs[0])(envs, options)


def _bare(env: Any) -> Any:
    """The environment inside of RLlib's own wrappers, which lose the order of agents and who of them acts."""
    if isinstance(env, ParallelEnv):
        return env
    from ray.rllib.env.multi_agent_env import MultiAgentEnv
    from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv

    if type(env) is ParallelPettingZooEnv and isinstance(env.par_env, ParallelEnv):
        return env.par_env
    return without_groups(env) if isinstance(env, MultiAgentEnv) else env


def _adapter_for(env: Any) -> type[ForeignEnvAdapter]:
    if isinstance(env, ParallelEnv):
        return ParallelEnvAdapter
    from ray.rllib.env.multi_agent_env import MultiAgentEnv

    if isinstance(env, MultiAgentEnv | UngroupedEnv):
        return MultiAgentEnvAdapter
    hint = "; convert it with pettingzoo.utils.aec_to_parallel" if isinstance(env, AECEnv) else ""
    raise SettingError(
        f"env: {type(env).__module__}.{type(env).__qualname__} cannot be adapted{hint}. "
        "Allowed: a PettingZoo ParallelEnv or an RLlib MultiAgentEnv."
    )


class ForeignEnvAdapter(TeamEnv):
    """What both kinds of foreign environments share; see `adapt` for the options.

    The agents are `possible_agents`, in that order; see `announced_agents` for those that come from a set. Smaller
    observations are padded with zeros, smaller action sets with actions that are never available. An agent that is
    not in play (dead, gone, or not observed now) shows zeros, has only action 0 available, and its action is not
    sent; one whose mask leaves no action waits while others take their turns, and sees on.

    Numbers in the infos of a step are its `info`: what infos["__common__"] says, otherwise the mean over the agents
    that have it.

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
        self.agent_names = names_of(_name(envs[0]), self.agents)
        self._slots = list(zip(range(len(self.agents)), self.agents, self._views, strict=True))
        self._known = frozenset(self.agents)
        self._known_flags, self._known_infos = self._known | {ALL}, self._known | {ALL, COMMON}
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
        agents = announced_agents(envs[0])
        if not agents:
            raise SettingError(f"env: {_name(envs[0])} has no possible_agents; a team needs 1 or more.")
        views = self._views_of(envs[0], agents)
        for copy, env in enumerate(envs[1:], start=1):
            # Creators that define the class on every call give every copy a class of its own.
            same = _adapter_for(env) is _adapter_for(envs[0]) and announced_agents(env) == agents
            if not same or self._views_of(env, agents) != views:
                raise SettingError(
                    f"make_env: copy {copy} differs from copy 0 in its kind, agents or spaces; "
                    "all copies must be of the same kind."
                )
        return agents, views

    def _views_of(self, env: Any, agents: list[Hashable]) -> list[AgentView]:
        _check_reset(env)
        views = []
        for agent in agents:
            try:
                spaces = self._spaces(env, agent)
            except Exception as error:
                raise SettingError(
                    f"env: {_name(env)} announces the agent {described(agent)}, but asked for its spaces it fails with "
                    f"{type(error).__name__}: {error}."
                ) from error
            views.append(agent_view(agent, *spaces))
        return views

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
        self._info = InfoValues(copies)
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
        env, name = self.envs[0], _name(self.envs[0])
        self._observed_state = ObservedState(self.agents, self._views)
        observations, infos = _unpacked(env, env.reset(), "reset", "observations, infos")
        advice = f"Mend that, or {STATE_ADVICE}."
        try:
            state = self._state_of(0, observations, infos)
        except TeamEnvError as error:
            raise SettingError(f"team_adapter.state: {error}") from error
        except Exception as error:
            raise SettingError(
                f"team_adapter.state: 'environment' is not possible, as state() of {name} fails with "
                f"{type(error).__name__}: {error}. {advice}"
            ) from error
        if state is None:
            raise SettingError(
                f"team_adapter.state: 'environment' is not possible, as {name} has no {self._STATE_PLACES}. {advice}"
            )
        try:
            example = np.asarray(state)
        except ValueError:
            example = np.asarray(None)
        if example.dtype.kind not in "biuf" or example.size == 0:
            raise SettingError(
                f"team_adapter.state: 'environment' is not possible, as the state of {name} is of type "
                f"{type(state).__name__} and not an array of numbers. {advice}"
            )
        return example

    _STATE_PLACES: str  # where the kind of environment can have its state, for the error

    @abstractmethod
    def _spaces(self, env: Any, agent: Hashable) -> tuple[Any, Any]:
        """Observation and action space."""

    @abstractmethod
    def _begin(self, copy: int, observations: dict) -> None:
        """Takes note of who acts first."""

    @abstractmethod
    def _acts(self, copy: int, agent: Hashable, observations: dict) -> bool:
        """Whether an agent acts in the next step of an episode that goes on."""

    @abstractmethod
    def _takes_turns(self, env: Any) -> bool:
        """Whether a step may do without the actions of agents that are observed."""

    @abstractmethod
    def _outcome(
        self, copy: int, ended: dict[Hashable, str], over: dict[str, bool], observations: dict
    ) -> tuple[bool, bool]:
        """Whether the episode is (terminated, truncated), episode limit aside; keeps who ended in `_ended`.

        Args:
            copy: the copy.
            ended: agents that this step flagged -> "terminated" or "truncated".
            over: "terminated", "truncated" -> whether the whole episode was flagged.
            observations: what this step shows.
        """

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
            self._obs,
            self._state,
            self._avail,
            self._rewards,
            self._terminated,
            self._truncated,
            info=self._info.arrays,
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
        observations, infos = _unpacked(self.envs[copy], result, "reset", "observations, infos")
        self._check_ids(copy, observations, infos)
        self._begin(copy, observations)
        self._show(copy, observations, infos)
        if not self._in_play[copy].any():
            raise TeamEnvError(
                f"{self._where(copy)}: nobody is in play after reset(); {self._NOBODY}. Agents: "
                f"{', '.join(map(described, self.agents[:10]))}."
            )

    _NOBODY: str  # how an environment of the kind says that nobody acts, for the error

    def _step_copy(self, copy: int, actions: np.ndarray) -> None:
        result = self._step_env(copy, self._sent_actions(copy, actions))
        observations, rewards, terminateds, truncateds, infos = _unpacked(
            self.envs[copy], result, "step", "observations, rewards, terminateds, truncateds, infos"
        )
        self._steps[copy] += 1
        self._check_ids(copy, observations, infos, rewards, terminateds, truncateds)
        self._rewards[copy] = self._team_reward(copy, rewards)
        ended: dict[Hashable, str] = {}
        over = {
            "truncated": self._read_flags(copy, truncateds, "truncated", ended),
            "terminated": self._read_flags(copy, terminateds, "terminated", ended),
        }
        terminated, truncated = self._outcome(copy, ended, over, observations)
        self._terminated[copy] = terminated
        self._truncated[copy] = truncated or (not terminated and self._steps[copy] >= self.episode_limit)
        if self._truncated[copy] and not observations:
            raise TeamEnvError(
                f"{self._where(copy)}: truncated without any last observation, from which the value of the "
                "rest is estimated; return the observations of the last step too."
            )
        self._show(copy, observations, infos)

    def _step_env(self, copy: int, sent: dict[Hashable, int]) -> Any:
        try:
            return self.envs[copy].step(sent)
        except KeyError as error:
            asked = error.args[0] if error.args else None
            if isinstance(asked, Hashable) and asked in self._known and asked not in sent:
                raise TeamEnvError(
                    f"{self._where(copy, self.agents.index(asked))}: step() asks for its action, but it is not in play or "
                    "its action_mask leaves no action; offer at least one, such as an action without effect."
                ) from error
            raise

    def _check_ids(self, copy: int, observations: dict, infos: dict, *others: dict) -> None:
        """Raises TeamEnvError for the first id that was not announced."""
        if not (observations.keys() <= self._known and infos.keys() <= self._known_infos):
            self._refuse_id(copy, observations, self._known, "observations")
            self._refuse_id(copy, infos, self._known_infos, "infos")
        if others:
            rewards, terminateds, truncateds = others
            if not (
                rewards.keys() <= self._known
                and terminateds.keys() <= self._known_flags
                and truncateds.keys() <= self._known_flags
            ):
                self._refuse_id(copy, rewards, self._known, "rewards")
                self._refuse_id(copy, terminateds, self._known_flags, "terminateds")
                self._refuse_id(copy, truncateds, self._known_flags, "truncateds")

    def _refuse_id(self, copy: int, given: Any, known: frozenset[Hashable], what: str) -> None:
        for agent in given:
            if agent not in known:
                raise TeamEnvError(
                    f"{self._where(copy)}: the {what} hold {described(agent)}, an agent that was not announced; "
                    f"{nearest_agent(agent, self.agents)}."
                )

    def _read_flags(self, copy: int, flags: dict, kind: str, ended: dict[Hashable, str]) -> bool:
        """Notes the flagged agents in `ended`, and returns the flag of the whole episode."""
        whole = False
        for agent, flag in flags.items():
            if flag is False:
                continue
            if flag is not True and (value := flag_in(flag)) is not True:
                if value is None:
                    raise TeamEnvError(
                        f"{self._where(copy, self._slot(agent))}: {kind} is {_short(flag)}, of type "
                        f"{type(flag).__name__}; it must be True or False."
                    )
                continue
            if agent == ALL:
                whole = True
            else:
                ended[agent] = kind
        return whole

    def _slot(self, agent: Hashable) -> int | None:
        return self.agents.index(agent) if agent in self._known else None

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
        total, count = 0.0, 0
        for index, agent, _ in self._slots:
            reward = rewards.get(agent)
            if reward is None:
                continue
            if type(reward) is not float:
                number = number_in(reward)
                if number is None:
                    raise TeamEnvError(
                        f"{self._where(copy, index)}: the reward is {_short(reward)}, of type {type(reward).__name__}; "
                        "it must be one number."
                    )
                reward = number
            # Written so that NaN fails too.
            if not -_LARGEST <= reward <= _LARGEST:
                raise TeamEnvError(f"{self._where(copy, index)}: the reward is {reward}; it must be finite.")
            total, count = total + reward, count + 1
        if not -_LARGEST <= total <= _LARGEST:
            raise TeamEnvError(f"{self._where(copy)}: the sum of the rewards is {total}; it must be finite.")
        return total / count if self._mean_reward and count else total

    def _show(self, copy: int, observations: dict, infos: dict) -> None:
        """Writes what the copy shows now into the arrays of the team."""
        self._check_infos(copy, infos)
        self._info.read(copy, infos)
        shown, avail, in_play = self._obs[copy], self._avail[copy], self._in_play[copy]
        shown.fill(0)
        avail.fill(False)
        waiting = None
        for index, agent, view in self._slots:
            if not self._is_in_play(copy, agent, observations):
                in_play[index], avail[index, 0] = False, True
                continue
            try:
                seen, mask = view.read(observations[agent], infos.get(agent) or {}, self._obs.dtype)
            except KeyError:
                raise TeamEnvError(
                    f"{self._where(copy, index)}: it acts next, but nothing is observed."
                ) from None
            except TeamEnvError as error:
                raise TeamEnvError(f"{self._where(copy, index)}: {error}") from None
            shown[index, : view.size] = seen
            if mask is None:
                avail[index, : view.n_actions] = True
            else:
                avail[index, : view.n_actions] = mask
                if not mask.any():
                    if not self._may_wait(copy):
                        raise TeamEnvError(
                            f"{self._where(copy, index)}: action_mask leaves no action available; an agent in play needs "
                            "at least one, such as an action without effect."
                        )
                    waiting, avail[index, 0] = index, True
                    in_play[index] = False
                    continue
            in_play[index] = True
        if waiting is not None and not (in_play.any() or self._terminated[copy] or self._truncated[copy]):
            raise TeamEnvError(
                f"{self._where(copy, waiting)}: action_mask leaves no action available, and nobody else has one either; "
                "an episode that goes on needs somebody who acts."
            )
        if not self._concatenate:
            self._show_state(copy, self._state_of(copy, observations, infos))

    def _check_infos(self, copy: int, infos: dict) -> None:
        for agent, info in infos.items():
            if info is not None and not isinstance(info, dict):
                raise TeamEnvError(
                    f"{self._where(copy, self._slot(agent))}: the info is {_short(info)}, of type "
                    f"{type(info).__name__}; it must be a dict."
                )

    def _may_wait(self, copy: int) -> bool:
        """Whether an agent whose mask leaves no action can be left out of the next step."""
        return bool(self._terminated[copy] or self._truncated[copy]) or self._takes_turns(self.envs[copy])

    def _is_in_play(self, copy: int, agent: Hashable, observations: dict) -> bool:
        """Whether the agent acts next or, after the last step, would act if the episode went on."""
        if self._terminated[copy]:
            return agent in observations
        if self._truncated[copy]:
            return agent in observations and self._ended[copy].get(agent) != "terminated"
        return self._acts(copy, agent, observations)

    def _state_of(self, copy: int, observations: dict, infos: dict) -> Any | None:
        """The global state now, None if the environment shows none."""
        common = infos.get(COMMON)
        if isinstance(common, dict) and STATE in common:
            return common[STATE]
        try:
            state = self._observed_state.read(observations, self._ended[copy])
        except TeamEnvError as error:
            raise TeamEnvError(f"{self._where(copy)}: {error}") from None
        return _own_state(self.envs[copy]) if state is None else state

    def _show_state(self, copy: int, state: Any | None) -> None:
        if state is None and self._terminated[copy]:
            self._state[copy] = 0  # nothing follows: no value is ever computed from it
            return
        try:
            flat = np.asarray(() if state is None else state).ravel()
        except ValueError:
            flat = np.asarray([None])
        if flat.dtype.kind not in "biuf":
            raise TeamEnvError(
                f"{self._where(copy)}: the state is {_short(state)}, which is no array of numbers."
            )
        if flat.size != self.state_dim:
            raise TeamEnvError(
                f"{self._where(copy)}: the state has {flat.size} numbers, expected {self.state_dim}."
            )
        if self._state.dtype in COMPACT_DTYPES and flat.dtype != self._state.dtype:
            raise TeamEnvError(
                f"{self._where(copy)}: the state changed from {self._state.dtype} to {flat.dtype}."
            )
        if flat.dtype.kind == "f" and not (np.abs(flat) <= _LARGEST).all():
            raise TeamEnvError(f"{self._where(copy)}: the state holds NaN or infinity.")
        self._state[copy] = flat

    def _where(self, copy: int, index: int | np.intp | None = None) -> str:
        agent = "" if index is None else f", agent {self.agents[index]!r}"
        return f"{_name(self.envs[copy])}, copy {copy}{agent}, step {self._steps[copy]} of the episode"

    def render(self, copy: int = 0) -> np.ndarray:
        """The picture of one copy, [H, W, 3] uint8; build the copies with render_mode="rgb_array"."""
        picture = self.envs[copy].render()
        if not isinstance(picture, np.ndarray):
            raise NotImplementedError(
                f"{_name(self.envs[copy])}.render() returned a {type(picture).__name__}, not an array; "
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
    """PettingZoo: who is in `env.agents` acts next, also after it was gone; the episode is over when nobody is.

    The state is "state" in the agents' Dict observations, or `env.state()`.
    """

    _STATE_PLACES = 'state(), nor "state" in an observation'
    _NOBODY = "the environment's `agents` are empty"

    def _allocate(self) -> None:
        self._acting: list[frozenset[Hashable]] = [frozenset()] * self.num_envs
        # Of those that act, who was flagged since it came.
        self._flagged: list[frozenset[Hashable]] = [frozenset()] * self.num_envs
        super()._allocate()

    def _spaces(self, env: Any, agent: Hashable) -> tuple[Any, Any]:
        return env.observation_space(agent), env.action_space(agent)

    def _begin(self, copy: int, observations: dict) -> None:
        self._acting[copy], self._flagged[copy] = self._read_agents(copy), frozenset()

    def _acts(self, copy: int, agent: Hashable, observations: dict) -> bool:
        return agent in self._acting[copy]

    def _takes_turns(self, env: Any) -> bool:
        return isinstance(env, turn_based_aec_to_parallel_wrapper)  # others want the actions of all

    def _outcome(
        self, copy: int, ended: dict[Hashable, str], over: dict[str, bool], observations: dict
    ) -> tuple[bool, bool]:
        acting = self._acting[copy] = self._read_agents(copy)
        # An environment may leave its agents in the list when it is over for all of them.
        all_ended = ended.keys() >= acting
        flagged = frozenset(ended)
        ended = {**self._ended[copy], **ended}
        if over["terminated"] or over["truncated"] or all_ended:
            self._ended[copy] = ended
            truncated = not over["terminated"] and (over["truncated"] or "truncated" in ended.values())
            return not truncated, truncated
        self._ended[copy] = {agent: kind for agent, kind in ended.items() if agent not in acting}
        self._note_flagged(copy, flagged, acting)
        return False, False

    def _note_flagged(self, copy: int, flagged: frozenset[Hashable], acting: frozenset[Hashable]) -> None:
        """Refuses what can mean two things: a game that is over, and one in which all have come back."""
        flagged = self._flagged[copy] = (self._flagged[copy] | flagged) & acting
        if acting and flagged == acting:
            raise TeamEnvError(
                f"{self._where(copy)}: all in the environment's `agents` were flagged, but in different steps, so that it "
                "cannot be told whether the episode is over. Take an agent out of `agents` when it is flagged, or flag "
                "all at the end."
            )

    def _read_agents(self, copy: int) -> frozenset[Hashable]:
        agents = self.envs[copy].agents
        try:
            acting = frozenset(agents)
        except TypeError:
            raise TeamEnvError(
                f"{self._where(copy)}: the environment's `agents` are {_short(agents)}, of type {type(agents).__name__}; "
                "they must be a list."
            ) from None
        if not acting <= self._known:
            self._refuse_id(copy, acting, self._known, "environment's `agents`")
        return acting


class MultiAgentEnvAdapter(ForeignEnvAdapter):
    """RLlib: whoever is observed acts next; "__all__" among the flags ends the episode; who ended does not come back.

    The state is `infos["__common__"]["state"]`, "state" in the agents' Dict observations, or `env.state()`.
    """

    _STATE_PLACES = 'state(), infos["__common__"]["state"] or "state" in an observation'
    _NOBODY = "no agent is observed"

    def _spaces(self, env: Any, agent: Hashable) -> tuple[Any, Any]:
        return env.get_observation_space(agent), env.get_action_space(agent)

    def _begin(self, copy: int, observations: dict) -> None:
        pass

    def _acts(self, copy: int, agent: Hashable, observations: dict) -> bool:
        return agent in observations and agent not in self._ended[copy]

    def _takes_turns(self, env: Any) -> bool:
        return True

    def _outcome(
        self, copy: int, ended: dict[Hashable, str], over: dict[str, bool], observations: dict
    ) -> tuple[bool, bool]:
        before = self._ended[copy]
        ended = self._ended[copy] = {**ended, **before}
        if over["terminated"]:
            return True, False
        if over["truncated"] or len(ended) == self.n_agents:
            terminated = len(ended) == self.n_agents and "truncated" not in ended.values()
            return terminated, not terminated
        for agent, kind in before.items():
            if agent in observations:
                raise TeamEnvError(
                    f"{self._where(copy, self._slot(agent))}: it is observed again, but was {kind} before, which is final in "
                    "RLlib. Flag it only when it is gone for good; or give a PettingZoo ParallelEnv, whose `agents` may "
                    "come back."
                )
        return False, False


def _check_options(options: Any) -> None:
    if not isinstance(options, dict):
        raise SettingError(
            f"team_adapter: {_short(options)} is of type {type(options).__name__}; allowed: a mapping with "
            f"{', '.join(OPTIONS)}."
        )
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
        f"team_adapter.episode_limit: missing, and {_name(env)} announces none as "
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


def _check_reset(env: Any) -> None:
    """Raises SettingError for an environment of an old kind, whose reset takes no seed."""
    try:
        parameters = inspect.signature(env.reset).parameters
    except (AttributeError, TypeError, ValueError):
        return  # It does not tell.
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    if "seed" not in parameters and not takes_any:
        raise SettingError(
            f"env: reset() of {_name(env)} takes no `seed`; define it as reset(self, *, seed=None, options=None)."
        )


def _name(env: Any) -> str:
    return type(env.env if isinstance(env, UngroupedEnv) else env).__name__


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:199]}…"


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
            f"{_name(env)}.{method}() returned {got}, expected a tuple of {expected} dicts: {names}."
        )
    return result
