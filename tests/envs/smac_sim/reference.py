"""SMAC's view of a battle in plain Python, written from the description of SMAC and not from our kernels."""

from math import hypot
from typing import NamedTuple

from rllib_remix.envs.smac.maps import SmacMap

STOCK_IDS = {"colossus": 4, "baneling": 9, "marine": 48, "marauder": 51, "medivac": 54, "zealot": 73}
STOCK_IDS |= {"stalker": 74, "spine_crawler": 98, "zergling": 105, "hydralisk": 107}
MAX_HEALTH = {"marine": 45, "marauder": 125, "medivac": 150, "stalker": 80, "zealot": 100, "colossus": 200}
MAX_HEALTH |= {"zergling": 35, "hydralisk": 80, "baneling": 30, "spine_crawler": 300}
MAX_SHIELD = {"stalker": 80, "zealot": 50, "colossus": 150}
MAX_COOLDOWN = {"marine": 15, "marauder": 25, "medivac": 200, "stalker": 35, "zealot": 22, "colossus": 24}
MAX_COOLDOWN |= {"hydralisk": 10, "zergling": 11, "baneling": 1}
BITS = {"stalkers_and_zealots": 2, "colossi_stalkers_zealots": 3, "MMM": 3, "bane": 2}
SHOOT, SIGHT, SIDE = 6, 9, 32


class Unit(NamedTuple):
    """One unit as the game's observation would list it."""

    name: str
    x: float
    y: float
    health: float
    shield: float
    energy: float
    cooldown: float


def ally_type(name: str, game: SmacMap) -> int:
    """Allies' types have consecutive ids in the alphabetical order of their names."""
    return sorted({unit for unit, _ in game.allies}).index(name)


def enemy_type(name: str, game: SmacMap) -> int:
    """Enemies' types are found by their stock ids."""
    number = STOCK_IDS[name]
    if game.map_type == "stalkers_and_zealots":
        return number - 73
    if game.map_type == "colossi_stalkers_zealots":
        return {4: 0, 74: 1}.get(number, 2)
    if game.map_type == "bane":
        return 0 if number == 9 else 1
    return {51: 0, 48: 1}.get(number, 2)


class Reference:
    """What SMAC says about one moment of a battle.

    Args:
        game: the map.
        flags: SMAC's settings by name.
        units: allies first.
        pathing, heights: [32, 32], indexed [x, y].
        last_actions: one per ally, or None before the first step.
        steps: env steps of the episode.
    """

    def __init__(self, game: SmacMap, flags, units: list[Unit], pathing, heights, last_actions, steps: int):
        self.game, self.flags, self.pathing, self.heights = game, flags, pathing, heights
        self.allies, self.enemies = units[: game.n_agents], units[game.n_agents :]
        self.last_actions, self.steps = last_actions, steps
        self.n_actions = 6 + len(self.enemies)
        self.bits = BITS.get(game.map_type, 0)

    # Actions

    def can_move(self, unit: Unit, dx: float, dy: float) -> bool:
        x, y = int(unit.x + dx), int(unit.y + dy)
        return 0 <= x < SIDE and 0 <= y < SIDE and bool(self.pathing[x, y])

    def avail(self, agent: int) -> list[int]:
        unit = self.allies[agent]
        if unit.health <= 0:
            return [1] + [0] * (self.n_actions - 1)
        m = self.flags["move_amount"] / 2
        avail = [0, 1, *(int(self.can_move(unit, dx, dy)) for dx, dy in ((0, m), (0, -m), (m, 0), (-m, 0)))]
        healer = self.game.map_type == "MMM" and unit.name == "medivac"
        targets = self.allies if healer else self.enemies
        for target in targets:
            possible = target.health > 0 and not (healer and target.name == "medivac")
            avail.append(int(possible and hypot(target.x - unit.x, target.y - unit.y) <= SHOOT))
        return avail + [0] * (self.n_actions - len(avail))

    # Observations

    def obs(self, agent: int) -> list[float]:
        unit = self.allies[agent]
        move = [float(a) for a in self.avail(agent)[2:6]] + self.surroundings(unit)
        rows: list[float] = []
        for k, enemy in enumerate(self.enemies):
            rows += self.row(unit, enemy, float(self.avail(agent)[6 + k]), enemy=True, last_action=None)
        for k, ally in enumerate(self.allies):
            if k != agent:
                last = self.last_actions[k] if self.last_actions is not None else -1
                rows += self.row(unit, ally, 1.0, enemy=False, last_action=last)
        own: list[float] = []
        if self.flags["obs_own_health"]:
            own.append(unit.health / MAX_HEALTH[unit.name])
            if self.game.races[0] == "P":
                own.append(unit.shield / MAX_SHIELD[unit.name])
        own += self.one_hot(ally_type(unit.name, self.game)) if self.bits else []
        vector = move + rows + own
        if unit.health <= 0:
            vector = [0.0] * len(vector)
        if self.flags["obs_timestep_number"]:
            vector.append(self.steps / self.game.episode_limit)
        return vector

    def one_hot(self, column: int) -> list[float]:
        return [float(column == i) for i in range(self.bits)]

    def surroundings(self, unit: Unit) -> list[float]:
        m, x, y = int(self.flags["move_amount"]), int(unit.x), int(unit.y)
        around = [(0, 2 * m), (0, -2 * m), (2 * m, 0), (-2 * m, 0), (m, m), (-m, -m), (m, -m), (-m, m)]
        points = [(x + dx, y + dy) for dx, dy in around]

        def inside(point):
            return 0 <= point[0] < SIDE and 0 <= point[1] < SIDE

        values: list[float] = []
        if self.flags["obs_pathing_grid"]:
            values += [float(self.pathing[p]) if inside(p) else 1.0 for p in points]
        if self.flags["obs_terrain_height"]:
            values += [self.heights[p] / 255 if inside(p) else 1.0 for p in [*points, (x, y)]]
        return values

    def row(self, unit: Unit, other: Unit, first: float, *, enemy: bool, last_action) -> list[float]:
        distance = hypot(other.x - unit.x, other.y - unit.y)
        shields = self.game.races[1 if enemy else 0] == "P"
        row = [first, distance / SIGHT, (other.x - unit.x) / SIGHT, (other.y - unit.y) / SIGHT]
        if self.flags["obs_all_health"]:
            row.append(other.health / MAX_HEALTH[other.name])
            if shields:
                row.append(other.shield / MAX_SHIELD[other.name])
        if self.bits:
            row += self.one_hot((enemy_type if enemy else ally_type)(other.name, self.game))
        if not enemy and self.flags["obs_last_action"]:
            row += [float(last_action == action) for action in range(self.n_actions)]
        return row if distance < SIGHT and other.health > 0 else [0.0] * len(row)

    # State

    def state(self) -> list[float]:
        if self.flags["obs_instead_of_state"]:
            return [value for agent in range(len(self.allies)) for value in self.obs(agent)]
        vector: list[float] = []
        for unit in self.allies:
            wait = unit.cooldown
            if self.game.map_type == "MMM" and unit.name == "medivac":
                wait = unit.energy
            row = [unit.health / MAX_HEALTH[unit.name], wait / MAX_COOLDOWN[unit.name], *self.place(unit)]
            vector += self.finished(row, unit, self.game.races[0], ally_type)
        for unit in self.enemies:
            row = [unit.health / MAX_HEALTH[unit.name], *self.place(unit)]
            vector += self.finished(row, unit, self.game.races[1], enemy_type)
        if self.flags["state_last_action"]:
            for k in range(len(self.allies)):
                last = self.last_actions[k] if self.last_actions is not None else -1
                vector += [float(last == action) for action in range(self.n_actions)]
        if self.flags["state_timestep_number"]:
            vector.append(self.steps / self.game.episode_limit)
        return vector

    def place(self, unit: Unit) -> list[float]:
        return [(unit.x - SIDE / 2) / SIDE, (unit.y - SIDE / 2) / SIDE]

    def finished(self, row: list[float], unit: Unit, race: str, type_of) -> list[float]:
        if race == "P":
            row.append(unit.shield / MAX_SHIELD[unit.name])
        if self.bits:
            row += self.one_hot(type_of(unit.name, self.game))
        return row if unit.health > 0 else [0.0] * len(row)
