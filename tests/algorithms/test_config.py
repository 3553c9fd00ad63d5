import pytest

from rllib_remix.algorithms.qmix_config import QMIXConfig
from rllib_remix.algorithms.table import ALGORITHMS, get_algorithm_config
from rllib_remix.errors import SettingError
from rllib_remix.team.learner import TeamLearner
from rllib_remix.team.settings.unused import UNUSED_SETTINGS
from rllib_remix.value_based.learner import ValueLearner

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_has_a_config_that_is_valid_as_it_is(name):
    config = get_algorithm_config(name).environment("predator_prey")
    config.validate()
    assert config.algo_class.__name__ == name
    for default in config.algo_class.get_default_config().own_settings():
        assert default.name in vars(config)


def test_an_unknown_algorithm_is_named_with_the_nearest():
    with pytest.raises(SettingError, match="unknown name 'REMIX'; did you mean 'ReMIX'"):
        get_algorithm_config("REMIX")


def test_training_sets_own_and_rllib_settings():
    config = QMIXConfig().training(td_lambda=0.5, lr=0.01, utility_clamp=(-5, 2))
    assert (config.td_lambda, config.lr, config.utility_clamp) == (0.5, 0.01, (-5, 2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"td_lamda": 0.5}, "unknown key 'td_lamda'; did you mean 'td_lambda'"),
        ({"learning_rate": 0.1}, "unknown key 'learning_rate'"),
        ({"env_runners": 2}, "unknown key 'env_runners'"),  # a method, no setting
    ],
)
def test_unknown_keys_of_training_and_of_dicts_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        QMIXConfig().training(**settings)
    with pytest.raises(SettingError, match=message):
        QMIXConfig().update_from_dict(settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"td_lambda": 1.5}, r"td_lambda: 1.5 is not allowed; it must be a number in \[0, 1\]"),
        ({"td_lambda": "much"}, "td_lambda: 'much' is of type str"),
        ({"gamma": -0.1}, "gamma: -0.1"),
        ({"lr": 0}, r"lr: 0 is not allowed.*\(0, inf\)"),
        ({"mixer": "qmx"}, "mixer: unknown name 'qmx'; did you mean 'qmix'"),
        ({"weighting": "remx"}, "weighting: unknown name 'remx'; did you mean 'remix'"),
        (
            {"weighting": "remix", "weighting_config": {"exponent_clam": 1}},
            "unknown key 'exponent_clam'; did you mean 'exponent_clamp'",
        ),
        ({"weighting": "ow", "weighting_config": {"alpha": 0}}, r"weighting_config.alpha: 0 .* \(0, 1\]"),
        ({"agent_hidden_dim": 0}, "agent_hidden_dim: 0 is not allowed; it must be an integer"),
        ({"agent_hidden_dim": 1.5}, "agent_hidden_dim: 1.5 is not allowed"),
        ({"observe_agent_id": 1}, "observe_agent_id: 1 is not allowed; it must be true or false"),
        ({"utility_clamp": (2, -5)}, "utility_clamp"),
        (
            {"train_batch_episodes": 200, "replay_buffer_capacity": 100},
            "train_batch_episodes: 200 is more than",
        ),
        ({"rollout_episodes_per_update": 0}, "rollout_episodes_per_update: 0"),
        ({"num_epochs": 2}, "num_epochs: 2 is not allowed; it must be 1.*rollout_episodes_per_update"),
        ({"minibatch_size": 8}, "minibatch_size: 8 is not allowed.*train_batch_episodes"),
        ({"num_torch_threads": 0}, "num_torch_threads: 0"),
        ({"num_threads_per_learner": 0}, "num_threads_per_learner: 0 is not allowed"),
        (
            {"num_threads_per_learner": 2, "num_torch_threads": 4},
            "num_torch_threads: 4 is not allowed with num_threads_per_learner 2, .* must be 1",
        ),
        ({"num_threads_per_learner": 2, "num_torch_threads": None}, "num_torch_threads: None is not allowed"),
        (
            {"num_threads_per_learner": 5, "train_batch_episodes": 4},
            r"num_threads_per_learner: 5 is more than .* \(train_batch_episodes 4, num_learners 0\); allowed: 1 … 4,",
        ),
        ({"epsilon": 1.5}, "epsilon: 1.5"),
        ({"epsilon": "high"}, "epsilon: 'high' is not allowed"),
        ({"epsilon": [[0, 1.0]]}, "with 2 points or more"),
        ({"epsilon": [[10, 1.0], [20, 0.1]]}, "from 0 on"),
        ({"epsilon": [[0, 1.0], [100, 0.5], [50, 0.1]]}, "runs backwards; its env steps must increase"),
        ({"epsilon": [[0, 1.0], [100, 2.0]]}, r"epsilon: 2.0 is not allowed"),
        ({"epsilon": [[0, 1.0], [NAN, 0.1]]}, "epsilon, env steps of the schedule: nan is not allowed"),
        ({"epsilon": [[0, 1.0], [INF, 0.1]]}, "epsilon, env steps of the schedule: inf is not allowed"),
        ({"epsilon": [["0", 1.0], ["9", 0.1]]}, "epsilon: .* is not allowed; it must be a number"),
        ({"epsilon": {0: 1.0, 9: 0.1}}, "epsilon: .* is not allowed; it must be a number"),
        ({"lr": None}, "lr: None is not allowed"),
        ({"lr": INF}, "lr: inf is not allowed"),
        ({"lr": [0, 1]}, "lr: .* a schedule"),
        ({"lr": [[0, 1e-3], [100, -1e-3]]}, "lr: -0.001 is not allowed"),
        ({"lr": [[0, 1e-3], [100, NAN]]}, "lr: nan is not allowed"),
        ({"lr": [[0, 1e-3], [100, 5e-4], [50, 1e-4]]}, "lr: the schedule .* runs backwards"),
        ({"grad_clip": -1}, r"grad_clip: -1 is not allowed.*\(0, inf\)"),
        ({"grad_clip": 0}, "grad_clip: 0 is not allowed"),
        ({"utility_clamp": 5}, "utility_clamp: 5 is not allowed"),
        ({"utility_clamp": ("a", 1)}, "utility_clamp: .* two finite numbers, low < high"),
        ({"utility_clamp": (NAN, 1)}, "utility_clamp: .* two finite numbers"),
        ({"utility_clamp": (0, INF)}, "utility_clamp: .* two finite numbers"),
        ({"train_batch_episodes": 8.0}, "train_batch_episodes: 8.0 is of type float; allowed: an integer"),
        ({"weighting_mode": "samplng"}, "weighting_mode: unknown name 'samplng'; did you mean 'sampling'"),
        ({"weighting_mode": None}, "weighting_mode: unknown name None.* Allowed: loss, sampling"),
        ({"replay_buffer": "prioritised"}, "replay_buffer: unknown name .*; did you mean 'prioritized'"),
        (
            {"weighting_mode": "sampling", "replay_buffer": "uniform"},
            "replay_buffer: 'uniform' cannot draw by priority.*; allowed: 'prioritized'",
        ),
        (
            {"weighting_mode": "sampling", "prioritized_replay_alpha": 0},
            r"prioritized_replay_alpha: 0 draws uniformly.*allowed: a number in \(0, 1\]",
        ),
        ({"prioritized_replay_alpha": 1.5}, r"prioritized_replay_alpha: 1.5 .* in \[0, 1\]"),
        ({"prioritized_replay_beta": -1}, r"prioritized_replay_beta: -1 .*in \[0, 1\]"),
        ({"prioritized_replay_beta": [[0, 0.4], [100, 1.1]]}, "prioritized_replay_beta: 1.1"),
        ({"prioritized_replay_beta": "late"}, "prioritized_replay_beta: 'late' .* a schedule"),
        ({"prioritized_replay_epsilon": 0}, r"prioritized_replay_epsilon: 0 .*\(0, 1\]"),
        (
            {"prioritized_replay_beta": 0.4},
            "prioritized_replay_beta: 0.4 .*no effect in weighting_mode 'loss'",
        ),
        ({"prioritized_replay_alpha": 0.6}, "prioritized_replay_alpha: 0.6 .*no effect in weighting_mode"),
        ({"recent_episodes_share": 1.5}, r"recent_episodes_share: 1.5 .*\[0, 1\]"),
        ({"recent_episodes_share": "half"}, "recent_episodes_share: 'half' is of type str"),
        ({"recent_episodes_capacity": 0}, "recent_episodes_capacity: 0"),
        (
            {"recent_episodes_share": 0.5, "recent_episodes_capacity": 10},
            "recent_episodes_capacity: 10 is less than the 16 recent .*allowed: 16 or more",
        ),
        (
            {
                "weighting": "remix",
                "weighting_config": {"disable": ["on_policiness"]},
                "recent_episodes_share": 0.1,
            },
            "recent_episodes_share: 0.1 is not allowed with weighting_config.disable",
        ),
        ({"td_trace": "watkin"}, "td_trace: unknown name 'watkin'; did you mean 'watkins'"),
        ({"time_limit": "cut"}, "time_limit: unknown name 'cut'.* Allowed: termination, truncation"),
        ({"truncated_value": "first"}, "truncated_value: unknown name 'first'"),
        ({"limit_targets": 1}, "limit_targets: 1"),
        ({"tau": 0.0}, r"tau: 0.0 .*\(0, 1\]"),
        (
            {"tau": 0.01, "target_network_update_interval": 200},
            "tau: 0.01 with target_network_update_interval 200 renews .* in some 20,000 updates",
        ),
        (
            {"preset": "papers", "target_network_update_interval": 50},
            "target_network_update_interval: 50 has no effect, as target_network_update_episodes is 200",
        ),
        ({"reward_scale": 0}, r"reward_scale: 0 .*\(0, inf\)"),
        ({"max_seq_len": 0}, "max_seq_len: 0 "),
        ({"max_seq_len": 10**20}, "max_seq_len: 1"),
        (
            {"max_seq_len": 50, "weighting_mode": "sampling"},
            "max_seq_len: 50 is not allowed in weighting_mode 'sampling'",
        ),
        ({"burn_in": 4}, "burn_in: 4 has no effect on whole episodes; set max_seq_len too"),
        ({"num_env_processes": 2}, "num_env_processes: 2 is not allowed with 'predator_prey', a TeamEnv"),
        ({"weight_histogram_bins": 0}, r"weight_histogram_bins: 0 .*\[1, 1000\]"),
        ({"weight_histogram_bins": 2000}, "weight_histogram_bins: 2000"),
        ({"weight_histogram_bins": 8.0}, "weight_histogram_bins: 8.0 is of type float"),
        ({"weight_histogram_range": (0, 1)}, r"weight_histogram_range: \(0, 1\) .*low < high"),
        ({"weight_histogram_range": (1, 0.1)}, "weight_histogram_range"),
        ({"weight_histogram_range": 3}, "weight_histogram_range: 3"),
        ({"weight_histogram_range": (1.0, 1.0000001)}, "weight_histogram_range: .* too narrow for 80 bins"),
        (
            {"weighting": "per", "weighting_config": {"normalize": "mean"}, "weighting_mode": "sampling"},
            "weighting_config.normalize: 'mean' is not allowed in weighting_mode 'sampling'",
        ),
    ],
)
def test_values_that_cannot_be_are_refused_before_anything_starts(settings, message):
    with pytest.raises(SettingError, match=message):
        QMIXConfig().environment("predator_prey").training(**settings).validate()


@pytest.mark.parametrize(
    ("env", "env_config", "message"),
    [
        ("predatorprey", {}, "unknown environment 'predatorprey'; did you mean 'predator_prey'"),
        ("no.such.module.Env", {}, "cannot import 'no.such.module.Env'"),
        ("predator_prey", {"punishmnt": -1}, "unknown key 'punishmnt'; did you mean 'punishment'"),
        ("predator_prey", {"punishment": 1}, r"predator_prey.punishment: 1 is not allowed; .* \(-inf, 0\]"),
        ("predator_prey", {"grid_height": 2, "grid_width": 2}, "only 4 cells"),
        ("matrix_game", {"payoff": [[1, 2], [3]]}, "payoff"),
    ],
)
def test_environments_and_their_settings_are_checked_before_anything_starts(env, env_config, message):
    with pytest.raises(SettingError, match=message):
        QMIXConfig().environment(env, env_config=env_config).validate()


def test_a_learner_without_the_loss_of_the_algorithm_is_refused():
    class MyLearner(ValueLearner):
        pass

    config = QMIXConfig().environment("matrix_game")
    config.training(learner_class=MyLearner).validate()
    with pytest.raises(
        SettingError, match=r"^learner_class: TeamLearner is not allowed.* be ValueLearner or a subclass"
    ):
        config.training(learner_class=TeamLearner).validate()


def test_more_learners_than_episodes_in_a_batch_are_refused():
    with pytest.raises(SettingError, match="num_learners: 5 is more than the 4 episodes"):
        QMIXConfig().environment("matrix_game").training(train_batch_episodes=4).learners(
            num_learners=5
        ).validate()


def test_more_threads_of_learners_than_episodes_in_a_batch_are_refused():
    config = QMIXConfig().environment("matrix_game").training(train_batch_episodes=7)
    config.training(num_threads_per_learner=3).learners(num_learners=2).validate()
    with pytest.raises(SettingError, match=r"num_threads_per_learner: 4 is more than .*; allowed: 1 … 3,"):
        config.training(num_threads_per_learner=4).validate()


def test_threads_of_a_learner_on_a_gpu_are_refused():
    config = QMIXConfig().environment("matrix_game").learners(num_gpus_per_learner=1)
    config.validate()
    message = r"num_threads_per_learner: 2 is not allowed with num_gpus_per_learner 1, .* must be 1"
    with pytest.raises(SettingError, match=message):
        config.training(num_threads_per_learner=2).validate()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_env_runners": -1}, "num_env_runners: -1 is not allowed; it must be an integer in"),
        ({"num_env_runners": 1.5}, "num_env_runners: 1.5 is not allowed"),
        ({"num_env_runners": "two"}, "num_env_runners: 'two' is of type str"),
        ({"num_learners": -1}, "num_learners: -1 is not allowed"),
        ({"num_learners": None}, "num_learners: None is of type NoneType"),
        ({"num_envs_per_env_runner": 0}, "num_envs_per_env_runner: 0 is not allowed"),
        ({"sample_timeout_s": 0}, r"sample_timeout_s: 0 is not allowed.*\(0, inf\)"),
        ({"evaluation_sample_timeout_s": -1}, "evaluation_sample_timeout_s: -1 is not allowed"),
        ({"evaluation_interval": -1}, "evaluation_interval: -1 is not allowed"),
        ({"evaluation_duration": 0}, "evaluation_duration: 0 is not allowed"),
        ({"evaluation_duration": "long"}, "evaluation_duration: 'long' is of type str"),
        ({"evaluation_num_env_runners": "two"}, "evaluation_num_env_runners: 'two' is of type str"),
        ({"metrics_num_episodes_for_smoothing": 0}, "metrics_num_episodes_for_smoothing: 0 is not allowed"),
        ({"grad_clip_by": "norms"}, "grad_clip_by: unknown name 'norms'; did you mean 'norm'"),
        ({"explore": 1}, "explore: 1 is not allowed; it must be true or false"),
        ({"restart_failed_sub_environments": "no"}, "restart_failed_sub_environments: 'no' is not allowed"),
        ({"restart_failed_env_runners": None}, "restart_failed_env_runners: None is not allowed"),
        ({"ignore_env_runner_failures": 0}, "ignore_env_runner_failures: 0 is not allowed"),
        ({"log_gradients": True, "grad_clip": None}, "log_gradients: True is not allowed without grad_clip"),
    ],
)
def test_values_of_rllib_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        QMIXConfig().environment("matrix_game").update_from_dict(settings).validate()


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": [[0, 1e-3], [1000, 0.0]]},  # a decay to 0
        {"epsilon": ((0, 1), (100, 0.1))},
        {"grad_clip": None},
        {"sample_timeout_s": None},
        {"evaluation_interval": 0},
        {"utility_clamp": [-5, 2]},
        {"clip_rewards": False},
    ],
)
def test_values_at_the_edge_are_allowed(settings):
    QMIXConfig().environment("matrix_game").update_from_dict(settings).validate()


# For each setting without effect a value other than its default, and a part of what to use instead.
WITHOUT_EFFECT = [
    ({"train_batch_size": 64}, "train_batch_size: 64 .* no effect here: use `train_batch_episodes`.*at 32"),
    ({"train_batch_size_per_learner": 64}, "train_batch_size_per_learner: 64 .*`train_batch_episodes`"),
    ({"shuffle_batch_per_epoch": True}, "shuffle_batch_per_epoch: True .*replay buffer"),
    ({"model": {"fcnet_hiddens": [9]}}, r"model: \{'fcnet_hiddens': \[9\]\} .*`agent_hidden_dim`"),
    ({"optimizer": {"type": "sgd"}}, "optimizer: .*`learner_class` with a ValueLearner that"),
    ({"buffer_size": 100}, "buffer_size: 100 .*`replay_buffer_capacity`"),
    ({"replay_batch_size": 8}, "replay_batch_size: 8 .*`train_batch_episodes`"),
    ({"learning_starts": 8}, "learning_starts: 8 .*`train_batch_episodes`"),
    ({"num_gpus": 1}, "num_gpus: 1 .*`num_gpus_per_learner`"),
    ({"_model_config": {"head_fcnet": [9]}}, "model_config: .*'head_fcnet'.*`agent_hidden_dim`"),
    (
        {"algorithm_config_overrides_per_module": {"default_policy": {"lr": 1.0}}},
        r"algorithm_config_overrides_per_module: .*training\(\)",
    ),
    ({"batch_mode": "truncate_episodes"}, "batch_mode: .*whole episodes.*at 'complete_episodes'"),
    ({"rollout_fragment_length": "auto"}, "rollout_fragment_length: .*`rollout_episodes_per_update`"),
    ({"_env_to_module_connector": print}, "env_to_module_connector: .*environment"),
    ({"_module_to_env_connector": print}, "module_to_env_connector: .*environment"),
    ({"observation_filter": "MeanStdFilter"}, "observation_filter: 'MeanStdFilter' .*normalize_observations"),
    ({"compress_observations": True}, "compress_observations: True .*compact dtypes"),
    ({"episode_lookback_horizon": 4}, "episode_lookback_horizon: 4 .*recurrent"),
    ({"gym_env_vectorize_mode": "async"}, "gym_env_vectorize_mode: 'async' .*num_env_processes"),
    ({"remote_worker_envs": True}, "remote_worker_envs: True .*num_env_processes"),
    ({"clip_rewards": True}, "clip_rewards: True .*reward_scale"),
    ({"normalize_actions": False}, "normalize_actions: False .*discrete"),
    ({"clip_actions": True}, "clip_actions: True .*discrete"),
    ({"action_mask_key": "mask"}, "action_mask_key: 'mask' .*`avail_actions`"),
    ({"render_env": True}, "render_env: True .*rllib evaluate --render"),
    ({"_learner_connector": print}, "learner_connector: .*environment"),
    ({"num_aggregator_actors_per_learner": 2}, "num_aggregator_actors_per_learner: 2 .*replay buffer"),
    ({"torch_compile_learner": True}, "torch_compile_learner: True .*compiled kernels"),
    ({"torch_compile_worker": True}, "torch_compile_worker: True .*compiled kernels"),
    ({"input_": "files"}, "input: 'files' .*env runners play"),
    ({"output": "files"}, "output: 'files' .*env runners play"),
]


@pytest.mark.parametrize(("settings", "message"), WITHOUT_EFFECT)
def test_rllib_settings_without_effect_are_refused_and_say_what_to_use(settings, message):
    with pytest.raises(SettingError, match=f"^{message}"):
        QMIXConfig().environment("matrix_game").update_from_dict(settings).validate()


def test_every_setting_without_effect_is_tested():
    tested = {name.removeprefix("_") for settings, _ in WITHOUT_EFFECT for name in settings}
    assert tested == {name.removeprefix("_") for name in UNUSED_SETTINGS}


def test_the_usual_methods_set_what_is_refused():
    def connector(*_):
        return []

    for config in (
        QMIXConfig().env_runners(env_to_module_connector=connector),
        QMIXConfig().learners(learner_connector=connector),
        QMIXConfig().rl_module(model_config={"head_fcnet_hiddens": [9]}),
        QMIXConfig().offline_data(input_="files"),
    ):
        with pytest.raises(SettingError, match="it would have no effect"):
            config.environment("matrix_game").validate()


@pytest.mark.parametrize("unit", ["episodes", "timesteps"])
def test_what_rllib_sets_for_its_evaluation_is_allowed(unit):
    config = QMIXConfig().environment("matrix_game")
    config.evaluation(evaluation_interval=1, evaluation_duration=10, evaluation_duration_unit=unit)
    config.validate()
    config.get_evaluation_config_object().validate()


def test_misspelt_attributes_are_found():
    config = QMIXConfig().environment("matrix_game")
    config.td_lamda = 0.5
    with pytest.raises(SettingError, match="QMIXConfig: unknown key 'td_lamda'; did you mean 'td_lambda'"):
        config.validate()


def test_what_rllib_adds_to_a_config_is_no_misspelling():
    config = QMIXConfig.from_state(QMIXConfig().environment("matrix_game").get_state())
    config.validate()
    config.freeze()
    config.worker_index = 1
    config.validate()


def test_a_config_without_environment_can_be_validated():
    QMIXConfig().validate()


def test_unknown_keys_of_the_evaluation_config_are_refused():
    config = QMIXConfig().environment("matrix_game").evaluation(evaluation_config={"exlore": False})
    with pytest.raises(SettingError, match="unknown key 'exlore'; did you mean 'explore'"):
        config.validate()


def test_evaluation_is_greedy_unless_told_otherwise():
    config = QMIXConfig().environment("matrix_game").evaluation(evaluation_interval=1)
    assert config.get_evaluation_config_object().explore is False
    config.evaluation(evaluation_config={"explore": True})
    assert config.get_evaluation_config_object().explore is True


def test_evaluation_of_automatic_duration_is_refused():
    config = (
        QMIXConfig()
        .environment("matrix_game")
        .evaluation(evaluation_interval=1, evaluation_num_env_runners=1)
    )
    config.evaluation(evaluation_parallel_to_training=True, evaluation_duration="auto")
    with pytest.raises(SettingError, match="'auto' is not allowed"):
        config.validate()


def test_a_config_survives_the_round_trip_through_a_dict():
    config = get_algorithm_config("ReMIX").environment("predator_prey").training(td_lambda=0.3)
    again = get_algorithm_config("ReMIX").update_from_dict(config.to_dict())
    again.validate()
    assert again.td_lambda == 0.3
    assert again.weighting == "remix"


def test_other_frameworks_and_policies_are_refused():
    with pytest.raises(SettingError, match="multi_agent"):
        QMIXConfig().environment("matrix_game").multi_agent(policies={"a", "b"}).validate()
