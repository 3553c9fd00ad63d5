"""SMACv2's `capability_config`: which teams are drawn for every episode, where they start, and what they can do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rllib_remix.envs.smac.maps import DRAWN_MAPS, SmacMap
from rllib_remix.errors import SettingError, nearest, shown
from rllib_remix.settings import check_choice, check_flag, check_keys, check_name_list, check_number

_NAME = "smac.capability_config"
MOST_UNITS = 100  # of a side
MAP_SIZE = 32  # cells
LEAST_ORDINARY_SHARE = 1e-3  # of types that may make up a team: with less, no team would be found
REFLECTED, SURROUNDED = "reflect_position", "surrounded"
MIXED = "surrounded_and_reflect"
_WEIGHTED = "weighted_teams"
_COMMON = ("dist_type", "n_units", "n_enemies")  # SMACv2 writes the numbers into every part

# The settings under which SMACv2's results are published, by its scenarios' names.
_RACES = {
    "terran": (("marine", "marauder", "medivac"), "medivac"),
    "protoss": (("stalker", "zealot", "colossus"), None),
    "zerg": (("zergling", "baneling", "hydralisk"), "baneling"),
}
_SHARES = {"medivac": 0.1, "colossus": 0.1, "baneling": 0.1}  # 0.45 of all others
_SIZES = ((5, 5), (10, 10), (10, 11), (20, 20), (20, 23))


class Starts(NamedTuple):
    """How starting positions are drawn; positions in cells."""

    share_reflected: float  # of the episodes; in the others the team is surrounded
    map_x: float
    map_y: float


class PerAgent(NamedTuple):
    """A number that is drawn uniformly for every agent (SMACv2's `per_agent_uniform`)."""

    low: float
    high: float
    observe: bool  # whether teammates see it


class Capabilities(NamedTuple):
    """What a capability_config says."""

    n_units: int
    n_enemies: int
    shares: tuple[float, ...]  # of the map's types, in the order of SmacMap.drawn
    exceptions: tuple[str, ...]  # types that must not be a team's only ones
    observe_types: bool  # whether agents see the types of teammates
    starts: Starts | None  # None: two fixed points
    attack: PerAgent | None  # chance that an attack order is given at all
    health: PerAgent | None  # share of the health at which an agent dies
    mask_probability: float | None  # with which an agent never sees an enemy's health and type


def scenario(race: str, n_units: int, n_enemies: int) -> dict[str, Any]:
    """The settings of one of SMACv2's scenarios, such as (`"terran"`, 5, 5), beside those that are defaults."""
    types, exception = _RACES[race]
    team: dict[str, Any] = {
        "dist_type": _WEIGHTED,
        "unit_types": list(types),
        "weights": [_SHARES.get(name, 0.45) for name in types],
        "observe": True,
    }
    if exception is not None:
        team["exception_unit_types"] = [exception]
    return {
        "map_name": f"10gen_{race}",
        "use_unit_ranges": True,
        "obs_own_pos": True,
        "capability_config": {
            "n_units": n_units,
            "n_enemies": n_enemies,
            "team_gen": team,
            "start_positions": {"dist_type": MIXED, "p": 0.5, "map_x": MAP_SIZE, "map_y": MAP_SIZE},
        },
    }


SCENARIOS = {
    f"{race}_{units}_vs_{enemies}": (race, units, enemies) for race in _RACES for units, enemies in _SIZES
}


def with_scenario(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings in which a scenario's name in the place of a map's is replaced by what it stands for.

    Other settings given beside it keep their values.

    Raises:
        SettingError: a scenario and a capability_config.
    """
    name = settings.get("map_name")
    if not isinstance(name, str) or name not in SCENARIOS:
        return dict(settings)
    meant = scenario(*SCENARIOS[name])
    if settings.get("capability_config") is not None:
        raise SettingError(
            f"{_NAME}: it is not allowed beside the scenario {name!r}, which has one of its own; with your own, "
            f"set map_name to {meant['map_name']!r}."
        )
    return {**meant, **settings, **{key: meant[key] for key in ("map_name", "capability_config")}}


def read_capabilities(config: object, game: SmacMap) -> Capabilities:
    """What a capability_config says, for one of SMACv2's maps.

    Raises:
        SettingError: a key or value that SMACv2 does not know, or that it would take and then fail.
    """
    parts = _mapping(_NAME, config)
    check_keys(
        _NAME,
        parts,
        ("n_units", "n_enemies", "team_gen", "start_positions", "attack", "health", "enemy_mask"),
    )
    for name in ("n_units", "n_enemies", "team_gen"):
        if name not in parts:
            race = next(race for race in _RACES if game.name.endswith(race))
            raise SettingError(
                f"{_NAME}: {name} is missing; {game.name} as SMACv2 plays it: "
                f"{scenario(race, 5, 5)['capability_config']}."
            )
    for name in ("n_units", "n_enemies"):
        check_number(f"{_NAME}.{name}", parts[name], low=1, high=MOST_UNITS, integer=True)
    for name, part in parts.items():
        if name not in ("n_units", "n_enemies"):
            _check_numbers(name, _mapping(f"{_NAME}.{name}", part), parts)
    shares, exceptions, observe = _team(parts["team_gen"], game)
    return Capabilities(
        n_units=int(parts["n_units"]),
        n_enemies=int(parts["n_enemies"]),
        shares=shares,
        exceptions=exceptions,
        observe_types=observe,
        starts=_starts(parts["start_positions"]) if "start_positions" in parts else None,
        attack=_per_agent("attack", parts["attack"]) if "attack" in parts else None,
        health=_per_agent("health", parts["health"]) if "health" in parts else None,
        mask_probability=_mask(parts["enemy_mask"]) if "enemy_mask" in parts else None,
    )


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingError(f"{name}: {shown(value)} is not allowed; it must be a mapping of names to values.")
    return value


def _check_numbers(name: str, part: Mapping[str, Any], whole: Mapping[str, Any]) -> None:
    """A part may repeat the numbers of units, as older configurations do, but not contradict them."""
    for key in ("n_units", "n_enemies"):
        if key in part and part[key] != whole[key]:
            raise SettingError(
                f"{_NAME}.{name}.{key}: {shown(part[key])} is not {key} of the whole, {whole[key]}, which counts."
            )


def _dist_type(name: str, part: Mapping[str, Any], allowed: Sequence[str]) -> str:
    given = part.get("dist_type")
    if not isinstance(given, str) or given not in allowed:
        guess = nearest(given if isinstance(given, str) else shown(given), allowed)
        hint = f"; did you mean {guess!r}?" if guess else "."
        raise SettingError(
            f"{_NAME}.{name}.dist_type: {shown(given)} is not known here{hint} Allowed: {', '.join(allowed)}."
        )
    return given


def _needed(name: str, part: Mapping[str, Any], keys: Sequence[str], optional: Sequence[str] = ()) -> None:
    check_keys(f"{_NAME}.{name}", part, (*_COMMON, *keys, *optional))
    for key in keys:
        if key not in part:
            raise SettingError(f"{_NAME}.{name}: {key} is missing; needed: {', '.join(keys)}.")


def _team(part: Mapping[str, Any], game: SmacMap) -> tuple[tuple[float, ...], tuple[str, ...], bool]:
    """Shares of the map's types, exceptions, and whether teammates' types are seen."""
    _dist_type("team_gen", part, (_WEIGHTED,))
    _needed("team_gen", part, ("unit_types", "weights", "observe"), ("exception_unit_types",))
    name = f"{_NAME}.team_gen"
    types, weights = part["unit_types"], part["weights"]
    check_name_list(f"{name}.unit_types ({game.name})", types, game.drawn)
    if not types or len({*types}) < len(types):
        raise SettingError(f"{name}.unit_types: {shown(types)} is not allowed; name each type once.")
    exceptions = part.get("exception_unit_types", ())
    check_name_list(f"{name}.exception_unit_types", exceptions, game.drawn)
    if isinstance(weights, str) or not isinstance(weights, Sequence) or len(weights) != len(types):
        raise SettingError(
            f"{name}.weights: {shown(weights)} is not allowed; it must be {len(types)} numbers, one for each type."
        )
    for weight in weights:
        check_number(f"{name}.weights", weight, low=0, high=1)
    if not math.isclose(total := math.fsum(weights), 1.0, abs_tol=1e-8):
        raise SettingError(f"{name}.weights: {shown(weights)} add up to {total:g}; they must add up to 1.")
    share_of = dict(zip(types, map(float, weights), strict=True))
    if exceptions and 1 - math.fsum(share_of.get(key, 0.0) for key in {*exceptions}) < LEAST_ORDINARY_SHARE:
        raise SettingError(
            f"{name}.exception_unit_types: {shown(exceptions)} must not make up a team alone, but the weights of "
            f"all other types come to less than {LEAST_ORDINARY_SHARE:g}, so that no team can be drawn."
        )
    check_flag(f"{name}.observe", part["observe"])
    return tuple(share_of.get(key, 0.0) for key in game.drawn), tuple(exceptions), part["observe"]


def _starts(part: Mapping[str, Any]) -> Starts:
    kind = _dist_type("start_positions", part, (MIXED, SURROUNDED, REFLECTED))
    _needed("start_positions", part, (*(("p",) if kind == MIXED else ()), "map_x", "map_y"))
    name = f"{_NAME}.start_positions"
    for axis in ("map_x", "map_y"):  # SMACv2 leaves 2 cells free in the middle.
        check_number(f"{name}.{axis}", part[axis], low=4, high=MAP_SIZE)
    if kind == MIXED:
        check_number(f"{name}.p", part["p"], low=0, high=1)
    share = {MIXED: part.get("p"), SURROUNDED: 0.0, REFLECTED: 1.0}[kind]
    return Starts(float(share), float(part["map_x"]), float(part["map_y"]))


def _per_agent(name: str, part: Mapping[str, Any]) -> PerAgent:
    _dist_type(name, part, ("per_agent_uniform",))
    _needed(name, part, ("lower_bound", "upper_bound", "observe"))
    ends: list[float] = []
    for key in ("lower_bound", "upper_bound"):
        bound = part[key]  # A list of one number, as SMACv2 draws vectors.
        value: Any = bound[0] if isinstance(bound, Sequence) and len(bound) == 1 else bound
        check_number(f"{_NAME}.{name}.{key}", value, low=0, high=1)
        ends.append(float(value))
    if ends[0] > ends[1]:
        raise SettingError(f"{_NAME}.{name}: lower_bound {ends[0]:g} is above upper_bound {ends[1]:g}.")
    check_flag(f"{_NAME}.{name}.observe", part["observe"])
    return PerAgent(ends[0], ends[1], part["observe"])


def _mask(part: Mapping[str, Any]) -> float:
    _dist_type("enemy_mask", part, ("mask",))
    _needed("enemy_mask", part, ("mask_probability",))
    check_number(f"{_NAME}.enemy_mask.mask_probability", part["mask_probability"], low=0, high=1)
    return float(part["mask_probability"])


def check_map_name(name: object, maps: Sequence[str]) -> None:
    """Raises SettingError unless `name` is one of `maps`, one of SMACv2's maps or one of its scenarios."""
    check_choice("smac.map_name", name, (*maps, *DRAWN_MAPS, *SCENARIOS))
