"""What `reset` and `step` of a foreign environment returned, read with every fault named where it is."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.agent_order import ALL
from rllib_remix.envs.foreign.copies import Copies, name_of, short
from rllib_remix.envs.foreign.scalars import flag_in, number_in

LARGEST = float(np.finfo(np.float32).max)  # that rewards and states may hold


def of_reset(env: Any, result: Any) -> tuple[dict, ...]:
    """Observations and infos. Raises TeamEnvError for anything else."""
    return _unpacked(env, result, "reset", "observations, infos")


def of_step(env: Any, result: Any) -> tuple[dict, ...]:
    """Observations, rewards, terminateds, truncateds and infos. Raises TeamEnvError for anything else."""
    return _unpacked(env, result, "step", "observations, rewards, terminateds, truncateds, infos")


def _unpacked(env: Any, result: Any, method: str, names: str) -> tuple[dict, ...]:
    """What a method returned, if it is the tuple of dicts that it should be."""
    expected = len(names.split(", "))
    if (
        not isinstance(result, tuple)
        or len(result) != expected
        or not all(isinstance(r, dict) for r in result)
    ):
        got = (
            f"({', '.join(type(r).__name__ for r in result)})"
            if isinstance(result, tuple)
            else type(result).__name__
        )
        raise TeamEnvError(
            f"{name_of(env)}.{method}() returned {got}, expected a tuple of {expected} dicts: {names}."
        )
    return result


def check_ids(copies: Copies, copy: int, observations: dict, infos: dict, *others: dict) -> None:
    """Raises TeamEnvError for the first id that was not announced; `others` are rewards and both kinds of flags."""
    if not (observations.keys() <= copies.known and infos.keys() <= copies.known_infos):
        copies.refuse_unknown(copy, observations, copies.known, "observations")
        copies.refuse_unknown(copy, infos, copies.known_infos, "infos")
    if others:
        rewards, terminateds, truncateds = others
        if not (
            rewards.keys() <= copies.known
            and terminateds.keys() <= copies.known_flags
            and truncateds.keys() <= copies.known_flags
        ):
            copies.refuse_unknown(copy, rewards, copies.known, "rewards")
            copies.refuse_unknown(copy, terminateds, copies.known_flags, "terminateds")
            copies.refuse_unknown(copy, truncateds, copies.known_flags, "truncateds")


def check_infos(copies: Copies, copy: int, infos: dict) -> None:
    """Raises TeamEnvError for an info that is no dict."""
    for agent, info in infos.items():
        if info is not None and not isinstance(info, dict):
            raise TeamEnvError(
                f"{copies.where(copy, copies.slot(agent))}: the info is {short(info)}, of type "
                f"{type(info).__name__}; it must be a dict."
            )


def read_flags(copies: Copies, copy: int, flags: dict, kind: str, ended: dict[Hashable, str]) -> bool:
    """Notes the flagged agents in `ended`, and returns the flag of the whole episode.

    Args:
        copies: who may be flagged.
        copy: the one that flags.
        flags: agent, or "__all__" -> flag.
        kind: "terminated" or "truncated".
        ended: agent -> kind; written in place.

    Raises:
        TeamEnvError: a flag that is neither True nor False.
    """
    whole = False
    for agent, flag in flags.items():
        if flag is False:
            continue
        if flag is not True and (value := flag_in(flag)) is not True:
            if value is None:
                raise TeamEnvError(
                    f"{copies.where(copy, copies.slot(agent))}: {kind} is {short(flag)}, of type "
                    f"{type(flag).__name__}; it must be True or False."
                )
            continue
        if agent == ALL:
            whole = True
        else:
            ended[agent] = kind
    return whole


def team_reward(copies: Copies, copy: int, rewards: dict, which: str | int, returns: list[float]) -> float:
    """The team's part of the rewards that agents received; 0 if none of them did.

    Args:
        copies: who may be rewarded.
        copy: the one that rewards.
        rewards: agent -> reward, None or missing for none.
        which: "sum" or "mean" of them, or the slot of the agent whose reward is the team's.
        returns: [n], what every agent received since the episode began; added to in place.

    Raises:
        TeamEnvError: a reward that is no finite number.
    """
    total, count, of_one = 0.0, 0, 0.0
    for index, agent in enumerate(copies.agents):
        reward = rewards.get(agent)
        if reward is None:
            continue
        if type(reward) is not float:
            number = number_in(reward)
            if number is None:
                raise TeamEnvError(
                    f"{copies.where(copy, index)}: the reward is {short(reward)}, of type {type(reward).__name__}; "
                    "it must be one number."
                )
            reward = number
        # Written so that NaN fails too.
        if not -LARGEST <= reward <= LARGEST:
            raise TeamEnvError(f"{copies.where(copy, index)}: the reward is {reward}; it must be finite.")
        total, count = total + reward, count + 1
        returns[index] += reward
        if index == which:
            of_one = reward
    if not -LARGEST <= total <= LARGEST:
        raise TeamEnvError(f"{copies.where(copy)}: the sum of the rewards is {total}; it must be finite.")
    if which == "sum":
        return total
    if which != "mean" and pays_team(copies.envs[copy]):
        raise TeamEnvError(
            f"{copies.where(copy)}: the reward is one for the team, so that team_adapter.team_reward cannot be that of an "
            "agent; allowed: sum, which is the same as mean here."
        )
    return (total / count if count else 0.0) if which == "mean" else of_one


def pays_team(env: Any) -> bool:
    """Whether an environment rewards the team, not its agents."""
    return getattr(env, "pays_team", False) is True
