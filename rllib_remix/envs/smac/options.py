"""SMAC's settings that decide what agents see, do and earn; the same for StarCraft II and for our simulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, get_type_hints

from rllib_remix.envs.smac.maps import SmacMap, smac_map
from rllib_remix.errors import SettingError
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
        smac_map(self.map_name)
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
        return smac_map(self.map_name)
