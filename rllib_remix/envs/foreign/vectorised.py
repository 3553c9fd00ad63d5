"""N foreign environments as one TeamEnv: stepped one after the other, each episode on a seed of its own."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from rllib_remix.envs.agent_layout import Layout
from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.closing import close_all
from rllib_remix.envs.foreign import returned
from rllib_remix.envs.foreign.agent_order import described, names_of
from rllib_remix.envs.foreign.agent_view import layout_of_views
from rllib_remix.envs.foreign.batches import Batches
from rllib_remix.envs.foreign.copies import Copies, common_views, name_of
from rllib_remix.envs.foreign.images import common_image_shape
from rllib_remix.envs.foreign.info_values import InfoValues
from rllib_remix.envs.foreign.kind import ForeignKind
from rllib_remix.envs.foreign.options import (
    assumptions,
    check_options,
    episode_limit,
    say_if_rewards_cancel,
    say_own_end_is_later,
    team_reward,
)
from rllib_remix.envs.foreign.rosters import Roster, plain_rewards
from rllib_remix.envs.foreign.sent_actions import SentActions
from rllib_remix.envs.foreign.team_state import NoStateShown, TeamState
from rllib_remix.envs.joint_actions import own_form
from rllib_remix.envs.team_env import TeamStep


class ForeignEnvAdapter(ForeignKind):
    """What all kinds of foreign environments share; see `adapters.adapt` for the options.

    The agents are `possible_agents`, in that order; see `announced_agents` for those that come from a set. Smaller
    observations are padded with zeros, smaller action sets with actions that are never available. An agent that is
    not in play (dead, gone, or not observed now) shows zeros, has only action 0 available, and its action is not
    sent; one whose mask leaves no action waits while others take their turns, and sees on.

    Numbers in the infos of a step are its `info`: what infos["__common__"] says, otherwise the mean over the agents
    that have it. The infos themselves are in `infos`.

    Every episode of a copy gets its own seed, which depends on `reset(seed)`, the copy and the number of the
    episode alone.

    Attributes:
        envs: [N], the environments.
        infos: [N], what each said in its latest infos.
        assumed: what was taken for options that were not given, a line each.
    """

    def __init__(
        self, envs: list[Any], options: dict[str, Any] | None = None, *, first_copy: int = 0
    ) -> None:
        """
        Args:
            envs: the copies, all with the same agents and spaces; the first is reset once to measure its state.
            options: see `adapters.adapt`.
            first_copy: the number of the first among the copies of a larger team, of which these are a part.
        """
        options = options or {}
        check_options(options)
        self.envs, self.num_envs = envs, len(envs)
        self.agents, self._views = common_views(envs, self.accepts, self.spaces_of, first_copy)
        self.agent_names = names_of(name_of(envs[0]), self.agents)
        self._slots = list(zip(range(len(self.agents)), self.agents, self._views, strict=True))
        self._copies = Copies(envs, self.agents, first_copy)
        self._where = self._copies.where
        self._joint = {
            agent: view.joint_space for _, agent, view in self._slots if view.joint_space is not None
        }
        self.n_agents = len(self.agents)
        self.n_actions = max(view.n_actions for view in self._views)
        self.obs_dim = max(view.size for view in self._views)
        self.obs_shape = common_image_shape(self._views)
        self.episode_limit, self._limit_place = episode_limit(options, envs[0])
        self._team_reward = team_reward(options, self.agent_names)
        self._prepare()
        self._allocate(options.get("state"))
        self.assumed = assumptions(
            options, envs[0], self.episode_limit, self._limit_place, self._own_state and self.state_dim
        )
        self._entropy: Any = np.random.SeedSequence().entropy
        self._episodes = [0] * self.num_envs
        self._team = Roster(list(self.agents), self.agents, self._views, self.n_actions)
        # Who is in play, where the latest step was read for all of them at once.
        self._rosters: list[Roster | None] = [None] * self.num_envs
        self._batches = Batches(self._views, self._obs, self._avail)
        self._actions = SentActions(self._copies, self._views, self._avail, self._in_play)

    def _allocate(self, state: str | None) -> None:
        copies, agents = self.num_envs, self.n_agents
        dtypes = {view.dtype for view in self._views}
        dtype = dtypes.pop() if len(dtypes) == 1 else np.dtype(np.float32)
        self._obs = np.zeros((copies, agents, self.obs_dim), dtype)
        self._avail = np.zeros((copies, agents, self.n_actions), bool)
        self._rewards = np.zeros(copies, np.float32)
        self._running = [
            [0.0] * agents for _ in range(copies)
        ]  # what agents received since the episode began
        self._agent_returns = np.zeros((copies, agents))
        self._terminated = np.zeros(copies, bool)
        self._truncated = np.ones(copies, bool)  # so that the first step of a copy is a reset
        self._in_play = np.zeros((copies, agents), bool)
        self._info = InfoValues(copies)
        self.infos: list[dict[Any, Any]] = [{} for _ in range(copies)]
        self._own_state = None if state == "observations" else self._find_state(must_be=state is not None)
        self._seen_state = None  # [N, n * O], behind the environment's own state
        if self._own_state is None:
            self._state = self._obs.reshape(copies, -1)  # a view: always what the agents see
        elif state == "both":
            self._state, self._seen_state = self._own_state.followed_by(self._obs[0].size, dtype)
        else:
            self._state = self._own_state.array
        self.state_dim = self._state.shape[1]
        self.obs_dtype, self.state_dtype = self._obs.dtype, self._state.dtype

    def _find_state(self, *, must_be: bool) -> TeamState | None:
        """The environment's own state; None if it shows none, and need not."""
        try:
            return TeamState(self._copies, self._views, self.STATE_PLACES)
        except NoStateShown:
            if must_be:
                raise
            return None

    def reset(self, seed: int | None = None) -> TeamStep:
        if seed is not None:
            self._entropy = int(seed)
            self._episodes = [0] * self.num_envs
        for copy in range(self.num_envs):
            self._reset_copy(copy)
        self._batches.check_finite(self._where)
        return self._current()

    def reset_copies(self, copies: list[int]) -> TeamStep:
        """Starts a new episode in some copies, and leaves the others as they are."""
        for copy in copies:
            self._reset_copy(copy)
        self._batches.check_finite(self._where)
        return self._current()

    def step(self, actions: np.ndarray) -> TeamStep:
        """Moves every copy on by one step.

        Raises:
            TeamEnvError: an action is not available, or a copy returned something that cannot be used; names
                the copy, the agent and the step.
        """
        over = (self._terminated | self._truncated).tolist()
        allowed = self._actions.all_available(actions)
        for copy in range(self.num_envs):
            if over[copy]:
                self._reset_copy(copy)
            else:
                roster = self._rosters[copy]
                if allowed is None or roster is None:
                    sent = self._actions.of_each(copy, actions[copy])
                else:
                    sent = roster.sent(allowed[copy])
                result = self._step_env(copy, sent)
                if not self._take_usual_step(copy, result):
                    self._take_step(copy, result)
        self._batches.check_finite(self._where)
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
            agent_returns=self._agent_returns,
        )

    def _reset_copy(self, copy: int) -> None:
        key = (self._copies.first + copy, self._episodes[copy])
        seed = int(np.random.SeedSequence(self._entropy, spawn_key=key).generate_state(1)[0])
        self._episodes[copy] += 1
        self._copies.begin(copy)
        self._rewards[copy] = 0
        self._running[copy] = [0.0] * self.n_agents
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

    def _take_usual_step(self, copy: int, result: Any) -> bool:
        """Whether a step was one like most, and is taken over."""
        roster = self._rosters[copy]
        usual = None if roster is None else self._usual_step(copy, result, roster)
        if roster is None or usual is None:
            return False
        observed, given, infos = usual
        rewards = plain_rewards(given)
        told = {} if roster.informs_nobody(infos) else infos
        if not told.keys() <= self._copies.known_infos:
            return False
        if rewards is None or not self._batches.write(copy, roster, observed, told):
            return False
        steps = self._copies.steps[copy] = self._copies.steps[copy] + 1
        self._rewards[copy] = roster.paid(rewards, self._team_reward, self._running[copy])
        if told or self._info.arrays:
            returned.check_infos(self._copies, copy, told)
            self._info.read(copy, told)
        self.infos[copy] = infos
        self._show_state(copy, result[0], infos)
        if steps >= self.episode_limit:
            self._truncated[copy] = True
            self._end(copy, is_own_end=False)
        return True

    def _end(self, copy: int, *, is_own_end: bool) -> None:
        """Closes the account of an episode."""
        running = self._running[copy]
        self._agent_returns[copy] = sum(running) if returned.pays_team(self.envs[copy]) else running
        if not isinstance(self._team_reward, int):
            say_if_rewards_cancel(name_of(self.envs[copy]), self.agent_names, running)
        if not is_own_end and self._limit_place:
            env = self.envs[copy]
            later = getattr(env, "turns_in_a_cycle", 1)
            say_own_end_is_later(name_of(env), self.episode_limit, self._limit_place, later)

    def _take_step(self, copy: int, result: Any) -> None:
        observations, rewards, terminateds, truncateds, infos = returned.of_step(self.envs[copy], result)
        copies = self._copies
        copies.steps[copy] += 1
        returned.check_ids(copies, copy, observations, infos, rewards, terminateds, truncateds)
        running = self._running[copy]
        self._rewards[copy] = returned.team_reward(copies, copy, rewards, self._team_reward, running)
        ended: dict[Hashable, str] = {}
        over = {
            "truncated": returned.read_flags(copies, copy, truncateds, "truncated", ended),
            "terminated": returned.read_flags(copies, copy, terminateds, "terminated", ended),
        }
        terminated, truncated = self._outcome(copy, ended, over, observations)
        self._terminated[copy] = terminated
        self._truncated[copy] = truncated or (not terminated and copies.steps[copy] >= self.episode_limit)
        if terminated or self._truncated[copy]:
            self._end(copy, is_own_end=terminated or truncated)
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

    def _show(self, copy: int, observations: dict, infos: dict) -> None:
        """Writes what the copy shows now into the arrays of the team."""
        returned.check_infos(self._copies, copy, infos)
        self._info.read(copy, infos)
        self.infos[copy] = infos
        roster = self._roster(copy, observations)
        observed = None if roster is None else roster.chosen(observations)
        if roster is not None and observed is not None and self._batches.write(copy, roster, observed, infos):
            self._in_play[copy], self._rosters[copy] = roster.in_play, roster
        else:
            self._rosters[copy] = None
            self._show_each(copy, observations, infos)
        self._show_state(copy, observations, infos)

    def _roster(self, copy: int, observations: dict) -> Roster | None:
        """Of all of whom `_is_in_play` is true; None for nobody."""
        if self._terminated[copy]:
            listed = list(observations)
        elif self._truncated[copy]:
            ended = self._copies.ended[copy]
            listed = [agent for agent in observations if ended.get(agent) != "terminated"]
        else:
            listed = self._listed(copy, observations)
        for known in (self._rosters[copy], self._team):
            if known is not None and known.listed == listed:
                return known
        return Roster(listed, self.agents, self._views, self.n_actions) if listed else None

    def _show_state(self, copy: int, observations: dict, infos: dict) -> None:
        if self._own_state is not None:
            try:
                self._own_state.show(copy, observations, infos, terminated=bool(self._terminated[copy]))
            except TeamEnvError:
                self._batches.check_finite(self._where)  # What agents observe is at the root of it.
                raise
        if self._seen_state is not None:
            self._seen_state[copy] = self._obs[copy].reshape(-1)

    def _show_each(self, copy: int, observations: dict, infos: dict) -> None:
        """As `_show`, agent by agent: says what is wrong with the first that shows something wrong."""
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

    @property
    def agent_layout(self) -> Layout | None:
        spaces = [self.spaces_of(self.envs[0], agent) for agent in self.agents]
        return layout_of_views(self.agent_names, spaces, self._views)

    def get_state(self) -> dict[str, Any]:
        """What the seeds of the next episodes follow from."""
        return {"entropy": self._entropy, "episodes": list(self._episodes)}

    def set_state(self, state: dict[str, Any]) -> None:
        if len(state["episodes"]) == self.num_envs:
            self._entropy, self._episodes = state["entropy"], list(state["episodes"])

    def close(self) -> None:
        close_all(self.envs)
