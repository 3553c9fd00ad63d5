"""Checks of the settings of replay, which depend on each other and on the weighting."""

from __future__ import annotations

from typing import Any

from rllib_remix.errors import SettingError
from rllib_remix.learning.weighting import ON_POLICINESS
from rllib_remix.replay.prioritized import REPLAY_BUFFERS, PrioritizedMultiAgentReplayBuffer
from rllib_remix.settings import check_choice, check_count, check_number, check_schedule

MAX_EPISODES = 10**8  # in a replay buffer, and in all that is drawn from it; more is a slip
WEIGHTING_MODES = ("loss", "sampling")


def check_replay(config: Any, defaults: Any) -> None:
    """Raises SettingError unless a QMIXConfig's replay is possible; `defaults` is another config, untouched."""
    for name in ("replay_buffer_capacity", "recent_episodes_capacity", "train_batch_episodes"):
        check_count(name, getattr(config, name), low=1, high=MAX_EPISODES)
    if config.train_batch_episodes > config.replay_buffer_capacity:
        raise SettingError(
            f"train_batch_episodes: {config.train_batch_episodes} is more than replay_buffer_capacity, "
            f"{config.replay_buffer_capacity}; allowed: 1 … {config.replay_buffer_capacity}."
        )
    _check_shards(config)
    check_choice("replay_buffer", config.replay_buffer, REPLAY_BUFFERS)
    check_number("prioritized_replay_alpha", config.prioritized_replay_alpha, low=0, high=1)
    check_schedule("prioritized_replay_beta", config.prioritized_replay_beta, low=0, high=1)
    check_number(
        "prioritized_replay_epsilon", config.prioritized_replay_epsilon, low=0, high=1, low_open=True
    )
    check_choice("weighting_mode", config.weighting_mode, WEIGHTING_MODES)
    if config.weighting_mode == "loss":
        _refuse_priorities(config, defaults)
    else:
        _check_sampling(config)
    _check_recent(config)


def _check_shards(config: Any) -> None:
    check_count("num_replay_shards", config.num_replay_shards, low=0)
    if config.num_replay_shards > config.train_batch_episodes:
        raise SettingError(
            f"num_replay_shards: {config.num_replay_shards} is more than the {config.train_batch_episodes} episodes of "
            f"a batch (train_batch_episodes); allowed: 0 (replay in the algorithm's process) … "
            f"{config.train_batch_episodes}."
        )


def _refuse_priorities(config: Any, defaults: Any) -> None:
    for part in ("alpha", "beta", "epsilon"):
        name = f"prioritized_replay_{part}"
        value, default = getattr(config, name), getattr(defaults, name)
        if value != default:
            raise SettingError(
                f"{name}: {value!r} is not allowed, because it would have no effect in weighting_mode 'loss', where "
                f"batches are drawn uniformly. Leave it at {default!r}, or use weighting_mode 'sampling'."
            )


def _check_sampling(config: Any) -> None:
    if not issubclass(REPLAY_BUFFERS[config.replay_buffer], PrioritizedMultiAgentReplayBuffer):
        raise SettingError(
            f"replay_buffer: {config.replay_buffer!r} cannot draw by priority, which weighting_mode 'sampling' needs; "
            "allowed: 'prioritized'."
        )
    if config.prioritized_replay_alpha == 0:
        raise SettingError(
            "prioritized_replay_alpha: 0 draws uniformly, so that in weighting_mode 'sampling' the weights between "
            "episodes would be lost; allowed: a number in (0, 1], or weighting_mode 'loss'."
        )
    _check_normalization(config)


def _check_normalization(config: Any) -> None:
    normalize = config.weighting_config.get("normalize", "none")
    if normalize != "none":
        raise SettingError(
            f"weighting_config.normalize: {normalize!r} is not allowed in weighting_mode 'sampling', where every episode's "
            "weights are divided by their own mean; it would only put the priorities of different updates on different "
            "scales. Leave it at 'none'."
        )


def _check_recent(config: Any) -> None:
    share = config.recent_episodes_share
    if share is not None:
        check_number("recent_episodes_share", share, low=0, high=1)
    if share and ON_POLICINESS in config.weighting_config.get("disable", ()):
        raise SettingError(
            f"recent_episodes_share: {share!r} is not allowed with weighting_config.disable of {ON_POLICINESS!r}, which "
            "switches it off; allowed: None or 0."
        )
    recent = config.recent_episodes_per_batch()
    if recent > config.recent_episodes_capacity:
        raise SettingError(
            f"recent_episodes_capacity: {config.recent_episodes_capacity} is less than the {recent} recent episodes of "
            f"a batch (recent_episodes_share × train_batch_episodes); allowed: {recent} or more."
        )
