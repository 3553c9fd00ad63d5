"""Random legal play on all maps under the laws that no battle may break.

The play is short and always the same, unless the environment variable SMAC_SIM_FUZZ_SECONDS asks for more: then it
goes on with other seeds and settings for about that many seconds, as in
`SMAC_SIM_FUZZ_SECONDS=60 python -m pytest tests/envs/smac_sim/test_fuzz.py`.
"""

import os
import time

import numpy as np
import pytest
from batteries import battery_but

from rllib_remix.envs.smac.maps import MAPS
from rllib_remix.envs.smac_sim.battles.terrain import terrain_of
from rllib_remix.envs.smac_sim.battles.units import AIR, CLIFF_WALKER, GROUND
from rllib_remix.envs.smac_sim.simulator import SmacSim
from rllib_remix.envs.team_env import random_actions

SECONDS = float(os.environ.get("SMAC_SIM_FUZZ_SECONDS", "0"))  # of all maps together
COPIES, STEPS = 4, 60
REWARDS = (
    {},
    {"reward_only_positive": False, "reward_death_value": 7.0},
    {"reward_enemy_recovery": False, "reward_scale": False, "reward_defeat": -13.0},
    {"reward_only_positive": False, "reward_enemy_recovery": False, "reward_negative_scale": 1.5},
    {"reward_sparse": True, "continuing_episode": False},
)
# Per loop, from seconds of 16 loops: 0.2734 hp, 9 hp by a medivac, 2 of a shield, 0.5625 energy.
REGENERATION, HEALING, RECHARGE, ENERGY = 0.2734 / 16, 9 / 16, 2 / 16, 0.5625 / 16
ZERG = ("zergling", "baneling", "hydralisk", "spine_crawler")
SLACK = 1e-3  # for single precision


class Laws:
    """Watches one environment from step to step and asserts what must hold of its units and rewards."""

    def __init__(self, env: SmacSim):
        self.env, self.game, self.battle = env, env.options.map, env.battle
        names = (*self.game.ally_types, *self.game.enemy_types)
        self.loops = env.options.step_mul
        self.is_ally = np.arange(len(names)) < self.game.n_agents
        kinds = self.battle.kinds[self.battle.world.unit_kinds]
        self.kinds, self.layer = kinds, kinds["layer"]
        medivacs = np.array([name == "medivac" for name in names])
        healers = np.where(self.is_ally, (medivacs & self.is_ally).sum(), (medivacs & ~self.is_ally).sum())
        biological = ~np.isin(names, ("stalker", "colossus", "medivac"))
        self.regeneration = np.isin(names, ZERG) * REGENERATION
        self.medivacs = medivacs
        self.gain = self.regeneration + healers * biological * HEALING  # hp per loop
        terrain = terrain_of(self.game.name)
        self.ground = {
            GROUND: terrain.walkable,
            CLIFF_WALKER: terrain.walkable | terrain.cliff,
            AIR: np.ones((32, 32), bool),
        }
        self.before = self.battle.units.copy()

    def gain_of_side(self, side: np.ndarray) -> float:
        """Hit points that all units of a side together can get back per loop."""
        return float(self.regeneration[side].sum() + self.medivacs[side].sum() * HEALING)

    def check_reset(self) -> None:
        self._check_units(self.battle.units)
        self.before = self.battle.units.copy()

    def check_step(self, over_before: np.ndarray) -> None:
        """`over_before` [N] bool: the copies that started anew in this step."""
        step, after = self.env.current(), self.battle.units
        for values in (step.obs, step.state, step.rewards):
            assert np.isfinite(values).all()
        assert np.abs(step.obs).max() <= 1
        assert np.abs(step.state).max() <= 1.6  # a hydralisk's cooldown: (13.2 + 2) / 10
        self._check_units(after)
        going = ~over_before
        self._check_changes(self.before[going], after[going], self.battle.world.battles["loop"][going])
        self._check_masks(step.avail_actions, after)
        for copy in np.flatnonzero(going):
            self._check_reward(copy, self.before[copy], after[copy])
        assert (step.rewards[over_before] == 0).all()
        self.before = after.copy()

    def _check_units(self, units: np.ndarray) -> None:
        for field in ("x", "y", "health", "shield", "energy", "cooldown", "missile"):
            assert np.isfinite(units[field]).all()
        x, y = units["x"], units["y"]
        assert (x >= 0).all()
        assert (y >= 0).all()
        assert (x < 32).all()
        assert (y < 32).all()
        for layer, ground in self.ground.items():
            assert ground[x[:, self.layer == layer].astype(int), y[:, self.layer == layer].astype(int)].all()
        for field in ("health", "shield", "energy"):
            assert (units[field] >= 0).all()
            assert (units[field] <= self.kinds[field] + SLACK).all()
        assert (units["cooldown"] > -1).all()
        assert (units["cooldown"] <= self.kinds["cooldown"] + 2).all()

    def _check_changes(self, before: np.ndarray, after: np.ndarray, loop: np.ndarray) -> None:
        alive = before["health"] > 0
        assert (after["health"][~alive] == 0).all()  # the dead stay dead
        assert (after["x"][~alive] == before["x"][~alive]).all()
        gained = np.maximum(after["health"] - before["health"], 0)
        assert (gained <= self.loops * self.gain + SLACK).all()
        for side in (self.is_ally, ~self.is_ally):
            assert (gained[:, side].sum(-1) <= self.loops * self.gain_of_side(side) + SLACK).all()
        recharged = after["shield"] - before["shield"]
        assert (recharged[alive] <= self.loops * RECHARGE + SLACK).all()
        assert (recharged[alive & (loop[:, None] - after["last_hit"] < 160)] <= 0).all()
        assert (after["energy"] - before["energy"] <= self.loops * ENERGY + SLACK).all()
        spent = before["energy"] - after["energy"]
        assert (spent <= self.loops * HEALING / 3 + SLACK).all()
        hurt = (after["health"] + after["shield"] < before["health"] + before["shield"] - SLACK) & alive
        assert (after["last_hit"][hurt & (after["health"] > 0)] > 0).all()
        walked = np.hypot(after["x"] - before["x"], after["y"] - before["y"])
        # What a unit walks itself, and pushes of a quarter of a cell per loop by several neighbours.
        assert (walked <= self.loops * (self.kinds["speed"] + 1.0) + SLACK).all()
        assert (walked[:, self.kinds["speed"] == 0] == 0).all()

    def _check_masks(self, avail: np.ndarray, units: np.ndarray) -> None:
        alive = units["health"][:, self.is_ally] > 0
        np.testing.assert_array_equal(avail[:, :, 0], ~alive)
        np.testing.assert_array_equal(avail[:, :, 1], alive)
        assert not avail[~alive][:, 1:].any()
        heals = np.array([self.game.heals and name == "medivac" for name in self.game.ally_types])
        enemies = units["health"][:, ~self.is_ally] > 0
        assert not (avail[:, ~heals, 6:] & ~enemies[:, None]).any()

    def _check_reward(self, copy: int, before: np.ndarray, after: np.ndarray) -> None:
        """The reward is what the units' health says, and the end what the living say."""
        options, step, game = self.env.options, self.env.current(), self.game
        damage = kills = suffered = 0.0
        for number in range(len(before)):
            if before["health"][number] <= 0:
                continue
            left = 0.0
            if after["health"][number] > 0:
                left = float(after["health"][number]) + float(after["shield"][number])
            lost = float(before["health"][number]) + float(before["shield"][number]) - left
            died = after["health"][number] <= 0
            if number < game.n_agents:
                suffered += lost + died * options.reward_death_value
            else:
                damage += lost if options.reward_enemy_recovery else max(lost, 0.0)
                kills += died * options.reward_death_value
        expected = damage + kills
        if options.reward_only_positive:
            expected = abs(expected)
        else:
            expected -= options.reward_negative_scale * suffered
        result = self._result(after)
        if options.reward_sparse:
            expected = {"won": 1.0, "lost": -1.0}.get(result, 0.0)
        else:
            expected += {"won": options.reward_win, "lost": options.reward_defeat}.get(result, 0.0)
        if options.reward_scale:
            expected /= self.env.layout.max_reward / options.reward_scale_rate
        assert step.rewards[copy] == pytest.approx(expected, rel=1e-5, abs=1e-3)
        timeout = result == "goes on" and self.env._view.steps[copy] >= game.episode_limit
        assert step.terminated[copy] == (result != "goes on" or (timeout and not options.continuing_episode))
        assert step.truncated[copy] == (timeout and options.continuing_episode)
        assert step.info["battle_won"][copy] == (result == "won")
        dead = after["health"] <= 0
        assert step.info["dead_allies"][copy] == dead[self.is_ally].sum()
        assert step.info["dead_enemies"][copy] == dead[~self.is_ally].sum()

    def _result(self, units: np.ndarray) -> str:
        names = (*self.game.ally_types, *self.game.enemy_types)
        living = [name for name, unit in zip(names, units, strict=True) if unit["health"] > 0]
        allies = living[: int((units["health"][self.is_ally] > 0).sum())]
        enemies = living[len(allies) :]
        if self.game.heals and set(allies) <= {"medivac"}:
            return "lost"
        if self.game.heals and enemies == ["medivac"]:
            return "won"
        if allies and enemies:
            return "goes on"
        return "won" if allies else "lost" if enemies else "drawn"


def attack_mostly(avail: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random available actions, of which targets are the likeliest: such play gets nearer to the end of battles."""
    liking = np.where(np.arange(avail.shape[-1]) >= 6, 20.0, 1.0)
    return (rng.random(avail.shape) ** (1 / liking) * avail).argmax(-1)


def watch(name: str, seed: int, copies: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    settings = dict(REWARDS[seed % len(REWARDS)])
    settings["step_mul"] = int(rng.choice([8, 8, 8, 1, 3, 22]))
    env = SmacSim(copies, map_name=name, **settings)
    step = env.reset(seed=seed)
    laws = Laws(env)
    laws.check_reset()
    choose = attack_mostly if seed % 2 else random_actions
    for _ in range(steps):
        over = step.terminated | step.truncated
        step = env.step(choose(step.avail_actions, rng))
        laws.check_step(over)


@pytest.mark.parametrize("name", battery_but(["3m", "MMM2"], MAPS))
def test_random_play_breaks_no_law(name):
    number = list(MAPS).index(name)
    for seed in (number, number + 1):  # both ways of play, all ways of rewards among the maps
        watch(name, seed, COPIES if seed % 2 else 1, STEPS)
    end, seed = time.monotonic() + SECONDS / len(MAPS), 1000
    while time.monotonic() < end:
        watch(name, seed, 1 + seed % 3, 250)
        seed += 1
