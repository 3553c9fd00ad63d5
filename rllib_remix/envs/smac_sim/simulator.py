"""`smac_sim`: SMAC's tasks on our own simulator, N copies at once."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from rllib_remix.envs.smac.actions import STOP, check_form, illegal_action
from rllib_remix.envs.smac.capabilities import with_scenario
from rllib_remix.envs.smac.layout import smac_layout
from rllib_remix.envs.smac.maps import SmacMap
from rllib_remix.envs.smac.options import UNIT_SIGHT, Smacv2Options
from rllib_remix.envs.smac_sim.battles.battle import Battle
from rllib_remix.envs.smac_sim.battles.units import UNIT_DATA
from rllib_remix.envs.smac_sim.drawing import draw_battle
from rllib_remix.envs.smac_sim.rules import Rules, new_view, rules_of
from rllib_remix.envs.smac_sim.script import follow_script
from rllib_remix.envs.smac_sim.stepping import step_all
from rllib_remix.envs.smac_sim.targets import NOBODY
from rllib_remix.envs.team_env import TeamEnv, TeamStep
from rllib_remix.errors import SettingError
from rllib_remix.settings import check_keys, check_number


class SmacSim(TeamEnv):
    """SMAC's and SMACv2's maps, actions, masks, observations, rewards and endings on a simulator of the battles.

    What it models, what it leaves out and how it differs from StarCraft II is listed in docs/smac_sim.md. Results
    are results of the simulator, never SMAC results.

    Args:
        num_envs: copies N that are stepped together.
        settings: fields of Smacv2Options, with SMAC's and SMACv2's names; `map_name` chooses one of SMAC's 23 maps,
            one of SMACv2's (with a `capability_config`), or one of SMACv2's scenarios, such as `terran_5_vs_5`.

    Actions: 0 no-op (the dead only), 1 stop, 2 to 5 north, south, east, west, 6 + k attack enemy k (a medivac heals
    ally k). Observation and state: float32, laid out as SMAC does (see SmacLayout). Info: `battle_won`,
    `dead_allies`, `dead_enemies`, `episode_limit` (1 if the episode was cut off by its limit).

    Raises:
        SettingError: an unknown map or setting, a value out of its range, or settings that contradict each other.
    """

    def __init__(self, num_envs: int = 1, **settings: Any):
        check_number("smac_sim.num_envs", num_envs, low=1, high=2**20, integer=True)
        check_keys("env_config of 'smac_sim'", settings, self.setting_names())
        self.options = Smacv2Options(**with_scenario(settings))
        _refuse_what_is_not_simulated(self.options)
        self.layout = smac_layout(self.options)
        self.num_envs = int(num_envs)
        self.n_agents, self.n_actions = self.layout.n_agents, self.layout.n_actions
        self.obs_dim, self.state_dim = self.layout.obs_dim, self.layout.state_dim
        self.episode_limit = self.options.map.episode_limit
        capabilities = self.options.capabilities if self.options.is_drawn else None
        self.battle = Battle(self.options.map, self.num_envs, capabilities)
        if self.options.use_unit_ranges:
            _give_own_ranges(self.battle, self.options.min_attack_range)
        self._rules = rules_of(self.options, self.layout)
        self._view = new_view(self.layout, self.num_envs, self.battle.pathing, self.battle.heights)
        self._actions = np.full((self.num_envs, self.n_agents), STOP, np.int64)
        self._targets = np.full((self.num_envs, self.n_agents), NOBODY, np.int64)  # of SMAC's script

    @staticmethod
    def setting_names() -> tuple[str, ...]:
        """What a user may set."""
        return tuple(field.name for field in fields(Smacv2Options))

    @property
    def rules(self) -> Rules:
        """The settings as numbers, for compiled code."""
        return self._rules

    def reset(self, seed: int | None = None) -> TeamStep:
        if seed is not None:
            self.battle.seed(seed)
        self._view.terminated[:] = False
        self._view.truncated[:] = True
        return self.step(np.full((self.num_envs, self.n_agents), STOP))

    def step(self, actions: np.ndarray) -> TeamStep:
        """Moves every copy on by one step.

        With `heuristic_ai` SMAC's script acts in place of the team; as in SMAC, what it did is written into `actions`
        (unless that is read-only), even where the mask does not allow it.

        Raises:
            ValueError: an action that is not available; the message lists what is.
        """
        actions = np.asarray(actions)
        check_form("smac_sim", actions, self.num_envs, self.n_agents)
        self._actions[:] = actions
        if self.options.heuristic_ai:
            self._follow_script(actions)
        illegal = step_all(self._rules, self.battle.world, self._view, self._actions)
        if illegal >= 0:
            copy, agent = divmod(illegal, self.n_agents)
            action, avail = int(self._actions[copy, agent]), self._view.avail[copy, agent]
            raise illegal_action("smac_sim", self._map_of(copy), copy, agent, action, avail)
        return self.current()

    def _map_of(self, copy: int) -> SmacMap:
        """The map, with the allies that fight in a copy now."""
        game = self.options.map
        if not game.drawn:
            return game
        kinds = self.battle.units[copy, : self.n_agents]["kind"]
        return replace(game, allies=tuple((self.battle.kind_names[kind], 1) for kind in kinds))

    def _follow_script(self, actions: np.ndarray) -> None:
        """Puts the script's actions in the place of the given ones."""
        battle, view = self.battle, self._view
        follow_script(
            battle.units,
            battle.kinds,
            self.options.map.heals,
            self.options.map.first_target,
            self.options.heuristic_rest,
            view.terminated | view.truncated,
            view.avail,
            self._targets,
            self._actions,
        )
        if actions.flags.writeable:
            actions[:] = self._actions

    def current(self) -> TeamStep:
        """The step that was returned last."""
        view = self._view
        names = ("battle_won", "dead_allies", "dead_enemies", "episode_limit")
        return TeamStep(
            obs=view.obs,
            state=view.state,
            avail_actions=view.avail,
            rewards=view.rewards,
            terminated=view.terminated,
            truncated=view.truncated,
            info=dict(zip(names, view.info, strict=True)),
        )

    def get_state(self) -> dict[str, Any]:
        return {"streams": self.battle.world.battles["stream"].copy()}

    def set_state(self, state: dict[str, Any]) -> None:
        if len(state["streams"]) == self.num_envs:
            self.battle.world.battles["stream"] = state["streams"]

    def render(self, copy: int = 0) -> np.ndarray:
        """A picture of one copy from above, north up; see `draw_battle`."""
        units = self.battle.units[copy]
        return draw_battle(
            units,
            self.battle.kinds,
            self.battle.kind_names,
            self.n_agents,
            self.battle.pathing,
            shots=units["fired"],
        )


def _refuse_what_is_not_simulated(options: Smacv2Options) -> None:
    """Raises SettingError for what only StarCraft II with SMACv2's client can do."""
    if not options.is_drawn:
        return
    instead = "is not simulated; the environment 'smacv2' plays it in StarCraft II."
    if options.prob_obs_enemy != 1:
        raise SettingError(f"smac.prob_obs_enemy: {options.prob_obs_enemy:g} {instead}")
    said = options.capabilities
    for name, part in (
        ("attack", said.attack),
        ("health", said.health),
        ("enemy_mask", said.mask_probability),
    ):
        if part is not None:
            raise SettingError(f"smac.capability_config.{name}: it {instead}")


def _give_own_ranges(battle: Battle, least_reach: float) -> None:
    """SMACv2's use_unit_ranges: agents attack as far as their weapon, but no less than some cells, and see further."""
    for name, kind in zip(battle.kind_names, battle.kinds, strict=True):
        kind["shoot_range"] = max(UNIT_DATA[name].weapon_range, least_reach)
        kind["sight_range"] = UNIT_SIGHT[name]
