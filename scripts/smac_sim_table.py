#!/usr/bin/env python
"""What random, nearest and weakest play (see rllib_remix/envs/smac_sim/heuristics.py) earns on smac_sim.

Usage: .venv/bin/python scripts/smac_sim_table.py [--maps MAP …] [--episodes 200] [--seed 0] [--out FILE.json]

Prints a Markdown table beside the figures of SMAClite and SMAX in docs/results/smac_peers_heuristics.json; SMAX's
returns are converted to SMAC's scale. --out keeps the raw figures: docs/results/smac_sim_heuristics.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rllib_remix.envs.smac.capabilities import SCENARIOS
from rllib_remix.envs.smac.layout import smac_layout
from rllib_remix.envs.smac.maps import MAPS
from rllib_remix.envs.smac.options import SmacOptions
from rllib_remix.envs.smac_sim.heuristics import nearest_actions, weakest_actions
from rllib_remix.envs.smac_sim.simulator import SmacSim
from rllib_remix.envs.team_env import random_actions

DEFAULT_MAPS = (
    "3m", "8m", "5m_vs_6m", "10m_vs_11m", "2s3z", "3s5z", "3s_vs_5z", "6h_vs_8z", "MMM2", "corridor",
)  # fmt: skip
POLICIES = ("random", "nearest", "weakest")
COPIES = 32
PEERS = Path(__file__).resolve().parents[1] / "docs" / "results" / "smac_peers_heuristics.json"
NOTES = """\
Mean return (standard deviation) of {episodes} episodes, {copies} copies, seed {seed}, on SMAC's scale: 20 is a win over enemies
that recovered nothing. Peers: mean return, wins, of 20 to 50 and 128 episodes (3m, 8m and 5m_vs_6m are no maps of
SMAClite, but were added). SMAX's return is another; shown is what SMAC would pay for its shares of health removed, kills
and wins.

Differences that are known:
- SMAClite and SMAX take speeds and cooldowns per "faster" second, but let 16 ticks pass in it: units move and shoot 1.4
  times as fast per env step as in SMAC and here. SMAClite's shields and medivacs do not, so they count for less.
- SMAClite's starts are always the same and its cooldowns fixed, so that a scripted team plays one battle over and over
  (a standard deviation near 0): it wins always or never. Here chance moves starts and delays shots.
- SMAX: marines do 9 damage, not 6; no armour, shields, bonus damage or terrain; zealots hit once, not twice; shots of one
  tick are simultaneous; enemies walk towards random allies; starts vary by 2 cells; episodes end after 100 env steps.
- MMM2 is lost here, as in SMAC, when only the medivac is left; in SMAClite when nobody is.
- The corridor is narrower here (336 cells by the flags of the map file, SMAClite: 440)."""


def play(map_name: str, policy: str, episodes: int, seed: int) -> dict[str, float]:
    """Means over episodes, shared evenly among the copies so that short ones do not count more."""
    env = SmacSim(COPIES, map_name=map_name)
    rng = np.random.default_rng(seed)
    choose: dict[str, Callable[[], np.ndarray]] = {
        "random": lambda: random_actions(step.avail_actions, rng),
        "nearest": lambda: nearest_actions(env),
        "weakest": lambda: weakest_actions(env),
    }
    copies = np.arange(COPIES)
    left = episodes // COPIES + (copies < episodes % COPIES)
    step = env.reset(seed)
    returns, lengths = np.zeros(COPIES), np.zeros(COPIES)
    rows = []
    while left.any():
        began = step.terminated | step.truncated
        step = env.step(choose[policy]())
        returns = np.where(began, 0.0, returns + step.rewards)
        lengths = np.where(began, 0, lengths + 1)
        for copy in np.flatnonzero((step.terminated | step.truncated) & (left > 0)):
            left[copy] -= 1
            facts = [float(step.info[name][copy]) for name in ("battle_won", "dead_allies", "dead_enemies")]
            rows.append([returns[copy], lengths[copy], *facts, float(step.info["episode_limit"][copy])])
    return _summary(np.array(rows))


def _summary(rows: np.ndarray) -> dict[str, float]:
    """Of [episodes, 6]: return, length, won, dead allies, dead enemies, timed out."""
    means = rows.mean(0)
    names = ("win_rate", "dead_allies_mean", "dead_enemies_mean")
    return {
        "episodes": len(rows),
        "return_mean": round(float(means[0]), 3),
        "return_sd": round(float(rows[:, 0].std()), 3),
        "length_mean": round(float(means[1]), 2),
        **{name: round(float(mean), 3) for name, mean in zip(names, means[2:5], strict=True)},
        "timeouts": int(rows[:, 5].sum()),
    }


def on_smacs_scale(map_name: str, smax: dict[str, float]) -> float:
    """SMAX's mean return (share of health removed + 1 for a win) as SMAC would pay it."""
    options = SmacOptions(map_name=map_name)
    removed = (smax["return_mean"] - smax["win_rate"]) * options.map.enemy_total
    paid = removed + options.reward_death_value * smax["dead_enemies_mean"]
    paid += options.reward_win * smax["win_rate"]
    return paid / smac_layout(options).max_reward * options.reward_scale_rate


def table(results: dict[str, dict[str, Any]], peers: dict[str, Any]) -> list[str]:
    """Markdown, a line per map and policy."""
    lines = [
        "| map | policy | return | wins | length | dead allies, enemies | timeouts | SMAClite | SMAX |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for map_name, of_map in results.items():
        for policy, figures in of_map.items():
            lite = peers["smaclite"]["results"].get(map_name, {}).get(policy)
            smax = peers["smax"]["results"].get(map_name, {}).get(policy)
            lines.append(
                f"| {map_name} | {policy} | {figures['return_mean']:.2f} ({figures['return_sd']:.2f}) "
                f"| {figures['win_rate']:.0%} | {figures['length_mean']:.1f} "
                f"| {figures['dead_allies_mean']:.2f}, {figures['dead_enemies_mean']:.2f} | {figures['timeouts']} "
                f"| {_peer(lite, lite and lite['return_mean'])} "
                f"| {_peer(smax, smax and on_smacs_scale(map_name, smax))} |"
            )
    return lines


def _peer(figures: dict[str, float] | None, value: float | None) -> str:
    if figures is None:
        return "–"
    return f"{value:.2f}, {figures['win_rate']:.0%}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--maps", nargs="+", choices=(*MAPS, *SCENARIOS), metavar="MAP", default=DEFAULT_MAPS)
    parser.add_argument("--episodes", type=int, default=200, help="of every policy (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="also write the figures to this JSON file")
    options = parser.parse_args()
    if options.episodes < 1:
        parser.error(f"--episodes: {options.episodes} is not allowed; it must be at least 1.")
    settings = {"episodes": options.episodes, "copies": COPIES, "seed": options.seed}
    results = {
        map_name: {policy: play(map_name, policy, options.episodes, options.seed) for policy in POLICIES}
        for map_name in options.maps
    }
    print("\n".join(table(results, json.loads(PEERS.read_text(encoding="utf-8")))))
    print(f"\n{NOTES.format(**settings)}")
    if options.out is not None:
        content = {"settings": settings | {"environment": "smac_sim, defaults"}, "results": results}
        options.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
