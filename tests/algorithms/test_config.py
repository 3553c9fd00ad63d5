import pytest

from rllib_remix.algorithms.qmix_config import QMIXConfig
from rllib_remix.algorithms.registry import ALGORITHMS, get_algorithm_config
from rllib_remix.settings import SettingError


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_has_a_config_that_is_valid_as_it_is(name):
    config = get_algorithm_config(name).environment("predator_prey")
    config.validate()
    assert config.algo_class.__name__ == name
    assert config.algo_class.get_default_config().weighting == config.weighting


def test_an_unknown_algorithm_is_named_with_the_nearest():
    with pytest.raises(SettingError, match="unknown name 'REMIX'; did you mean 'ReMIX'"):
        get_algorithm_config("REMIX")


def test_every_setting_of_training_is_documented_and_has_an_attribute():
    import inspect

    parameters = [p for p in inspect.signature(QMIXConfig.training).parameters if p not in ("self", "kwargs")]
    for name in parameters:
        assert hasattr(QMIXConfig(), name), name
        assert name in QMIXConfig.training.__doc__, name


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
        ({"epsilon": 1.5}, "epsilon: 1.5"),
        ({"epsilon": "high"}, "epsilon: 'high' is not allowed"),
        ({"epsilon": [[0, 1.0]]}, "with 2 points or more"),
        ({"epsilon": [[10, 1.0], [20, 0.1]]}, "from 0 on"),
        ({"epsilon": [[0, 1.0], [100, 0.5], [50, 0.1]]}, "runs backwards; its env steps must increase"),
        ({"epsilon": [[0, 1.0], [100, 2.0]]}, r"epsilon: 2.0 is not allowed"),
    ],
)
def test_values_that_cannot_be_are_refused_before_anything_starts(settings, message):
    with pytest.raises(SettingError, match=message):
        QMIXConfig().environment("predator_prey").training(**settings).validate()


@pytest.mark.parametrize(
    ("env", "env_config", "message"),
    [
        ("predatorprey", {}, "unknown environment 'predatorprey'. Did you mean 'predator_prey'"),
        ("no.such.module.Env", {}, "cannot be imported"),
        ("predator_prey", {"punishmnt": -1}, "unknown key 'punishmnt'; did you mean 'punishment'"),
        ("predator_prey", {"punishment": 1}, r"predator_prey.punishment: 1 is not allowed; .* \(-inf, 0\]"),
        ("predator_prey", {"grid_height": 2, "grid_width": 2}, "only 4 cells"),
        ("matrix_game", {"payoff": [[1, 2], [3]]}, "payoff"),
    ],
)
def test_environments_and_their_settings_are_checked_before_anything_starts(env, env_config, message):
    with pytest.raises(SettingError, match=message):
        QMIXConfig().environment(env, env_config=env_config).validate()


def test_more_learners_than_episodes_in_a_batch_are_refused():
    with pytest.raises(SettingError, match="num_learners: 5 is more than the 4 episodes"):
        QMIXConfig().environment("matrix_game").training(train_batch_episodes=4).learners(
            num_learners=5
        ).validate()


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
