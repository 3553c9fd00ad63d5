"""What `rllib train` refuses before Ray starts, and what it hands on."""

import pytest

from rllib_remix.cli.train import Outcomes
from rllib_remix.cli.training import Outcome

QMIX = ("train", "--algo", "QMIX", "--env", "matrix_game")


@pytest.fixture
def started(monkeypatch) -> list:
    """Catches the experiments that would be run."""
    caught = []

    def run_experiments(experiments, **_):
        caught.extend(experiments)
        return Outcomes([Outcome("trial", "/results/trial", "/results/trial/checkpoint_000000")])

    monkeypatch.setattr("rllib_remix.cli.train.run_experiments", run_experiments)
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
    ],
)
def test_bad_input_is_one_clear_line_before_ray_starts(refused, arguments, message):
    assert message in refused(*arguments)


def test_a_misspelt_setting_of_rllibs_own_algorithms_is_refused_too(refused):
    assert "unknown key 'lrr'; did you mean 'lr'?" in refused(
        "train", "--algo", "PPO", "--env", "CartPole-v1", "--config", {"lrr": 1}
    )


def test_a_storage_path_that_cannot_be_written_is_refused(refused, tmp_path):
    (tmp_path / "file").touch()
    assert "cannot write to" in refused(*QMIX, "--storage-path", tmp_path / "file" / "results")


def test_a_folder_that_is_no_checkpoint_cannot_be_restored(refused, tmp_path):
    assert "is no checkpoint" in refused(*QMIX, "--restore", tmp_path)


def test_a_checkpoint_of_another_algorithm_cannot_be_restored(refused, tmp_path):
    (tmp_path / "rllib_checkpoint.json").write_text('{"algorithm": "VDN", "team": {}}')
    assert "was made by VDN, not by QMIX" in refused(*QMIX, "--restore", tmp_path)


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
    monkeypatch.setattr("rllib_remix.cli.train.run_experiments", lambda *_, **__: Outcomes([done]))
    output = rllib(*QMIX).stdout
    assert f"Checkpoint: {checkpoint}" in output
    assert (f"rllib evaluate {checkpoint} --episodes 32" in output) is can_be_evaluated


def test_a_failed_trial_is_shown_and_makes_exit_code_1(rllib, monkeypatch):
    failed = Outcome("trial", "/results", None, "ValueError: no", "/results/error.txt")
    monkeypatch.setattr("rllib_remix.cli.train.run_experiments", lambda *_, **__: Outcomes([failed]))
    result = rllib(*QMIX)
    assert result.exit_code == 1
    assert "Error: trial failed: ValueError: no" in result.stderr
    assert "/results/error.txt" in result.stderr


def test_a_traceback_is_shown_with_vv_only(rllib):
    arguments = ("train", "--algo", "Remix", "--env", "matrix_game")
    assert "Traceback" not in rllib(*arguments).output
    assert "Traceback" in rllib(*arguments, "-vv").output
