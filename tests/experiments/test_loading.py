"""Experiments loaded and checked from Python, without the command."""

import subprocess
import sys
from pathlib import Path

import pytest

from rllib_remix.errors import SettingError, UserError
from rllib_remix.experiments import Checkpoints, Experiment, Scheduler, Search, check, load

TWO = """
first:
  run: QMIX
  env: matrix_game
  stop: {num_env_steps_sampled: 1e3}
  config: {lr: {loguniform: [1.0e-4, 1.0e-2]}, num_workers: 2}
second:
  run: VDN
  env: matrix_game
"""
SPECS = {"mine": {"run": "QMIX", "env": "matrix_game", "stop": {"training_iteration": 2}}}


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "two.yaml"
    path.write_text(TWO)
    return path


def made(**settings) -> Experiment:
    usual = {
        "name": "mine",
        "run": "QMIX",
        "config": {"env": "matrix_game"},
        "stop": {"training_iteration": 2},
    }
    return Experiment(**{**usual, **settings})


def test_a_file_is_read_and_checked(file):
    first, second = load(file, storage_path="results")
    assert (first.name, second.name) == ("first", "second")
    assert first.stop == {"num_env_steps_sampled_lifetime": 1000}
    assert first.config["num_env_runners"] == 2
    assert type(first.config["lr"]).__name__ == "Float"  # Tune's search domain
    assert first.storage_path == str(Path("results").absolute())
    assert len(first.notes) == 2  # two old names


def test_a_mapping_is_read_as_a_file_of_it_would_be(tmp_path):
    path = tmp_path / "one.yaml"
    path.write_text("mine: {run: QMIX, env: matrix_game, stop: {training_iteration: 2}}")
    assert load(SPECS) == load(path)


def test_what_is_changed_wins_over_the_file(file):
    restored = {"only": "second", "experiment_name": "third", "max_failures": 0}
    (third,) = load(file, **restored, num_samples=4, checkpoint_score_attr="min-env_runners/episode_len_mean")
    assert (third.name, third.num_samples, third.max_failures) == ("third", 4, 0)
    assert third.checkpoints.score_order == "min"
    (searched,) = load(
        file, only="first", search_config={"seed": 3}, scheduler="ASHA", scheduler_config={"max_t": 9}
    )
    assert (searched.search.seed, searched.scheduler.settings) == (3, {"max_t": 9})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_sample": 3}, "load: unknown key 'num_sample'; did you mean 'num_samples'"),
        ({"only": "firs"}, "--only: .*two.yaml: unknown name 'firs'; did you mean 'first'"),
        ({"stop": {"training_iteration": 1}}, "--stop: works with .py files only"),
        ({"experiment_name": "a"}, "--experiment-name: .* has 2 experiments"),
        ({"env": "matrx_game"}, "experiment 'first': --env: unknown environment 'matrx_game'; did you mean"),
        ({"num_cpus": 1}, "experiment 'first': one trial needs 3 CPUs"),
        ({"scheduler_config": {}}, "--scheduler-config: belongs to --scheduler"),
        ({"search_config": "{"}, "--search-config: not JSON at line 1"),
    ],
)
def test_what_cannot_be_is_refused_as_the_command_refuses_it(file, changes, message):
    with pytest.raises((UserError, SettingError), match=message):
        load(file, **changes)


def test_the_stop_of_a_module_can_be_changed(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("from rllib_remix import VDNConfig\nconfig = VDNConfig().environment('matrix_game')")
    (experiment,) = load(path, stop={"training_iteration": "3"})
    assert experiment.stop == {"training_iteration": 3}


def test_an_experiment_made_in_python_becomes_what_a_file_would_make_of_it():
    experiment = made()
    assert check(experiment) == [experiment]
    assert [experiment] == load(SPECS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "../up"}, "name: '../up' is not allowed"),
        (
            {"stop": {"episode_reward_mean": 1}},
            "stop: unknown result key 'episode_reward_mean'; did you mean",
        ),
        (
            {"config": {"env": "matrix_game", "td_lamda": 1}},
            "unknown key 'td_lamda'; did you mean 'td_lambda'",
        ),
        ({"max_failures": -2}, "max_failures: -2 is not allowed"),
        ({"resources": {"cpus": 2}}, "resources: unknown key 'cpus'; did you mean 'cpu'"),
        ({"restore": "missing"}, "--restore: .*missing' is not a folder"),
        (
            {"checkpoints": Checkpoints(score_attribute="retrun")},
            "checkpoints: score_attribute: unknown result",
        ),
        ({"scheduler": Scheduler("ASHAA")}, "scheduler: unknown scheduler 'ASHAA'; did you mean 'asha'"),
        ({"search": Search("optunna")}, "search: unknown algorithm 'optunna'; did you mean 'optuna'"),
    ],
)
def test_an_experiment_made_in_python_is_checked_in_all_its_parts(settings, message):
    with pytest.raises((UserError, SettingError), match=message):
        check(made(**settings))


def test_of_several_experiments_the_wrong_one_is_named():
    with pytest.raises(UserError, match=r"experiment 'mine': num_samples: 0"):
        check(made(name="good"), made(num_samples=0))


def test_the_package_loads_its_names_when_they_are_touched():
    code = (
        "import sys, rllib_remix.experiments as e\n"
        "loaded = [name for name in sys.modules if name.startswith('rllib_remix.experiments.')]\n"
        "assert not loaded, loaded\n"
        "e.load, e.check, e.Experiment, e.Checkpoints, e.Scheduler, e.Search\n"
        "assert dir(e) == e.__all__\n"
        "assert 'ray' not in sys.modules and 'typer' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
