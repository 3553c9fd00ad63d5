"""Single values of experiments, set by their dotted paths."""

import pytest

from rllib_remix.errors import SettingError, UserError
from rllib_remix.experiments.loading import read
from rllib_remix.experiments.reading.assignments import in_all, with_assignments
from rllib_remix.experiments.reading.options import Changes

SPEC = {"run": "QMIX", "env": "matrix_game", "config": {"lr": 0.1, "epsilon": [[0, 1.0], [9, 0.1]]}}


def test_values_are_typed_as_yaml_and_what_was_given_stays():
    assignments = [
        *("config.lr=1e-3", "config.epsilon=[[0, 0.5], [10, 0]]", "stop.training_iteration=2"),
        *("config.preset=papers", "config.env_config.punishment=-2.0", "config.double=false"),
    ]
    changed = with_assignments(SPEC, assignments)
    assert changed["config"] == {
        "lr": 0.001,
        "epsilon": [[0, 0.5], [10, 0]],
        "preset": "papers",
        "env_config": {"punishment": -2.0},
        "double": False,
    }
    assert changed["stop"] == {"training_iteration": 2}
    assert SPEC["config"]["lr"] == 0.1
    assert "stop" not in SPEC


def test_the_last_of_several_counts_and_an_equals_sign_may_be_in_the_value():
    assert with_assignments(SPEC, ["run=A", "run=B", "env=a=b"])["run"] == "B"
    assert with_assignments(SPEC, ["env=a=b"])["env"] == "a=b"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("config.lr", "'config.lr' is no assignment; it must be such as config.lr=1e-3"),
        ("=3", "'=3' is no assignment"),
        ("config..lr=3", r"'config\.\.lr=3' is no assignment"),
        ("confg.lr=3", "--set: unknown name 'confg'; did you mean 'config'"),
        ("config.lr.x=3", r"config\.lr\.x leads nowhere: config\.lr is 0\.1, which has no keys"),
        ("config.lr=[1", r"--set config\.lr, line 1, column \d+: not YAML"),
        ("config.lr=no", "--set config.lr"),
    ],
)
def test_what_is_no_assignment_is_refused(assignment, message):
    with pytest.raises((UserError, SettingError), match=message):
        with_assignments(SPEC, [assignment])


def test_all_experiments_of_a_file_or_the_named_one_are_changed():
    content = {"a": SPEC, "b": SPEC, "c": 3}
    both = in_all(content, ["num_samples=2"])
    assert (both["a"]["num_samples"], both["b"]["num_samples"], both["c"]) == (2, 2, 3)
    one = in_all(content, ["num_samples=2"], only="b")
    assert "num_samples" not in one["a"]
    assert one["b"]["num_samples"] == 2
    assert in_all([1], ["num_samples=2"]) == [1]


def test_experiments_are_read_with_what_is_set(tmp_path):
    content = {"a": SPEC, "b": {**SPEC, "run": "VDN"}}
    (experiment,) = read(
        content, only="b", changes=Changes(set=["config.lr=0.5", "stop.training_iteration=7"])
    )
    assert (experiment.run, experiment.config["lr"], experiment.stop) == (
        "VDN",
        0.5,
        {"training_iteration": 7.0},
    )
    (tmp_path / "mine.py").write_text("config = None\n")
    with pytest.raises(UserError, match=r"--set: works with \.yaml files only"):
        read(tmp_path / "mine.py", changes=Changes(set=["config.lr=0.5"]))


def test_options_take_values_of_config_and_stop(refused):
    train = ("train", "--algo", "QMIX", "--env", "matrix_game")
    assert "did you mean 'td_lambda'" in refused(*train, "--set", "config.td_lamda=0.5")
    assert "did you mean 'training_iteration'" in refused(*train, "--set", "stop.training_iterations=3")
    assert "--set: storage_path has an option of its own" in refused(*train, "--set", "storage_path=x")
    assert "preset: unknown name 'paper'; did you mean 'papers'" in refused(*train, "--preset", "paper")
    assert "lr: 'fast'" in refused("example", "run", "matrix_game/qmix", "--set", "config.lr=fast")
