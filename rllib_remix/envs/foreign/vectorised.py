"""N foreign environments as one TeamEnv: stepped one after the other, each episode on a seed of its own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
from typing import Any

import numpy as np

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign import returned
from rllib_remix.envs.foreign.agent_order import described, names_of
from rllib_remix.envs.foreign.copies import Copies, common_views, name_of
from rllib_remix.envs.foreign.info_values import InfoValues
from rllib_remix.envs.foreign.joint_actions import own_form
from rllib_remix.envs.foreign.options import check_options, episode_limit
from rllib_remix.envs.foreign.team_state import TeamState
from rllib_remix.envs.team_env import TeamEnv, TeamStep


class ForeignEnvAdapter(TeamEnv):
    """What all kinds of foreign environments share; see `adapters.adapt` for the options.

    A kind says which environments it accepts, where the spaces are, who acts next, and when an episode is over.

    The agents are `possible_agents`, in that order; see `announced_agents` for those that come from a set. Smaller
    observations are padded with zeros, smaller action sets with actions that are never available. An agent that is
    not in play (dead, gone, or not observed now) shows zeros, has only action 0 available, and its action is not
    sent; one whose mask leaves no action waits while others take their turns, and sees on.

    Numbers in the infos of a step are its `info`: what infos["__common__"] says, otherwise the mean over the agents
    that have it.

    Every episode of a copy gets its own seed, which depends on `reset(seed)`, the copy and the number of the
    episode alone.
    """

    STATE_PLACES: str  # where the kind of environment can have its state, for the error
    NOBODY: str  # how an environment of the kind says that nobody acts, for the error

    # What a kind says

    @classmethod
    @abstractmethod
    def accepts(cls, env: Any) -> bool:
        """Whether an environment is of this kind."""

    @classmethod
    @abstractmethod
    def spaces_of(cls, env: Any, agent: Hashable) -> tuple[Any, Any]:
        """Observation and action space of one agent."""

    def _prepare(self) -> None:
        """Makes room for what the kind notes of each copy."""

    def _begin(self, copy: int) -> None:
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
        """Whether the episode is (terminated, truncated), episode limit aside; keeps who ended in `_copies.ended`.

        Args:
            copy: the copy.
            ended: agents that this step flagged -> "terminated" or "truncated".
            over: "terminated", "truncated" -> whether the whole episode was flagged.
            observations: what this step shows.
        """

    # What all share

    def __init__(self, envs: list[Any], options: dict[str, Any] | None = None) -> None:
        """
        Args:
            envs: the copies, all with the same agents and spaces; the first is reset once to measure its state.
            options: see `adapters.adapt`.
        """
        options = options or {}
        check_options(options)
        self.envs, self.num_envs = envs, len(envs)
        self.agents, self._views = common_views(envs, self.accepts, self.spaces_of)
        self.agent_names = names_of(name_of(envs[0]), self.agents)
        self._slots = list(zip(range(len(self.agents)), self.agents, self._views, strict=True))
        self._copies = Copies(envs, self.agents)
        self._where = self._copies.where
        self._joint = {
            agent: view.joint_space for _, agent, view in self._slots if view.joint_space is not None
        }
        self.n_agents = len(self.agents)
        self.n_actions = max(view.n_actions for view in self._views)
        self.obs_dim = max(view.size for view in self._views)
        self.episode_limit = episode_limit(options, envs[0])
        self._mean_reward = options.get("team_reward") == "mean"
        self._prepare()
        self._allocate(concatenate=options.get("state") == "observations")
        self._entropy: Any = np.random.SeedSequence().entropy
        self._episodes = [0] * self.num_envs

    def _allocate(self, *, concatenate: bool) -> None:
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
        if concatenate:
            self._own_state = None
            self._state = self._obs.reshape(copies, -1)  # a view: always what the agents see
        else:
            self._own_state = TeamState(self._copies, self._views, self.STATE_PLACES)
            self._state = self._own_state.array
        self.state_dim = self._state.shape[1]
        self.obs_dtype, self.state_dtype = self._obs.dtype, self._state.dtype

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
        self._copies.begin(copy)
        self._rewards[copy] = 0
        self._terminated[copy] = self._truncated[copy] = False
        observations, infos = returned.of_reset(self.envs[copy], self.envs[copy].reset(seed=seed))
        returned.check_ids(self._copies, copy, observations, infos)
        self._begin(copy)
        self._show(copy, observations, infos)
        if not self._in_play[copy].any():
            raise TeamEnvError(
                f"{self._where(copy)}: nobody is in play after reset(); {self.NOBODY}. Agents: "
                f"{', '.join(map(described, self.agents[:10]))}."
            )

    def _step_copy(self, copy: int, actions: np.ndarray) -> None:
        result = self._step_env(copy, self._sent_actions(copy, actions))
        observations, rewards, terminateds, truncateds, infos = returned.of_step(self.envs[copy], result)
        copies = self._copies
        copies.steps[copy] += 1
        returned.check_ids(copies, copy, observations, infos, rewards, terminateds, truncateds)
        self._rewards[copy] = returned.team_reward(copies, copy, rewards, mean=self._mean_reward)
        ended: dict[Hashable, str] = {}
        over = {
            "truncated": returned.read_flags(copies, copy, truncateds, "truncated", ended),
            "terminated": returned.read_flags(copies, copy, terminateds, "terminated", ended),
        }
        terminated, truncated = self._outcome(copy, ended, over, observations)
        self._terminated[copy] = terminated
        self._truncated[copy] = truncated or (not terminated and copies.steps[copy] >= self.episode_limit)
        if self._truncated[copy] and not observations:
            raise TeamEnvError(
                f"{self._where(copy)}: truncated without any last observation, from which the value of the "
                "rest is estimated; return the observations of the last step too."
            )
        self._show(copy, observations, infos)

    def _step_env(self, copy: int, sent: dict[Hashable, Any]) -> Any:
        for agent, space in self._joint.items():
            if agent in sent:
                sent[agent] = own_form(space, sent[agent])
        try:
            return self.envs[copy].step(sent)
        except KeyError as error:
            asked = error.args[0] if error.args else None
            if isinstance(asked, Hashable) and asked in self._copies.known and asked not in sent:
                raise TeamEnvError(
                    f"{self._where(copy, self.agents.index(asked))}: step() asks for its action, but it is not in play or "
                    "its action_mask leaves no action; offer at least one, such as an action without effect."
                ) from error
            raise

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

    def _show(self, copy: int, observations: dict, infos: dict) -> None:
        """Writes what the copy shows now into the arrays of the team."""
        returned.check_infos(self._copies, copy, infos)
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
        if self._own_state is not None:
            self._own_state.show(copy, observations, infos, terminated=bool(self._terminated[copy]))

    def _may_wait(self, copy: int) -> bool:
        """Whether an agent whose mask leaves no action can be left out of the next step."""
        return bool(self._terminated[copy] or self._truncated[copy]) or self._takes_turns(self.envs[copy])

    def _is_in_play(self, copy: int, agent: Hashable, observations: dict) -> bool:
        """Whether the agent acts next or, after the last step, would act if the episode went on."""
        if self._terminated[copy]:
            return agent in observations
        if self._truncated[copy]:
            return agent in observations and self._copies.ended[copy].get(agent) != "terminated"
        return self._acts(copy, agent, observations)

    def render(self, copy: int = 0) -> np.ndarray:
        """The picture of one copy, [H, W, 3] uint8; build the copies with render_mode="rgb_array"."""
        picture = self.envs[copy].render()
        if not isinstance(picture, np.ndarray):
            raise NotImplementedError(
                f"{name_of(self.envs[copy])}.render() returned a {type(picture).__name__}, not an array; "
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
