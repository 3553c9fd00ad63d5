"""Experiments from files: what is read, and what is refused before Ray starts."""

import re
from pathlib import Path

import pytest
import yaml
from batteries import battery_but

import rllib_remix
from rllib_remix.errors import SettingError, UserError
from rllib_remix.experiments.checking import check_experiment
from rllib_remix.experiments.reading.files import read_experiments
from rllib_remix.experiments.search.points import count_points
from rllib_remix.experiments.trials import variants
from rllib_remix.files.yaml_text import read_yaml_text

GOOD = """
first:
  run: VDN
  env: matrix_game
  stop: {num_env_steps_sampled_lifetime: 1e3}
  num_samples: 2
  checkpoint_config: {checkpoint_frequency: 5, num_to_keep: 2}
  config:
    lr: 5e-4
    seed: {grid_search: [0, 1]}
second:
  run: QMIX
  env: two_step_game
"""
TUNED = sorted((Path(rllib_remix.__file__).parents[1] / "tuned_examples").rglob("*.yaml"))
ONE_OF_EACH = {path.parent: path for path in TUNED}.values()


@pytest.fixture
def file(tmp_path):
    def write(text: str, name: str = "experiments.yaml") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def test_yaml_experiments_are_read_in_order_with_numbers_as_numbers(file):
    first, second = read_experiments(file(GOOD))
    assert (first.name, first.run, first.num_samples) == ("first", "VDN", 2)
    assert first.stop == {"num_env_steps_sampled_lifetime": 1000.0}
    assert first.config == {"env": "matrix_game", "lr": 5e-4, "seed": {"grid_search": [0, 1]}}
    assert (first.checkpoints.frequency, first.checkpoints.num_to_keep, first.checkpoints.at_end) == (
        5,
        2,
        True,
    )
    assert (second.name, second.config) == ("second", {"env": "two_step_game"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "line 1, column 6: not YAML"),
        ("a:\n  run: VDN\n bad: 1", "line 3, column 2: not YAML"),
        ("a: {run: VDN}\na: {run: VDN}", "key 'a' is given twice"),
        ("- 1", "must hold experiments"),
        ("", "must hold experiments"),
        ("a: 3", "experiment 'a': must map run, env"),
        ("a: {run: VDN, envv: x}", "unknown key 'envv'; did you mean 'env'"),
        ("a: {env: matrix_game}", "run must name an algorithm"),
        ("a: {run: VDN, config: [1]}", "config must map settings"),
        ("a: {run: VDN, env: x, config: {env: y}}", "give one"),
        ("a: {run: VDN, num_samples: 0}", "num_samples: 0 is not allowed"),
        ("a: {run: VDN, stop: {training_iteration: soon}}", "'soon' is not a number"),
        ("a: {run: VDN, stop: 3}", "must map result keys to numbers"),
        ("a: {run: VDN, checkpoint_config: {checkpoint_freq: 1}}", "did you mean 'checkpoint_frequency'"),
        ("a: {run: VDN, checkpoint_config: {num_to_keep: 0}}", "num_to_keep: 0 is not allowed"),
        ("../a: {run: VDN}", "must be the name of one folder"),
    ],
)
def test_a_bad_yaml_file_is_refused_with_its_place(file, text, message):
    with pytest.raises((UserError, SettingError)) as error:
        read_experiments(file(text))
    assert message in str(error.value)


def test_every_point_of_the_grids_is_a_variant():
    config = {"lr": {"grid_search": [1, 2]}, "env_config": {"size": {"grid_search": [3, 4]}}, "gamma": 1}
    points = {(v["lr"], v["env_config"]["size"], v["gamma"]) for v in variants(config)}
    assert points == {(1, 3, 1), (1, 4, 1), (2, 3, 1), (2, 4, 1)}


def test_a_mistake_in_the_second_experiment_stops_the_first(refused, file):
    message = refused("train", "file", file(GOOD + "  config: {td_lambda: 7}\n"), "--storage-path", "results")
    assert "experiment 'second': td_lambda: 7 is not allowed" in message


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.py", "config = 3", "must define `config`, an AlgorithmConfig; found int"),
        ("a.py", "raise ValueError('no')", "ValueError: no (at "),
        ("a.py", "def f(:", "SyntaxError"),
        ("a.txt", "", "must end in .yaml, .yml or .py"),
    ],
)
def test_a_bad_file_of_another_kind_is_refused(refused, file, name, text, message):
    assert message in refused("train", "file", file(text, name))


def test_a_missing_file_is_refused(refused):
    assert "'missing.yaml' does not exist" in refused("train", "file", "missing.yaml")


def test_stop_is_for_python_files_only(refused, file):
    assert "works with .py files only" in refused(
        "train", "file", file(GOOD), "--stop", {"training_iteration": 1}
    )


def test_one_name_cannot_be_given_to_two_experiments(refused, file):
    assert "has 2 experiments" in refused("train", "file", file(GOOD), "-n", "x")


def test_a_python_module_gives_config_and_stop(file):
    text = (
        "from rllib_remix import QMIXConfig\n"
        "config = QMIXConfig().environment('matrix_game').training(td_lambda=0.25)\n"
        "stop = {'training_iteration': 2}\n"
    )
    (experiment,) = read_experiments(file(text, "mine.py"))
    check_experiment(experiment)
    assert experiment.name == "mine"
    assert experiment.run.__name__ == "QMIX"
    assert experiment.config["td_lambda"] == 0.25
    assert experiment.stop == {"training_iteration": 2}


STARCRAFT = ("smac", "smacv2")


@pytest.mark.parametrize(
    "path", battery_but(ONE_OF_EACH, TUNED), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_every_tuned_example_is_a_valid_file(path, tmp_path):
    for experiment in read_experiments(path):
        experiment.storage_path = str(tmp_path)
        # With another client, nothing asks for an installed StarCraft II.
        if experiment.config["env"] in STARCRAFT:
            env_config = {**experiment.config["env_config"], "client": "some_module:SomeClient"}
            experiment.config = {**experiment.config, "env_config": env_config}
        check_experiment(experiment)


SMAC_EXAMPLES = {path.stem: path.parent.name for path in sorted(TUNED) if path.parent.name in STARCRAFT}
WORKERS = {"num_env_runners", "num_envs_per_env_runner", "evaluation_num_env_runners"}


def test_the_simulator_has_an_example_for_every_one_of_starcraft():
    assert {path.stem for path in TUNED if path.parent.name == "smac_sim"} == SMAC_EXAMPLES.keys()


@pytest.mark.parametrize("map_name", SMAC_EXAMPLES)
def test_the_examples_of_a_map_differ_only_in_who_plays_the_battles(map_name):
    def learned(env: str) -> list[tuple[object, object, dict[str, object]]]:
        (path,) = (path for path in TUNED if (path.parent.name, path.stem) == (env, map_name))
        experiments = read_experiments(path)
        assert {experiment.config["env"] for experiment in experiments} == {env}
        assert all(experiment.config["env_config"]["map_name"] == map_name for experiment in experiments)
        ignored = WORKERS | {"env"}
        return [
            (e.run, e.stop, {key: value for key, value in e.config.items() if key not in ignored})
            for e in experiments
        ]

    starcraft = learned(SMAC_EXAMPLES[map_name])
    assert [run for run, _, _ in starcraft] == ["QMIX", "OWQMIX", "ReMIX", "MACPO"]
    simulated = learned("smac_sim")
    assert starcraft == simulated[:4]
    _, *as_qmix = simulated[0]
    others = {run: [stop, config] for run, stop, config in simulated[4:]}
    assert others == dict.fromkeys(others, as_qmix)


@pytest.mark.parametrize(
    "path", [path for path in TUNED if path.parent.name == "smac_sim"], ids=lambda p: p.stem
)
def test_examples_of_the_simulator_say_that_they_give_no_smac_results(path):
    assert "not SMAC results" in path.read_text(encoding="utf-8").partition("\nsmac-sim")[0]


class _LoaderOfBefore(yaml.SafeLoader):
    """PyYAML's, which reads YAML 1.1, with 1e6 as a number: how files were read once."""


_LoaderOfBefore.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d[\d_]*)(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


@pytest.mark.parametrize("path", TUNED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_examples_mean_the_same_in_both_versions_of_yaml(path):
    text = path.read_text(encoding="utf-8")
    assert read_yaml_text("file", text) == yaml.load(text, Loader=_LoaderOfBefore)


def test_of_many_points_of_grids_every_value_of_each_grid_is_checked_once():
    grids = {name: {"grid_search": list(range(20))} for name in ("a", "b", "c")}
    assert count_points("config", grids) == 8000
    points = [tuple(variant.values()) for variant in variants(grids)]
    assert len(points) == 1 + 3 * 19
    assert {point for point in points if point[0]} == {(value, 0, 0) for value in range(1, 20)}
    assert {point for point in points if point[2]} == {(0, 0, value) for value in range(1, 20)}


def test_grids_within_grids_are_counted_by_their_points():
    inner = {"grid_search": [1, 2, 3]}
    assert count_points("config", {"a": {"grid_search": [inner, 4]}, "b": [inner, 5]}) == 12
