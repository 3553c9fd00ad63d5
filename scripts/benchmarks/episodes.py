"""Episodes to measure on: of full length with the whole team, and those of a half-trained team."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.envs.predator_prey_kernels import STAY
from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.policy import TeamPolicy
from rllib_remix.replay.buffer import MultiAgentReplayBuffer
from rllib_remix.rollout.env_runner import TeamEnvRunner
from rllib_remix.rollout.episode import TeamEpisode

EPSILON = 0.1  # of recorded episodes
STEPS_PER_CAPTURE = 40.0  # of the formula that stands in for a recording
_ARRAYS = ("obs", "state", "avail_actions", "actions", "rewards")


class Lives(NamedTuple):
    """How long the agents of some episodes were there.

    Attributes:
        lengths: env steps of each episode.
        lives: for each episode and agent, the first step at which the agent has left; above the length if none.
        source: where this comes from.
    """

    lengths: list[int]
    lives: list[list[int]]
    source: str


def play_dense(
    num_episodes: int, *, seed: int = 0, env_config: dict[str, Any] | None = None
) -> list[TeamEpisode]:
    """Random play on Predator-Prey; only episodes of full length are taken in which every agent stays to the end."""
    # Four who catch the same prey in the same step: beyond random players, so that nearly every episode will do.
    settings = {"catchers_needed": 4} | (env_config or {})
    config = get_algorithm_config("QMIX").environment("predator_prey", env_config=settings)
    runner = TeamEnvRunner(config=config.debugging(seed=seed), worker_index=0)
    limit = runner.get_team_spec().episode_limit
    episodes: list[TeamEpisode] = []
    while len(episodes) < num_episodes:
        played = runner.sample(random_actions=True)
        episodes += [episode for episode in played if episode.obs[limit:].any(-1).all()]
    return episodes[:num_episodes]


def spec_of(episode: TeamEpisode) -> TeamSpec:
    """Sizes of an episode's team, with the episode's own length as the limit."""
    return TeamSpec(
        n_agents=episode.obs.shape[1],
        n_actions=episode.avail_actions.shape[2],
        obs_dim=episode.obs.shape[2],
        state_dim=episode.state.shape[1],
        episode_limit=len(episode),
        obs_dtype=episode.obs.dtype.name,
        state_dtype=episode.state.dtype.name,
    )


def filled_buffer(episodes: Sequence[TeamEpisode], *, times: int = 1) -> MultiAgentReplayBuffer:
    """A full replay buffer that holds the episodes, each `times` times."""
    spec = spec_of(max(episodes, key=len))
    buffer = MultiAgentReplayBuffer(spec, capacity=len(episodes) * times, seed=0)
    for _ in range(times):
        buffer.add(episodes)
    return buffer


# A half-trained team


def half_trained_lives(file: Path, num_episodes: int = 128, n_agents: int = 8, limit: int = 200) -> Lives:
    """What was recorded in `file`; without it, a formula of the same form."""
    if file.is_file():
        return read_lives(file)
    return formula(num_episodes, n_agents, limit)


def read_lives(file: Path) -> Lives:
    """A file of the form {"lengths": […], "lives": [[…] …], "source": "…"}.

    Raises:
        ValueError: it is not of this form.
    """
    content = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or set(content) != set(Lives._fields):
        raise ValueError(f"{str(file)!r}: allowed is an object of {', '.join(Lives._fields)}.")
    if len(content["lengths"]) != len(content["lives"]):
        raise ValueError(
            f"{str(file)!r}: {len(content['lengths'])} lengths, but {len(content['lives'])} lives."
        )
    return Lives(**content)


def formula(num_episodes: int, n_agents: int, limit: int, *, seed: int = 0) -> Lives:
    """Pairs leave one after the other, exponential times of mean STEPS_PER_CAPTURE apart, until none is left."""
    rng = np.random.default_rng(seed)
    pairs = n_agents // 2
    captures = np.cumsum(
        np.ceil(rng.exponential(STEPS_PER_CAPTURE, (num_episodes, pairs))).astype(int), axis=1
    )
    leaves = rng.permuted(np.repeat(captures, 2, axis=1), axis=1)
    source = (
        f"formula: two agents leave after every capture, {STEPS_PER_CAPTURE:g} env steps apart on average"
    )
    lengths = np.minimum(captures[:, -1], limit)
    return Lives(lengths.tolist(), np.minimum(leaves, limit + 1).tolist(), source)


def cut(episode: TeamEpisode, length: int, lives: Sequence[int]) -> TeamEpisode:
    """The episode's first `length` steps, in which each agent sees and does nothing from its life's end on."""
    length = min(length, len(episode))
    parts = {name: getattr(episode, name)[: length + 1].copy() for name in ("obs", "state", "avail_actions")}
    actions = episode.actions[:length].copy()
    for agent, life in enumerate(lives):
        parts["obs"][life:, agent] = 0
        parts["avail_actions"][life:, agent] = np.arange(parts["avail_actions"].shape[-1]) == STAY
        actions[life:, agent] = STAY
    return dataclasses.replace(
        episode,
        **parts,
        actions=actions,
        rewards=episode.rewards[:length].copy(),
        terminated=length < len(episode),
        truncated=length == len(episode),
    )


def cut_all(episodes: Sequence[TeamEpisode], lives: Lives) -> list[TeamEpisode]:
    """The episodes cut to the lives, as many as there are of both."""
    pairs = zip(episodes, lives.lengths, lives.lives, strict=False)
    return [cut(episode, length, of_team) for episode, length, of_team in pairs]


def lives_of(episodes: Sequence[TeamEpisode], source: str) -> Lives:
    """When the agents of played episodes left: from then on they see nothing and can only stay."""
    return Lives([len(episode) for episode in episodes], [_lives(episode) for episode in episodes], source)


def _lives(episode: TeamEpisode) -> list[int]:
    only_stay = np.arange(episode.avail_actions.shape[-1]) == STAY
    there = (episode.avail_actions != only_stay).any(-1) | (episode.obs != 0).any(-1)
    # One step behind the last at which it is there.
    return [int(np.flatnonzero(agent)[-1]) + 1 if agent.any() else 0 for agent in there.T]


# Recordings


def play_checkpoint(checkpoint: Path, num_episodes: int = 128) -> list[TeamEpisode]:
    """Episodes of a trained team, with ε = EPSILON."""
    policy = TeamPolicy.from_checkpoint(checkpoint)
    config = (
        get_algorithm_config(policy.algorithm)
        .environment(policy.environment, env_config=policy.env_config or {})
        .env_runners(num_envs_per_env_runner=32)
        .training(epsilon=EPSILON)
        .debugging(seed=0)
    )
    runner = TeamEnvRunner(config=config, worker_index=0)
    runner.module.agent = policy.network
    return runner.sample(num_episodes=num_episodes)


def record(checkpoint: Path, out: Path) -> str:
    """Plays a checkpoint and writes whole episodes (.npz) or only their lengths and lives (.json)."""
    episodes = play_checkpoint(checkpoint)
    mean_return = float(np.mean([episode.get_return() for episode in episodes]))
    policy = TeamPolicy.from_checkpoint(checkpoint)
    source = (
        f"{policy.algorithm} on {policy.environment}, {len(episodes)} episodes with epsilon {EPSILON}, "
        f"mean return {mean_return:.1f}"
    )
    if out.suffix == ".json":
        out.write_text(json.dumps(lives_of(episodes, source)._asdict()) + "\n", encoding="utf-8")
    else:
        save(out, episodes, source)
    return source


def save(out: Path, episodes: Sequence[TeamEpisode], source: str) -> None:
    """Episodes as padded arrays [episodes, longest, …]."""
    longest = max(map(len, episodes))
    arrays = {}
    for name in _ARRAYS:
        parts = [getattr(episode, name) for episode in episodes]
        steps = longest + (len(parts[0]) - len(episodes[0]))
        arrays[name] = np.zeros((len(parts), steps, *parts[0].shape[1:]), parts[0].dtype)
        for whole, part in zip(arrays[name], parts, strict=True):
            whole[: len(part)] = part
    lengths = np.array([len(episode) for episode in episodes])
    terminated = np.array([episode.terminated for episode in episodes])
    np.savez_compressed(out, lengths=lengths, terminated=terminated, source=np.array(source), **arrays)


def load(file: Path) -> tuple[list[TeamEpisode], str]:
    """The episodes that `save` wrote, and where they come from."""
    with np.load(file) as data:
        arrays = {name: data[name] for name in _ARRAYS}
        lengths, terminated, source = (
            data["lengths"].tolist(),
            data["terminated"].tolist(),
            str(data["source"]),
        )
    episodes = []
    for index, length in enumerate(lengths):
        ends = {name: length + (name in ("obs", "state", "avail_actions")) for name in _ARRAYS}
        parts = {name: arrays[name][index, : ends[name]] for name in _ARRAYS}
        over = {"terminated": terminated[index], "truncated": not terminated[index]}
        episodes.append(TeamEpisode(**parts, **over, info={}))
    return episodes, source
