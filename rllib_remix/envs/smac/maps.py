"""The maps of SMAC (Samvelyan et al. 2019) and SMACv2 (Ellis et al. 2023): armies, races, limits, and what follows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from rllib_remix.errors import unknown

Army = tuple[tuple[str, int], ...]  # (unit name, how many), …

# Hit points and shields of stock units, StarCraft II 4.10: all that the reward's scale needs.
HEALTH: dict[str, tuple[int, int]] = {
    "marine": (45, 0),
    "marauder": (125, 0),
    "medivac": (150, 0),
    "stalker": (80, 80),
    "zealot": (100, 50),
    "colossus": (200, 150),
    "zergling": (35, 0),
    "hydralisk": (90, 0),
    "baneling": (30, 0),
    "spine_crawler": (300, 0),
}
RACES = {"T": "Terran", "P": "Protoss", "Z": "Zerg"}

# Unit types of a map type, in the order of the columns of the type's one-hot: (allies, enemies).
# They differ where SMAC's do: it numbers allies from the lowest type on the map, enemies by their stock ids.
TYPE_COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "stalkers_and_zealots": (("stalker", "zealot"), ("zealot", "stalker")),
    "colossi_stalkers_zealots": (("colossus", "stalker", "zealot"), ("colossus", "stalker", "zealot")),
    "MMM": (("marauder", "marine", "medivac"), ("marauder", "marine", "medivac")),
    "bane": (("baneling", "zergling"), ("baneling", "zergling")),
    "terran_gen": (("marine", "marauder", "medivac"), ("marine", "marauder", "medivac")),
    "protoss_gen": (("stalker", "zealot", "colossus"), ("stalker", "zealot", "colossus")),
    "zerg_gen": (("zergling", "hydralisk", "baneling"), ("zergling", "hydralisk", "baneling")),
}
UNKNOWN_UNIT = "unit"  # in the armies of maps that draw them anew for every episode


@dataclass(frozen=True)
class SmacMap:
    """One map: who fights whom, and for how long.

    `allies` is in the order of agent ids, `enemies` in the order of enemy ids.
    """

    name: str
    allies: Army
    enemies: Army
    episode_limit: int  # env steps
    races: str  # the allies' and the enemies', as letters of RACES
    map_type: str  # SMAC's name for the kind of army; decides the one-hot of unit types
    size: tuple[int, int] = field(default=(32, 32))  # cells
    drawn: tuple[str, ...] = ()  # types from which both armies are drawn, in the order of agent ids (SMACv2)
    turns: int = 0  # directions in which an agent can turn its field of view (SMACv2's conic_fov)

    @property
    def n_agents(self) -> int:
        return sum(count for _, count in self.allies)

    @property
    def n_enemies(self) -> int:
        return sum(count for _, count in self.enemies)

    @property
    def n_actions(self) -> int:
        """No-op, stop, four moves, the turns, and an attack on each enemy (a medivac heals ally k instead)."""
        return self.first_target + (max(self.n_enemies, self.n_agents) if self.heals else self.n_enemies)

    @property
    def first_target(self) -> int:
        """The action that attacks enemy 0."""
        return 6 + self.turns

    @property
    def ally_types(self) -> tuple[str, ...]:
        """The unit name of every agent."""
        return tuple(name for name, count in self.allies for _ in range(count))

    @property
    def enemy_types(self) -> tuple[str, ...]:
        """The unit name of every enemy."""
        return tuple(name for name, count in self.enemies for _ in range(count))

    @property
    def type_columns(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Unit names in the order of the type one-hot, of allies and of enemies; empty with one type each."""
        return TYPE_COLUMNS.get(self.map_type, ((), ()))

    @property
    def unit_type_bits(self) -> int:
        return len(self.type_columns[0])

    @property
    def ally_shields(self) -> bool:
        """Whether rows of allies have a column for shields (Protoss)."""
        return self.races[0] == "P"

    @property
    def enemy_shields(self) -> bool:
        return self.races[1] == "P"

    @property
    def heals(self) -> bool:
        """Whether medivacs heal: only on maps of the types MMM and terran_gen."""
        return self.map_type in ("MMM", "terran_gen")

    @property
    def kinds(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The unit names of the allies and of the enemies, each once, in the order of their ids."""
        if self.drawn:
            return self.drawn, self.drawn
        return tuple(name for name, _ in self.allies), tuple(name for name, _ in self.enemies)

    def of_size(self, n_agents: int, n_enemies: int, turns: int = 0) -> SmacMap:
        """The map for armies of so many drawn units."""
        armies = {"allies": ((UNKNOWN_UNIT, n_agents),), "enemies": ((UNKNOWN_UNIT, n_enemies),)}
        return replace(self, **armies, turns=turns)

    @property
    def enemy_total(self) -> int:
        """Hit points and shields of all enemies, where they are the same in every episode."""
        return 0 if self.drawn else sum(count * sum(HEALTH[name]) for name, count in self.enemies)


def _marines(name: str, allies: int, enemies: int, limit: int) -> SmacMap:
    return SmacMap(name, (("marine", allies),), (("marine", enemies),), limit, "TT", "marines")


def _stalkers(name: str, enemies: int, limit: int) -> SmacMap:
    return SmacMap(name, (("stalker", 3),), (("zealot", enemies),), limit, "PP", "stalkers")


def _gateway(name: str, stalkers: int, zealots: int, enemy_zealots: int, limit: int) -> SmacMap:
    allies = ("stalker", stalkers), ("zealot", zealots)
    enemies = ("stalker", stalkers), ("zealot", enemy_zealots)
    return SmacMap(name, allies, enemies, limit, "PP", "stalkers_and_zealots")


def _bio(name: str, enemies: Army, limit: int) -> SmacMap:
    return SmacMap(name, (("marauder", 2), ("marine", 7), ("medivac", 1)), enemies, limit, "TT", "MMM")


_COLOSSI: Army = (("colossus", 1), ("stalker", 3), ("zealot", 5))
_BANES: Army = (("baneling", 4), ("zergling", 20))

MAPS: dict[str, SmacMap] = {
    m.name: m
    for m in (
        _marines("3m", 3, 3, 60),
        _marines("8m", 8, 8, 120),
        _marines("25m", 25, 25, 150),
        _marines("5m_vs_6m", 5, 6, 70),
        _marines("8m_vs_9m", 8, 9, 120),
        _marines("10m_vs_11m", 10, 11, 150),
        _marines("27m_vs_30m", 27, 30, 180),
        _bio("MMM", (("marine", 7), ("marauder", 2), ("medivac", 1)), 150),
        _bio("MMM2", (("marine", 8), ("marauder", 3), ("medivac", 1)), 180),
        _gateway("2s3z", 2, 3, 3, 120),
        _gateway("3s5z", 3, 5, 5, 150),
        _gateway("3s5z_vs_3s6z", 3, 5, 6, 170),
        _stalkers("3s_vs_3z", 3, 150),
        _stalkers("3s_vs_4z", 4, 200),
        _stalkers("3s_vs_5z", 5, 250),
        SmacMap("1c3s5z", _COLOSSI, _COLOSSI, 180, "PP", "colossi_stalkers_zealots"),
        SmacMap("2m_vs_1z", (("marine", 2),), (("zealot", 1),), 150, "TP", "marines"),
        SmacMap("corridor", (("zealot", 6),), (("zergling", 24),), 400, "PZ", "zealots"),
        SmacMap("6h_vs_8z", (("hydralisk", 6),), (("zealot", 8),), 150, "ZP", "hydralisks"),
        SmacMap("2s_vs_1sc", (("stalker", 2),), (("spine_crawler", 1),), 300, "PZ", "stalkers"),
        SmacMap("so_many_baneling", (("zealot", 7),), (("baneling", 32),), 100, "PZ", "zealots"),
        SmacMap("bane_vs_bane", _BANES, _BANES, 200, "ZZ", "bane"),
        SmacMap("2c_vs_64zg", (("colossus", 2),), (("zergling", 64),), 400, "PZ", "colossus"),
    )
}


def _drawn(race: str, map_type: str, *names: str) -> SmacMap:
    return SmacMap(f"10gen_{race}", (), (), 200, race[0].upper() * 2, map_type, drawn=names)


# SMACv2's, whose armies are drawn for every episode. Its agents are numbered by type in the order of the alphabet.
DRAWN_MAPS: dict[str, SmacMap] = {
    m.name: m
    for m in (
        _drawn("terran", "terran_gen", "marauder", "marine", "medivac"),
        _drawn("protoss", "protoss_gen", "colossus", "stalker", "zealot"),
        _drawn("zerg", "zerg_gen", "baneling", "hydralisk", "zergling"),
    )
}


def smac_map(name: object) -> SmacMap:
    """The map of that name.

    Raises:
        SettingError: there is none; the message lists all 23 and names the nearest.
    """
    if not isinstance(name, str) or name not in MAPS:
        raise unknown("smac.map_name", name, MAPS)
    return MAPS[name]
