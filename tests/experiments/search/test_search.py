"""Search spaces, schedulers and search algorithms as files and options give them."""

from pathlib import Path

import pytest
from batteries import battery_but

import rllib_remix
from rllib_remix.algorithms.table import ALGORITHMS
from rllib_remix.errors import SettingError, UserError
from rllib_remix.experiments.checking import check_experiment
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.reading.files import read_experiments
from rllib_remix.experiments.search.points import points_to_check
from rllib_remix.experiments.search.schedulers import build_scheduler, parse_scheduler, starting_points
from rllib_remix.experiments.search.searchers import Search, build_searcher
from rllib_remix.experiments.search.spaces import clip_to_ranges, search_domains, with_domains
from rllib_remix.running.tune_run import runs

EXAMPLES = Path(rllib_remix.__file__).parents[1] / "tuned_examples" / "search"
STEPS = "num_env_steps_sampled_lifetime"
METRIC = "env_runners/episode_return_mean"


def scheduler(name, stop, **settings):
    return build_scheduler("scheduler", parse_scheduler("scheduler", name, settings), stop, METRIC, "max")


def test_samplers_may_stand_anywhere_in_the_settings():
    domains = search_domains(
        with_domains(
            "config",
            {
                "lr": {"loguniform": [1e-4, 1e-2]},
                "weighting_config": {"min_weight": {"uniform": [0.1, 0.5]}, "range_map": "clip"},
                "epsilon": [[0, 1.0], [{"qrandint": [1000, 5000, 1000]}, 0.05]],
                "seed": {"grid_search": [0, 1]},
            },
        )
    )
    assert list(domains) == [("lr",), ("weighting_config", "min_weight"), ("epsilon", 1, 0)]
    assert (domains["lr",].lower, domains["lr",].upper) == (1e-4, 1e-2)


def test_both_ends_of_every_range_are_checked():
    config = with_domains(
        "config", {"a": {"uniform": [0, 1]}, "b": {"choice": [5, 6, 7]}, "c": {"randint": [2, 9]}}
    )
    points = [tuple(point.values()) for point in points_to_check(config)]
    # All low, all high, then one after the other; 9 itself is never drawn.
    assert points == [(0, 5, 2), (1, 7, 8), (1, 5, 2), (0, 6, 2), (0, 7, 2), (0, 5, 8)]


def test_a_perturbed_setting_goes_back_into_its_range():
    clip = clip_to_ranges(
        with_domains("", {"lr": {"uniform": [0.1, 1.0]}, "w": {"x": {"randint": [1, 5]}}, "z": [1, 2]})
    )
    assert clip({"lr": 1.2, "w": {"x": 7}, "z": 2}) == {"lr": 1.0, "w": {"x": 4}, "z": 2}
    assert clip({"lr": 0.05, "w": {"x": 1}, "z": 1}) == {"lr": 0.1, "w": {"x": 1}, "z": 1}


def test_asha_takes_the_length_of_a_trial_from_its_stop():
    asha = scheduler("ASHA", {STEPS: 5000})
    assert (asha._time_attr, asha._max_t, asha._metric, asha._mode) == (STEPS, 5000, METRIC, "max")
    # Rungs at 500 env steps and then at three times as many.
    assert [milestone for milestone, _ in asha._brackets[0]._rungs] == [4500, 1500, 500]


def test_a_run_that_stops_by_iterations_is_scheduled_by_them():
    assert scheduler("asha", {"training_iteration": 50})._time_attr == "training_iteration"
    assert scheduler("median_stopping", {"training_iteration": 50})._grace_period == 5
    assert scheduler("hyperband", {"training_iteration": 50})._max_t_attr == 50


@pytest.mark.parametrize("name", ["FIFO", "fifo"])
def test_fifo_is_no_scheduler(name):
    assert scheduler(name, {}) is None


def test_mutations_of_pbt_can_be_lists_choices_and_ranges():
    mutations = {
        "lr": {"loguniform": [1e-4, 1e-2]},
        "gamma": [0.9, 0.99],
        "mixer": {"choice": ["vdn", "qmix"]},
    }
    pbt = scheduler("pbt", {STEPS: 1000}, hyperparam_mutations=mutations)
    assert pbt._perturbation_interval == 100
    assert pbt._hyperparam_mutations["gamma"] == [0.9, 0.99]
    assert pbt._hyperparam_mutations["mixer"] == ["vdn", "qmix"]
    assert pbt._hyperparam_mutations["lr"].lower == 1e-4


def test_a_setting_that_pbt_changes_begins_with_a_sample_of_its_range():
    asked = parse_scheduler(
        "scheduler",
        "pbt",
        {"hyperparam_mutations": {"lr": {"uniform": [0, 1]}, "w": {"x": [1, 2]}, "gamma": [0.9]}},
    )
    filled = starting_points(asked, {"gamma": 0.5, "w": {"y": 3}})
    assert (filled["gamma"], filled["w"]["y"]) == (0.5, 3)
    assert list(search_domains(filled)) == [("w", "x"), ("lr",)]


def test_optuna_fills_samplers_in_lists_and_draws_choices_of_any_kind():
    config = with_domains(
        "config",
        {
            "lr": {"loguniform": [1e-4, 1e-2]},
            "epsilon": [[0, 1.0], [{"qrandint": [1000, 5000, 1000]}, 0.05]],
            "fcnet": {"choice": [[32], [64, 64]]},
            "weighting_config": {"min_weight": {"uniform": [0.1, 0.5]}, "range_map": "clip"},
            "seed": 3,
        },
    )
    drawn = build_searcher(Search("optuna", seed=0), config, METRIC).suggest("trial")
    assert sorted(drawn) == ["epsilon", "fcnet", "lr", "weighting_config"]
    assert drawn["epsilon"][0] == [0, 1.0]
    assert drawn["epsilon"][1][0] in (1000, 2000, 3000, 4000, 5000)
    assert drawn["fcnet"] in ([32], [64, 64])
    assert list(drawn["weighting_config"]) == ["min_weight"]
    assert 1e-4 <= drawn["lr"] <= 1e-2


def test_without_optuna_the_error_says_how_to_get_it(monkeypatch, refused):
    monkeypatch.setattr("rllib_remix.experiments.search.searchers.find_spec", lambda name: None)
    message = refused("train", "--algo", "QMIX", "--env", "matrix_game", "--search", "optuna")
    assert "pip install rllib_remix[tune]" in message


def test_an_experiment_with_a_scheduler_or_search_is_a_run_of_its_own():
    plain = [Experiment(name, "QMIX", {}) for name in "ab"]
    asha = Experiment("asha", "QMIX", {}, scheduler=parse_scheduler("", "asha", {"max_t": 3}))
    optuna = Experiment("optuna", "QMIX", {}, search=Search("optuna"))
    assert runs([plain[0], asha, plain[1], optuna]) == [plain, [asha], [optuna]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("scheduler: 3", "must be a name or {type: name, …settings}"),
        ("scheduler: {max_t: 3}", "must be a name or {type: name, …settings}"),
        ("scheduler: {type: asha, max: 3}", "unknown key 'max'; did you mean"),
        ("search: 3", "must be a name or map"),
        ("search: {algorithm: hyperopt}", "Allowed: random, optuna"),
        ("search: {max_concurrent: 0}", "max_concurrent: 0 is not allowed"),
        ("search: {metric: retrun}", "unknown result key 'retrun'"),
        ("resources_per_trial: {cpu: -1}", "cpu: -1 is not allowed"),
        ("max_failures: -2", "max_failures: -2 is not allowed"),
    ],
)
def test_a_bad_search_in_a_file_is_refused(tmp_path, line, message):
    (tmp_path / "x.yaml").write_text(f"a:\n  run: QMIX\n  env: matrix_game\n  {line}\n")
    with pytest.raises((UserError, SettingError)) as error:
        read_experiments(tmp_path / "x.yaml")
    assert message in str(error.value)


def test_options_win_over_the_search_of_a_file(rllib, monkeypatch, tmp_path):
    caught = []
    monkeypatch.setattr(
        "rllib_remix.running.starting.run_experiments",
        lambda experiments, **given: caught.append((experiments, given)) or _none(),
    )
    (tmp_path / "x.yaml").write_text(
        "a: {run: QMIX, env: matrix_game, stop: {training_iteration: 9}, num_samples: 4, scheduler: asha,\n"
        "    search: {seed: 3, max_concurrent: 1}, config: {lr: {uniform: [0.1, 0.2]}}}\n"
        "b: {run: VDN, env: matrix_game}\n"
    )
    options = (
        "--scheduler",
        "hyperband",
        "--search-config",
        {"seed": 4},
        "--max-concurrent",
        2,
        "--only",
        "a",
    )
    result = rllib("train", "file", "x.yaml", *options)
    assert result.exit_code == 0, result.output
    (((experiment,), given),) = caught
    assert (experiment.name, experiment.scheduler.type, experiment.num_samples) == ("a", "hyperband", 4)
    assert experiment.search == Search(seed=4, max_concurrent=1)
    assert given["max_concurrent"] == 2


def _none():
    from rllib_remix.running.outcomes import Outcomes

    return Outcomes([])


def test_only_names_an_experiment_of_the_file(refused, tmp_path):
    (tmp_path / "x.yaml").write_text(
        "first: {run: QMIX, env: matrix_game}\nsecond: {run: VDN, env: matrix_game}\n"
    )
    assert "did you mean 'second'? Allowed: first, second" in refused(
        "train", "file", "x.yaml", "--only", "secnd"
    )


def test_every_algorithm_has_a_search_space():
    files = {path.name for path in EXAMPLES.glob("*_random.yaml")}
    assert files == {f"{name.lower()}_random.yaml" for name in ALGORITHMS}


@pytest.mark.parametrize(
    "path",
    battery_but([EXAMPLES / "remix_random.yaml"], sorted(EXAMPLES.glob("*.yaml"))),
    ids=lambda path: path.stem,
)
def test_every_search_example_searches_its_learning_rate(path, tmp_path):
    (experiment,) = read_experiments(path)
    experiment.storage_path = str(tmp_path)
    check_experiment(experiment)
    assert ("lr",) in search_domains(experiment.config)
    assert experiment.run.lower() == path.stem.split("_")[0]
    assert experiment.metric == "evaluation/env_runners/episode_return_mean"
