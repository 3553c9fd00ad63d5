"""What `rllib train` refuses before Ray starts, and what it hands on."""

import json
from importlib.metadata import version

import pytest

from rllib_remix.ray_releases import release_of
from rllib_remix.running.outcomes import Outcome, Outcomes

QMIX = ("train", "--algo", "QMIX", "--env", "matrix_game")


RESERVES_TPU = (
    "'tpu', which only a running"
    if release_of(version("ray")) >= (2, 56)
    else "a setting of Ray 2.56 and later"
)


@pytest.fixture
def started(monkeypatch) -> list:
    """Catches the experiments that would be run."""
    caught = []

    def run_experiments(experiments, **_):
        caught.extend(experiments)
        return Outcomes([Outcome("trial", "/results/trial", "/results/trial/checkpoint_000000")])

    monkeypatch.setattr("rllib_remix.running.starting.run_experiments", run_experiments)
    return caught


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "--env", "matrix_game"), "--algo: no algorithm given"),
        (("train", "--algo", "QMIX"), "--env: no environment given"),
        (("train", "--algo", "Remix", "--env", "matrix_game"), "did you mean 'ReMIX'"),
        (("train", "--algo", "no.such.Class", "--env", "matrix_game"), "cannot import 'no.such.Class'"),
        (("train", "--algo", "json.JSONDecoder", "--env", "matrix_game"), "is no RLlib Algorithm class"),
        (("train", "--algo", "QMIX", "--env", "matrx_game"), "did you mean 'matrix_game'"),
        (
            ("train", "--algo", "PPO", "--env", "CartPole-v9"),
            "unknown environment 'CartPole-v9'; did you mean",
        ),
        (("train", "--algo", "PPO", "--env", "matrix_game"), "played by teams, which PPO cannot train"),
        ((*QMIX, "--env-config", {"payof": 1}), "unknown key 'payof'; did you mean 'payoff'"),
        ((*QMIX, "--config", '{"lr": 1,}'), "--config: not JSON at line 1, column 10"),
        ((*QMIX, "--config", "[1]"), "--config: must be a JSON object"),
        ((*QMIX, "--config", '{"lr": NaN}'), "NaN is not allowed"),
        ((*QMIX, "--config", "@missing.json"), "'missing.json' does not exist"),
        ((*QMIX, "--config", {"td_lamda": 0.5}), "unknown key 'td_lamda'; did you mean 'td_lambda'"),
        ((*QMIX, "--config", {"td_lambda": -1}), "td_lambda: -1 is not allowed"),
        ((*QMIX, "--config", {"td_lambda": {"grid_search": [0.5, 2]}}), "td_lambda: 2 is not allowed"),
        ((*QMIX, "--config", {"td_lambda": {"grid_search": 3}}), "a grid_search must be a list"),
        ((*QMIX, "--config", {"num_env_runners": -2}), "num_env_runners: -2 is not allowed"),
        ((*QMIX, "--config", {"num_env_runners": 7}, "--ray-num-cpus", 2), "lower num_env_runners"),
        ((*QMIX, "--stop", {"training_iterations": 1}), "did you mean 'training_iteration'"),
        ((*QMIX, "--stop", {"timesteps_total": 1}), "did you mean 'num_env_steps_sampled_lifetime'"),
        ((*QMIX, "--stop", {"training_iteration": 0}), "must be above 0"),
        ((*QMIX, "--num-samples", 0), "num_samples: 0 is not allowed"),
        ((*QMIX, "--checkpoint-freq", -1), "checkpoint frequency: -1 is not allowed"),
        ((*QMIX, "--keep-checkpoints-num", 0), "checkpoints to keep: 0 is not allowed"),
        ((*QMIX, "--experiment-name", "../up"), "must be the name of one folder"),
        ((*QMIX, "--restore", "missing"), "is not a folder"),
        ((*QMIX, "--ray-address", "127.0.0.1:1"), "no Ray answers at '127.0.0.1:1'"),
        (("train", "--algo", "PPO", "file", "x.yaml"), "go after the word `file`"),
        ((*QMIX, "--framework", "tf2"), "--framework: 'tf2' is not supported"),
        ((*QMIX, "--config", {"framework": "tf"}), "runs on PyTorch only; use torch"),
        ((*QMIX, "--trace"), "--trace: gone from RLlib"),
        ((*QMIX, "--eager"), "--eager: gone from RLlib"),
        ((*QMIX, "--torch"), "--torch: gone from RLlib"),
        ((*QMIX, "--local-mode"), "Ray has no local mode any more"),
        ((*QMIX, "--local-dir", "x"), "use --storage-path"),
        ((*QMIX, "--upload-dir=s3://x"), "use --storage-path"),
        (("train", "-f", "x.yaml"), "use `rllib train file FILE`"),
        (("train", "file", "x.yaml", "--local-mode"), "Ray has no local mode any more"),
        ((*QMIX, "--ray-address", "a", "--ray-num-cpus", 2), "give one"),
        ((*QMIX, "--ray-address", "a", "--ray-ui"), "--ray-ui: starts Ray here"),
        ((*QMIX, "--ray-object-store-memory", 10), "it must be at least"),
        (
            (*QMIX, "--ray-num-gpus", 0, "--config", {"num_gpus_per_learner": 1}),
            "needs 1 GPUs, but there are 0",
        ),
        ((*QMIX, "--ray-num-nodes", 2, "--config", {"num_env_runners": 2}), "needs 3 CPUs"),
        ((*QMIX, "--scheduler", "ASAH"), "unknown scheduler 'ASAH'; did you mean 'asha'"),
        ((*QMIX, "--scheduler", "hb_bohb"), "needs the BOHB searcher"),
        ((*QMIX, "--scheduler-config", {"max_t": 3}), "belongs to --scheduler"),
        ((*QMIX, "--scheduler", "ASHA"), "stop it at num_env_steps_sampled_lifetime, or give max_t"),
        (
            (*QMIX, "--scheduler", "ASHA", "--scheduler-config", {"grace_perod": 3}),
            "did you mean 'grace_period'",
        ),
        ((*QMIX, "--scheduler", "ASHA", "--scheduler-config", {"max_t": 0}), "max_t: 0 is not allowed"),
        ((*QMIX, "--scheduler", "ASHA", "--scheduler-config", {"max_t": "9"}), "max_t: '9' is of type str"),
        (
            (*QMIX, "--scheduler", "ASHA", "--scheduler-config", {"max_t": 9, "grace_period": 10}),
            "grace_period must be <= max_t",
        ),
        ((*QMIX, "--scheduler", "ASHA", "--scheduler-config", {"mode": "up"}), "unknown name 'up'"),
        ((*QMIX, "--scheduler", "ASHA", "--scheduler-config", {"metric": "retrun"}), "unknown result key"),
        ((*QMIX, "--scheduler", "pbt"), "needs hyperparam_mutations, such as"),
        ((*QMIX, "--scheduler", "pb2", "--scheduler-config", {"hyperparam_bounds": 1}), "pb2"),
        ((*QMIX, "--scheduler", "pbt_replay", "--scheduler-config", {"policy_file": "x"}), "does not exist"),
        (
            (*QMIX, "--scheduler", "pbt", "--scheduler-config", {"hyperparam_mutations": {"lr": 3}}),
            "lr: must be a list of values or a range",
        ),
        (
            (
                *(*QMIX, "--stop", {"training_iteration": 20}, "--scheduler", "pbt", "--scheduler-config"),
                {"hyperparam_mutations": {"td_lambda": {"uniform": [0, 2]}}},
            ),
            "td_lambda: 2 is not allowed",
        ),
        ((*QMIX, "--search", "optun"), "unknown algorithm 'optun'; did you mean 'optuna'"),
        ((*QMIX, "--search", "optuna"), "optuna has nothing to search"),
        ((*QMIX, "--search-config", {"sed": 1}), "did you mean 'seed'"),
        ((*QMIX, "--search-config", {"seed": -1}), "seed: -1 is not allowed"),
        ((*QMIX, "--search-config", {"mode": "best"}), "unknown name 'best'"),
        (
            (*QMIX, "--search", "optuna", "--config", {"lr": {"grid_search": [1, 2]}}),
            "optuna cannot search a grid_search",
        ),
        (
            (*QMIX, "--search", "optuna", "--config", {"lr": {"qloguniform": [0.01, 0.1, 0.01]}}),
            "optuna cannot search qloguniform",
        ),
        ((*QMIX, "--config", {"lr": {"logunifrom": [1e-4, 1e-2]}}), "did you mean 'loguniform'"),
        ((*QMIX, "--config", {"lr": {"loguniform": [0, 1]}}), "config.lr: loguniform [0, 1]"),
        ((*QMIX, "--config", {"lr": {"loguniform": [1, 0.1]}}), "low must be below high"),
        ((*QMIX, "--config", {"lr": {"uniform": [1]}}), "uniform must be [low, high]"),
        ((*QMIX, "--config", {"lr": {"quniform": [0, 1, 0.3]}}), "multiples of the step"),
        ((*QMIX, "--config", {"lr": {"choice": []}}), "choice must be a list of values"),
        ((*QMIX, "--config", {"lr": {"sample_from": "spec"}}), "sample_from runs code"),
        ((*QMIX, "--config", {"td_lambda": {"uniform": [0.5, 1.5]}}), "td_lambda: 1.5 is not allowed"),
        ((*QMIX, "--config", {"td_lambda": {"choice": [0.5, 0.6, 7]}}), "td_lambda: 7 is not allowed"),
        ((*QMIX, "--config", {"mixer_embed_dim": {"uniform": [1, 2.5]}}), "mixer_embed_dim"),
        ((*QMIX, "--config", {"epsilon": [[0, 1], [{"randint": [1, 9]}, 2]]}), "epsilon: 2 is not allowed"),
        ((*QMIX, "--resources-per-trial", {"cpus": 1}), "did you mean 'cpu'"),
        ((*QMIX, "--resources-per-trial", {"cpu": "a"}), "cpu: 'a' is of type str"),
        ((*QMIX, "--resources-per-trial", {"extra_cpu": 1}), "give all that a trial needs as cpu"),
        ((*QMIX, "--resources-per-trial", {"cpu": 0.5}), "less than the 1 that a trial takes"),
        ((*QMIX, "--resources-per-trial", {"cpu": 99}, "--ray-num-cpus", 2), "needs 99 CPUs"),
        ((*QMIX, "--resources-per-trial", {"custom_resources": {"tpu": 1}}), RESERVES_TPU),
        ((*QMIX, "--checkpoint-score-attr", "min-los"), "unknown result key 'los'"),
        ((*QMIX, "--wandb-project", "x"), "pip install rllib_remix[loggers]"),
        ((*QMIX, "--mlflow-experiment", "x"), "pip install rllib_remix[loggers]"),
        ((*QMIX, "--config", {"enable_rl_module_and_learner": False}), "only RLlib's new API stack"),
        (
            (*QMIX, "--config", {"horizon": 3}),
            "horizon is gone from RLlib: give the environment a time limit",
        ),
        ((*QMIX, "--config", {"num_workers": 1, "num_env_runners": 1}), "given too; give one"),
    ],
)
def test_bad_input_is_one_clear_line_before_ray_starts(refused, arguments, message):
    assert message in refused(*arguments)


def test_a_misspelt_setting_of_rllibs_own_algorithms_is_refused_too(refused):
    assert "unknown key 'lrr'; did you mean 'lr'?" in refused(
        "train", "--algo", "PPO", "--env", "CartPole-v1", "--config", {"lrr": 1}
    )


def test_properties_are_settings_of_rllibs_own_algorithms_too(rllib, started):
    settings = {"train_batch_size_per_learner": 500, "num_env_runners": 0}
    result = rllib("train", "--algo", "PPO", "--env", "CartPole-v1", "--config", settings)
    assert result.exit_code == 0, result.output


def test_a_storage_path_that_cannot_be_written_is_refused(refused, tmp_path):
    (tmp_path / "file").touch()
    assert "is a file" in refused(*QMIX, "--storage-path", tmp_path / "file" / "results")
    assert "File name too long" in refused(*QMIX, "--storage-path", tmp_path / ("long" * 100))


def test_a_folder_that_is_no_checkpoint_cannot_be_restored(refused, tmp_path):
    assert "is no checkpoint" in refused(*QMIX, "--restore", tmp_path)


def test_a_checkpoint_of_another_algorithm_cannot_be_restored(refused, tmp_path):
    sizes = {"n_agents": 2, "n_actions": 3, "obs_dim": 1, "state_dim": 1, "episode_limit": 1}
    networks = {"agent_hidden_dim": 8, "observe_last_action": True, "observe_agent_id": True}
    metadata = {
        "algorithm": "VDN",
        "environment": "matrix_game",
        "env_config": {},
        "team": sizes | {"obs_dtype": "float32", "state_dtype": "float32"},
        "networks": networks | {"utility_clamp": None},
    }
    (tmp_path / "rllib_checkpoint.json").write_text(json.dumps(metadata))
    assert "was made by VDN, not by QMIX" in refused(*QMIX, "--restore", tmp_path)
    (tmp_path / "rllib_checkpoint.json").write_text(json.dumps(metadata | {"networks": {}}))
    message = "rllib_checkpoint.json: networks.agent_hidden_dim is missing"
    assert message in refused(*QMIX, "--restore", tmp_path)
    (tmp_path / "rllib_checkpoint.json").write_text("{")
    assert "rllib_checkpoint.json is damaged" in refused(*QMIX, "--restore", tmp_path)


def test_options_reach_the_experiment(rllib, started, tmp_path):
    result = rllib(
        *QMIX,
        *("-n", "name", "-s", {"num_env_steps_sampled_lifetime": "1e3"}, "-c", {"td_lambda": 0.25}),
        *("--env-config", {"payoff": [[1, 0], [0, 1]]}, "--num-samples", 3),
        *("--checkpoint-freq", 5, "--no-checkpoint-at-end", "--storage-path", tmp_path / "new"),
    )
    assert result.exit_code == 0, result.output
    (experiment,) = started
    assert experiment.name == "name"
    assert experiment.stop == {"num_env_steps_sampled_lifetime": 1000.0}
    assert experiment.config == {
        "env": "matrix_game",
        "env_config": {"payoff": [[1, 0], [0, 1]]},
        "td_lambda": 0.25,
    }
    assert (experiment.num_samples, experiment.storage_path) == (3, str(tmp_path / "new"))
    assert (experiment.checkpoints.frequency, experiment.checkpoints.at_end) == (5, False)


def test_config_can_come_from_a_file(rllib, started, tmp_path):
    (tmp_path / "config.json").write_text('{"td_lambda": 0.5}')
    assert rllib(*QMIX, "--config", "@config.json").exit_code == 0
    assert started[0].config["td_lambda"] == 0.5


def test_resources_of_a_trial_become_settings_of_its_algorithm(rllib, started):
    resources = {"cpu": 6, "gpu": 0.5, "custom_resources": {}}
    result = rllib(
        *(*QMIX, "--config", {"num_env_runners": 2}, "--resources-per-trial", resources),
        *("--ray-num-cpus", 8, "--ray-num-gpus", 1),
    )
    assert result.exit_code == 0, result.output
    config = started[0].config
    # Two env runners take one CPU each.
    assert (config["num_cpus_for_main_process"], config["num_gpus_per_learner"]) == (4, 0.5)


def test_a_score_with_min_before_it_keeps_the_lowest(rllib, started):
    assert rllib(*QMIX, "--checkpoint-score-attr", "min-learners/default_policy/td_loss").exit_code == 0
    checkpoints = started[0].checkpoints
    assert (checkpoints.score_attribute, checkpoints.score_order) == (
        "learners/default_policy/td_loss",
        "min",
    )


def test_old_names_of_settings_are_read_with_a_note(rllib, started):
    result = rllib(*QMIX, "--config", {"num_workers": 1, "framework": "torch"})
    assert result.exit_code == 0, result.output
    assert started[0].config == {"env": "matrix_game", "num_env_runners": 1}
    assert result.stderr == "Note: --config: num_workers is read as num_env_runners.\n"


@pytest.mark.parametrize(
    ("settings", "metric"),
    [
        ({}, "env_runners/episode_return_mean"),
        ({"evaluation_interval": 5}, "evaluation/env_runners/episode_return_mean"),
    ],
)
def test_trials_are_compared_by_the_greedy_return_if_there_is_one(rllib, started, settings, metric):
    assert rllib(*QMIX, "--config", settings).exit_code == 0
    assert started[0].metric == metric


@pytest.mark.parametrize("option", ["-v", "--log-info", "--verbose"])
def test_verbosity_has_its_old_names(rllib, started, option):
    assert rllib(*QMIX, option).exit_code == 0


def test_log_debug_shows_tracebacks(rllib):
    assert "Traceback" in rllib("train", "--algo", "Remix", "--env", "matrix_game", "--log-debug").output


def test_results_go_to_ray_results_by_default(rllib, started, tmp_path):
    rllib(*QMIX)
    assert started[0].storage_path == str(tmp_path / "home" / "ray_results")


@pytest.mark.parametrize(("metadata", "can_be_evaluated"), [('{"team": {}}', True), ("{}", False)])
def test_the_end_says_where_the_checkpoint_is_and_how_to_evaluate_it(
    rllib, monkeypatch, tmp_path, metadata, can_be_evaluated
):
    checkpoint = tmp_path / "checkpoint_000000"
    checkpoint.mkdir()
    (checkpoint / "rllib_checkpoint.json").write_text(metadata)
    done = Outcome("trial", str(tmp_path), str(checkpoint))
    monkeypatch.setattr("rllib_remix.running.starting.run_experiments", lambda *_, **__: Outcomes([done]))
    output = rllib(*QMIX).stdout
    assert f"Checkpoint:  {checkpoint}\n" in output
    assert (f"rllib evaluate {checkpoint} --episodes 32" in output) is can_be_evaluated


def test_a_failed_trial_is_shown_and_makes_exit_code_1(rllib, monkeypatch):
    failed = Outcome("trial", "/results", None, "ValueError: no", "/results/error.txt")
    monkeypatch.setattr("rllib_remix.running.starting.run_experiments", lambda *_, **__: Outcomes([failed]))
    result = rllib(*QMIX)
    assert result.exit_code == 1
    assert "Error: trial failed: ValueError: no" in result.stderr
    assert "/results/error.txt" in result.stderr


def test_a_traceback_is_shown_with_vv_only(rllib):
    arguments = ("train", "--algo", "Remix", "--env", "matrix_game")
    assert "Traceback" not in rllib(*arguments).output
    assert "Traceback" in rllib(*arguments, "-vv").output
