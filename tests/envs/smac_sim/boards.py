"""Battles laid by hand, for the tests of this folder."""

import numpy as np

from rllib_remix.envs.smac_sim.battles.battle import Battle
from rllib_remix.envs.smac_sim.battles.layouts import IDLE

NEVER = 2**30  # loop of the last hit of a unit whose shields wait for another hit before they recharge


def clear(units: np.ndarray) -> None:
    """Takes all units of a battle off the board, without a trace: nothing explodes, nothing flies."""
    units["health"] = 0
    units["missile"] = 0
    units["exploded"] = True


def put(units: np.ndarray, kinds: np.ndarray, number: int, x: float, y: float, **fields) -> None:
    """Unit `number` of every copy anew at (x, y), at full health and without an order; `fields` say what differs."""
    kind = kinds[units["kind"][..., number].flat[0]]
    fresh = {
        "x": x,
        "y": y,
        "health": kind["health"],
        "shield": kind["shield"],
        "energy": 50 if kind["energy"] else 0,
        "cooldown": 0,
        "missile": 0,
        "last_hit": NEVER,
        "target": -1,
        "missile_target": -1,
        "order": IDLE,
        "holds": False,
        "fired": False,
        "exploded": False,
    }
    for name, value in (fresh | fields).items():
        units[name][..., number] = value


def disarm(kinds: np.ndarray, numbers) -> None:
    """Kinds of units that notice nobody and hit nothing, not even who shoots at them."""
    kinds["hits_ground"][numbers] = False
    kinds["hits_air"][numbers] = False


class Board:
    """A map on which only the units live that a test places; they do nothing until told, nor do they recover.

    Args:
        map_name: which kinds of units there are, and the ground.
        copies: of the board, each on a random stream of its own.
        peaceful: the enemies' weapons hit nothing, so that they neither chase nor strike back.
        regeneration: zerg regenerate, as they do.
    """

    def __init__(self, map_name: str, *, copies: int = 1, peaceful: bool = False, regeneration: bool = False):
        self.battle = Battle(map_name, copies)
        self.battle.seed(0)
        for copy in range(copies):
            self.battle.reset(copy)
        self.units, self.kinds = self.battle.units, self.battle.kinds
        clear(self.units)
        self._of_kind = self.units["kind"][0].copy()
        self._allies = len(np.unique(self._of_kind[: self.battle.n_agents]))
        self._placed: set[int] = set()
        if not regeneration:
            self.kinds["regeneration"] = 0
        if peaceful:
            disarm(self.kinds, slice(self._allies, None))

    def __getitem__(self, number: int) -> np.void:
        """Unit `number` of the first copy."""
        return self.units[0, number]

    def ally(self, name: str, x: float, y: float, **fields) -> int:
        """Places an ally of that kind and returns its number."""
        return self._place(self.battle.kind_names[: self._allies].index(name), x, y, fields)

    def enemy(self, name: str, x: float, y: float, **fields) -> int:
        return self._place(self._allies + self.battle.kind_names[self._allies :].index(name), x, y, fields)

    def _place(self, kind: int, x: float, y: float, fields: dict) -> int:
        number = next(i for i in np.flatnonzero(self._of_kind == kind).tolist() if i not in self._placed)
        self._placed.add(number)
        put(self.units, self.kinds, number, x, y, **fields)
        return number

    def kind(self, number: int) -> np.void:
        return self.kinds[self._of_kind[number]]

    def attack(self, unit: int, target: int) -> None:
        for copy in range(len(self.units)):
            self.battle.attack(copy, unit, target)

    def move(self, unit: int, x: float, y: float) -> None:
        for copy in range(len(self.units)):
            self.battle.move(copy, unit, x, y)

    def advance(self, loops: int) -> None:
        for copy in range(len(self.units)):
            self.battle.advance(copy, loops)

    def place(self, number: int) -> tuple[float, float]:
        """Where a unit of the first copy is."""
        return float(self[number]["x"]), float(self[number]["y"])

    def distance(self, one: int, other: int) -> float:
        """Between the centres of two units of the first copy."""
        (ax, ay), (bx, by) = self.place(one), self.place(other)
        return float(np.hypot(bx - ax, by - ay))

    def shots(self, number: int, loops: int) -> list[int]:
        """The game loops, counted from now, in which a unit of the first copy fires."""
        fired = []
        for loop in range(1, loops + 1):
            self.advance(1)
            if self[number]["fired"]:
                fired.append(loop)
        return fired
