"""A small client in place of SMAC's StarCraft2Env: same arguments, methods, numbers and behaviour in a crash.

It knows the game by its protocol and SMAC by its rules, and shares no code with our simulator, so that comparing
the two checks both. What SMAC does oddly, it does as well (marked as such).
"""

from __future__ import annotations

import atexit
import math
import os
import time
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from rllib_remix.envs.smac.maps import smac_map
from tests.envs.smac.standin.controller import Controller, LostGame
from tests.envs.smac.standin.messages import Request, enum_values

NO_OP, STOP, NORTH, SOUTH, EAST, WEST, FIRST_TARGET = range(7)
DIRECTIONS = {NORTH: (0, 1), SOUTH: (0, -1), EAST: (1, 0), WEST: (-1, 0)}
ABILITIES = {"stop": 4, "move": 16, "attack": 23, "heal": 386}
SHOOT_RANGE, SIGHT_RANGE = 6, 9
MAX_SHIELD = {"stalker": 80, "zealot": 50, "colossus": 150}
MAX_COOLDOWN = {
    "marine": 15, "marauder": 25, "stalker": 35, "zealot": 22, "colossus": 24, "hydralisk": 10, "zergling": 11,
    "baneling": 1,
}  # fmt: skip
MAX_ENERGY = 200
STOCK_IDS = {
    "colossus": 4, "baneling": 9, "marine": 48, "marauder": 51, "medivac": 54, "zealot": 73, "stalker": 74,
    "spine_crawler": 98, "zergling": 105, "hydralisk": 107,
}  # fmt: skip
STOCK_NAMES = {number: name for name, number in STOCK_IDS.items()}
# Columns of the enemies' type one-hot.
ENEMY_COLUMNS = {
    "stalkers_and_zealots": ("zealot", "stalker"),
    "colossi_stalkers_zealots": ("colossus", "stalker", "zealot"),
    "MMM": ("marauder", "marine", "medivac"),
    "bane": ("baneling", "zergling"),
}
RACES = {"T": "Terran", "Z": "Zerg", "P": "Protoss"}
DIFFICULTIES = {
    "1": "VeryEasy", "2": "Easy", "3": "Medium", "4": "MediumHard", "5": "Hard", "6": "Harder", "7": "VeryHard",
    "8": "CheatVision", "9": "CheatMoney", "A": "CheatInsane",
}  # fmt: skip

_RACE, _DIFFICULTY, _PLAYER = enum_values("Race"), enum_values("Difficulty"), enum_values("PlayerType")


class MinimalStarCraft2Env:
    """StarCraft2Env's arguments and methods, but for heuristics and rendering."""

    def __init__(
        self,
        map_name="8m",
        step_mul=8,
        move_amount=2,
        difficulty="7",
        game_version=None,
        seed=None,
        continuing_episode=False,
        obs_all_health=True,
        obs_own_health=True,
        obs_last_action=False,
        obs_pathing_grid=False,
        obs_terrain_height=False,
        obs_instead_of_state=False,
        obs_timestep_number=False,
        state_last_action=True,
        state_timestep_number=False,
        reward_sparse=False,
        reward_only_positive=True,
        reward_death_value=10,
        reward_win=200,
        reward_defeat=0,
        reward_negative_scale=0.5,
        reward_scale=True,
        reward_scale_rate=20,
        replay_dir="",
        replay_prefix="",
        window_size_x=1920,
        window_size_y=1200,
        heuristic_ai=False,
        heuristic_rest=False,
        debug=False,
    ):
        if heuristic_ai or heuristic_rest:
            raise ValueError("heuristic_ai, heuristic_rest: the small client has no script that plays")
        self._game = smac_map(map_name)
        self.n_agents, self.n_enemies = self._game.n_agents, self._game.n_enemies
        self.n_actions, self.episode_limit = self._game.n_actions, self._game.episode_limit
        self._step_mul, self._move_amount = step_mul, move_amount
        self._difficulty, self._seed = difficulty, seed
        self._continuing_episode = continuing_episode
        self._obs_all_health, self._obs_own_health = obs_all_health, obs_own_health or obs_all_health
        self._obs_last_action, self._obs_timestep_number = obs_last_action, obs_timestep_number
        self._obs_pathing_grid, self._obs_terrain_height = obs_pathing_grid, obs_terrain_height
        self._obs_instead_of_state = obs_instead_of_state
        self._state_last_action, self._state_timestep_number = state_last_action, state_timestep_number
        self._reward_sparse, self._reward_only_positive = reward_sparse, reward_only_positive
        self._reward_death_value = reward_death_value
        self._reward_win, self._reward_defeat = reward_win, reward_defeat
        self._reward_negative_scale = reward_negative_scale
        self._reward_scale, self._reward_scale_rate = reward_scale, reward_scale_rate
        self._replay_dir, self._replay_prefix = replay_dir, replay_prefix
        self.max_reward = self.n_enemies * reward_death_value + reward_win
        self.agents: dict[int, Any] = {}  # unit messages by agent id; health 0 when dead
        self.enemies: dict[int, Any] = {}
        self._ally_names: dict[int, str] = {}  # unit type → name
        self._controller: Controller | None = None
        self._episode_count = self._episode_steps = 0
        self.force_restarts = 0
        atexit.register(self.close)

    # The episode

    def reset(self):
        """Starts an episode; the game as well, if no episode has finished yet (SMAC's oddity)."""
        self._episode_steps = 0
        if self._episode_count == 0:
            self._launch()
        else:
            try:
                self._kill_everyone()
            except LostGame:
                self.full_restart()
        self._last_actions = np.zeros((self.n_agents, self.n_actions))
        self._counted_dead: set[int] = set()  # enemies whose death was paid
        self._mourned: set[int] = set()  # allies whose death was charged
        try:
            self._meet_units()
        except LostGame:
            self.full_restart()
        return self.get_obs(), self.get_state()

    def step(self, actions):
        """Plays one step: (reward, terminated, info); (0, True, {}) if the game was lost and started again."""
        actions = [int(action) for action in actions]
        self._last_actions = np.eye(self.n_actions)[actions]
        request = Request()
        request.action.SetInParent()
        for agent, action in enumerate(actions):
            self._add_order(request, agent, action)
        try:
            self._controller.send(request)
            self._controller.ask("step", count=self._step_mul)
            units = self._observe()
        except LostGame:
            self.full_restart()
            return 0, True, {}
        self._episode_steps += 1
        before = [_points(self.agents), _points(self.enemies)]
        self._follow(units)
        outcome = self._outcome()
        reward = self._reward(*before)
        info = {
            "battle_won": outcome == 1,
            "dead_allies": sum(unit.health == 0 for unit in self.agents.values()),
            "dead_enemies": sum(unit.health == 0 for unit in self.enemies.values()),
        }
        if outcome in (1, -1):
            bonus = self._reward_win if outcome == 1 else self._reward_defeat
            reward = outcome if self._reward_sparse else reward + bonus
        terminated = outcome is not None
        if not terminated and self._episode_steps >= self.episode_limit:
            terminated = True
            if self._continuing_episode:
                info["episode_limit"] = True
        self._episode_count += terminated
        if self._reward_scale:
            reward /= self.max_reward / self._reward_scale_rate
        return reward, terminated, info

    def full_restart(self):
        """Ends the game and starts another."""
        self._controller.close()
        self._launch()
        self.force_restarts += 1

    def close(self):
        """Ends the game; again is fine."""
        if self._controller is not None:
            self._controller.close()
            self._controller = None

    def save_replay(self):
        """Writes what the game has of a replay to replay_dir, or below the game's folder."""
        data = self._controller.ask("save_replay").data
        folder = _sc2_path() / "Replays" / self._replay_dir
        folder.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y-%m-%d-%H-%M-%S", time.gmtime())
        (folder / f"{self._replay_prefix or self._game.name}_{stamp}.SC2Replay").write_bytes(data)

    def _launch(self):
        if self._controller is not None:  # SMAC forgets a game that it replaces; nobody should
            self._controller.close()
        sc2_path = _sc2_path()
        self._controller = Controller(sc2_path)
        file = f"SMAC_Maps/{self._game.name}.SC2Map"
        request = Request()
        create = request.create_game
        create.local_map.map_path = file
        create.local_map.map_data = (sc2_path / "Maps" / file).read_bytes()
        create.realtime = False
        if self._seed is not None:
            create.random_seed = self._seed
        create.player_setup.add(type=_PLAYER["Participant"])
        create.player_setup.add(
            type=_PLAYER["Computer"],
            race=_RACE[RACES[self._game.races[1]]],
            difficulty=_DIFFICULTY[DIFFICULTIES[self._difficulty]],
        )
        self._controller.send(request)
        request = Request()
        request.join_game.race = _RACE[RACES[self._game.races[0]]]
        request.join_game.options.raw = True
        request.join_game.options.score = False
        self._controller.send(request)
        self._read_ground(self._controller.ask("game_info").start_raw)

    def _read_ground(self, raw):
        self._size = raw.map_size.x, raw.map_size.y
        self._span = (
            raw.playable_area.p1.x - raw.playable_area.p0.x,
            raw.playable_area.p1.y - raw.playable_area.p0.y,
        )
        if raw.pathing_grid.bits_per_pixel != 1:
            raise ValueError(f"pathing_grid: {raw.pathing_grid.bits_per_pixel} bits per cell; expected 1")
        width, height = self._size
        bits = np.unpackbits(np.frombuffer(raw.pathing_grid.data, np.uint8))
        self._walkable = bits.reshape(height, width).T.astype(bool)
        rows = np.frombuffer(raw.terrain_height.data, np.uint8).reshape(height, width)
        self._heights = rows[::-1].T / 255  # rows come from the north

    def _observe(self):
        return self._controller.ask("observation", disable_fog=False).observation.raw_data.units

    def _kill_everyone(self):
        request = Request()
        living = [
            unit.tag for side in (self.agents, self.enemies) for unit in side.values() if unit.health > 0
        ]
        request.debug.debug.add().kill_unit.tag.extend(living)
        self._controller.send(request)
        self._controller.ask("step", count=2)

    def _meet_units(self):
        """Numbers the units of a new episode; waits until all are there."""
        while True:
            units = self._observe()
            allies = [unit for unit in units if unit.owner == 1]
            allies.sort(key=lambda unit: (unit.unit_type, unit.pos.x, unit.pos.y))
            self.agents = dict(enumerate(allies))
            self.enemies = dict(enumerate(unit for unit in units if unit.owner == 2))
            if self._episode_count == 0:
                # SMAC adds this anew with every reset before the first episode has finished.
                self.max_reward += sum(unit.health_max + unit.shield_max for unit in self.enemies.values())
                first_type = allies[0].unit_type
                names = [name for name, _ in self._game.allies]
                self._ally_names = {first_type + i: name for i, name in enumerate(names)}
            if len(self.agents) == self.n_agents and len(self.enemies) == self.n_enemies:
                return
            self._controller.ask("step", count=1)

    def _follow(self, units):
        """Finds the known units again; those that are gone are dead, where they were last seen."""
        by_tag = {unit.tag: unit for unit in units}
        for side in (self.agents, self.enemies):
            for number, unit in side.items():
                if unit.tag in by_tag:
                    side[number] = by_tag[unit.tag]
                else:
                    unit.health = 0

    def _outcome(self):
        """1 won, −1 lost, 0 both armies gone, None: the battle goes on."""
        allies = [unit for unit in self.agents.values() if unit.health > 0]
        enemies = [unit for unit in self.enemies.values() if unit.health > 0]
        if self._game.heals:
            if all(self._is_medivac(unit) for unit in allies):
                return -1
            if len(enemies) == 1 and enemies[0].unit_type == STOCK_IDS["medivac"]:
                return 1
        if allies and enemies:
            return None
        return bool(allies) - bool(enemies)

    def _reward(self, allies_before, enemies_before):
        if self._reward_sparse:
            return 0
        allies, enemies = _points(self.agents), _points(self.enemies)
        dealt, kills = 0.0, 0
        for number, before in enemies_before.items():
            if number in self._counted_dead:
                continue
            if self.enemies[number].health == 0:
                self._counted_dead.add(number)
                kills += 1
                dealt += before
            else:
                dealt += before - enemies[number]
        if self._reward_only_positive:
            return abs(dealt + kills * self._reward_death_value)
        suffered, deaths = 0.0, 0
        for number, before in allies_before.items():
            if number in self._mourned:
                continue
            if self.agents[number].health == 0:
                self._mourned.add(number)
                deaths += 1
                suffered += before
            else:
                suffered += before - allies[number]
        cost = (suffered + deaths * self._reward_death_value) * self._reward_negative_scale
        return dealt + kills * self._reward_death_value - cost

    # Actions

    def get_avail_actions(self):
        """What each agent may do: a list of lists of 0 and 1."""
        return [self.get_avail_agent_actions(agent) for agent in range(self.n_agents)]

    def get_avail_agent_actions(self, agent):
        unit, allowed = self.agents[agent], [0] * self.n_actions
        if unit.health == 0:
            allowed[NO_OP] = 1
            return allowed
        allowed[STOP] = 1
        for action, (dx, dy) in DIRECTIONS.items():
            reach = self._move_amount / 2
            x, y = int(unit.pos.x + dx * reach), int(unit.pos.y + dy * reach)
            allowed[action] = int(self._on_map(x, y) and self._walkable[x, y])
        for number, target in self._targets(unit).items():
            if target.health > 0 and _distance(unit, target) <= SHOOT_RANGE:
                allowed[FIRST_TARGET + number] = 1
        return allowed

    def _targets(self, unit):
        if not self._is_medivac(unit):
            return self.enemies
        return {number: ally for number, ally in self.agents.items() if not self._is_medivac(ally)}

    def _add_order(self, request, agent, action):
        """Appends an agent's order; the dead have none."""
        if not self.get_avail_agent_actions(agent)[action]:
            raise AssertionError(f"Agent {agent} cannot perform action {action}")
        if action == NO_OP:
            return
        unit = self.agents[agent]
        command = request.action.actions.add().action_raw.unit_command
        command.unit_tags.append(unit.tag)
        command.queue_command = False
        if action == STOP:
            command.ability_id = ABILITIES["stop"]
        elif action in DIRECTIONS:
            dx, dy = DIRECTIONS[action]
            command.ability_id = ABILITIES["move"]
            command.target_world_space_pos.x = unit.pos.x + dx * self._move_amount
            command.target_world_space_pos.y = unit.pos.y + dy * self._move_amount
        else:
            heals = self._is_medivac(unit)
            command.ability_id = ABILITIES["heal" if heals else "attack"]
            side = self.agents if heals else self.enemies
            command.target_unit_tag = side[action - FIRST_TARGET].tag

    # Observations

    def get_obs(self):
        """What each agent sees: a list of arrays."""
        return [self.get_obs_agent(agent) for agent in range(self.n_agents)]

    def get_obs_agent(self, agent):
        me = self.agents[agent]
        sizes = self._obs_sizes()
        if me.health == 0:
            obs = np.zeros(sum(sizes), np.float32)
        else:
            allowed = self.get_avail_agent_actions(agent)
            enemies = [
                self._seen(me, unit, allowed[FIRST_TARGET + number], None)
                for number, unit in self.enemies.items()
            ]
            allies = [
                self._seen(me, unit, 1, number) for number, unit in self.agents.items() if number != agent
            ]
            own = self._health(me, is_ally=True) if self._obs_own_health else []
            own = [*own, *self._type_one_hot(me, is_ally=True)]
            if self._obs_timestep_number:
                own.append(0)  # SMAC keeps a place for the time, and then puts it behind that
            parts = [*self._move_features(me, allowed), *chain(*enemies, *allies), *own]
            obs = np.array(parts, np.float32)
        if self._obs_timestep_number:
            obs = np.append(obs.astype(np.float64), self._episode_steps / self.episode_limit)
        return obs

    def _obs_sizes(self):
        """Entries of an observation: move features, enemies, allies, own features."""
        types, game = self._game.unit_type_bits, self._game
        enemy_health = (1 + game.enemy_shields) * self._obs_all_health
        ally_health = (1 + game.ally_shields) * self._obs_all_health
        move = 4 + 8 * self._obs_pathing_grid + 9 * self._obs_terrain_height
        enemy = 4 + enemy_health + types
        ally = 4 + ally_health + types + self.n_actions * self._obs_last_action
        own = (1 + game.ally_shields) * self._obs_own_health + types + self._obs_timestep_number
        return move, self.n_enemies * enemy, (self.n_agents - 1) * ally, own

    def _move_features(self, me, allowed):
        features = allowed[NORTH : WEST + 1]
        x, y, m = int(me.pos.x), int(me.pos.y), self._move_amount
        around = [(x, y + 2 * m), (x, y - 2 * m), (x + 2 * m, y), (x - 2 * m, y)]
        around += [(x + m, y + m), (x - m, y - m), (x + m, y - m), (x - m, y + m)]
        if self._obs_pathing_grid:
            features = features + [self._walkable[p] if self._on_map(*p) else 1 for p in around]
        if self._obs_terrain_height:
            features = features + [self._heights[p] if self._on_map(*p) else 1 for p in [*around, (x, y)]]
        return features

    def _seen(self, me, unit, first, ally):
        """The row of another unit; zeros when it is out of sight or dead. `ally`: its agent id, if it is one."""
        is_ally = ally is not None
        distance = _distance(me, unit)
        row = [first, distance / SIGHT_RANGE]
        row += [(unit.pos.x - me.pos.x) / SIGHT_RANGE, (unit.pos.y - me.pos.y) / SIGHT_RANGE]
        if self._obs_all_health:
            row += self._health(unit, is_ally=is_ally)
        row += self._type_one_hot(unit, is_ally=is_ally)
        if is_ally and self._obs_last_action:
            row += list(self._last_actions[ally])
        return row if distance < SIGHT_RANGE and unit.health > 0 else [0] * len(row)

    def _health(self, unit, *, is_ally):
        health = [unit.health / unit.health_max]
        if self._game.ally_shields if is_ally else self._game.enemy_shields:
            health.append(unit.shield / MAX_SHIELD[self._name(unit)])
        return health

    def _type_one_hot(self, unit, *, is_ally):
        one_hot = [0] * self._game.unit_type_bits
        if one_hot and is_ally:
            one_hot[unit.unit_type - min(self._ally_names)] = 1
        elif one_hot:
            one_hot[ENEMY_COLUMNS[self._game.map_type].index(self._name(unit))] = 1
        return one_hot

    def _name(self, unit):
        return (self._ally_names if unit.owner == 1 else STOCK_NAMES)[unit.unit_type]

    def _is_medivac(self, unit):
        return self._game.heals and self._name(unit) == "medivac" and unit.owner == 1

    def _on_map(self, x, y):
        return 0 <= x < self._size[0] and 0 <= y < self._size[1]

    # State

    def get_state(self):
        """The whole game: [S] float32."""
        if self._obs_instead_of_state:
            return np.concatenate(self.get_obs()).astype(np.float32)
        rows = [self._state_row(unit, is_ally=True) for unit in self.agents.values()]
        rows += [self._state_row(unit, is_ally=False) for unit in self.enemies.values()]
        state = list(chain(*rows))
        if self._state_last_action:
            state += list(self._last_actions.flatten())
        if self._state_timestep_number:
            state.append(self._episode_steps / self.episode_limit)
        return np.array(state, np.float32)

    def _state_row(self, unit, *, is_ally):
        fraction, *shield = self._health(unit, is_ally=is_ally)
        place = [(unit.pos.x - self._size[0] / 2) / self._span[0]]
        place.append((unit.pos.y - self._size[1] / 2) / self._span[1])
        readiness = []
        if is_ally and self._is_medivac(unit):
            readiness = [unit.energy / MAX_ENERGY]
        elif is_ally:
            readiness = [unit.weapon_cooldown / MAX_COOLDOWN.get(self._name(unit), 15)]
        row = [fraction, *readiness, *place, *shield, *self._type_one_hot(unit, is_ally=is_ally)]
        return row if unit.health > 0 else [0] * len(row)

    # Sizes

    def get_obs_size(self):
        """The length of an observation, as SMAC tells it; wrong by one with obs_timestep_number (its oddity)."""
        return sum(self._obs_sizes())

    def get_state_size(self):
        if self._obs_instead_of_state:
            return self.n_agents * self.get_obs_size()
        types, game = self._game.unit_type_bits, self._game
        size = self.n_agents * (4 + game.ally_shields + types) + self.n_enemies * (
            3 + game.enemy_shields + types
        )
        return size + self.n_agents * self.n_actions * self._state_last_action + self._state_timestep_number

    def get_env_info(self):
        return {
            "state_shape": self.get_state_size(),
            "obs_shape": self.get_obs_size(),
            "n_actions": self.n_actions,
            "n_agents": self.n_agents,
            "episode_limit": self.episode_limit,
        }


def _sc2_path() -> Path:
    path = os.environ.get("SC2PATH")
    if path is None:
        raise LookupError("SC2PATH: not set; it must be the folder of StarCraft II")
    return Path(path)


def _distance(a: Any, b: Any) -> float:
    return math.hypot(b.pos.x - a.pos.x, b.pos.y - a.pos.y)


def _points(side: dict[int, Any]) -> dict[int, float]:
    """Health and shield of every unit together; taken down at once, as messages of the dead are changed."""
    return {number: unit.health + unit.shield for number, unit in side.items()}
