"""What the weighting and replay ask of each other: who draws by what, and which settings rule each other out."""

from __future__ import annotations

import json
from typing import Any

from rllib_remix.errors import SettingError
from rllib_remix.learning.weighting import ON_POLICINESS
from rllib_remix.team.settings.replay import DrawWords
from rllib_remix.value_based.schemes import find_scheme

DRAW_WORDS = DrawWords(
    uniformly="in weighting_mode 'loss'",
    by_priority="weighting_mode 'sampling'",
    lost_with_alpha_0="in weighting_mode 'sampling' the weights between episodes",
    or_by_priority=", or use weighting_mode 'sampling'",
    or_uniformly=", or weighting_mode 'loss'",
)


def draws_by_weight(config: Any) -> bool:
    """Whether the weights between episodes decide what is drawn, so that the loss has those within them alone."""
    return config.weighting_mode == "sampling"


def default_recent_share(config: Any) -> float:
    """The share of every batch that the weighting wants from the newest episodes: its on-policiness."""
    if ON_POLICINESS in config.weighting_config.get("disable", ()):
        return 0.0
    return find_scheme(config.weighting).recent_share or 0.0


def priority_measure(config: Any) -> str:
    """What priorities are of: the weighting and all its settings, as JSON. Others cannot be compared with them."""
    settings = find_scheme(config.weighting).settings() | config.weighting_config
    # Errors are in the unit of the rewards.
    if config.reward_scale != 1.0 or config.standardize_rewards:
        settings |= {"reward_scale": config.reward_scale, "standardize_rewards": config.standardize_rewards}
    if config.normalize_rewards and not config.standardize_rewards:
        settings |= {"normalize_rewards": True}
    return json.dumps([config.weighting, settings], sort_keys=True, default=str)


def check_weighted_replay(config: Any) -> None:
    """Raises SettingError for settings of replay that do not go with those of the weighting."""
    if draws_by_weight(config):
        _check_sampling(config)
    share = config.recent_episodes_share
    if share and ON_POLICINESS in config.weighting_config.get("disable", ()):
        raise SettingError(
            f"recent_episodes_share: {share!r} is not allowed with weighting_config.disable of {ON_POLICINESS!r}, which "
            "switches it off; allowed: None or 0."
        )


def _check_sampling(config: Any) -> None:
    if config.max_seq_len is not None:
        raise SettingError(
            f"max_seq_len: {config.max_seq_len} is not allowed in weighting_mode 'sampling', where an episode's priority is the mean weight "
            "of all its steps, not of one piece. Leave it out (null, None), or use weighting_mode 'loss'."
        )
    normalize = config.weighting_config.get("normalize", "none")
    if normalize != "none" and find_scheme(config.weighting).normalizes:
        raise SettingError(
            f"weighting_config.normalize: {normalize!r} is not allowed in weighting_mode 'sampling', where every episode's "
            "weights are divided by their own mean; it would only put the priorities of different updates on different "
            "scales. Leave it at 'none'."
        )
