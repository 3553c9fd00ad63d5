"""Studies as files: what they declare, and what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from rllib_remix.errors import SettingError, UserError
from rllib_remix.experiments.checking import check_experiments
from rllib_remix.studies.cells import ENV_STEPS, cells_of, fingerprint, merged
from rllib_remix.studies.study import Budget, find_study, read_study, study_names
from tests.support.batteries import battery_but

STUDY = {
    "title": "Two on two games",
    "source": "ours",
    "claim": "Who is better?",
    "reference": "weighted",
    "config": {"lr": 0.001, "env_config": {"episode_limit": 9, "num_prey": 2}},
    "panels": {
        "easy": {"env": "predator_prey", "env_config": {"punishment": 0.0}},
        "p = −2": {"env": "predator_prey", "env_config": {"punishment": -2.0}, "config": {"gamma": 0.9}},
    },
    "algorithms": {
        "plain": {"run": "QMIX"},
        "weighted": {"run": "OWQMIX", "config": {"lr": 0.01, "weighting_config": {"alpha": 0.5}}},
    },
    "budgets": {"small": {"env_steps": 1000, "seeds": 2, "config": {"weighting_config": {"alpha": 0.2}}}},
}


@pytest.fixture
def declare(tmp_path):
    def write(content, name="mine.yaml"):
        (tmp_path / name).write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        return read_study(tmp_path / name)

    return write


def test_a_study_is_read_as_it_is_declared(declare):
    study = declare(STUDY)
    assert (study.name, study.title, study.metric, study.reference) == (
        "mine",
        "Two on two games",
        "greedy",
        "weighted",
    )
    assert list(study.panels) == ["easy", "p = −2"]
    assert study.algorithms["weighted"].config["lr"] == 0.01
    assert study.budgets["small"].minutes is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"titel": "x"}, "unknown key 'titel'; did you mean 'title'"),
        ({"claim": None}, "claim: must be a text, got None"),
        ({"metric": "greedi"}, "metric: unknown name 'greedi'; did you mean 'greedy'"),
        ({"reference": "wheighted"}, "reference: .* did you mean 'weighted'"),
        ({"panels": {}}, "panels: is empty"),
        ({"panels": []}, r"panels: must map names to values, got \[\]"),
        ({"panels": {"a": {"env_config": {}}}}, "panels: a: env is missing"),
        ({"panels": {"a": {"env": "x", "best": "high"}}}, "panels: a: best: 'high' is of type str"),
        (
            {"panels": {"a": {"env": "x", "best": 1, "lowest": 1}}},
            "panels: a: lowest: 1 is not allowed; it must be below best, 1",
        ),
        ({"algorithms": {"a": {"algo": "QMIX"}}}, "unknown key 'algo'"),
        ({"budgets": {"small": {"seeds": 1}}}, "budgets: small: env_steps is missing"),
        ({"budgets": {"small": {"seeds": 0, "env_steps": 1}}}, "seeds: 0 is not allowed"),
        ({"budgets": {"small": {"seeds": 1, "env_steps": 1, "minutes": -1}}}, "minutes: -1 is not allowed"),
        ({"weights": "yes"}, "weights: 'yes'"),
        ({"config": 3}, "config: must map names to values, got 3"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(declare, change, message):
    with pytest.raises((SettingError, UserError), match=message):
        declare(STUDY | change)


@pytest.mark.parametrize("key", ["title", "panels", "budgets"])
def test_what_is_missing_is_named(declare, key):
    with pytest.raises(UserError, match=f"{key} is missing"):
        declare({name: value for name, value in STUDY.items() if name != key})


def test_an_unknown_study_is_refused_with_the_nearest():
    with pytest.raises(SettingError, match="did you mean 'remix_figure_1'"):
        find_study("remix_figure1")


def test_cells_take_settings_of_study_budget_panel_and_algorithm_the_later_over_the_earlier(declare):
    cells = cells_of(declare(STUDY), "small")
    assert [(cell.panel, cell.algorithm, cell.seed) for cell in cells[:4]] == [
        ("easy", "plain", 0),
        ("easy", "weighted", 0),
        ("p = −2", "plain", 0),
        ("p = −2", "weighted", 0),
    ]
    assert len(cells) == 8
    experiment = cells[3].experiment
    assert (experiment["run"], experiment["env"]) == ("OWQMIX", "predator_prey")
    assert experiment["stop"] == {ENV_STEPS: 1000}
    assert experiment["config"] == {
        "lr": 0.01,
        "gamma": 0.9,
        "seed": 0,
        "weighting_config": {"alpha": 0.5},
        "env_config": {"episode_limit": 9, "num_prey": 2, "punishment": -2.0},
    }
    assert cells[2].experiment["config"]["weighting_config"] == {"alpha": 0.2}


def test_merging_leaves_both_as_they_are():
    one, other = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert merged(one, other) == {"a": {"b": 1, "c": 2}}
    assert (one, other) == ({"a": {"b": 1}}, {"a": {"c": 2}})
    assert merged({"a": {"b": 1}}, {"a": [2]}) == {"a": [2]}


def test_only_names_panels_and_algorithms(declare):
    study = declare(STUDY)
    chosen = {(cell.panel, cell.algorithm) for cell in cells_of(study, "small", only=["plain", "easy"])}
    assert chosen == {("easy", "plain")}
    chosen = {(cell.panel, cell.algorithm) for cell in cells_of(study, "small", only=["weighted"])}
    assert chosen == {("easy", "weighted"), ("p = −2", "weighted")}
    with pytest.raises(SettingError, match="--only: unknown name 'plane'; did you mean 'plain'"):
        cells_of(study, "small", only=["plane"])
    with pytest.raises(SettingError, match="--budget: unknown name 'smal'; did you mean 'small'"):
        cells_of(study, "smal")


def test_more_seeds_keep_the_folders_of_the_first(declare):
    study = declare(STUDY)
    first, more = ([cell.folder for cell in cells_of(study, "small", seeds=seeds)] for seeds in (1, 3))
    assert more[: len(first)] == first
    assert len(set(more)) == len(more) == 12
    assert more[2].startswith("p-2_plain_seed0_")


def test_another_setting_is_another_folder_of_the_same_place(declare):
    study = declare(STUDY)
    changed = replace(study, budgets={"small": Budget(1000, 2, {"lr": 0.002})})
    one, other = cells_of(study, "small")[0], cells_of(changed, "small")[0]
    assert one.place == other.place
    assert one.folder != other.folder
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


@pytest.mark.parametrize("name", battery_but(["remix_figure_1"], study_names()))
def test_every_run_of_the_packages_studies_can_be_trained(name, tmp_path):
    study = find_study(name)
    for budget in study.budgets:
        cells = cells_of(study, budget, seeds=1)
        experiments = [cell.to_run(tmp_path) for cell in cells]
        assert len({experiment.name for experiment in experiments}) == len(cells)
        check_experiments(experiments)


def test_the_study_of_the_documents_can_be_run(tmp_path):
    page = (Path(__file__).parents[2] / "docs/reproduce.md").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    cells = cells_of(find_study(str(tmp_path / "mine.yaml")), "small")
    assert len(cells) == 8
    check_experiments([cell.to_run(tmp_path) for cell in cells[:2]])


def test_every_study_says_what_it_asks_within_a_screen():
    for name in study_names():
        study = find_study(name)
        assert "small" in study.budgets, name
        assert len(study.claim) < 400, name
