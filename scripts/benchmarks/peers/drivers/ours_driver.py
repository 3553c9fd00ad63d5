"""Our QMIX as an Algorithm in Ray, with the local env runner and learner, as in a trial of `rllib train`."""

from __future__ import annotations

import logging
from typing import Any

import ray
import torch
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.tune import register_env

from benchmarks.peers.drivers.games import GAMES
from benchmarks.peers.drivers.recorder import CAPACITY, COPIES, EMBED, HIDDEN, HYPERNET, Recorder, parse
from rllib_remix import QMIXConfig


def _config(game: str, batch: int) -> Any:
    """The defaults, but for sizes and the ratio of updates to episodes."""
    name = GAMES[game].ours or game
    register_env(game, lambda env_config: GAMES[game].make())
    config = QMIXConfig().environment(name).debugging(seed=0)
    config = config.env_runners(num_env_runners=0, num_envs_per_env_runner=COPIES).learners(num_learners=0)
    return config.training(
        train_batch_episodes=batch,
        rollout_episodes_per_update=COPIES,
        replay_buffer_capacity=CAPACITY,
        num_torch_threads=1,
        agent_hidden_dim=HIDDEN,
        mixer_embed_dim=EMBED,
        hypernet_hidden_dim=HYPERNET,
    )


class Training:
    """The algorithm, and how many updates it made."""

    def __init__(self, config: Any):
        self.algorithm = config.build_algo()
        self.updates = 0
        group = self.algorithm.learner_group
        original = group.update

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.updates += 1
            return original(*args, **kwargs)

        group.update = counted

    def play(self) -> list[Any]:
        """Plays and stores episodes of all copies, which no result will count."""
        episodes = self.algorithm.env_runner.sample()
        self.algorithm.env_runner.get_metrics()
        self.algorithm.replay_buffer.add(episodes)
        return episodes

    def fill(self, batch: int) -> None:
        """Stores the same episodes until a batch is there, as if they had all been played."""
        episodes = self.play()
        while len(self.algorithm.replay_buffer) < batch:
            self.algorithm.replay_buffer.add(episodes)
        self.algorithm._count(batch)

    def update(self) -> None:
        self.algorithm._episodes_since_update += COPIES  # It takes off what it uses.
        self.algorithm._update()

    def train(self, env_steps: int) -> tuple[int, int]:
        """Iterations of at least so many env steps altogether; env steps and episodes played."""
        steps = episodes = 0
        while steps < env_steps:
            played = self.algorithm.train()["env_runners"]
            steps += int(played["num_env_steps_sampled"])
            episodes += int(played["num_episodes"])
        return steps, episodes

    def parameters(self) -> float:
        module = self.algorithm.learner_group._learner.module[DEFAULT_MODULE_ID]
        return float(sum(parameter.detach().abs().sum() for parameter in module.parameters()))


def main() -> None:
    options = parse()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    recorder = Recorder(options)
    ray.init(address="local", num_cpus=1, num_gpus=0, include_dashboard=False, log_to_driver=False)
    training = Training(_config(options.game, options.batch))
    recorder.ready(training.parameters())
    training.fill(options.batch)
    full = COPIES * GAMES[options.game].episode_limit  # env steps of a round of full episodes
    training.train(1)
    recorder.begin()
    played = sum(len(episode) for _ in range(options.rounds) for episode in training.play())
    recorder.end("rollout", env_steps=played)
    recorder.updates(training.update)
    before = training.updates
    recorder.begin()
    env_steps, episodes = training.train(options.rounds * full)
    recorder.end("end_to_end", env_steps=env_steps, updates=training.updates - before, episodes=episodes)
    recorder.write(training.parameters())
    training.algorithm.stop()
    ray.shutdown()


if __name__ == "__main__":
    main()
