"""Does a game of StarCraft II start here and play a step?"""

from __future__ import annotations

import time
from typing import Any

from rllib_remix.envs.smac.env import Smac, Smacv2
from rllib_remix.envs.smac.game import SmacError
from rllib_remix.envs.smac.preflight import Finding

START_LIMIT_S = 120.0  # seconds


def try_a_game(env_id: str = "smac", **settings: Any) -> Finding:
    """Starts one game, plays a step and ends it; says how it went.

    Args:
        env_id: `smac` or `smacv2`.
        settings: of that environment, `map_name` among them.
    """
    env = (Smacv2 if env_id == "smacv2" else Smac)(**settings, start_tries=1, reset_timeout_s=START_LIMIT_S)
    begin = time.monotonic()
    try:
        first = env.reset(seed=0)
        seconds = time.monotonic() - begin
        step = env.step(first.avail_actions.argmax(-1))
    except SmacError as error:
        return Finding("start", True, str(error))
    finally:
        env.close()
    if step.broken is not None and step.broken[0]:
        return Finding("start", True, f"The game broke in its first step: {env.fault(0)}.")
    build = int(step.info["game_build"][0])
    return Finding(
        "start",
        False,
        f"map {settings['map_name']} was there after {seconds:.0f} s, in StarCraft II of build {build}",
    )
