"""PyMARLzoo+'s QMIX: its runner, replay buffer and learner in the order in which its own loop calls them."""

# ruff: noqa: E402  # What it lacks is handed over before it is imported.

from __future__ import annotations

from importlib.resources import files
from types import SimpleNamespace
from typing import Any

from benchmarks.peers.drivers import shims
from benchmarks.peers.drivers.games import GAMES
from benchmarks.peers.drivers.recorder import CAPACITY, COPIES, EMBED, HIDDEN, HYPERNET, Recorder, parse

shims.stand_in(
    "cv2", "albumentations", "transformers", "torchvision", "pymarlzooplus.components.lrn_knn",
    "pymarlzooplus.utils.plot_utils", "pymarlzooplus.envs.mpe_registration",
)  # fmt: skip

import numpy as np
import pymarlzooplus.envs
import torch
import yaml
from pymarlzooplus.components.episode_buffer import ReplayBuffer
from pymarlzooplus.components.transforms import OneHot
from pymarlzooplus.controllers import REGISTRY as CONTROLLERS
from pymarlzooplus.envs import MultiAgentEnv
from pymarlzooplus.learners import REGISTRY as LEARNERS
from pymarlzooplus.runners import REGISTRY as RUNNERS
from pymarlzooplus.utils.logging_setup import Logger, get_logger


class GameEnv(MultiAgentEnv):
    """A ParallelEnv as an environment of PyMARLzoo+'s; the team's reward is the sum of the agents'."""

    def __init__(self, key: str, seed: int):
        super().__init__()
        game = GAMES[key]
        self._env = game.make()
        self._agents = self._env.possible_agents
        self.n_agents, self.episode_limit = len(self._agents), game.episode_limit
        self._n_actions = int(self._env.action_space(self._agents[0]).n)
        self._available = [[1] * self._n_actions for _ in self._agents]
        self._obs: list[np.ndarray] = []
        self._env.reset(seed=seed)

    def reset(self) -> None:
        observations, _ = self._env.reset()
        self._obs = [observations[agent] for agent in self._agents]

    def step(self, actions: Any) -> tuple[float, bool, dict]:
        chosen = dict(zip(self._agents, (int(action) for action in actions), strict=True))
        observations, rewards, terminated, truncated, _ = self._env.step(chosen)
        self._obs = [observations[agent] for agent in self._agents]
        over = any(truncated.values())
        return sum(rewards.values()), over or all(terminated.values()), {"episode_limit": over}

    def get_obs(self) -> list[np.ndarray]:
        return self._obs

    def get_state(self) -> np.ndarray:
        return self._env.state()

    def get_avail_actions(self) -> list[list[int]]:
        return self._available

    def get_obs_size(self) -> int:
        return int(self._env.observation_space(self._agents[0]).shape[0])

    def get_state_size(self) -> int:
        return int(self._env.state_space.shape[0])

    def get_total_actions(self) -> int:
        return self._n_actions

    def get_print_info(self) -> None:
        return None

    def get_stats(self) -> dict:
        return {}

    def close(self) -> None:
        self._env.close()


def _settings(game: str, batch: int) -> SimpleNamespace:
    """Its defaults for QMIX, but for sizes and for what is played."""
    settings: dict[str, Any] = {}
    for name in ("default", "algs/qmix"):
        settings |= yaml.safe_load(files("pymarlzooplus").joinpath(f"config/{name}.yaml").read_text())
    settings |= {
        "env": "game", "env_args": {"key": game, "seed": 0}, "runner": "parallel", "batch_size_run": COPIES,
        "batch_size": batch, "buffer_size": CAPACITY, "hidden_dim": HIDDEN, "mixing_embed_dim": EMBED,
        "hypernet_embed": HYPERNET, "device": "cpu", "use_cuda_cnn_modules": False,
    }  # fmt: skip
    return SimpleNamespace(**settings)


class Training:
    """Everything that its loop needs, as it makes it."""

    def __init__(self, args: SimpleNamespace):
        pymarlzooplus.envs.REGISTRY["game"] = GameEnv
        pymarlzooplus.envs.REGISTRY_availability.append("game")
        logger = Logger(get_logger())
        self._args = args
        self.runner = RUNNERS[args.runner](args=args, logger=logger)
        info = self.runner.get_env_info()
        args.n_agents, args.n_actions = info["n_agents"], info["n_actions"]
        args.state_shape, args.unit_dim = info["state_shape"], info["obs_shape"]
        scheme = {
            "state": {"vshape": info["state_shape"]},
            "obs": {"vshape": info["obs_shape"], "group": "agents"},
            "actions": {"vshape": (1,), "group": "agents", "dtype": torch.long},
            "avail_actions": {"vshape": (info["n_actions"],), "group": "agents", "dtype": torch.int},
            "reward": {"vshape": (1,)},
            "terminated": {"vshape": (1,), "dtype": torch.uint8},
        }
        groups = {"agents": args.n_agents}
        preprocess = {"actions": ("actions_onehot", [OneHot(out_dim=args.n_actions)])}
        length = info["episode_limit"] + 1
        self.buffer = ReplayBuffer(
            scheme, groups, args, args.buffer_size, length, preprocess=preprocess, device="cpu"
        )
        controller = CONTROLLERS[args.mac](self.buffer.scheme, groups, args)
        self.runner.setup(scheme=scheme, groups=groups, preprocess=preprocess, mac=controller, explorer=None)
        self.learner = LEARNERS[args.learner](controller, self.buffer.scheme, logger, args)
        controller.learner = self.learner

    def play(self) -> Any:
        """Plays and stores episodes of all copies."""
        episodes = self.runner.run(test_mode=False)[0]
        self.buffer.insert_episode_batch(episodes)
        return episodes

    def update(self) -> None:
        sample = self.buffer.sample(self._args.batch_size)
        sample = sample[:, : sample.max_t_filled()]
        self.learner.train(sample, self.runner.t_env, 0)

    def train(self, rounds: int) -> None:
        for _ in range(rounds):
            self.play()
            self.update()

    def parameters(self) -> float:
        return float(sum(parameter.detach().abs().sum() for parameter in self.learner.params))


def main() -> None:
    options = parse()
    torch.set_num_threads(1)
    torch.multiprocessing.set_start_method("fork")
    recorder = Recorder(options)
    training = Training(_settings(options.game, options.batch))
    recorder.ready(training.parameters())
    first = training.play()
    while not training.buffer.can_sample(options.batch + 1):  # of exactly a batch it would return a view
        training.buffer.insert_episode_batch(first)
    training.train(1)
    before = training.runner.t_env
    recorder.begin()
    for _ in range(options.rounds):
        training.play()
    recorder.end("rollout", env_steps=training.runner.t_env - before)
    recorder.updates(training.update)
    before, updates = training.runner.t_env, training.learner.training_steps
    recorder.begin()
    training.train(options.rounds)
    recorder.end(
        "end_to_end",
        env_steps=training.runner.t_env - before,
        updates=training.learner.training_steps - updates,
        episodes=options.rounds * COPIES,
    )
    recorder.write(training.parameters())
    training.runner.close_env()


if __name__ == "__main__":
    main()
