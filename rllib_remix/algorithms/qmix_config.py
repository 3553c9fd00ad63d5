"""Every setting of the value-based algorithms, with its default, unit and source."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from ray.rllib.algorithms.algorithm_config import AlgorithmConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.utils.from_config import NotProvided
from ray.tune.search.sample import Domain

from rllib_remix.algorithms.table import algorithm_class
from rllib_remix.envs.registry import make_team_env
from rllib_remix.errors import SettingError
from rllib_remix.learning.weighting import ON_POLICINESS
from rllib_remix.learning.weighting_settings import check_weighting
from rllib_remix.models.mixers import MIXERS
from rllib_remix.replay.placement import shard_bundle, shard_capacities
from rllib_remix.replay.prioritized import REPLAY_BUFFERS, PrioritizedMultiAgentReplayBuffer
from rllib_remix.reporting.weight_histogram import histogram_edges
from rllib_remix.rollout.building import env_creator, is_shipped
from rllib_remix.rollout.env_runner import TeamEnvRunner
from rllib_remix.settings import (
    check_choice,
    check_count,
    check_flag,
    check_keys,
    check_number,
    check_schedule,
    is_interval,
)
from rllib_remix.team.replay_settings import MAX_EPISODES, check_replay
from rllib_remix.team.setting_types import check_setting_types
from rllib_remix.team.unused_settings import check_given, check_unused
from rllib_remix.value_based.schemes import find_scheme, share_with_workers

# RLlib's mark for an argument that was left out.
NOT_GIVEN: Any = NotProvided

MAX_UNITS = 16_384  # of a layer; its weights are some GB then

# Keys that RLlib's `update_from_dict` understands although no attribute has their name.
_RLLIB_KEYS = {"_enable_new_api_stack", "multiagent", "class"}

# Attributes that RLlib adds to a config, apart from private ones.
_RLLIB_ATTRIBUTES = {"class", "worker_index", "simple_optimizer"}


class QMIXConfig(AlgorithmConfig):
    """Settings of QMIX and of everything that is built on it.

    Example:
        >>> from rllib_remix import ReMIXConfig
        >>> config = (
        ...     ReMIXConfig()
        ...     .environment("predator_prey", env_config={"punishment": -2.0})
        ...     .env_runners(num_env_runners=0, num_envs_per_env_runner=8)
        ...     .training(train_batch_episodes=32, epsilon=[[0, 0.995], [100_000, 0.05]])
        ... )
        >>> algorithm = config.build_algo()  # doctest: +SKIP

    RLlib's settings keep their meaning where they have one for teams. `validate()` refuses those that would have
    no effect and says what to use instead: the batch size is counted in episodes (`train_batch_episodes`), the
    networks are set by `training()`, connectors and vectorisation do not apply. `unused_settings.py` lists them.
    `num_epochs` and `minibatch_size` must stay at 1 and None. Updates whose gradient is not finite are skipped, as
    RLlib promises for `torch_skip_nan_gradients`, whatever that is set to.
    """

    def __init__(self, algo_class: type | None = None):
        if algo_class is None:
            algo_class = algorithm_class("QMIX")
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
        # The value networks.
        self.mixer = "qmix"
        self.agent_hidden_dim = 64
        self.mixer_embed_dim = 32
        self.hypernet_hidden_dim = 64
        self.q_star_hidden_dim = 256
        self.observe_last_action = True
        self.observe_agent_id = True
        self.utility_clamp: tuple[float, float] | None = None
        # The loss.
        self.weighting = "uniform"
        self.weighting_config: dict[str, Any] = {}
        self.weighting_mode = "loss"
        self.q_star_loss_weight = 1.0
        self.td_lambda = 0.6
        self.target_network_update_episodes = 200
        self.weight_histogram_range: tuple[float, float] = (1e-3, 10.0)
        self.weight_histogram_bins = 80
        # Replay.
        self.train_batch_episodes = 128
        self.replay_buffer = "prioritized"
        self.replay_buffer_capacity = 5000
        self.num_replay_shards = 0
        self.recent_episodes_share: float | None = None
        self.recent_episodes_capacity = 200
        self.prioritized_replay_alpha = 1.0
        self.prioritized_replay_beta: float | list[list[float]] = 0.0
        self.prioritized_replay_epsilon = 1e-6
        # The off-policy loop.
        self.rollout_episodes_per_update = 8
        self.epsilon: float | list[list[float]] = [[0, 0.995], [100_000, 0.05]]
        self.overlap_sampling = False
        self.skip_removed_agents = True
        self.compute_dtype = "float32"
        self.num_torch_threads: int | None = 1

    def training(
        self,
        *,
        mixer: str = NOT_GIVEN,
        agent_hidden_dim: int = NOT_GIVEN,
        mixer_embed_dim: int = NOT_GIVEN,
        hypernet_hidden_dim: int = NOT_GIVEN,
        q_star_hidden_dim: int = NOT_GIVEN,
        observe_last_action: bool = NOT_GIVEN,
        observe_agent_id: bool = NOT_GIVEN,
        utility_clamp: tuple[float, float] | None = NOT_GIVEN,
        weighting: str = NOT_GIVEN,
        weighting_config: dict[str, Any] = NOT_GIVEN,
        weighting_mode: str = NOT_GIVEN,
        q_star_loss_weight: float = NOT_GIVEN,
        td_lambda: float = NOT_GIVEN,
        target_network_update_episodes: int = NOT_GIVEN,
        weight_histogram_range: tuple[float, float] = NOT_GIVEN,
        weight_histogram_bins: int = NOT_GIVEN,
        train_batch_episodes: int = NOT_GIVEN,
        replay_buffer: str = NOT_GIVEN,
        replay_buffer_capacity: int = NOT_GIVEN,
        num_replay_shards: int = NOT_GIVEN,
        recent_episodes_share: float | None = NOT_GIVEN,
        recent_episodes_capacity: int = NOT_GIVEN,
        prioritized_replay_alpha: float = NOT_GIVEN,
        prioritized_replay_beta: float | list[list[float]] = NOT_GIVEN,
        prioritized_replay_epsilon: float = NOT_GIVEN,
        rollout_episodes_per_update: int = NOT_GIVEN,
        epsilon: float | list[list[float]] = NOT_GIVEN,
        overlap_sampling: bool = NOT_GIVEN,
        skip_removed_agents: bool = NOT_GIVEN,
        compute_dtype: str = NOT_GIVEN,
        num_torch_threads: int | None = NOT_GIVEN,
        **kwargs: Any,
    ) -> QMIXConfig:
        """Sets how the team learns; further arguments are those of RLlib's `training()` (`lr`, `gamma`, …).

        Args:
            mixer: "qmix" (monotonic) or "vdn" (sum).
            agent_hidden_dim: units of each agent's encoder and GRU. 64 in pymarl2, on which both papers build.
            mixer_embed_dim: m, units of QMIX's mixing layer. 32 in pymarl2.
            hypernet_hidden_dim: units of the networks that produce the mixing weights. 64.
            q_star_hidden_dim: units of each hidden layer of the unrestricted Q*. 256 (WQMIX).
            observe_last_action, observe_agent_id: whether agents see a one-hot of their last action and index. The public
                configurations of Predator-Prey behind both papers leave the index out (`obs_agent_id: False`).
            utility_clamp: (low, high) limits of the agents' utilities, by which they act and which Q_tot mixes; None
                for no limits. The network that feeds Q* has none. The MAC-PO reference code has (-5, 2), which also
                stops gradients outside.
            weighting: "uniform", "ow", "cw", "remix", "macpo", "macpo_approx", "discor", "remern", "per" or "pser".
            weighting_config: settings of that weighting, see `rllib_remix.learning.weighting`.
            weighting_mode: "loss" draws batches uniformly and weighs the loss (what the papers run); "sampling" draws
                episodes in proportion to their mean weight and keeps in the loss the profile of the weights within
                an episode (MAC-PO, section 2.3).
            q_star_loss_weight: factor of the Q* loss. 1; the MAC-PO reference code has 0.5.
            td_lambda: λ of the λ-return; 0 is one-step. 0.6 in both papers.
            target_network_update_episodes: episodes collected between two copies onto the target networks. 200.
            weight_histogram_range, weight_histogram_bins: the bins, evenly spaced on a logarithmic axis, of
                `weight_histogram` in the results.
            train_batch_episodes: episodes per update. 128 in both papers.
            replay_buffer: "prioritized" or "uniform"; mode "sampling" needs the first.
            replay_buffer_capacity: episodes. 10,000 in both papers (table 2); 5,000 here, for half of the memory.
            num_replay_shards: how many Ray actors share the episodes out among them, for a replay buffer that is too
                large for one machine; at most `train_batch_episodes`. 0 keeps them in the algorithm's process. What is
                drawn does not depend on it.
            recent_episodes_share: share of every batch, [0, 1], that is drawn from the newest episodes alone (ReMIX's
                on-policiness). None is what the weighting has for a default: 0.25 for "remix", 0 for all others.
            recent_episodes_capacity: how many of the newest episodes these are. 200, as between two target updates.
            prioritized_replay_alpha: α of mode "sampling": an episode is drawn in proportion to (priority + ε)^α; in
                (0, 1]. 1, at which both modes have the same expected gradient (docs/weightings/README.md says when).
            prioritized_replay_beta: β of its importance correction (1 / (N·P))^β, divided by the greatest of the batch;
                in [0, 1], or its schedule over env steps as [[0, start], [steps, end], …]. 0 keeps the preference, 1
                undoes it as far as the division allows.
            prioritized_replay_epsilon: ε of its priorities, in (0, 1]. 1e-6.
            rollout_episodes_per_update: episodes collected per update, whatever the number of env runners. 8.
            epsilon: exploration rate, or its schedule over env steps as [[0, start], [steps, end], …].
            overlap_sampling: whether env runners play while the learner makes the updates for the episodes that came
                before, instead of waiting for them. They then play with weights that lag by the updates of one
                round at most (`env_runners/weights_lag` in the results), and with the ε of the moment at which the
                round was requested. Needs `num_env_runners` ≥ 1; the number of updates per episode stays.
            skip_removed_agents: an agent that has no choice (one available action) and sees nothing new until its
                episode ends is computed at the first such step only, and keeps these utilities. False computes all
                agents until the end.
            compute_dtype: "float32", or "bfloat16" for the learner's large matrix products (faster on CPUs with
                AVX512-BF16 or AMX and on GPUs); utilities, Q_tot, Q*, targets, weights and parameters stay float32.
            num_torch_threads: threads that PyTorch may use in each process; None leaves its own choice. The
                networks are small: more than 1 was never faster.
        """
        own = {
            name: value
            for name, value in locals().items()
            if name not in ("self", "kwargs", "__class__") and value is not NOT_GIVEN
        }
        allowed = [*inspect.signature(AlgorithmConfig.training).parameters, *_own_settings()]
        check_keys("training()", kwargs, [name for name in allowed if name != "self"], listed=_own_settings())
        check_given(kwargs, AlgorithmConfig())
        super().training(**kwargs)
        for name, value in own.items():
            setattr(self, name, value)
        return self

    def update_from_dict(self, config_dict: dict[str, Any]) -> QMIXConfig:
        """Takes over settings by name, as Tune and YAML files give them; unknown ones raise SettingError."""
        # Tune adds names of its own, such as __trial_info__.
        config_dict = {key: value for key, value in config_dict.items() if not str(key).startswith("__")}
        check_keys(
            f"config of {self.algo_class.__name__ if self.algo_class else type(self).__name__}",
            (key for key in config_dict if not self._knows(str(key))),
            [name for name in vars(self) if not name.startswith("_")],
            listed=_own_settings(),
        )
        known = {name: value for name, value in config_dict.items() if not _is_searched(value)}
        check_setting_types("", type(self)(), known)
        # With it, all settings of a config may be there, as they were.
        if "train_batch_episodes" not in config_dict:
            check_given(config_dict, AlgorithmConfig())
        return super().update_from_dict(config_dict)

    def _knows(self, key: str) -> bool:
        translated = self._translate_special_keys(key, warn_deprecated=False)
        member = getattr(type(self), translated, None)
        can_be_set = isinstance(member, property) and member.fset is not None
        return key in _RLLIB_KEYS or translated in vars(self) or can_be_set

    def validate(self) -> None:
        """Checks every setting and the environment's, before anything is started.

        Raises:
            SettingError: names the setting, its value, what is allowed and the nearest valid name.
        """
        # First of all, because what RLlib raises for some of these does not name the setting.
        self._validate_names()
        check_setting_types("", type(self)(), vars(self))
        self._validate_api()
        if not self.in_evaluation:  # RLlib itself sets some of these for its evaluation.
            check_unused(self, QMIXConfig())
        self._validate_loss()
        check_replay(self, QMIXConfig())
        self._validate_histogram()
        self._validate_networks()
        self._validate_loop()
        self._validate_workers()
        self._validate_overlap()
        self._validate_evaluation()
        self._validate_by_rllib()
        self._validate_env()

    def _validate_names(self) -> None:
        """Finds misspelt attributes, as in `config.td_lamda = 0.5`."""
        known = vars(type(self)())
        check_keys(
            type(self).__name__,
            [name for name in vars(self) if not name.startswith("_") and name not in _RLLIB_ATTRIBUTES],
            [name for name in known if not name.startswith("_")],
            listed=_own_settings(),
        )

    def _validate_api(self) -> None:
        if self.framework_str != "torch":
            raise SettingError(f"framework: {self.framework_str!r} is not supported; allowed: 'torch'.")
        if not (self.enable_rl_module_and_learner and self.enable_env_runner_and_connector_v2):
            raise SettingError("api_stack: only RLlib's new API stack is supported; leave both switches on.")
        if self.is_multi_agent:
            raise SettingError(
                "multi_agent(): a team is one module here, with parameters shared between its agents; leave "
                "`policies` at its default."
            )
        if self.num_epochs != 1:
            raise SettingError(
                f"num_epochs: {self.num_epochs!r} is not allowed; it must be 1. For more updates per sampled "
                "episode lower `rollout_episodes_per_update`."
            )
        if self.minibatch_size is not None:
            raise SettingError(
                f"minibatch_size: {self.minibatch_size!r} is not allowed; it must be None. For smaller batches "
                "lower `train_batch_episodes`."
            )

    def _validate_loss(self) -> None:
        find_scheme(self.weighting)
        check_weighting(self.weighting, self.weighting_config)
        share_with_workers(self.weighting)
        check_number("gamma", self.gamma, low=0, high=1)
        check_number("td_lambda", self.td_lambda, low=0, high=1)
        check_number("q_star_loss_weight", self.q_star_loss_weight, low=0)
        if isinstance(self.lr, Real):
            check_number("lr", self.lr, low=0, low_open=True)
        else:
            check_schedule("lr", self.lr, low=0)
        if self.grad_clip is not None:
            check_number("grad_clip", self.grad_clip, low=0, low_open=True)
        elif self.log_gradients:
            raise SettingError(
                "log_gradients: True is not allowed without grad_clip, because RLlib then drops the gradients; "
                "`grad_norm` is among the results anyway."
            )
        check_choice("grad_clip_by", self.grad_clip_by, ("value", "norm", "global_norm"))

    def _validate_histogram(self) -> None:
        limits = self.weight_histogram_range
        if not is_interval(limits) or limits[0] < 1e-30 or limits[1] > 1e30:
            raise SettingError(
                f"weight_histogram_range: {limits!r} is not allowed; it must be (low, high), two numbers in "
                "[1e-30, 1e+30], low < high."
            )
        check_count("weight_histogram_bins", self.weight_histogram_bins, low=1, high=1000)
        if (np.diff(histogram_edges(*limits, self.weight_histogram_bins)) <= 0).any():
            raise SettingError(
                f"weight_histogram_range: {limits!r} is too narrow for {self.weight_histogram_bins} bins "
                "(weight_histogram_bins) of float32 weights; allowed: a wider range, or fewer bins."
            )

    def _validate_networks(self) -> None:
        check_choice("mixer", self.mixer, MIXERS)
        for name in ("agent_hidden_dim", "mixer_embed_dim", "hypernet_hidden_dim", "q_star_hidden_dim"):
            check_count(name, getattr(self, name), low=1, high=MAX_UNITS)
        for name in ("observe_last_action", "observe_agent_id", "skip_removed_agents"):
            check_flag(name, getattr(self, name))
        check_choice("compute_dtype", self.compute_dtype, ("float32", "bfloat16"))
        if self.utility_clamp is not None and not is_interval(self.utility_clamp):
            raise SettingError(
                f"utility_clamp: {self.utility_clamp!r} is not allowed; it must be None or (low, high), two finite "
                "numbers, low < high."
            )

    def _validate_loop(self) -> None:
        check_count("target_network_update_episodes", self.target_network_update_episodes, low=1)
        check_count("rollout_episodes_per_update", self.rollout_episodes_per_update, low=1, high=MAX_EPISODES)
        if self.num_torch_threads is not None:
            check_count("num_torch_threads", self.num_torch_threads, low=1, high=1024)
        check_schedule("epsilon", self.epsilon, low=0, high=1)

    def _validate_workers(self) -> None:
        check_count("num_envs_per_env_runner", self.num_envs_per_env_runner, low=1)
        for name in ("num_env_runners", "num_learners", "evaluation_num_env_runners"):
            check_count(name, getattr(self, name), low=0)
        check_count("metrics_num_episodes_for_smoothing", self.metrics_num_episodes_for_smoothing, low=1)
        for name in (
            "explore",
            "restart_failed_sub_environments",
            "restart_failed_env_runners",
            "ignore_env_runner_failures",
        ):
            check_flag(name, getattr(self, name))
        for name in ("sample_timeout_s", "evaluation_sample_timeout_s"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), low=0, low_open=True)
        if (self.num_learners or 0) > self.train_batch_episodes:
            raise SettingError(
                f"num_learners: {self.num_learners} is more than the {self.train_batch_episodes} episodes of a batch "
                f"(train_batch_episodes); allowed: 0 … {self.train_batch_episodes}, so that each has an episode."
            )

    def _validate_overlap(self) -> None:
        check_flag("overlap_sampling", self.overlap_sampling)
        if not self.overlap_sampling or self.in_evaluation:  # Evaluation has env runners of its own.
            return
        if not self.num_env_runners:
            raise SettingError(
                "overlap_sampling: True is not allowed with num_env_runners = 0, where the learner's own process "
                "plays; allowed: False, or num_env_runners of 1 or more."
            )
        if self.max_requests_in_flight_per_env_runner != 1:
            raise SettingError(
                f"max_requests_in_flight_per_env_runner: {self.max_requests_in_flight_per_env_runner!r} is not "
                "allowed with overlap_sampling; it must be 1, so that no episode is played with older weights."
            )

    def _validate_evaluation(self) -> None:
        if self.evaluation_interval is not None:
            check_count("evaluation_interval", self.evaluation_interval, low=0)
        if self.evaluation_duration != "auto":
            check_count("evaluation_duration", self.evaluation_duration, low=1)
        elif self.evaluation_interval:
            raise SettingError(
                "evaluation_duration: 'auto' is not allowed, because it drops late results; give a number of episodes."
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
        if is_shipped(self.env):
            make_team_env(self.env, dict(self.env_config), num_envs=1)
        elif self.env is not None:
            env_creator(self.env)

    # RLlib's hooks

    def get_evaluation_config_object(self) -> AlgorithmConfig | None:
        """As RLlib's, but greedy unless `evaluation_config` says otherwise."""
        config = super().get_evaluation_config_object()
        given = self.evaluation_config
        if isinstance(config, QMIXConfig) and not (isinstance(given, dict) and "explore" in given):
            config.explore = False
        return config

    def get_default_rl_module_spec(self) -> RLModuleSpec:
        from rllib_remix.value_based.rl_module import ValueRLModule

        return RLModuleSpec(module_class=ValueRLModule, model_config=self.networks())

    def networks(self) -> dict[str, Any]:
        """The model config of ValueRLModule."""
        scheme = find_scheme(self.weighting)
        return {
            "mixer": self.mixer,
            "use_q_star": scheme.needs_q_star,
            "use_mixer_gradient": scheme.needs_mixer_gradient,
            "agent_hidden_dim": self.agent_hidden_dim,
            "mixer_embed_dim": self.mixer_embed_dim,
            "hypernet_hidden_dim": self.hypernet_hidden_dim,
            "q_star_hidden_dim": self.q_star_hidden_dim,
            "observe_last_action": self.observe_last_action,
            "observe_agent_id": self.observe_agent_id,
            "utility_clamp": tuple(self.utility_clamp) if self.utility_clamp else None,
            "skip_removed_agents": self.skip_removed_agents,
            "compute_dtype": self.compute_dtype,
        }

    def replay_settings(self) -> dict[str, Any]:
        """Arguments of the replay buffer; in mode "loss" it draws uniformly, α = 0."""
        settings = {
            "capacity": self.replay_buffer_capacity,
            "recent_capacity": self.recent_episodes_capacity,
            "seed": self.seed,
        }
        if issubclass(REPLAY_BUFFERS[self.replay_buffer], PrioritizedMultiAgentReplayBuffer):
            settings["alpha"] = self.prioritized_replay_alpha if self.draws_by_priority() else 0.0
            settings["epsilon"] = self.prioritized_replay_epsilon
            settings["measure"] = self.priority_measure()
        return settings

    def draws_by_priority(self) -> bool:
        """Whether the learner's priorities decide what is drawn."""
        return self.weighting_mode == "sampling"

    def priority_measure(self) -> str:
        """What priorities are made of: those of another measure are not taken over from a checkpoint."""
        weighting = find_scheme(self.weighting).settings() | self.weighting_config
        return json.dumps([self.weighting, weighting], sort_keys=True, default=str)

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

    def default_recent_share(self) -> float:
        """The share of recent episodes that the weighting has for a default."""
        is_off = ON_POLICINESS in self.weighting_config.get("disable", ())
        return 0.0 if is_off else find_scheme(self.weighting).recent_share or 0.0

    @property
    def _model_config_auto_includes(self) -> dict[str, Any]:
        return super()._model_config_auto_includes | self.networks()

    def get_default_learner_class(self) -> type:
        from rllib_remix.value_based.learner import ValueLearner

        return ValueLearner


def _is_searched(value: Any) -> bool:
    """Whether a value is a range or a grid of Tune, which trials will have values of."""
    return isinstance(value, Domain) or (isinstance(value, Mapping) and "grid_search" in value)


def _own_settings() -> list[str]:
    parameters = inspect.signature(QMIXConfig.training).parameters
    return [name for name in parameters if name not in ("self", "kwargs")]
