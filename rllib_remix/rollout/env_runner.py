"""The Ray worker that plays: one batched forward pass for all copies × agents, whole episodes out."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection
from typing import Any

import gymnasium as gym
import numpy as np
import ray
import torch
from ray.rllib.core import COMPONENT_RL_MODULE, DEFAULT_MODULE_ID
from ray.rllib.env import INPUT_ENV_SINGLE_SPACES, INPUT_ENV_SPACES
from ray.rllib.env.env_runner import NUM_ENV_STEP_FAILURES_LIFETIME, EnvRunner
from ray.rllib.utils.checkpoints import Checkpointable
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME, SAMPLE_TIMER, WEIGHTS_SEQ_NO
from ray.rllib.utils.schedules.scheduler import Scheduler

from rllib_remix.envs.agent_layout import Layout
from rllib_remix.envs.checker import check_step, is_sound
from rllib_remix.envs.team_env import BrokenEnvironment, BrokenEpisodes, TeamEnv, TeamSpec, TeamStep
from rllib_remix.memory import skip_memory_fill
from rllib_remix.rollout.acting import TeamActor
from rllib_remix.rollout.building import build_team_env
from rllib_remix.rollout.callbacks import RunnerCallbacks
from rllib_remix.rollout.episode import TeamEpisode
from rllib_remix.rollout.metrics import EnvFaults, EpisodeMetrics, log_sampled
from rllib_remix.rollout.recorder import EpisodeRecorder
from rllib_remix.rollout.runner_streams import RunnerStreams
from rllib_remix.rollout.spaces import team_spaces

logger = logging.getLogger("ray.rllib")

# An environment that fails this often without one finished episode in between is broken, not unlucky.
MAX_FAILURES_IN_A_ROW = 5


class _EnvironmentFailed(Exception):
    """Carries the environment's own exception as its cause."""


class TeamEnvRunner(EnvRunner, Checkpointable):
    """Plays whole episodes on N copies of a TeamEnv with the current team.

    Every call of `sample` starts all copies anew and gives each its share of the episodes (its quota), so that
    short episodes are not favoured, no episode spans two calls, and a checkpoint between calls is complete.
    ε is read once per call, from the env steps that all env runners sampled so far.

    A subclass that acts otherwise, such as by a stochastic policy, overrides `new_actor`, which can read `explores`; one
    that plays more or fewer episodes in a round, `episodes_per_round`. Episodes hold actions and no log-probabilities.
    """

    config: Any  # a TeamAlgorithmConfig; its module imports this one

    def __init__(self, *, config: Any, **kwargs: Any):
        super().__init__(config=config, **kwargs)
        if self.config.num_torch_threads is not None:
            torch.set_num_threads(self.config.num_torch_threads)
        skip_memory_fill()
        self.spaces: dict[str, Any] = kwargs.get("spaces") or {}
        self._callbacks = RunnerCallbacks(self.config)
        self._epsilon_schedule = Scheduler(self.config.epsilon)
        window = self.config.metrics_num_episodes_for_smoothing // max(1, self.config.num_env_runners)
        self._episode_metrics = EpisodeMetrics(10**6 if self.config.in_evaluation else window)
        self._weights_seq_no = 0
        self._num_failures = 0
        self._faults = EnvFaults()
        self.epsilon = float("nan")
        self.explores = True  # whether what is played now explores
        self.env: TeamEnv | None = None
        self._streams = self._new_streams()
        makes_env = self.worker_index is None or self.worker_index > 0 or self.config.num_env_runners == 0
        if makes_env or self.config.create_env_on_local_worker:
            self.make_env()
        self.module: Any = None
        self.make_module()

    def make_env(self) -> None:
        """Builds the environment, after closing the one that is there."""
        if self.env is not None:
            try:
                self.env.close()
            except Exception:
                logger.exception("Closing the environment failed; a new one is made.")
        self.env = build_team_env(
            self.config.env,
            self.config.env_config,
            self.config.num_envs_per_env_runner,
            worker_index=self.worker_index or 0,
            num_workers=self.num_workers,
            num_processes=self.config.num_env_processes,
        )
        self._recorder = EpisodeRecorder(self.env.spec, self.env.num_envs)
        self._breaks = BrokenEpisodes(self.env)
        self._faults.env_is_new()
        self._open: list[tuple[str, dict[str, Any]]] = [("", {})] * self.env.num_envs  # id and custom data
        self._streams.env_is_new()
        self._callbacks.fire(
            "on_environment_created",
            lambda: self._callback_arguments() | {"env_context": self.config.env_config},
        )

    def make_module(self) -> None:
        """Builds the acting part of the TeamRLModule; without an environment, from the spaces given."""
        spec = self.config.get_rl_module_spec(spaces=self.get_spaces(), inference_only=True)
        self.module = spec.build()

    def get_spaces(self) -> dict[str, tuple[gym.Space, gym.Space]]:
        if self.env is None:
            return self.spaces
        spaces = team_spaces(self.env.spec)
        return {INPUT_ENV_SPACES: spaces, INPUT_ENV_SINGLE_SPACES: spaces, DEFAULT_MODULE_ID: spaces}

    def get_team_spec(self) -> TeamSpec:
        """Sizes and dtypes of the episodes that this runner plays."""
        assert self.env is not None
        return self.env.spec

    def get_agent_layout(self) -> Layout | None:
        """How what each agent shows and does becomes these arrays."""
        assert self.env is not None
        return self.env.agent_layout

    # Playing

    def sample(
        self,
        *,
        num_timesteps: int | float | None = None,
        num_episodes: int | None = None,
        explore: bool | None = None,
        random_actions: bool = False,
        force_reset: bool = False,
        **kwargs: Any,
    ) -> list[TeamEpisode]:
        """Whole episodes, in the order in which they ended.

        Args:
            num_timesteps: play rounds (`episodes_per_round`) until they add up to this many env steps.
            num_episodes: play exactly this many (0 is none), shared evenly among the copies. With neither: one round.
            explore: ε-greedy or greedy; None takes the config's setting.
            random_actions: take uniformly random available actions only.
            force_reset: no effect, all copies always start anew.

        Raises:
            BrokenEnvironment: the environment failed, and `restart_failed_sub_environments` is False or it failed
                MAX_FAILURES_IN_A_ROW times; or too many episodes of a copy broke in a row.
        """
        if self.env is None:
            raise ValueError(
                "This env runner has no environment: it only holds the weights. Sample on the others."
            )
        self.explores = self.config.explore if explore is None else explore
        self.epsilon = 1.0 if random_actions else self._current_epsilon() if self.explores else 0.0
        self.metrics.log_value(WEIGHTS_SEQ_NO, self._weights_seq_no, window=1)
        with self.metrics.log_time(SAMPLE_TIMER):
            episodes = self._play(self.episodes_per_round() if num_episodes is None else num_episodes)
            while num_timesteps is not None and sum(map(len, episodes)) < num_timesteps:
                episodes += self._play(self.episodes_per_round())
        self._count(episodes)
        self._callbacks.fire("on_sample_end", lambda: self._callback_arguments() | {"samples": episodes})
        return episodes

    def _play(self, num_episodes: int) -> list[TeamEpisode]:
        """Plays `num_episodes`, and rebuilds an environment that fails; its unfinished episodes are dropped."""
        assert self.env is not None
        copies = np.arange(self.env.num_envs)
        left = num_episodes // self.env.num_envs + (copies < num_episodes % self.env.num_envs)
        episodes: list[TeamEpisode] = []
        failures = 0
        while left.any():
            finished = len(episodes)
            try:
                self._play_quota(left, episodes)
            except _EnvironmentFailed as failure:
                failures = 1 if len(episodes) > finished else failures + 1
                self._recover(failure, failures)
        return episodes

    def _play_quota(self, left: np.ndarray, episodes: list[TeamEpisode]) -> None:
        """Plays until every copy has used up its share `left` [N], which is counted down in place.

        An episode that broke is dropped, and its copy plays another one for it.
        """
        env = self.env
        assert env is not None
        actor = self.new_actor()
        step = self._reset_env()
        check_step(env, step, "the reset before an episode")
        self._recorder.begin(step)
        for copy in range(env.num_envs):
            self._begin_episode(copy, step)
        over = np.zeros(env.num_envs, np.bool_)
        while left.any():
            actions = actor.act(
                step.obs, step.avail_actions, epsilon=self.epsilon, rng=self._streams.exploration
            )
            step = self._step_env(actions, began=over)
            began, over = over, (step.terminated | step.truncated) & ~over
            if began.any():
                actor.forget(began)
            self._report_step(step, began, left)
            broken = self._breaks.among(step)
            self._faults.num_discarded += int((broken & (left > 0)).sum())
            for copy in np.flatnonzero(over & ~broken & (left > 0)).tolist():
                left[copy] -= 1
                episodes.append(self._cut_episode(copy, step))
                self._fire_for_episode("on_episode_end", copy, episodes[-1])

    def episodes_per_round(self) -> int:
        """What `sample` plays unless it is told how much: one of every copy."""
        assert self.env is not None
        return self.env.num_envs

    def new_actor(self) -> TeamActor:
        """What chooses the actions of all copies, whose episodes begin: it has TeamActor's `act` and `forget`."""
        assert self.env is not None
        return TeamActor(self.module.agent, self.env.num_envs)

    def _begin_episode(self, copy: int, step: TeamStep) -> None:
        """A new name and a new store for the user's callbacks."""
        self._open[copy] = (uuid.uuid4().hex, {})
        self._fire_for_episode("on_episode_created", copy, step)
        self._fire_for_episode("on_episode_start", copy, step)

    def _cut_episode(self, copy: int, step: TeamStep) -> TeamEpisode:
        name, custom_data = self._open[copy]
        return self._recorder.episode(
            copy,
            step,
            worker_index=self.worker_index or 0,
            env_steps_before=self.num_env_steps_sampled_lifetime,
            id_=name,
            custom_data=custom_data,
        )

    def _reset_env(self) -> TeamStep:
        assert self.env is not None
        seed = self._streams.seed_of_reset()
        try:
            return self.env.reset(seed)
        except Exception as error:
            raise _EnvironmentFailed from error

    def _step_env(self, actions: np.ndarray, *, began: np.ndarray) -> TeamStep:
        """Steps and records; `began` [N] bool marks copies that start a new episode with this step."""
        assert self.env is not None
        try:
            step = self.env.step(actions)
            if not is_sound(step):
                check_step(self.env, step)  # Says what is wrong, and where.
            self._recorder.record(actions, step, began)
            return step
        except Exception as error:
            raise _EnvironmentFailed from error

    def _recover(self, failure: _EnvironmentFailed, failures_in_a_row: int) -> None:
        cause = failure.__cause__
        self.metrics.log_value(NUM_ENV_STEP_FAILURES_LIFETIME, 1, reduce="lifetime_sum")
        if not self.config.restart_failed_sub_environments:
            raise BrokenEnvironment(
                f"The environment failed: {cause!r}. To go on with a new one after a failure, set "
                "`fault_tolerance(restart_failed_sub_environments=True)`."
            ) from cause
        if failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
            raise BrokenEnvironment(
                f"The environment failed {failures_in_a_row} times without one finished episode in between; "
                f"last: {cause!r}."
            ) from cause
        logger.warning(
            "The environment failed and is made anew; unfinished episodes are dropped.", exc_info=cause
        )
        self._num_failures += 1
        self._streams = self._new_streams()
        self.make_env()

    # Randomness

    def _new_streams(self) -> RunnerStreams:
        started_at = (self.num_env_steps_sampled_lifetime, self._num_failures)
        return RunnerStreams(self._seed, self.worker_index or 0, started_at)

    def _current_epsilon(self) -> float:
        return float(self._epsilon_schedule.update(self.num_env_steps_sampled_lifetime))

    # Reporting

    def _count(self, episodes: list[TeamEpisode]) -> None:
        assert self.env is not None
        env_steps = sum(map(len, episodes))
        for episode in episodes:
            self._episode_metrics.add(episode)
        log_sampled(self.metrics, env_steps=env_steps, n_agents=self.env.n_agents, episodes=len(episodes))
        self._faults.log(self.metrics, self.env.counters())
        # What all runners sampled is known only to the algorithm, which sets it before each call; this keeps
        # the schedule going when `sample` is called by hand.
        self.num_env_steps_sampled_lifetime += env_steps * max(1, self.config.num_env_runners)

    def get_metrics(self) -> dict[str, Any]:
        self._episode_metrics.log(self.metrics)
        self.metrics.log_value("epsilon", self.epsilon, window=1)
        if self.config.in_evaluation:
            self._episode_metrics.log_sums(self.metrics)
            self._episode_metrics.clear()
        return self.metrics.reduce()

    def _callback_arguments(self) -> dict[str, Any]:
        return {"env_runner": self, "metrics_logger": self.metrics, "env": self.env}

    def _fire_for_episode(self, hook: str, copy: int, shown: TeamStep | TeamEpisode) -> None:
        self._callbacks.fire(
            hook,
            lambda: (
                self._callback_arguments()
                | {
                    "episode": shown if isinstance(shown, TeamEpisode) else self._cut_episode(copy, shown),
                    "rl_module": self.module,
                    "env_index": copy,
                }
            ),
        )

    def _report_step(self, step: TeamStep, began: np.ndarray, left: np.ndarray) -> None:
        if not self._callbacks.listens_to_steps:
            for copy in np.flatnonzero(began).tolist():
                self._begin_episode(copy, step)
            return
        for copy in np.flatnonzero(left > 0).tolist():
            if began[copy]:
                self._begin_episode(copy, step)
            else:
                self._fire_for_episode("on_episode_step", copy, step)

    # State

    def get_state(
        self,
        components: str | Collection[str] | None = None,
        *,
        not_components: str | Collection[str] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        state: dict[str, Any] = {
            NUM_ENV_STEPS_SAMPLED_LIFETIME: self.num_env_steps_sampled_lifetime,
            "num_failures": self._num_failures,
        }
        if self._check_component(COMPONENT_RL_MODULE, components, not_components):
            state[COMPONENT_RL_MODULE] = self.module.get_state(**kwargs)
            state[WEIGHTS_SEQ_NO] = self._weights_seq_no
        if self._check_component("random_streams", components, not_components):
            state["random_streams"] = {
                "worker_index": self.worker_index,
                **self._streams.get_state(self.env),
            }
        if self._check_component("episode_metrics", components, not_components):
            state["episode_metrics"] = self._episode_metrics.get_state()
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        if COMPONENT_RL_MODULE in state:
            self._set_weights(state[COMPONENT_RL_MODULE], state.get(WEIGHTS_SEQ_NO, 0))
        if NUM_ENV_STEPS_SAMPLED_LIFETIME in state:
            fresh = self.num_env_steps_sampled_lifetime == 0
            self.num_env_steps_sampled_lifetime = int(state[NUM_ENV_STEPS_SAMPLED_LIFETIME])
            if fresh and self.num_env_steps_sampled_lifetime > 0:
                # A worker that joins a run later must not replay the streams of the run's beginning.
                self._streams = self._new_streams()
        self._num_failures = state.get("num_failures", self._num_failures)
        streams = state.get("random_streams")
        # Streams belong to one worker: those of another would make two workers play the same.
        if streams is not None and streams["worker_index"] == self.worker_index:
            self._streams.set_state(streams, self.env)
        if "episode_metrics" in state:
            self._episode_metrics.set_state(state["episode_metrics"])

    def _set_weights(self, weights: Any, sequence_number: int) -> None:
        """Takes newer weights; a sequence number of 0 forces them."""
        if sequence_number == 0 or self._weights_seq_no < sequence_number:
            if isinstance(weights, ray.ObjectRef):
                weights = ray.get(weights)
            self.module.set_state(weights.get(DEFAULT_MODULE_ID, weights))
        if sequence_number > 0:
            self._weights_seq_no = sequence_number

    def get_ctor_args_and_kwargs(self) -> tuple[tuple, dict[str, Any]]:
        return (), {"config": self.config}

    def get_checkpointable_components(self) -> list[tuple[str, Checkpointable]]:
        return [(COMPONENT_RL_MODULE, self.module)]

    def assert_healthy(self) -> None:
        assert self.env is not None, "The env runner has no environment."
        assert self.module is not None, "The env runner has no module."

    def stop(self) -> None:
        if self.env is not None:
            self.env.close()
