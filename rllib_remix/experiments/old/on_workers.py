"""What old settings become on env runners: functions that RLlib calls there, found by their names."""

from __future__ import annotations

import math
from typing import Any


def mean_std_filter(env: Any = None, spaces: Any = None, device: Any = None) -> Any:
    """Env-to-module connectors that do what `observation_filter: MeanStdFilter` did, for one agent.

    Observations other than boxes are flattened first, as preprocessors did; nothing is clipped, as nothing was.
    """
    return _filter(env, spaces, multi_agent=False)


def mean_std_filter_of_agents(env: Any = None, spaces: Any = None, device: Any = None) -> Any:
    """As `mean_std_filter`, for a `MultiAgentEnv`: every agent has statistics of its own."""
    return _filter(env, spaces, multi_agent=True)


def policy_of_agent(agent_id: Any, *_: Any, **__: Any) -> str:
    """Agent 3 plays policy "p3": RLlib's example of a `policy_mapping_fn` in a file."""
    return f"p{agent_id}"


def _filter(env: Any, spaces: Any, *, multi_agent: bool) -> Any:
    from ray.rllib.connectors.env_to_module import FlattenObservations, MeanStdFilter

    # None is what RLlib documents for no clipping, and fails.
    mean_std = MeanStdFilter(multi_agent=multi_agent, clip_by_value=math.inf)
    if _are_boxes(env, spaces):
        return mean_std
    return [FlattenObservations(multi_agent=multi_agent), mean_std]


def _are_boxes(env: Any, spaces: Any) -> bool:
    """Whether all observations are boxes; also where nothing says what they are."""
    from gymnasium.spaces import Box, Dict
    from ray.rllib.env import INPUT_ENV_SINGLE_SPACES

    space = getattr(env, "single_observation_space", None)
    if space is None and spaces:
        space = spaces.get(INPUT_ENV_SINGLE_SPACES, (None, None))[0]
    parts = space.spaces.values() if isinstance(space, Dict) else [space]
    return all(part is None or isinstance(part, Box) for part in parts)
