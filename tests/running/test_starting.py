"""Runs from Python, without the command."""

import json
from pathlib import Path

import pytest

from rllib_remix import running
from rllib_remix.errors import SettingError, UserError
from rllib_remix.experiments.experiment import Checkpoints, Experiment

SMALL = {
    "train_batch_episodes": 8,
    "rollout_episodes_per_update": 8,
    "min_sample_timesteps_per_iteration": 20,
    "num_env_runners": 0,
}


def experiment(folder: Path, name: str = "run", **settings: object) -> Experiment:
    return Experiment(
        name=name,
        run="QMIX",
        config={"env": "matrix_game", **SMALL, **settings},
        stop={"training_iteration": 2},
        storage_path=str(folder / "results"),
        checkpoints=Checkpoints(1, True, None),
    )


@pytest.fixture
def no_ray(monkeypatch) -> list:
    """Catches what would be run."""
    caught = []

    def run_experiments(experiments, **options):
        caught.append((experiments, options))
        return running.Outcomes([])

    monkeypatch.setattr("rllib_remix.running.starting.run_experiments", run_experiments)
    return caught


def test_an_experiment_that_cannot_be_trained_starts_nothing(no_ray, tmp_path):
    with pytest.raises(SettingError, match="td_lambda: 3 is not allowed") as alone:
        running.run(experiment(tmp_path, td_lambda=3))
    assert "experiment" not in str(alone.value)
    with pytest.raises(UserError, match=r"experiment 'bad': .*td_lambda: 3 is not allowed"):
        running.run([experiment(tmp_path), experiment(tmp_path, "bad", td_lambda=3)])
    with pytest.raises(UserError, match="starts Ray here"):
        running.run(experiment(tmp_path), cluster=running.Cluster("127.0.0.1:1", num_cpus=1))
    assert no_ray == []
    assert not (tmp_path / "results").exists()


def test_lines_go_to_say_and_notes_to_warn(no_ray, tmp_path, capsys):
    said, warned = [], []
    noted = experiment(tmp_path)
    noted.notes = ["lr was renamed."]
    running.run(noted, say=said.append, warn=warned.append, max_concurrent=3)
    assert said == ["Starting Ray …"]
    assert warned == ["Note: lr was renamed."]
    ((experiments, options),) = no_ray
    assert experiments == [noted]
    assert options["max_concurrent"] == 3
    assert capsys.readouterr() == ("", "")


def test_a_folder_that_holds_no_run_cannot_go_on(no_ray, tmp_path):
    with pytest.raises(UserError, match=r"has no rllib_run\.pkl"):
        running.resume(tmp_path)
    assert no_ray == []


@pytest.mark.slow
def test_a_run_is_trained_and_a_resumed_one_has_nothing_left_to_do(ray_session, tmp_path):
    outcomes = running.run(experiment(tmp_path))
    (trial,) = outcomes.trials
    assert trial.error is None
    assert outcomes.run == str(tmp_path / "results" / "run")
    rows = [json.loads(line) for line in Path(trial.folder, "result.json").read_text().splitlines()]
    assert [row["training_iteration"] for row in rows] == [1, 2]
    assert Path(str(trial.checkpoint)).is_dir()
    again = running.resume(trial.folder)
    assert again.nothing_to_do
    assert [each.checkpoint for each in again.trials] == [trial.checkpoint]


@pytest.mark.slow
def test_a_failed_trial_raises_nothing_and_tells_its_cause(ray_session, tmp_path):
    failing = experiment(tmp_path, env="tests.running.test_starting.broken_game")
    failing.max_failures = 0
    (trial,) = running.run(failing).trials
    assert trial.error == "RuntimeError: the battery is empty"
    assert Path(str(trial.error_file)).is_file()


def broken_game(context):
    from rllib_remix import parallel_env

    env = parallel_env("matrix_game")
    steps = [env.step]  # the first, which is tried before Ray starts

    def step(actions):
        if not steps:
            raise RuntimeError("the battery is empty")
        return steps.pop()(actions)

    env.step = step
    return env
