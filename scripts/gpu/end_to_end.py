"""Playing and learning at once: env steps per second of a whole training at the papers' Predator-Prey setting."""

from __future__ import annotations

import queue
import threading
import time
from typing import Any, NamedTuple

from benchmarks.updates import new_learner
from ray.rllib.core import COMPONENT_RL_MODULE
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME, NUM_EPISODES_LIFETIME, WEIGHTS_SEQ_NO

from gpu.timing import PRECISIONS, tf32
from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.replay.prefetch import Prefetcher
from rllib_remix.replay.prioritized import REPLAY_BUFFERS
from rllib_remix.rollout.env_runner import TeamEnvRunner
from rllib_remix.team.learner import learner_batch
from rllib_remix.team.rewards import Rewards

MODULE = "default_policy"


class Rate(NamedTuple):
    """How fast a training went once its replay buffer held a batch.

    Attributes:
        how: who played. algorithm, batch, precision: what learned.
        env_steps, updates, seconds: of the time that was measured.
    """

    how: str
    algorithm: str
    batch: int
    precision: str
    env_steps: int
    updates: int
    seconds: float

    @property
    def env_steps_per_second(self) -> float:
        return self.env_steps / self.seconds


class Player(threading.Thread):
    """Plays rounds of one episode per copy ahead of the learner, each with the newest weights that it was given."""

    def __init__(self, runner: TeamEnvRunner):
        super().__init__(name="player", daemon=True)
        self._runner, self._rounds = runner, queue.Queue(maxsize=1)
        self._newest: dict[str, Any] = {}
        self._is_over = threading.Event()

    def give(self, state: dict[str, Any]) -> None:
        """What the next round is played with: weights and env steps so far."""
        self._newest = state

    def run(self) -> None:
        while not self._is_over.is_set():
            self._runner.set_state(self._newest)
            try:
                self._put(self._runner.sample())
            except Exception as error:  # The learner's thread raises it.
                self._put(error)
                return

    def _put(self, played: Any) -> None:
        while not self._is_over.is_set():
            try:
                self._rounds.put(played, timeout=0.1)
                return
            except queue.Full:
                continue

    def next_round(self) -> list[Any]:
        """The episodes of a round."""
        played = self._rounds.get()
        if isinstance(played, Exception):
            raise played
        return played

    def stop(self) -> None:
        """Ends the thread after its round."""
        self._is_over.set()
        self.join()
        self._runner.stop()


def papers_setting(
    algorithm: str,
    batch: int,
    precision: str,
    *,
    on_gpu: bool,
    copies: int,
    capacity: int = 10_000,
    env_config: dict[str, Any] | None = None,
) -> Any:
    """The algorithm on Predator-Prey as the papers train, but for the batch.

    Args:
        algorithm, batch, precision: what learns; of PRECISIONS.
        on_gpu: where.
        copies: of the environment, that a worker plays at once.
        capacity: of the replay buffer, in episodes.
        env_config: of a smaller game.
    """
    config = get_algorithm_config(algorithm)
    config = config.environment("predator_prey", env_config={"punishment": -2.0} | (env_config or {}))
    config = config.env_runners(num_envs_per_env_runner=copies).debugging(seed=0)
    config = config.learners(num_gpus_per_learner=int(on_gpu))
    return config.training(
        preset="papers",
        train_batch_episodes=batch,
        replay_buffer_capacity=capacity,
        observe_agent_id=False,
        epsilon=[[0, 0.995], [100_000, 0.05]],
        compute_dtype=PRECISIONS[precision][0],
        num_torch_threads=1,
        **({"weighting_config": {"min_weight": 0.1, "range_map": "clip"}} if algorithm == "ReMIX" else {}),
    )


class Loop:
    """Learns from the rounds that a thread plays meanwhile: one update per so many episodes, once a batch is there.

    Both threads are Python's, of which one runs at a time outside of compiled code: with Ray, others play in processes.

    Args:
        config: from `settings`.
        on_gpu: where it learns.
    """

    def __init__(self, config: Any, *, on_gpu: bool):
        runner = TeamEnvRunner(config=config, worker_index=0)
        spec = runner.get_team_spec()
        self._config, self._on_gpu = config, on_gpu
        self._learner = new_learner(config, spec)
        self._rewards = Rewards(config.reward_scale, normalize=config.normalize_rewards)
        self._buffer = REPLAY_BUFFERS[config.replay_buffer](spec, **config.replay_settings())
        self._batches = Prefetcher(self._draw, in_background=on_gpu)
        self._player = Player(runner)
        self._earned = 0
        self.env_steps = self.episodes = self.updates = 0

    def start(self) -> None:
        """Lets the other thread play."""
        self._give_weights()
        self._player.start()

    def stop(self) -> None:
        """Ends the other thread."""
        self._player.stop()
        self._batches.stop()

    def round(self) -> None:
        """Takes a round, makes the updates that are due, and gives the newest weights."""
        played, size = self._player.next_round(), self._config.train_batch_episodes
        self._buffer.add(played)
        self.env_steps += sum(map(len, played))
        self.episodes += len(played)
        if len(self._buffer) >= size:
            self._earned += len(played)
        while self._earned >= self._config.rollout_episodes_per_update:
            self._earned -= self._config.rollout_episodes_per_update
            another = self._earned >= self._config.rollout_episodes_per_update
            self._learner.update(batch=self._batches.next(another=another), timesteps=self._timesteps())
            self.updates += 1
        self._give_weights()

    def _draw(self) -> Any:
        sample = self._buffer.sample(self._config.train_batch_episodes, pin_memory=self._on_gpu)
        return learner_batch(self._rewards.prepare(sample), num_learners=1)

    def _timesteps(self) -> dict[str, int]:
        return {NUM_ENV_STEPS_SAMPLED_LIFETIME: self.env_steps, NUM_EPISODES_LIFETIME: self.episodes}

    def _give_weights(self) -> None:
        weights = self._learner.module[MODULE].unwrapped().get_state(inference_only=True)
        self._player.give({COMPONENT_RL_MODULE: weights, NUM_ENV_STEPS_SAMPLED_LIFETIME: self.env_steps})


def one_thread(config: Any, precision: str, *, on_gpu: bool, env_steps: int) -> Rate:
    """Measures at least so many env steps of a Loop, from its second round with updates on."""
    loop = Loop(config, on_gpu=on_gpu)
    with tf32(PRECISIONS[precision][1]):
        loop.start()
        try:
            for _ in range(2):
                updates = loop.updates
                while loop.updates == updates:
                    loop.round()
            start, steps, updates = time.perf_counter(), loop.env_steps, loop.updates
            while loop.env_steps - steps < env_steps:
                loop.round()
            seconds = time.perf_counter() - start
        finally:
            loop.stop()
    done = loop.env_steps - steps, loop.updates - updates, seconds
    return Rate("one thread plays", config.algo_class.__name__, config.train_batch_episodes, precision, *done)


def with_ray(config: Any, precision: str, *, env_steps: int, env_runners: int) -> Rate:
    """Measures at least so many env steps of a training of RLlib's, with env runners in processes that play meanwhile.

    TensorFloat-32 is PyTorch's default in it: allowed to GRUs, not to products.
    """
    config = config.env_runners(num_env_runners=env_runners).training(overlap_sampling=True)
    config.min_sample_timesteps_per_iteration = min(1000, env_steps)
    algorithm = config.build_algo()
    try:
        played = _sampled(algorithm.train())
        while not _updates(algorithm):
            played = _sampled(algorithm.train())
        start, before, updates = time.perf_counter(), played, _updates(algorithm)
        while played - before < env_steps:
            played = _sampled(algorithm.train())
        seconds = time.perf_counter() - start
        done = played - before, _updates(algorithm) - updates, seconds
    finally:
        algorithm.stop()
    how = f"{env_runners} env runners play"
    return Rate(how, config.algo_class.__name__, config.train_batch_episodes, precision, *done)


def _sampled(result: Any) -> int:
    return int(result["env_runners"]["num_env_steps_sampled_lifetime"])


def _updates(algorithm: Any) -> int:
    return int(algorithm._runner_state(by_reference=False)[WEIGHTS_SEQ_NO])
