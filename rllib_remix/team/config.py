"""The settings that all algorithms for teams share, in groups, and what RLlib asks a config for."""

from __future__ import annotations

import copy
import functools
import inspect
from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from ray.rllib.algorithms.algorithm_config import AlgorithmConfig
from ray.tune.search.sample import Domain

from rllib_remix.checkpoints.schema import check_can_be_saved
from rllib_remix.envs.naming.names import find_maker
from rllib_remix.envs.registry import make_team_env
from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.errors import SettingError
from rllib_remix.models.groups.agent import check_groups
from rllib_remix.replay.placement import shard_bundle, shard_capacities
from rllib_remix.rollout.building import check_may_be_spread, is_shipped
from rllib_remix.rollout.env_runner import TeamEnvRunner
from rllib_remix.settings import check_choice, check_keys
from rllib_remix.team.settings.computing import ComputingSettings
from rllib_remix.team.settings.groups import Setting, SettingGroup, SettingList
from rllib_remix.team.settings.loop import SOFT_TAU, LoopSettings
from rllib_remix.team.settings.networks import NetworkSettings
from rllib_remix.team.settings.replay import DrawWords, ReplaySettings
from rllib_remix.team.settings.rllib import (
    check_api,
    check_evaluation,
    check_learner,
    check_optimization,
    check_overlap,
    check_workers,
    other_defaults,
)
from rllib_remix.team.settings.training_arguments import NOT_GIVEN, describe_training
from rllib_remix.team.settings.types import check_setting_types
from rllib_remix.team.settings.unused import check_given, check_unused

# Keys that RLlib's `update_from_dict` understands although no attribute has their name.
_RLLIB_KEYS = {"_enable_new_api_stack", "multiagent", "class"}

PRESET = "preset"  # the setting that gives others their values

# A key that whole configs have, as checkpoints hold them, and nobody sets.
_OF_WHOLE_CONFIGS = "simple_optimizer"

# Settings of the network that acts.
_OF_AGENTS = (
    "agent_hidden_dim",
    "observe_last_action",
    "observe_agent_id",
    "share_parameters",
    "encoder",
    "observe_time",
    "normalize_observations",
    "skip_removed_agents",
    "compute_dtype",
)

# Attributes that RLlib adds to a config, apart from private ones.
_RLLIB_ATTRIBUTES = {"class", "worker_index", "simple_optimizer"}

if TYPE_CHECKING:
    from typing_extensions import Self

    class _Settings(NetworkSettings, ReplaySettings, LoopSettings, ComputingSettings):
        """The attributes that a config has of its groups, for readers and type checkers."""

else:
    _Settings = object


class TeamAlgorithmConfig(AlgorithmConfig, _Settings):
    """Settings of every algorithm for teams: of its networks, replay, loop and computing, and RLlib's.

    Every setting of `groups` is an attribute of the config and a keyword of `training()`. An algorithm with more
    settings writes them as a SettingGroup and names it: `groups = (*TeamAlgorithmConfig.groups, MySettings)`.

    RLlib's settings keep their meaning where they have one for teams. `validate()` refuses those that would have
    no effect and says what to use instead: the batch size is counted in episodes (`train_batch_episodes`), the
    networks are set by `training()`, connectors and vectorisation do not apply. `settings/unused.py` lists them.
    `num_epochs` (but for MAPPO) and `minibatch_size` must stay at 1 and None. Updates whose gradient is not finite are skipped, as
    RLlib promises for `torch_skip_nan_gradients`, whatever that is set to.
    """

    groups: ClassVar[tuple[type[SettingGroup], ...]] = (
        NetworkSettings,
        ReplaySettings,
        LoopSettings,
        ComputingSettings,
    )
    # Of the algorithm, "module:Class", where that module is not the config's own, but imports it.
    algorithm: ClassVar[str | None] = None
    # Values of several settings under one name, if there is a setting `preset`.
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    # What settings that came later were before there were such: a config of then goes on as it was.
    once: ClassVar[dict[str, Any]] = {
        "tau": 1.0,
        "reward_scale": 1.0,
        "normalize_rewards": False,
        "standardize_rewards": False,
        "encoder": "mlp",
        "normalize_observations": False,
    }
    # What soft copies onto target networks take over, where `tau` is None.
    soft_tau: ClassVar[float] = SOFT_TAU
    # Of RLlib's settings without effect what to use instead, where it is not what `settings/unused.py` says.
    instead: ClassVar[Mapping[str, str]] = {}
    # What the learner logs of its losses, for the message about one that is not finite.
    losses: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "groups" not in vars(cls):
            return
        counted = Counter(entry.name for entry in cls.own_settings())
        twice = [name for name, times in counted.items() if times > 1]
        if twice:
            raise TypeError(f"{cls.__name__}.groups: two of them have the setting {twice[0]!r}.")
        if "training" not in vars(cls):

            def training(self: Any, **kwargs: Any) -> Any:
                return super(cls, self).training(**kwargs)  # type: ignore[attr-defined]

            training.__qualname__ = f"{cls.__qualname__}.training"
            training.__module__ = cls.__module__
            describe_training(training, cls.groups, cls.__name__)
            cls.training = training

    def __init__(self, algo_class: type | None = None):
        if algo_class is None and self.algorithm is not None:
            module, _, name = self.algorithm.partition(":")
            algo_class = getattr(import_module(module), name)
        super().__init__(algo_class=algo_class)
        # RLlib's own settings, where both papers' values or the nature of teams ask for another default.
        self.lr = 1e-3
        self.gamma = 0.99
        self.grad_clip = 10.0
        self.grad_clip_by = "global_norm"
        # TeamLearner looks at the norm of all gradients once; with False RLlib would look at every one of them, twice.
        self.torch_skip_nan_gradients = True
        self.num_envs_per_env_runner = 8
        self.num_env_runners = 0
        self.batch_mode = "complete_episodes"
        self.sample_timeout_s = 600.0
        # Every iteration asks lost env runners whether they are back; those that have no machine yet never answer.
        self.env_runner_health_probe_timeout_s = 0.2
        self.min_sample_timesteps_per_iteration = 1000
        self.min_time_s_per_iteration = None
        self.env_runner_cls = TeamEnvRunner
        self.explore = True
        for entry in self.own_settings():
            setattr(self, entry.name, entry.default)

    @classmethod
    def own_settings(cls) -> list[Setting]:
        """The settings of all groups, in the order in which a config has them."""
        return [entry for group in cls.groups for entry in group.settings()]

    @classmethod
    def _own_names(cls) -> list[str]:
        return [entry.name for entry in cls.own_settings()]

    def described_settings(self) -> list[SettingList]:
        """Every setting with what it may be, what it is here and what it means, in groups."""
        groups = [group.described(self) for group in self.groups]
        return [*groups, other_defaults(self, self._own_names())]

    # Setting

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == PRESET and value is not None and not _is_searched(value):
            check_choice(PRESET, value, self.presets)
            for of_preset, its_value in self.presets[value].items():
                setattr(self, of_preset, copy.deepcopy(its_value))

    def training(self, **kwargs: Any) -> Self:
        own = self._own_names()
        of_rllib = {name: value for name, value in kwargs.items() if name not in own}
        allowed = [*inspect.signature(AlgorithmConfig.training).parameters, *own]
        check_keys("training()", of_rllib, [name for name in allowed if name != "self"], listed=own)
        check_given(of_rllib, _defaults_of(AlgorithmConfig))
        super().training(**of_rllib)
        for name in sorted(own, key=_preset_first):
            if kwargs.get(name, NOT_GIVEN) is not NOT_GIVEN:
                setattr(self, name, kwargs[name])
        return self

    def update_from_dict(self, config_dict: dict[str, Any]) -> Self:
        """Takes over settings by name, as Tune and YAML files give them; unknown ones raise SettingError."""
        # Tune adds names of its own, such as __trial_info__.
        names = sorted((key for key in config_dict if not str(key).startswith("__")), key=_preset_first)
        config_dict = {key: config_dict[key] for key in names}
        if _OF_WHOLE_CONFIGS in config_dict:
            config_dict = self.completed(config_dict)
        check_keys(
            f"config of {self.algo_class.__name__ if self.algo_class else type(self).__name__}",
            (key for key in config_dict if not self._knows(str(key))),
            [name for name in vars(self) if not name.startswith("_")],
            listed=self._own_names(),
        )
        known = {name: value for name, value in config_dict.items() if not _is_searched(value)}
        check_setting_types("", _defaults_of(type(self)), known)
        # With it, all settings of a config may be there, as they were.
        if "train_batch_episodes" not in config_dict:
            check_given(config_dict, _defaults_of(AlgorithmConfig))
        super().update_from_dict(config_dict)
        return self

    @classmethod
    def completed(cls, whole: Mapping[str, Any]) -> dict[str, Any]:
        """All settings of a config that maybe an earlier version wrote, with what it had before there were others."""
        settings = {**whole, **{name: value for name, value in cls.once.items() if name not in whole}}
        if settings.get("target_network_update_episodes") is not None:
            settings["target_network_update_interval"] = None  # There was a number beside it.
        return settings

    def _knows(self, key: str) -> bool:
        translated = self._translate_special_keys(key, warn_deprecated=False)
        member = getattr(type(self), translated, None)
        can_be_set = isinstance(member, property) and member.fset is not None
        return key in _RLLIB_KEYS or translated in vars(self) or can_be_set

    # Checking

    def validate(self) -> None:
        """Checks every setting and the environment's, before anything is started.

        Raises:
            SettingError: names the setting, its value, what is allowed and the nearest valid name.
        """
        # First of all, because what RLlib raises for some of these does not name the setting.
        self._validate_names()
        check_setting_types("", _defaults_of(type(self)), vars(self))
        check_api(self)
        if not self.in_evaluation:  # RLlib itself sets some of these for its evaluation.
            check_unused(self, _defaults_of(TeamAlgorithmConfig))
        check_optimization(self)
        for group in self.groups:
            group.of(self).check()
        self.check_combinations()
        check_can_be_saved(f"{type(self).__name__}.networks()", self.networks())
        check_learner(self)
        check_workers(self)
        check_overlap(self)
        check_evaluation(self)
        self._validate_by_rllib()
        self._validate_env()

    def check_combinations(self) -> None:
        """Raises SettingError for settings of several groups that rule each other out; each can be by itself."""
        replay = ReplaySettings.of(self)
        replay.check_draws(self.draw_words(), by_priority=self.draws_by_priority())
        replay.check_recent(self.recent_episodes_per_batch())

    def _validate_names(self) -> None:
        """Finds misspelt attributes, as in `config.td_lamda = 0.5`."""
        known = vars(_defaults_of(type(self)))
        check_keys(
            type(self).__name__,
            [name for name in vars(self) if not name.startswith("_") and name not in _RLLIB_ATTRIBUTES],
            [name for name in known if not name.startswith("_")],
            listed=self._own_names(),
        )

    def _validate_by_rllib(self) -> None:
        """RLlib's own checks, which say what is wrong with a setting in errors of many types."""
        try:
            super().validate()
            if not self.in_evaluation:
                self._validate_evaluation_config()
        except SettingError:
            raise
        except Exception as error:
            said = str(error).partition("\nTo suppress all validation errors")[0]
            raise SettingError(f"RLlib refuses the settings: {said or type(error).__name__}") from error

    def _validate_evaluation_config(self) -> None:
        try:
            self.get_evaluation_config_object()
        except SettingError as error:
            raise SettingError(f"evaluation_config: {error}") from error

    def _validate_env(self) -> None:
        if self.env is not None and self.num_env_processes:
            check_may_be_spread(self.env, self.num_env_processes)
        if is_shipped(self.env):
            self.check_team(make_team_env(self.env, dict(self.env_config), num_envs=1).spec)
        elif self.env is not None:
            find_maker(self.env).check_can_be_called(self.env_config)

    def check_team(self, spec: TeamSpec) -> None:
        """Raises SettingError if the networks cannot be those of this team."""
        check_groups(self.networks(), spec)

    # What an algorithm decides

    def networks(self) -> dict[str, Any]:
        """The model config of the algorithm's RLModule: here, of the agents. One with more networks adds theirs.

        Checkpoints keep it, and a team is played from there. So it holds numbers, flags, short texts, None, and short
        lists of these.
        """
        return {name: getattr(self, name) for name in _OF_AGENTS}

    def draws_by_priority(self) -> bool:
        """Whether batches are drawn in proportion to the episodes' priorities, which every update refreshes."""
        return False

    def draw_words(self) -> DrawWords:
        """How messages say when batches are drawn uniformly, and when by priority."""
        name = self.algo_class.__name__ if self.algo_class else type(self).__name__
        return DrawWords(f"in {name}", name, "the priorities")

    def priority_measure(self) -> str:
        """What priorities measure; saved ones of another measure are not taken over."""
        return ""

    def default_recent_share(self) -> float:
        """What `recent_episodes_share` is where it is None."""
        return 0.0

    # What follows from the settings

    def replay_settings(self) -> dict[str, Any]:
        """Arguments of the replay buffer; where batches are not drawn by priority it draws uniformly, α = 0."""
        settings = {
            "capacity": self.replay_buffer_capacity,
            "recent_capacity": self.recent_episodes_capacity,
            "seed": self.seed,
        }
        if ReplaySettings.of(self).can_draw_by_priority():
            by_priority = self.draws_by_priority()
            settings["alpha"] = self.prioritized_replay_alpha if by_priority else 0.0
            settings["epsilon"] = self.prioritized_replay_epsilon
            settings["measure"] = self.priority_measure()
        return settings

    def replay_shard_bundles(self) -> list[dict[str, float]]:
        """What every shard of the replay buffer asks a placement group for; its memory if the environment is ours.

        Of other environments the sizes are known only when they have been made, on the env runners' machines.
        """
        if not self.num_replay_shards:
            return []
        spec = None
        if is_shipped(self.env):
            env = make_team_env(self.env, dict(self.env_config), num_envs=1)
            spec = env.spec
            env.close()
        capacities = shard_capacities(self.replay_buffer_capacity, self.num_replay_shards)
        return [shard_bundle(spec, capacity) for capacity in capacities]

    def recent_episodes_per_batch(self) -> int:
        """How many episodes of a batch are drawn from the newest alone: the share rounded, and at least one of any."""
        share = self.recent_episodes_share
        if share is None:
            share = self.default_recent_share()
        return max(1, round(share * self.train_batch_episodes)) if share else 0

    # RLlib's hooks

    def get_evaluation_config_object(self) -> AlgorithmConfig | None:
        """As RLlib's, but greedy unless `evaluation_config` says otherwise."""
        config = super().get_evaluation_config_object()
        given = self.evaluation_config
        if isinstance(config, TeamAlgorithmConfig) and not (isinstance(given, dict) and "explore" in given):
            config.explore = False
        return config

    @property
    def _model_config_auto_includes(self) -> dict[str, Any]:
        return super()._model_config_auto_includes | self.networks()


describe_training(TeamAlgorithmConfig.training, TeamAlgorithmConfig.groups, "TeamAlgorithmConfig")


def _preset_first(name: Any) -> bool:
    """Sorts the preset before the settings that count more than it."""
    return name != PRESET


@functools.cache
def _defaults_of(config_class: type[AlgorithmConfig]) -> AlgorithmConfig:
    """A config as it is made, to compare with: every check needs some, and RLlib takes a millisecond for one."""
    return config_class()


def _is_searched(value: Any) -> bool:
    """Whether a value is a range or a grid of Tune, which trials will have values of."""
    return isinstance(value, Domain) or (isinstance(value, Mapping) and "grid_search" in value)
