"""Whether a batch of episodes fits into memory, told before the first is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.errors import SettingError
from rllib_remix.memory import machine_memory
from rllib_remix.models.image_encoder import encoded_shape
from rllib_remix.models.sizes import numbers_of_agents_step, reads_state
from rllib_remix.replay.layout import bytes_of_episode


def check_batch_memory(spec: TeamSpec, config: Any) -> None:
    """Raises SettingError if a batch of the longest episodes takes more memory than the machine has.

    Args:
        spec: of the team.
        config: a TeamAlgorithmConfig. What the learner makes of a batch counts if it is in this process, on its CPUs.
    """
    episodes, total = config.train_batch_episodes, machine_memory()
    drawn = bytes_of_episode(spec)
    learns_here = not config.num_learners and not config.num_gpus_per_learner
    steps = spec.episode_limit + 1
    seen = (
        bytes_seen_of_episode(spec, config.networks()) * _steps_read(spec, config) // steps
        if learns_here
        else 0
    )
    needed = episodes * (drawn + seen)
    if total is None or needed <= total:
        return
    fits = int(episodes * total / needed)
    parts = f"{_gib(episodes * drawn)} as they are drawn"
    if seen:
        parts += f" and {_gib(episodes * seen)} as the networks read them"
    allowed = f"allowed here: at most {fits}"
    if fits < 1:
        allowed = "not even one fits: lower the episode limit (team_adapter.episode_limit) or shrink the observations"
    raise SettingError(
        f"train_batch_episodes: {episodes} episodes of up to {spec.episode_limit} steps take {_gib(needed)} in an update, "
        f"{parts}, but this machine has {_gib(total)}; {allowed}."
    )


def _steps_read(spec: TeamSpec, config: Any) -> int:
    """How many steps of an episode the networks read at the most: of a piece and of what is before it, or all."""
    piece, burn_in = getattr(config, "max_seq_len", None), getattr(config, "burn_in", None)
    whole = spec.episode_limit + 1
    return whole if piece is None or burn_in is None else min(whole, piece + burn_in + 1)


def bytes_seen_of_episode(spec: TeamSpec, networks: dict[str, Any]) -> int:
    """What a learner makes of the longest episode before its networks compute: what all of them read, in bytes."""
    number = 2 if networks["compute_dtype"] == "bfloat16" else 4
    of_agent = number * numbers_of_agents_step(spec, networks)
    # A critic of agents reads what they see once more, packed by steps.
    times = 1 + bool(networks.get("central_critic"))
    if encoded_shape(networks["encoder"], spec.obs_shape):
        of_agent += times * spec.obs_dim * np.dtype(spec.obs_dtype).itemsize
    elif times > 1:
        of_agent += number * spec.obs_dim
    of_team = number * spec.state_dim if reads_state(networks) else 0
    return (spec.episode_limit + 1) * (spec.n_agents * of_agent + of_team)


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
