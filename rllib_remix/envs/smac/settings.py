"""Settings of the `smac` environment: SMAC's own, and how the games are started, watched and restarted."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from rllib_remix.envs.smac.options import SmacOptions, Smacv2Options
from rllib_remix.errors import SettingError
from rllib_remix.settings import Interval, OneOf

OXWHIRL_CLIENT = "smac.env:StarCraft2Env"
SMACV2_CLIENT = "smacv2.env:StarCraftCapabilityEnvWrapper"
# From VeryEasy to VeryHard, then three that cheat: with the whole map in sight, with money, and with both.
DIFFICULTIES = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "A")
LONGEST_BACKOFF_S = 60.0

_Seconds = Interval(0, 86_400, low_open=True)


@dataclass(frozen=True, kw_only=True)
class SmacSettings(SmacOptions):
    """What the adapter to StarCraft II takes; what SMAC also knows has SMAC's names and defaults.

    Raises:
        SettingError: a value out of its range, or two settings that contradict each other.
    """

    difficulty: Annotated[str, OneOf(DIFFICULTIES)] = "7"  # of the enemy; published results are on VeryHard
    game_version: str | None = None  # "4.10", …; None starts the newest that is installed
    sc2_path: str | None = None  # StarCraft II's folder; None: environment variable SC2PATH, or ~/StarCraftII
    replay_dir: str | None = None  # a replay of every game process is saved here when it ends; None: nowhere
    replay_prefix: str | None = None  # of the replays' file names; None: the map's name
    window_size_x: Annotated[int, Interval(1, 16_384, integer=True)] = 1920  # pixels; without effect on Linux
    window_size_y: Annotated[int, Interval(1, 16_384, integer=True)] = 1200
    debug: bool = False  # the client writes what agents do and see to its log

    client: str = OXWHIRL_CLIENT  # "module:Class" with StarCraft2Env's methods and arguments
    # A game that takes longer hangs: it is killed, and another is started. The first includes the start of a game.
    reset_timeout_s: Annotated[float, _Seconds] = 300.0
    step_timeout_s: Annotated[float, _Seconds] = 60.0
    start_tries: Annotated[int, Interval(1, 1000, integer=True)] = 5  # failed starts in a row, then an error
    # Before the second try; doubled for every other, up to a minute. Up to half of each wait is left out by chance.
    start_backoff_s: Annotated[float, Interval(0, LONGEST_BACKOFF_S)] = 2.0
    start_interval_s: Annotated[float, Interval(0, 600)] = 1.0  # between two starts on one machine, at least
    # A game takes ever more memory. It is started anew between two episodes, after so many of them or when it and
    # its client hold so much resident memory (a game starts with about 1,000 MB).
    restart_every_episodes: Annotated[int, Interval(1, integer=True)] = 1000
    memory_limit_mb: Annotated[float, Interval(0, low_open=True)] = 4000.0

    def __post_init__(self) -> None:
        if isinstance(self.difficulty, int) and not isinstance(self.difficulty, bool):
            object.__setattr__(self, "difficulty", str(self.difficulty))  # 7 in a YAML file
        super().__post_init__()
        for name in ("game_version", "sc2_path", "replay_dir", "replay_prefix"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and value):
                raise SettingError(f"smac.{name}: {value!r} is not allowed; it must be a text or null.")
        module, _, name = self.client.partition(":") if isinstance(self.client, str) else ("", "", "")
        if not (module and name):
            raise SettingError(
                f"smac.client: {self.client!r} is not allowed; it must have the form 'module:Class', as "
                f"{OXWHIRL_CLIENT!r}."
            )

    def _check_combinations(self) -> None:
        super()._check_combinations()
        if not self.reward_enemy_recovery:
            raise SettingError(
                "smac.reward_enemy_recovery: false is not possible with StarCraft II, where SMAC itself works out "
                "the reward; the environment 'smac_sim' can do it."
            )
        if self.replay_prefix is not None and self.replay_dir is None:
            raise SettingError(
                f"smac.replay_prefix: {self.replay_prefix!r} has no effect without replay_dir; say where replays "
                "are to be saved."
            )

    def client_arguments(self, seed: int) -> dict[str, Any]:
        """StarCraft2Env's arguments, by its names; `seed` is the game's."""
        ours = ("sc2_path", "client", "start_tries", "restart_every_episodes", "memory_limit_mb")
        ours += ("reward_enemy_recovery",)
        arguments = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in ours and not name.endswith("_s")
        }
        # SMAC marks a timeout only then, and only the mark tells it from a defeat in the very last step.
        arguments["continuing_episode"] = True
        for name in ("step_mul", "window_size_x", "window_size_y"):
            arguments[name] = int(arguments[name])
        # The game writes replays itself, below its own folder if the path is a relative one.
        replay_dir = str(Path(self.replay_dir).expanduser().absolute()) if self.replay_dir else ""
        return arguments | {"seed": seed, "replay_dir": replay_dir, "replay_prefix": self.replay_prefix or ""}


@dataclass(frozen=True, kw_only=True)
class Smacv2Settings(SmacSettings, Smacv2Options):
    """The same for SMACv2's client, with what SMACv2 adds.

    Raises:
        SettingError: a value out of its range, or two settings that contradict each other.
    """

    client: str = SMACV2_CLIENT
    kill_unit_step_mul: Annotated[int, Interval(1, 1000, integer=True)] = 2  # loops after deaths by `health`

    def _check_combinations(self) -> None:
        super()._check_combinations()
        if self.obs_instead_of_state:
            raise SettingError(
                "smac.obs_instead_of_state: true is not possible with SMACv2's client, which cannot start so; the "
                "environment 'smac_sim' can do it."
            )
        with_health = self.is_drawn and self.capabilities.health is not None
        if with_health and not self.reward_only_positive:
            raise SettingError(
                "smac.reward_only_positive: false is not possible with health in capability_config, as SMACv2 has it."
            )
        if with_health and self.kill_unit_step_mul >= self.step_mul:
            raise SettingError(
                f"smac.kill_unit_step_mul: {self.kill_unit_step_mul} is not allowed; it must be below step_mul, "
                f"{self.step_mul}, of which these loops are a part."
            )
        if not with_health and self.kill_unit_step_mul != 2:
            raise SettingError(
                f"smac.kill_unit_step_mul: {self.kill_unit_step_mul} has no effect without health in capability_config."
            )

    def client_arguments(self, seed: int) -> dict[str, Any]:
        """StarCraft2Env's arguments; SMACv2 writes into the capability_config that it is given."""
        arguments = super().client_arguments(seed)
        return arguments | {"capability_config": deepcopy(dict(self.capability_config or {}))}
