"""SMAC's settings that decide what agents see, do and earn; the same for StarCraft II and for our simulator."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Annotated, Any, get_type_hints

from rllib_remix.envs.smac.capabilities import SCENARIOS, Capabilities, check_map_name, read_capabilities
from rllib_remix.envs.smac.maps import DRAWN_MAPS, MAPS, SmacMap, smac_map
from rllib_remix.errors import SettingError, shown
from rllib_remix.settings import Interval, check_flag

SHOOT_RANGE = 6.0  # cells between centres, for every unit type
SIGHT_RANGE = 9.0


@dataclass(frozen=True, kw_only=True)
class SmacOptions:
    """What SMAC calls its environment arguments, with its names and (but for `continuing_episode`) its defaults.

    Raises:
        SettingError: a value out of its range, or two settings that contradict each other.
    """

    map_name: str = "8m"
    step_mul: Annotated[int, Interval(1, 1000, integer=True)] = 8  # game loops per env step; 16 loops are 1 s
    move_amount: Annotated[float, Interval(0, 32, low_open=True)] = 2  # cells that a move order reaches
    # A timeout is truncated, so that its value continues. False: terminated, as learners of the SMAC papers saw it.
    continuing_episode: bool = True

    obs_all_health: bool = True  # health (and shield) of every unit in sight
    obs_own_health: bool = True  # an agent's own; always so with obs_all_health
    obs_last_action: bool = False  # last action of every ally in sight, one-hot
    obs_pathing_grid: bool = False  # whether the 8 points around can be walked on
    obs_terrain_height: bool = False  # height of these 8 points and the agent's own
    obs_instead_of_state: bool = False  # the state is all observations one after the other
    obs_timestep_number: bool = False  # env steps so far / episode limit

    state_last_action: bool = True  # last action of every agent, one-hot
    state_timestep_number: bool = False

    reward_sparse: bool = False  # +1 for a win, −1 for a defeat, nothing else
    reward_only_positive: bool = True  # False: damage to and deaths of allies cost
    reward_death_value: Annotated[float, Interval(0)] = 10.0  # for each killed enemy
    reward_win: Annotated[float, Interval(0)] = 200.0
    reward_defeat: Annotated[float, Interval(high=0)] = 0.0
    reward_negative_scale: Annotated[float, Interval(0)] = 0.5  # of what allies suffer
    reward_scale: bool = True  # divide by max_reward / reward_scale_rate (sparse rewards too, as SMAC does)
    reward_scale_rate: Annotated[float, Interval(0, low_open=True)] = 20.0
    # SMAC takes the absolute value, so that enemies who recover earn the team a reward. False: they earn nothing.
    reward_enemy_recovery: bool = True

    # SMAC's script plays in place of the team, whose actions are ignored: to watch it, not to learn from it.
    heuristic_ai: bool = False
    heuristic_rest: bool = False  # where the script's target is out of reach it moves towards it

    def __post_init__(self) -> None:
        _ = self.map  # There must be one.
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            if hint is bool:
                check_flag(f"smac.{name}", getattr(self, name))
            for limits in getattr(hint, "__metadata__", ()):
                limits.check(f"smac.{name}", getattr(self, name))
        self._check_combinations()

    def _check_combinations(self) -> None:
        if self.obs_all_health and not self.obs_own_health:
            raise SettingError(
                "smac.obs_own_health: false is not allowed with obs_all_health, which shows an agent its own "
                "health too; set obs_all_health to false as well."
            )
        if self.obs_instead_of_state and self.state_timestep_number:
            raise SettingError(
                "smac.state_timestep_number: true has no effect with obs_instead_of_state; "
                "set obs_timestep_number, which reaches the state through the observations."
            )
        if self.reward_only_positive and self.reward_negative_scale != 0.5:
            raise SettingError(
                f"smac.reward_negative_scale: {self.reward_negative_scale!r} has no effect with "
                "reward_only_positive; set reward_only_positive to false."
            )
        if self.heuristic_rest and not self.heuristic_ai:
            raise SettingError(
                "smac.heuristic_rest: true has no effect without heuristic_ai; set that as well."
            )

    @property
    def map(self) -> SmacMap:
        if isinstance(self.map_name, str) and self.map_name in {*DRAWN_MAPS, *SCENARIOS}:
            raise SettingError(
                f"smac.map_name: {self.map_name!r} is one of SMACv2's, which the environments 'smacv2' and 'smac_sim' play."
            )
        return smac_map(self.map_name)


# SMACv2's sight by unit type; as ranges of attack it takes those of the weapons, which stand in the simulator's table.
UNIT_SIGHT: dict[str, float] = {
    "stalker": 10, "zealot": 9, "colossus": 10, "zergling": 8, "baneling": 8, "hydralisk": 9,
    "marine": 9, "marauder": 10, "medivac": 11,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Smacv2Options(SmacOptions):
    """SMAC's settings and those that SMACv2 adds, with its names and defaults, on the maps of both.

    What SMACv2 adds is for its own maps only, whose armies are drawn for every episode.

    Raises:
        SettingError: a value out of its range, or two settings that contradict each other.
    """

    capability_config: dict[str, Any] | None = None  # teams, starts: see Capabilities
    use_unit_ranges: bool = False  # agents attack and see as far as their unit type, not 6 and 9 cells
    min_attack_range: Annotated[float, Interval(0, 32)] = 2.0  # with use_unit_ranges, for melee units
    conic_fov: bool = False  # agents see and attack within a cone only, which further actions turn
    num_fov_actions: Annotated[int, Interval(2, 127, integer=True)] = 12  # directions of the cone
    obs_own_pos: bool = False  # an agent's own place, as shares of the map
    fully_observable: bool = False  # everyone alive is seen, at any distance
    action_mask: bool = True  # False: attacks on all living are allowed; beyond reach they change nothing
    # With which agents see an enemy that another one saw first. 1: all see what is in their sight.
    prob_obs_enemy: Annotated[float, Interval(0, 1)] = 1.0

    @property
    def is_drawn(self) -> bool:
        """Whether the map is one of SMACv2's, with armies that are drawn for every episode."""
        return self.map_name in DRAWN_MAPS

    @cached_property
    def capabilities(self) -> Capabilities:
        """What capability_config says; on SMACv2's maps only."""
        return read_capabilities(self.capability_config or {}, DRAWN_MAPS[self.map_name])

    @property
    def map(self) -> SmacMap:
        check_map_name(self.map_name, tuple(MAPS))
        if not self.is_drawn:
            return smac_map(self.map_name)
        said = self.capabilities
        turns = int(self.num_fov_actions) if self.conic_fov else 0
        return DRAWN_MAPS[self.map_name].of_size(said.n_units, said.n_enemies, turns)

    def _check_combinations(self) -> None:
        super()._check_combinations()
        if not self.is_drawn:
            for field in fields(Smacv2Options)[len(fields(SmacOptions)) :]:
                value = getattr(self, field.name)
                if value != field.default:
                    raise SettingError(
                        f"smac.{field.name}: {shown(value)} has no effect on map {self.map_name!r}; SMACv2's settings "
                        f"are for its own maps: {', '.join(DRAWN_MAPS)}."
                    )
            return
        for name, needs in (("min_attack_range", "use_unit_ranges"), ("num_fov_actions", "conic_fov")):
            value = getattr(self, name)
            if value != type(self).__dataclass_fields__[name].default and not getattr(self, needs):
                raise SettingError(f"smac.{name}: {value!r} has no effect without {needs}; set that as well.")
