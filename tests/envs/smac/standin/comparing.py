"""Plays the same episodes through a client of the stand-in and in our simulator, and compares every number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from rllib_remix.envs.smac_sim.simulator import SmacSim
from rllib_remix.envs.team_env import TeamStep

RELATIVE_TOLERANCE = 1e-6
RANDOM_SHARES = 0.2, 1.0, 0.05  # of the actions of an episode, in turn
STOP, NORTH, FIRST_TARGET = 1, 2, 6


Policy = Callable[[SmacSim, np.ndarray, np.random.Generator, int], np.ndarray]


def fighting_actions(
    sim: SmacSim, avail_actions: np.ndarray, rng: np.random.Generator, episode: int
) -> np.ndarray:
    """[1, n, U] bool → [1, n] available actions: at the nearest target, or one step towards the nearest enemy.

    A share of the actions, which depends on the episode, is uniformly random instead.
    """
    units, n_agents = sim.battle.units[0], sim.n_agents
    places = np.stack([units["x"], units["y"]], -1)
    enemies = places[n_agents:][units["health"][n_agents:] > 0]
    wish = np.ones((n_agents, sim.n_actions))
    for agent, kind in enumerate(sim.options.map.ally_types):
        targets = places[:n_agents] if kind == "medivac" else places[n_agents:]
        wish[agent, FIRST_TARGET:][: len(targets)] = 1000.0 - _distances(targets, places[agent])
        if len(enemies):
            east, north = enemies[_distances(enemies, places[agent]).argmin()] - places[agent]
            wish[agent, NORTH:FIRST_TARGET] = 50.0 + np.array([north, -north, east, -east])
    is_random = rng.random((n_agents, 1)) < RANDOM_SHARES[episode % len(RANDOM_SHARES)]
    wish = np.where(is_random, 1.0 + rng.random(wish.shape), wish)
    return (wish * avail_actions).argmax(-1)


def waiting_actions(sim: SmacSim, avail_actions: np.ndarray, *_: Any) -> np.ndarray:
    """[1, n, U] bool → [1, n]: stop, for the living."""
    return np.where(avail_actions[:, :, STOP], STOP, 0)


def play_side_by_side(
    client: Any,
    sim: SmacSim,
    seed: int,
    *,
    episodes: int = 1,
    most_steps: int | None = None,
    policy: Policy = fighting_actions,
) -> Counter:
    """Plays the same episodes in both until they are over.

    Args:
        client: made with the same settings and with `seed`; its game has not been started yet.
        sim: one copy.
        most_steps: of the last episode, which may so be left unfinished.
        policy: (sim, [1, n, U] available actions, rng, episode) → [1, n] actions.

    Returns:
        How often something was seen, so that tests can tell that it was: "steps", "won", "lost", "drawn" (all units
        of both sides are gone), "timeouts", "unfinished", "dead_allies", "dead_enemies", "heals".

    Raises:
        AssertionError: two numbers differ; names the entry.
    """
    rng = np.random.default_rng(seed)
    seen: Counter = Counter()
    actions = np.full((1, sim.n_agents), STOP)
    for episode in range(episodes):
        step = sim.reset(seed) if episode == 0 else sim.step(actions)
        views = client.reset()
        if episode == 0:
            _compare_sizes(client, sim)
        limit = most_steps if episode == episodes - 1 else None
        number, over = 0, False
        while True:
            where = f"{sim.options.map_name}, episode {episode}, step {number}: "
            _compare_views(where, client, sim, step, *views)
            if over or number == limit:
                break
            actions = policy(sim, step.avail_actions, rng, episode)
            seen["heals"] += _heals(sim, actions)
            reward, over, info = client.step(actions[0].tolist())
            step, views = sim.step(actions), (client.get_obs(), client.get_state())
            number += 1
            _compare_results(where, sim, step, reward, over, info)
        seen += _summary(sim, step, number, over)
    return seen


def _summary(sim: SmacSim, step: TeamStep, steps: int, over: bool) -> Counter:
    info = {name: int(values[0]) for name, values in step.info.items()}
    ending = "won" if info["battle_won"] else "timeouts" if info["episode_limit"] else "lost"
    if info["dead_allies"] + info["dead_enemies"] == sim.battle.units.shape[1]:
        ending = "drawn"
    deaths = {name: info[name] for name in ("dead_allies", "dead_enemies")}
    return Counter({"steps": steps, ending if over else "unfinished": 1, **deaths})


def _distances(places: np.ndarray, place: np.ndarray) -> np.ndarray:
    return np.linalg.norm(places - place, axis=-1)


def _compare_sizes(client: Any, sim: SmacSim) -> None:
    info = client.get_env_info()
    expected = {
        "state_shape": sim.state_dim,
        "obs_shape": sim.obs_dim,
        "n_actions": sim.n_actions,
        "n_agents": sim.n_agents,
        "episode_limit": sim.episode_limit,
    }
    differing = {name: (info[name], ours) for name, ours in expected.items() if info[name] != ours}
    assert not differing, f"get_env_info (client, simulator): {differing}"


def _compare_views(where: str, client: Any, sim: SmacSim, step: Any, obs: Any, state: Any) -> None:
    avail = np.array(client.get_avail_actions(), bool)
    agents, actions = np.nonzero(avail != step.avail_actions[0])
    assert not len(agents), (
        f"{where}mask of agent {agents[0]}, action {actions[0]}: client {avail[agents[0], actions[0]]}"
    )
    obs, state = np.array(obs), np.array(state)
    if sim.options.obs_timestep_number:
        obs = _without_unused_place(obs)
        if sim.options.obs_instead_of_state:
            state = _without_unused_place(state.reshape(sim.n_agents, -1)).ravel()
    for agent in range(sim.n_agents):
        place = _first_difference(obs[agent], step.obs[0, agent])
        assert place is None, where + (
            f"obs of agent {agent}, entry {place} ({_obs_entry(sim, place)}): "
            f"client {obs[agent][place]!r}, simulator {step.obs[0, agent, place]!r}"
        )
    place = _first_difference(state, step.state[0])
    assert place is None, where + (
        f"state, entry {place} ({_state_entry(sim, place)}): "
        f"client {state[place]!r}, simulator {step.state[0, place]!r}"
    )


def _compare_results(where: str, sim: SmacSim, step: Any, reward: float, over: bool, info: dict) -> None:
    assert info, f"{where}the client lost its game"
    ours = float(step.rewards[0])
    assert np.isclose(reward, ours, rtol=RELATIVE_TOLERANCE, atol=0), (
        f"{where}reward {reward!r}, simulator {ours!r}"
    )
    ended = bool(step.terminated[0] or step.truncated[0])
    assert over == ended, f"{where}terminated {over}, simulator {ended}"
    theirs = {"episode_limit": False, **info}
    if not sim.options.continuing_episode:  # then SMAC does not tell
        theirs["episode_limit"] = step.info["episode_limit"][0]
    differing = {
        name: (value, step.info[name][0]) for name, value in theirs.items() if value != step.info[name][0]
    }
    assert not differing, f"{where}info (client, simulator): {differing}"


def _without_unused_place(obs: np.ndarray) -> np.ndarray:
    """SMAC keeps a place for the time of the episode, leaves it 0 and appends the time behind it."""
    assert not obs[:, -2].any()
    return np.delete(obs, -2, axis=1)


def _first_difference(theirs: np.ndarray, ours: np.ndarray) -> int | None:
    assert theirs.shape == ours.shape, f"shapes {theirs.shape} and {ours.shape}"
    differs = ~np.isclose(theirs, ours, rtol=RELATIVE_TOLERANCE, atol=0)
    return int(differs.argmax()) if differs.any() else None


def _heals(sim: SmacSim, actions: np.ndarray) -> int:
    medivacs = [name == "medivac" for name in sim.options.map.ally_types]
    return int((actions[0][medivacs] >= FIRST_TARGET).sum())


def _obs_entry(sim: SmacSim, place: int) -> str:
    layout = sim.layout
    parts = [("move features", 1, layout.move_feats), ("enemy", layout.n_enemies, layout.enemy_feats)]
    parts += [("ally", layout.n_agents - 1, layout.ally_feats), ("own features", 1, layout.own_feats)]
    return _entry(parts, place)


def _state_entry(sim: SmacSim, place: int) -> str:
    layout = sim.layout
    if sim.options.obs_instead_of_state:
        return f"observation of agent {place // layout.obs_dim}: {_obs_entry(sim, place % layout.obs_dim)}"
    parts = [("ally", layout.n_agents, layout.ally_state_feats)]
    parts += [("enemy", layout.n_enemies, layout.enemy_state_feats)]
    if sim.options.state_last_action:
        parts += [("last action of agent", layout.n_agents, layout.n_actions)]
    return _entry(parts, place)


def _entry(parts: list[tuple[str, int, int]], place: int) -> str:
    for name, rows, columns in parts:
        if place < rows * columns:
            row, column = divmod(place, columns)
            return f"{name}{f' {row}' if rows > 1 else ''}, column {column}"
        place -= rows * columns
    return "time"
