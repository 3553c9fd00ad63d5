"""The loop that all algorithms share: collect, store, draw, update, refresh priorities; its results and its state."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Collection
from typing import Any

import numpy as np
import ray
import torch
from ray.rllib.core import (
    COMPONENT_ENV_RUNNER,
    COMPONENT_EVAL_ENV_RUNNER,
    COMPONENT_LEARNER,
    COMPONENT_RL_MODULE,
    DEFAULT_MODULE_ID,
)
from ray.rllib.policy.sample_batch import MultiAgentBatch
from ray.rllib.utils.metrics import (
    ENV_RUNNER_RESULTS,
    ENV_RUNNER_SAMPLING_TIMER,
    EPISODE_RETURN_MEAN,
    EVALUATION_RESULTS,
    LEARNER_RESULTS,
    LEARNER_UPDATE_TIMER,
    NUM_ENV_STEPS_SAMPLED_LIFETIME,
    NUM_EPISODES_LIFETIME,
    REPLAY_BUFFER_SAMPLE_TIMER,
    TIMERS,
    WEIGHTS_SEQ_NO,
)
from ray.rllib.utils.schedules.scheduler import Scheduler
from ray.tune.execution.placement_groups import PlacementGroupFactory
from torch import Tensor

from rllib_remix.memory import return_memory
from rllib_remix.replay.buffer import MultiAgentReplayBuffer
from rllib_remix.replay.index import TooFewEpisodes
from rllib_remix.replay.prefetch import Prefetcher
from rllib_remix.replay.prioritized import REPLAY_BUFFERS, PrioritizedMultiAgentReplayBuffer
from rllib_remix.replay.sharded import ShardedReplayBuffer
from rllib_remix.rollout.metrics import EpisodeMetrics, take_exact_means, unknown_means
from rllib_remix.team.agents import (
    ask_for_agent_layout,
    ask_for_team_spec,
    check_agents,
    env_id_and_creator,
    explain_failed_runners,
)
from rllib_remix.team.batch_memory import check_batch_memory
from rllib_remix.team.gpu import check_gpu, learns_here_on_gpu
from rllib_remix.team.large_inputs import LargeInputs
from rllib_remix.team.learner import learner_batch
from rllib_remix.team.nonfinite import NONFINITE_UPDATES, NonFiniteUpdates
from rllib_remix.team.results.replay import replay_results
from rllib_remix.team.results.updates import UpdateNumbers, pop_reports
from rllib_remix.team.rewards import Rewards
from rllib_remix.team.sampling import OverlappedRounds, Rounds
from rllib_remix.team.saved import COMPONENT_REPLAY_BUFFER, SavedAlgorithm

logger = logging.getLogger("ray.rllib")

_LOOP_STATE = "loop"


class TeamAlgorithm(SavedAlgorithm):
    """Collect episodes, store them, draw a batch, update.

    One update per `rollout_episodes_per_update` collected episodes, whatever the number of env runners, once
    the replay buffer holds a batch. An algorithm is on-policy only if one round of its env runners collects exactly one
    batch, which is also all that the replay buffer holds, and if rounds do not overlap with updates: otherwise it
    learns from episodes that were played with earlier weights.

    A subclass sets its config in `get_default_config`. Its config names its learner and its RLModule, and says by
    `draws_by_priority` whether the learner's priorities decide what is drawn. If the learner logs or reports more, the
    subclass extends `learner_result_keys`, `complete_learner_results` and `take_reports`.
    """

    config: Any  # a TeamAlgorithmConfig

    _get_env_id_and_creator = staticmethod(env_id_and_creator)

    def setup(self, config: Any) -> None:
        check_gpu(self.config)
        if self.config.num_torch_threads is not None:
            torch.set_num_threads(self.config.num_torch_threads)
        try:
            super().setup(config)
            assert self.env_runner_group is not None
            self.team_spec = ask_for_team_spec(
                self.env_runner_group, self.eval_env_runner_group, networks=self.config.networks()
            )
            self.agent_layout = ask_for_agent_layout(self.env_runner_group)
        except IndexError as error:  # No env runner answered.
            explain_failed_runners(self.config, error)
        check_batch_memory(self.team_spec, self.config)
        self.replay_buffer = self._new_replay_buffer()
        capacity = self.config.replay_buffer_capacity
        self._replay_mib = self.replay_buffer.bytes_needed(self.team_spec, capacity) / 2**20
        logger.info("Replay buffer: %d episodes take %.0f MiB when it is full.", capacity, self._replay_mib)
        self._draws_by_priority = self.config.draws_by_priority()
        self._beta_schedule = Scheduler(self.config.prioritized_replay_beta)
        self._rewards = Rewards(
            self.config.reward_scale,
            normalize=self.config.normalize_rewards,
            standardize=self.config.standardize_rewards,
        )
        self._large_inputs = LargeInputs(self.config, self.team_spec)
        self._batches = self._new_prefetcher()
        self._episodes_collected = 0
        self._episodes_since_update = 0
        self._recent = EpisodeMetrics(self.config.metrics_num_episodes_for_smoothing or 1)
        self._epsilon = math.nan
        self._nonfinite_updates = NonFiniteUpdates(self.config)
        self._update_numbers = UpdateNumbers()
        rounds = OverlappedRounds if self.config.overlap_sampling else Rounds
        self._rounds = rounds(self.env_runner_group, self.config, self._runner_state)
        self._last_evaluation: dict[str, Any] = {}

    def _new_replay_buffer(self) -> MultiAgentReplayBuffer | ShardedReplayBuffer:
        settings = self.config.replay_settings()
        if num_shards := self.config.num_replay_shards:
            return ShardedReplayBuffer(self.team_spec, num_shards=num_shards, **settings)
        return REPLAY_BUFFERS[self.config.replay_buffer](self.team_spec, **settings)

    def _new_prefetcher(self) -> Prefetcher[MultiAgentBatch | None]:
        # A batch that is drawn ahead would not know the priorities that the current one changes.
        ahead = bool(self.config.num_gpus_per_learner) and not self._draws_by_priority
        return Prefetcher(self._draw_batch, in_background=ahead)

    def restore_env_runners(self, env_runner_group: Any) -> list[int]:
        """As RLlib's, after which the new env runners must have the agents in the order of the others."""
        restored = super().restore_env_runners(env_runner_group)
        if restored:
            of_evaluation = env_runner_group is not self.env_runner_group
            check_agents(env_runner_group, self.team_spec, of_evaluation=of_evaluation)
        return restored

    @classmethod
    def default_resource_request(cls, config: Any) -> PlacementGroupFactory:
        """As RLlib's; the last bundles are for the shards of the replay buffer."""
        request = super().default_resource_request(config)
        assert isinstance(request, PlacementGroupFactory)
        own: Any = cls.get_default_config().update_from_dict(config)
        return PlacementGroupFactory(
            [*request.bundles, *own.replay_shard_bundles()], strategy=request.strategy
        )

    def __repr__(self) -> str:
        # RLlib's needs a config, and hides the real error when the constructor failed before there was one.
        return super().__repr__() if self.config is not None else type(self).__name__

    # The loop

    def training_step(self) -> None:
        self.replay_buffer.add(self._collect())
        self._rounds.start_next()
        while self._update_is_due():
            self._update()

    def _collect(self) -> list[Any]:
        """One episode from every copy of every env runner: it, or where it is if the replay buffer has shards."""
        with self.metrics.log_time((TIMERS, ENV_RUNNER_SAMPLING_TIMER)):
            played = self._rounds.collect()
        self.metrics.aggregate([part.metrics for part in played], key=ENV_RUNNER_RESULTS)
        episodes = [episode for part in played for episode in part.episodes]
        epsilons = [part.metrics["epsilon"] for part in played if part.episodes and "epsilon" in part.metrics]
        if epsilons:
            self._epsilon = epsilons[0].peek()
        for episode in episodes:
            self._recent.add(episode)
        self._count(len(episodes))
        return episodes

    def _count(self, episodes: int) -> None:
        """Earns updates: the first when a batch is there, then one per `rollout_episodes_per_update` episodes."""
        start = self.config.train_batch_episodes - self.config.rollout_episodes_per_update
        before, after = self._episodes_collected, self._episodes_collected + episodes
        self._episodes_since_update += max(0, after - max(before, start))
        self._episodes_collected = after

    def _update_is_due(self) -> bool:
        enough = len(self.replay_buffer) >= self.config.train_batch_episodes
        return enough and self._episodes_since_update >= self.config.rollout_episodes_per_update

    def _update(self) -> None:
        """One gradient step on one batch of episodes; none if too few are left because a shard was lost."""
        self._episodes_since_update -= self.config.rollout_episodes_per_update
        with self.metrics.log_time((TIMERS, REPLAY_BUFFER_SAMPLE_TIMER)):
            batch = self._batches.next(another=self._update_is_due())
        if batch is None:
            self._batches.forget()
            self._episodes_since_update += self.config.rollout_episodes_per_update
            return
        with self.metrics.log_time((TIMERS, LEARNER_UPDATE_TIMER)):
            assert self.learner_group is not None
            results = self.learner_group.update(
                batch=batch,
                timesteps={
                    NUM_ENV_STEPS_SAMPLED_LIFETIME: self._env_steps_sampled(),
                    NUM_EPISODES_LIFETIME: self._episodes_collected,
                },
            )
        reports = pop_reports(results)
        if self._nonfinite_updates.was_made(reports, batch[DEFAULT_MODULE_ID], self._newest_checkpoint):
            self.take_reports([episodes for report in reports for episodes in report.episodes])
        self._update_numbers.add(reports)
        self.metrics.aggregate(results, key=LEARNER_RESULTS)

    def _draw_batch(self) -> MultiAgentBatch | None:
        by_priority = {"beta": self._beta()} if self._draws_by_priority else {}
        recent = self.config.recent_episodes_per_batch()
        try:
            sample = self.replay_buffer.sample(
                self.config.train_batch_episodes,
                num_recent=recent,
                pin_memory=learns_here_on_gpu(self.config),
                **by_priority,
            )
        except TooFewEpisodes:
            return None
        self._large_inputs.look(sample)
        learners = self.config.num_learners or 1
        sample = self.prepare_batch(self._rewards.prepare(sample))
        return learner_batch(sample, num_learners=learners, num_recent=recent)

    def prepare_batch(self, sample: dict[str, Tensor]) -> dict[str, Tensor]:
        """A batch of whole episodes, as the replay buffer gives it, as the learner is to have it; here, as it is."""
        return sample

    def _beta(self) -> float:
        return float(self._beta_schedule.update(self._env_steps_sampled()))

    def take_reports(self, reports: list[dict[str, np.ndarray]]) -> None:
        """Takes what the learners reported of the episodes of an update: here, their new priorities.

        Args:
            reports: of all learners, as `TeamLearner.report_episodes` got them; none if it was not called.
        """
        if not self._draws_by_priority:
            return
        assert isinstance(self.replay_buffer, PrioritizedMultiAgentReplayBuffer | ShardedReplayBuffer)
        if not reports or not all("priorities" in report for report in reports):
            raise RuntimeError(
                f"learner_class: {self.config.learner_class.__name__} reported no priorities, by which "
                f"{type(self).__name__} draws; give them to `report_episodes` in `compute_loss_for_module`."
            )
        numbers = np.concatenate([report["numbers"] for report in reports])
        priorities = np.concatenate([report["priorities"] for report in reports])
        self.replay_buffer.update_priorities(numbers, priorities)

    def _env_steps_sampled(self) -> int:
        return int(self.metrics.peek((ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME), default=0))

    def _runner_state(self, *, by_reference: bool) -> dict[str, Any]:
        """Weights, their number and the env steps so far: what an env runner needs to play on."""
        assert self.learner_group is not None
        learner = self.learner_group.get_state(
            components=f"{COMPONENT_LEARNER}/{COMPONENT_RL_MODULE}", inference_only=True
        )[COMPONENT_LEARNER]
        weights = learner[COMPONENT_RL_MODULE]
        return {
            COMPONENT_RL_MODULE: ray.put(weights) if by_reference else weights,
            WEIGHTS_SEQ_NO: learner[WEIGHTS_SEQ_NO],
            NUM_ENV_STEPS_SAMPLED_LIFETIME: self._env_steps_sampled(),
        }

    def cleanup(self) -> None:
        try:
            self._rounds.stop()
            self._batches.stop()
            if isinstance(self.replay_buffer, ShardedReplayBuffer):
                self.replay_buffer.stop()
        finally:
            super().cleanup()
            return_memory()

    # Results

    def step(self) -> dict[str, Any]:
        """As RLlib's; keys that cannot have a value yet are there as NaN.

        CSV loggers freeze their columns at the first result: what is missing there would never be written.
        """
        result = super().step()
        self._update_numbers.put_into(result.setdefault(LEARNER_RESULTS, {}))
        learner = result[LEARNER_RESULTS].setdefault(DEFAULT_MODULE_ID, {})
        self.complete_learner_results(learner)
        learner[NONFINITE_UPDATES] = self._nonfinite_updates.lifetime
        learner["reward_unit"] = self._rewards.unit
        beta = self._beta() if self._draws_by_priority else None
        result["replay_buffer"] = replay_results(
            self.replay_buffer, mib_when_full=self._replay_mib, beta=beta
        )
        played = result.setdefault(ENV_RUNNER_RESULTS, {})
        # RLlib averages what every call reported; these are over the latest episodes, each counted once.
        played |= {EPISODE_RETURN_MEAN: math.nan, **self._recent.means(), "epsilon": self._epsilon}
        played["weights_lag"] = self._rounds.weights_lag
        if self.config.evaluation_interval:
            # An iteration without an evaluation repeats the last one, as RLlib does, but with its exact means.
            evaluation = unknown_means(played) | self._last_evaluation
            result.setdefault(EVALUATION_RESULTS, {})[ENV_RUNNER_RESULTS] = evaluation
        return result

    def learner_result_keys(self) -> list[str]:
        """Keys under `learners/default_policy` that have a value once there was an update."""
        return ["grad_norm"]

    def complete_learner_results(self, learner: dict[str, Any]) -> None:
        """Adds to an iteration's `learners/default_policy` what is not there yet."""
        for key in self.learner_result_keys():
            learner.setdefault(key, math.nan)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As RLlib's, with means over all episodes, and NaN instead of old values if none was played."""
        before = self._evaluation_episodes()
        results = super().evaluate(*args, **kwargs)
        played = results.get(ENV_RUNNER_RESULTS, {})
        any_played = self._evaluation_episodes() > before
        take_exact_means(played, self._last_evaluation, any_played=any_played)
        self._last_evaluation = played
        return results

    def _evaluation_episodes(self) -> int:
        key = (EVALUATION_RESULTS, ENV_RUNNER_RESULTS, NUM_EPISODES_LIFETIME)
        return int(self.metrics.peek(key, default=0))

    # State; saved.py writes and reads it

    def get_state(
        self,
        components: str | Collection[str] | None = None,
        *,
        not_components: str | Collection[str] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        state = super().get_state(components, not_components=not_components, **kwargs)
        if self._check_component(COMPONENT_REPLAY_BUFFER, components, not_components):
            state[COMPONENT_REPLAY_BUFFER] = self.replay_buffer.get_state()
        state[_LOOP_STATE] = {
            "episodes_collected": self._episodes_collected,
            "episodes_since_update": self._episodes_since_update,
            "recent_episodes": self._recent.get_state(),
            "epsilon": self._epsilon,
            "last_evaluation": self._last_evaluation,
            "nonfinite_updates": self._nonfinite_updates.get_state(),
            "rewards": self._rewards.get_state(),
        }
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        self.before_state_is_loaded()
        super().set_state(state)
        # RLlib sets their env steps to 0 on the way, with which their random streams begin anew, and gives the
        # evaluating one the state of the other.
        runners: dict[str, Any] = {
            COMPONENT_ENV_RUNNER: self.env_runner,
            COMPONENT_EVAL_ENV_RUNNER: self.eval_env_runner,
        }
        for name, runner in runners.items():
            if runner is not None and name in state:
                runner.set_state(state[name])
        if COMPONENT_REPLAY_BUFFER in state:
            self.replay_buffer.set_state(state[COMPONENT_REPLAY_BUFFER])
            self._replay_on_disk = None  # It holds other episodes.
        loop = state.get(_LOOP_STATE, {})
        self._episodes_collected = loop.get("episodes_collected", self._episodes_collected)
        self._episodes_since_update = loop.get("episodes_since_update", self._episodes_since_update)
        self._recent.set_state(loop.get("recent_episodes", []))
        self._epsilon = loop.get("epsilon", self._epsilon)
        self._last_evaluation = loop.get("last_evaluation", self._last_evaluation)
        self._nonfinite_updates.set_state(loop.get("nonfinite_updates", {}))
        self._rewards.set_state(loop.get("rewards", {}))
        self.after_state_was_loaded()

    def before_state_is_loaded(self) -> None:
        self._batches.forget()
        self._update_numbers = UpdateNumbers()

    def after_state_was_loaded(self) -> None:
        """Sets every env runner's weights and env steps, and waits for it; what is in flight is dropped.

        RLlib's own two calls share one tag with one request in flight, so the second is dropped silently.
        """
        self._rounds.forget()
        for group in (self.env_runner_group, self.eval_env_runner_group):
            if group is not None:
                remote = group.num_remote_env_runners() > 0
                state = self._runner_state(by_reference=remote) | {WEIGHTS_SEQ_NO: 0}
                group.foreach_env_runner(functools.partial(_set_state, state=state))


# What env runners are asked to do; at module level, so that Ray ships it by name.


def _set_state(runner: Any, *, state: dict[str, Any]) -> None:
    runner.set_state(state)
