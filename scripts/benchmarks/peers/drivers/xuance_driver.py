"""XuanCe's QMIX: `QMIX_Agents` with its recurrent settings, which makes `n_epochs` updates per round of its copies."""

# ruff: noqa: E402  # What it lacks is handed over before it is imported.

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.peers.drivers import shims
from benchmarks.peers.drivers.games import GAMES
from benchmarks.peers.drivers.recorder import CAPACITY, COPIES, EMBED, HIDDEN, HYPERNET, Recorder, parse

shims.hand_mpe2()
shims.stand_in("wandb")

import torch
from xuance.common import get_arguments
from xuance.environment import RawMultiAgentEnv, make_envs
from xuance.environment.multi_agent_env import REGISTRY_MULTI_AGENT_ENV
from xuance.torch.agents import QMIX_Agents


class GameEnv(RawMultiAgentEnv):
    """A ParallelEnv as an environment of XuanCe's."""

    def __init__(self, config: Any):
        super().__init__()
        game = GAMES[config.env_id]
        self.env = game.make()
        self.env.reset(seed=config.env_seed)
        self.agents = self.env.possible_agents
        self.num_agents = len(self.agents)
        self.agent_groups = [self.agents]
        self.state_space = self.env.state_space
        self.observation_space = {agent: self.env.observation_space(agent) for agent in self.agents}
        self.action_space = {agent: self.env.action_space(agent) for agent in self.agents}
        self.max_episode_steps = game.episode_limit

    def reset(self) -> tuple[dict, dict]:
        observations, _ = self.env.reset()
        return observations, {}

    def step(self, actions: dict) -> tuple[dict, dict, dict, bool, dict]:
        observations, rewards, terminated, truncated, _ = self.env.step(actions)
        return observations, rewards, terminated, any(truncated.values()), {}

    def state(self) -> Any:
        return self.env.state()

    def render(self, *args: Any) -> None:
        return None

    def close(self) -> None:
        self.env.close()


def _config(game: str, batch: int) -> Any:
    settings = {
        "representation": "Basic_RNN", "use_rnn": True, "rnn": "GRU", "N_recurrent_layers": 1, "dropout": 0,
        "fc_hidden_sizes": [HIDDEN], "recurrent_hidden_size": HIDDEN, "q_hidden_size": [],
        "hidden_dim_mixing_net": EMBED, "hidden_dim_hyper_net": HYPERNET, "use_parameter_sharing": True,
        "parallels": COPIES, "batch_size": batch, "buffer_size": CAPACITY, "start_training": 1, "n_epochs": 1,
        "use_grad_clip": True, "render": False, "fps": 15, "device": "cpu",
    }  # fmt: skip
    if game != "simple_spread":  # which XuanCe has itself
        REGISTRY_MULTI_AGENT_ENV["game"] = GameEnv
    config = get_arguments("qmix", "mpe", "simple_spread_v3", parser_args=argparse.Namespace(**settings))
    if game != "simple_spread":
        config.env_name, config.env_id = "game", game
    return config


def main() -> None:
    options = parse()
    torch.set_num_threads(1)
    recorder = Recorder(options)
    envs = make_envs(_config(options.game, options.batch))
    agents = QMIX_Agents(_config(options.game, options.batch), envs)
    limit = GAMES[options.game].episode_limit

    def parameters() -> float:
        return float(sum(parameter.detach().abs().sum() for parameter in agents.policy.parameters()))

    recorder.ready(parameters())
    agents.train(limit)  # one round; the buffer draws with replacement, so that it need not hold a batch
    recorder.begin()
    before = agents.current_step
    for _ in range(options.rounds):
        agents.run_episodes(n_episodes=COPIES, test_mode=False, close_envs=False)
    recorder.end("rollout", env_steps=agents.current_step - before)
    recorder.updates(lambda: agents.train_epochs(n_epochs=1))
    before, updates, episodes = (
        agents.current_step,
        agents.learner.iterations,
        int(agents.current_episode.sum()),
    )
    recorder.begin()
    agents.train(options.rounds * limit)
    recorder.end(
        "end_to_end",
        env_steps=agents.current_step - before,
        updates=agents.learner.iterations - updates,
        episodes=int(agents.current_episode.sum()) - episodes,
    )
    recorder.write(parameters())
    agents.finish()
    envs.close()


if __name__ == "__main__":
    main()
