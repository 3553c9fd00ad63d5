"""BenchMARL's QMIX: an Experiment with one optimizer step per round of its copies, watched by a callback."""

# ruff: noqa: E402  # What it lacks is handed over before it is imported.

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.peers.drivers import shims
from benchmarks.peers.drivers.games import GAMES
from benchmarks.peers.drivers.recorder import CAPACITY, COPIES, EMBED, HIDDEN, Recorder, parse

shims.hand_mpe2()
warnings.simplefilter("ignore")

import torch
from benchmarl.algorithms import QmixConfig
from benchmarl.environments import PettingZooTask
from benchmarl.environments.pettingzoo.common import PettingZooClass
from benchmarl.experiment import Callback, Experiment, ExperimentConfig
from benchmarl.models import GruConfig, MlpConfig, SequenceModelConfig
from torchrl.envs import PettingZooWrapper


class GameTask(PettingZooClass):
    """A ParallelEnv as a task of BenchMARL's."""

    def get_env_fun(
        self, num_envs: int, continuous_actions: bool, seed: int | None, device: Any
    ) -> Callable[[], Any]:
        make = GAMES[self.name].make
        return lambda: PettingZooWrapper(
            make(), return_state=True, categorical_actions=True, seed=seed, device=device
        )

    def supports_continuous_actions(self) -> bool:
        return False

    def supports_discrete_actions(self) -> bool:
        return True

    def has_state(self) -> bool:
        return True

    def has_render(self, env: Any) -> bool:
        return False


def _task(game: str) -> Any:
    limit = GAMES[game].episode_limit
    if game == "simple_spread":
        return PettingZooTask.SIMPLE_SPREAD.get_task({"max_cycles": limit, "N": 3, "local_ratio": 0.5, "task": "simple_spread_v3"})  # fmt: skip
    return GameTask(name=game, config={"max_cycles": limit})


def _config(limit: int, batch: int, iterations: int) -> ExperimentConfig:
    """Its defaults, but for sizes, and without evaluation and files; a round is so many frames as all copies can play."""
    config = ExperimentConfig.get_from_yaml()
    config.prefer_continuous_actions = False
    config.off_policy_n_envs_per_worker = COPIES
    config.off_policy_collected_frames_per_batch = COPIES * limit
    config.off_policy_train_batch_size = batch * limit
    config.off_policy_memory_size = CAPACITY * limit
    config.off_policy_n_optimizer_steps = 1
    config.max_n_iters, config.max_n_frames = iterations, None
    config.evaluation, config.loggers, config.create_json = False, [], False
    config.save_folder = str(Path.cwd())
    return config


class Watch(Callback):
    """Tells the recorder what belongs to which part.

    The first iteration warms up, as many follow as there are rounds, and a last one updates as often as is timed.
    """

    def __init__(self, recorder: Recorder):
        super().__init__()
        self._recorder, self._rounds = recorder, recorder.options.rounds
        self._iteration, self._env_steps, self._updates = 0, 0, 0
        self._collecting, self._since = 0.0, 0.0

    def on_batch_collected(self, batch: Any) -> None:
        if 0 < self._iteration <= self._rounds:
            self._collecting += time.process_time() - self._since
            self._env_steps += batch.numel()
        elif self._iteration > self._rounds:
            self.experiment.config.off_policy_n_optimizer_steps = 1 + self._recorder.options.updates
        self._since = time.process_time()

    def on_train_step(self, batch: Any, group: str) -> None:
        if 0 < self._iteration <= self._rounds:
            self._updates += 1
        elif self._iteration > self._rounds:
            if self._updates > self._rounds:  # The first also waited for the new frames to be stored.
                self._recorder.add_update(time.process_time() - self._since)
            self._updates += 1
            self._since = time.process_time()

    def on_train_end(self, training_td: Any, group: str) -> None:
        if self._iteration == 0:
            self._recorder.begin()
        elif self._iteration == self._rounds:
            played = {
                "env_steps": self._env_steps,
                "updates": self._updates,
                "episodes": self._rounds * COPIES,
            }
            self._recorder.end("end_to_end", **played)
            self._recorder.keep("rollout", env_steps=self._env_steps, cpu_s=self._collecting)
        self._iteration += 1
        self._since = time.process_time()


def main() -> None:
    options = parse()
    torch.set_num_threads(1)
    recorder = Recorder(options)
    # What the others have: a layer, a GRU, and a layer to the actions.
    layers = [
        MlpConfig(num_cells=[], layer_class=torch.nn.Linear, activation_class=torch.nn.ReLU),
        GruConfig(
            hidden_size=HIDDEN, n_layers=1, bias=True, dropout=0, compile=False, mlp_num_cells=[],
            mlp_layer_class=torch.nn.Linear, mlp_activation_class=torch.nn.ReLU,
        ),
    ]  # fmt: skip
    experiment = Experiment(
        task=_task(options.game),
        algorithm_config=QmixConfig(mixing_embed_dim=EMBED, delay_value=True, loss_function="l2"),
        model_config=SequenceModelConfig(model_configs=layers, intermediate_sizes=[HIDDEN]),
        config=_config(GAMES[options.game].episode_limit, options.batch, options.rounds + 2),
        seed=0,
        callbacks=[Watch(recorder)],
    )

    def parameters() -> float:
        losses = experiment.losses.values()
        return float(
            sum(parameter.detach().abs().sum() for loss in losses for parameter in loss.parameters())
        )

    recorder.ready(parameters())
    experiment.run()
    recorder.write(parameters())


if __name__ == "__main__":
    main()
