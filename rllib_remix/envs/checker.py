"""Does an environment keep the TeamEnv contract? For its authors' tests, and a cheap look at run time."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from rllib_remix.envs.team_env import BrokenEpisodes, TeamEnv, TeamStep, random_actions
from rllib_remix.errors import SettingError

_SIZES = ("num_envs", "n_agents", "n_actions", "obs_dim", "state_dim", "episode_limit")
_ARRAYS = ("obs", "state", "avail_actions", "rewards", "terminated", "truncated")


class TeamEnvError(ValueError):
    """An environment, or the way it was used, breaks the TeamEnv contract."""


def check_team_env(env: TeamEnv, *, episodes: int = 2, seed: int = 0) -> None:
    """Plays random available actions until every copy finished `episodes` episodes, twice with the same seed.

    Args:
        env: the environment; it is reset twice and left in the midst of its episodes.
        episodes: episodes to finish in every copy, at least 1; from 2 on, the reset between episodes is checked.
        seed: of the environment's resets and of the actions.

    Raises:
        TeamEnvError: says what is wrong, in which copy, at which agent and after which step.
        BrokenEnvironment: episodes of a copy broke MAX_BROKEN_IN_A_ROW times in a row.
    """
    check_sizes(env)
    first, second = _play(env, episodes, seed), _play(env, episodes, seed)
    _check_same_play(env, first, second, seed)


def check_sizes(env: TeamEnv) -> None:
    """Raises TeamEnvError unless the sizes that a TeamEnv announces are there, as integers of 1 or more, and the names."""
    for name in _SIZES:
        if not hasattr(env, name):
            raise TeamEnvError(
                f"{_name(env)}: attribute {name} is missing; it must be an integer of 1 or more."
            )
        value = getattr(env, name)
        if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 1:
            raise TeamEnvError(f"{_name(env)}: {name} is {value!r}; it must be an integer of 1 or more.")
    try:
        _ = env.spec
    except SettingError as error:
        raise TeamEnvError(str(error)) from error


def check_step(env: TeamEnv, step: TeamStep, when: str = "a step") -> None:
    """Checks the arrays of one step: types, shapes, finite numbers, masks and flags.

    Args:
        env: gives the expected sizes.
        step: what its `reset` or `step` returned.
        when: where the step comes from, for the error.

    Raises:
        TeamEnvError: says what is wrong, in which copy and at which agent.
    """
    where = f"{_name(env)}, {when}"
    if not isinstance(step, TeamStep):
        raise TeamEnvError(f"{where}: got a {type(step).__name__}, expected a TeamStep.")
    _check_shapes(env, step, where)
    _check_dtypes(env, step, where)
    _check_finite(step, where)
    without_action = np.argwhere(~step.avail_actions.any(axis=-1))
    if len(without_action):
        copy, agent = without_action[0]
        raise TeamEnvError(
            f"{where}: avail_actions leaves agent {agent} of copy {copy} no action at all; "
            "an agent that is dead or waits needs exactly one."
        )
    if step.broken is not None and len(unended := np.flatnonzero(step.broken & ~step.truncated)):
        raise TeamEnvError(
            f"{where}: copy {unended[0]} is broken but not truncated; a broken episode is over, and cut off."
        )
    both = np.flatnonzero(step.terminated & step.truncated)
    if len(both):
        raise TeamEnvError(
            f"{where}: copy {both[0]} is both terminated and truncated; "
            "an episode that ended by its rules is terminated only."
        )


def is_sound(step: TeamStep) -> bool:
    """Whether the numbers of a step can be learned from; cheap, as it is asked of every step."""
    numbers = (step.rewards, *(array for array in (step.obs, step.state) if array.dtype.kind == "f"))
    return all(np.isfinite(array).all() for array in numbers) and bool(step.avail_actions.any(-1).all())


def _check_shapes(env: TeamEnv, step: TeamStep, where: str) -> None:
    n = (env.num_envs, env.n_agents)
    expected = {
        "obs": ((*n, env.obs_dim), "[num_envs, n_agents, obs_dim]"),
        "state": ((env.num_envs, env.state_dim), "[num_envs, state_dim]"),
        "avail_actions": ((*n, env.n_actions), "[num_envs, n_agents, n_actions]"),
        "agent_returns": (n, "[num_envs, n_agents]"),
    }
    per_copy = ((env.num_envs,), "[num_envs]")
    values = {name: getattr(step, name) for name in _ARRAYS}
    if not isinstance(step.info, dict):
        raise TeamEnvError(
            f"{where}: info is a {type(step.info).__name__}, expected a dict of [num_envs] arrays."
        )
    values.update({f"info[{name!r}]": value for name, value in step.info.items()})
    values |= {name: v for name in ("broken", "agent_returns") if (v := getattr(step, name)) is not None}
    for name, value in values.items():
        shape, axes = expected.get(name, per_copy)
        if not isinstance(value, np.ndarray):
            raise TeamEnvError(
                f"{where}: {name} is a {type(value).__name__}, expected an array of shape {shape} = {axes}."
            )
        if value.shape != shape:
            raise TeamEnvError(f"{where}: {name} has shape {value.shape}, expected {shape} = {axes}.")


def _check_dtypes(env: TeamEnv, step: TeamStep, where: str) -> None:
    flags = ("terminated", "truncated") if step.broken is None else ("terminated", "truncated", "broken")
    for name in ("avail_actions", *flags):
        if getattr(step, name).dtype != bool:
            raise TeamEnvError(f"{where}: {name} is {getattr(step, name).dtype}, expected bool.")
    if step.rewards.dtype != np.float32:
        raise TeamEnvError(f"{where}: rewards is {step.rewards.dtype}, expected float32.")
    real = {"obs": step.obs, "state": step.state, **{f"info[{name!r}]": v for name, v in step.info.items()}}
    if step.agent_returns is not None:
        real["agent_returns"] = step.agent_returns
    for name, value in real.items():
        if value.dtype.kind not in "biuf":
            raise TeamEnvError(f"{where}: {name} is {value.dtype}, expected bool, integer or float.")
    for name in ("obs", "state"):
        said = np.dtype(getattr(env, f"{name}_dtype"))
        if getattr(step, name).dtype != said:
            raise TeamEnvError(
                f"{where}: {name} is {getattr(step, name).dtype}, but the attribute {name}_dtype says {said}."
            )


def _check_finite(step: TeamStep, where: str) -> None:
    for name in ("obs", "state", "rewards"):
        value = getattr(step, name)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(value))[0])
            axes = ("copy", "agent", "entry") if name == "obs" else ("copy", "entry")
            place = ", ".join(f"{axis} {i}" for axis, i in zip(axes, index, strict=False))
            raise TeamEnvError(f"{where}: {name} is {value[index]} at {place}; it must be finite.")


def _play(env: TeamEnv, episodes: int, seed: int) -> list[TeamStep]:
    """Copies of all steps until every copy finished `episodes` episodes, each checked on the way."""
    rng = np.random.default_rng(seed)
    step = env.reset(seed=seed)
    check_step(env, step, "reset")
    _check_start(env, step, np.ones(env.num_envs, bool), "reset")
    played = [_kept(step)]
    lengths, finished = np.zeros(env.num_envs, int), np.zeros(env.num_envs, int)
    breaks = BrokenEpisodes(env)
    while finished.min() < episodes:
        resetting = played[-1].terminated | played[-1].truncated
        when = f"step {len(played)} after reset"
        step = env.step(random_actions(played[-1].avail_actions, rng))
        check_step(env, step, when)
        _check_start(env, step, resetting, when)
        lengths = np.where(resetting, 0, lengths + 1)
        over = step.terminated | step.truncated
        _check_lengths(env, lengths, over, when)
        finished += over & ~breaks.among(step)
        played.append(_kept(step))
    return played


def _kept(step: TeamStep) -> TeamStep:
    """A copy, as the environment may write over its own arrays."""
    arrays = {name: getattr(step, name).copy() for name in _ARRAYS}
    broken = None if step.broken is None else step.broken.copy()
    return TeamStep(**arrays, broken=broken, info={name: value.copy() for name, value in step.info.items()})


def _check_start(env: TeamEnv, step: TeamStep, resetting: np.ndarray, when: str) -> None:
    """Raises TeamEnvError if a copy that had to reset (`resetting` [N] bool) shows a reward or is over already."""
    paid = np.flatnonzero(resetting & (step.rewards != 0))
    if len(paid):
        raise TeamEnvError(
            f"{_name(env)}, {when}: copy {paid[0]} starts a new episode with reward {step.rewards[paid[0]]}; "
            "on the step after the last of an episode the copy resets itself, and its reward is 0."
        )
    over = np.flatnonzero(resetting & (step.terminated | step.truncated))
    if len(over):
        raise TeamEnvError(
            f"{_name(env)}, {when}: copy {over[0]} did not reset: it is terminated or truncated "
            "where it must show the first observation of a new episode."
        )


def _check_lengths(env: TeamEnv, lengths: np.ndarray, over: np.ndarray, when: str) -> None:
    beyond = np.flatnonzero((lengths >= env.episode_limit) & ~over)
    if len(beyond):
        raise TeamEnvError(
            f"{_name(env)}, {when}: the episode of copy {beyond[0]} goes on after {lengths[beyond[0]]} steps; "
            f"at episode_limit ({env.episode_limit}) it must be terminated or truncated."
        )


def _check_same_play(env: TeamEnv, first: list[TeamStep], second: list[TeamStep], seed: int) -> None:
    """Raises TeamEnvError at the first difference between two plays with the same seed and actions.

    What a copy shows after a broken episode depends on when it broke, and is not compared.
    """
    sound = np.ones(env.num_envs, bool)
    for number, (one, other) in enumerate(zip(first, second, strict=False)):
        when = f"step {number} after reset" if number else "reset"
        for broken in (one.broken, other.broken):
            if broken is not None:
                sound &= ~broken
        for name in _ARRAYS:
            differs = (getattr(one, name) != getattr(other, name)).reshape(env.num_envs, -1).any(-1)
            copies = np.flatnonzero(differs & sound)
            if len(copies):
                raise TeamEnvError(
                    f"{_name(env)}, {when}: {name} of copy {copies[0]} differs between two plays with "
                    f"seed={seed} and the same actions; all randomness must come from the seed of reset()."
                )


def _name(env: TeamEnv) -> str:
    return type(env).__name__
