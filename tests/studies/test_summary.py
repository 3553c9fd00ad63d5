"""What a study's runs come to, its table, figure and files."""

import csv
import io
import json
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from rllib_remix.errors import UserError
from rllib_remix.reporting.pictures import new_figure
from rllib_remix.studies.cells import cells_of
from rllib_remix.studies.figures import apart, draw_panel
from rllib_remix.studies.raw import Run, brought_runs, collected, marl_eval_layout, read_raw, write_raw
from rllib_remix.studies.report import write_report
from rllib_remix.studies.running import missing_of
from rllib_remix.studies.study import Budget, Contender, Panel, Study
from rllib_remix.studies.summary import rows_of
from rllib_remix.studies.tables import as_csv, markdown

STUDY = Study(
    name="two",
    title="Two",
    source="ours",
    claim="?",
    metric="greedy",
    panels={"easy": Panel("predator_prey", best=20, threshold=10, random=-3), "hard": Panel("predator_prey")},
    algorithms={"new": Contender("ReMIX"), "old": Contender("QMIX")},
    budgets={"small": Budget(100, 4)},
    reference="new",
)


def a_run(algorithm, seed, values, panel="easy", goal=100):
    steps = np.linspace(0, 100, len(values) + 1)[1:]
    settings = cell_of(algorithm, seed, panel).settings
    return Run(panel, algorithm, seed, steps, np.array(values, float), 60.0, 100, goal, settings)


def cell_of(algorithm, seed, panel):
    (cell,) = (cell for cell in cells_of(STUDY, "small", only=[panel, algorithm]) if cell.seed == seed)
    return cell


RUNS = [
    *(a_run("new", seed, [0, 12, 14 + seed, 14 + seed]) for seed in range(4)),
    *(a_run("old", seed, [0, 0, 0, 8.0 * seed]) for seed in range(3)),
    a_run("old", 3, [0, 0], goal=300),
    a_run("old", 0, [5, 5], panel="hard"),
]


def test_rows_hold_what_finished_runs_came_to():
    new, old, hard = rows_of(STUDY, RUNS)
    assert (new.algorithm, new.seeds, new.unfinished) == ("new", 4, 0)
    # Means of all four evaluations, as there are fewer than five: 10, 10.5, 11, 11.5; of the middle two 10.75.
    assert new.finals == (10.0, 10.5, 11.0, 11.5)
    assert new.final.value == pytest.approx(10.75)
    assert 10.0 <= new.final.low < 10.75 < new.final.high <= 11.5
    assert new.steps == (50.0, 50.0, 50.0, 50.0)
    assert new.better is None
    # The fourth run of the old one has made a third of its steps.
    assert (old.seeds, old.unfinished, old.finals) == (3, 1, (0.0, 2.0, 4.0))
    assert old.steps == (math.inf, math.inf, 100.0)
    assert old.better is not None
    assert old.better.value == 1.0
    assert (hard.panel, hard.seeds, hard.steps, hard.better) == ("hard", 1, (), None)
    assert math.isnan(hard.final.low)


def test_the_area_is_the_mean_over_all_env_steps():
    (row,) = rows_of(STUDY, [a_run("new", 0, [0, 10])])
    assert row.area.value == pytest.approx(
        0.25 * 0 + 0.5 * 5 + 0.25 * 0
    )  # 0 up to 50, then a ramp to 10 at 100


def test_the_table_says_how_many_seeds_and_marks_nothing_as_best():
    text = markdown(STUDY, rows_of(STUDY, RUNS))
    lines = text.splitlines()
    assert "P(new above)" in lines[0]
    assert "| easy | old | 3 (+1 unfinished) | 0, 2, 4 |" in text
    assert "–, –, 0k" in text
    assert "**" not in text
    assert len({line.count("|") for line in lines}) == 1


def test_csv_has_a_column_for_each_number():
    rows = list(csv.DictReader(io.StringIO(as_csv(rows_of(STUDY, RUNS)))))
    assert [row["algorithm"] for row in rows] == ["new", "old", "old"]
    assert float(rows[0]["final"]) == pytest.approx(10.75)
    assert rows[0]["better"] == ""
    assert rows[1]["steps_to_threshold"] == "inf inf 100"


def test_raw_results_come_back_as_they_were_written(tmp_path):
    write_raw(tmp_path / "raw.json", STUDY, "small", RUNS)
    study, budget, metric, runs = read_raw(tmp_path / "raw.json")
    assert (study, budget, metric) == ("two", "small", "greedy")
    assert len(runs) == len(RUNS)
    for one, other in zip(RUNS, runs, strict=True):
        assert one.identity == other.identity
        assert (one.made, one.goal) == (other.made, other.goal)
        assert np.array_equal(one.steps.astype(int), other.steps)
        assert np.allclose(one.values, other.values, atol=1e-4)
    assert "rllib reproduce run two --budget small" in (tmp_path / "raw.json").read_text()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"study": "two", "budget": "small", "metric": "greedy", "runs": [{"seed": 1e9}]}',
        '{"study": "a", "budget": "b", "runs": [{"panel": 1}]}',
        "nan",
    ],
)
def test_raw_results_that_are_none_are_refused(tmp_path, content):
    (tmp_path / "raw.json").write_text(content)
    with pytest.raises(UserError, match=r"raw results .* cannot be read"):
        read_raw(tmp_path / "raw.json")


def test_raw_results_of_something_else_are_refused(tmp_path):
    raw = tmp_path / "raw.json"
    write_raw(raw, STUDY, "small", RUNS)
    with pytest.raises(UserError, match="are of the metric 'greedy'; that of the study 'two' is 'wins'"):
        brought_runs([raw], replace(STUDY, metric="wins"), "small", print)
    alien = replace(STUDY, name="three", algorithms={"new": Contender("ReMIX", {"gamma": 0.9})})
    with pytest.raises(
        UserError,
        match="of the study 'two', budget 'small'; none of the runs has the settings of one of 'three'",
    ):
        brought_runs([raw], alien, "small", print)


def test_runs_of_another_study_with_the_same_settings_count(tmp_path):
    write_raw(tmp_path / "raw.json", STUDY, "small", RUNS)
    names = {"weighted": STUDY.algorithms["new"], "again": STUDY.algorithms["new"], "none": Contender("VDN")}
    other = replace(STUDY, name="three", algorithms=names, panels={"field": STUDY.panels["easy"]})
    said = []
    brought = brought_runs([tmp_path / "raw.json"], other, "small", said.append)
    ours = [run for run in RUNS if run.algorithm == "new"]
    named = [("field", name, run.seed) for run in ours for name in ("weighted", "again")]
    assert [(run.panel, run.algorithm, run.seed) for run in brought] == named
    assert said == [
        f"{tmp_path / 'raw.json'}: {len(ours)} of {len(RUNS)} runs of the study two are runs of this one too."
    ]
    cells = cells_of(other, "small")
    assert {run.identity for run in brought} <= {cell.identity for cell in cells}
    missing = missing_of(other, "small", cells, tmp_path / "nowhere", brought).new
    assert {cell.algorithm for cell in missing if cell.seed in {run.seed for run in ours}} == {"none"}


def test_runs_that_were_brought_count_if_their_settings_are_those_of_now(tmp_path):
    nowhere, cells = tmp_path / "runs", cells_of(STUDY, "small")
    write_raw(tmp_path / "one.json", STUDY, "small", RUNS[:3])
    write_raw(
        tmp_path / "two.json", STUDY, "small", [replace(run, made=100 * 100 // run.goal) for run in RUNS[3:]]
    )
    said = []
    brought = brought_runs([tmp_path / "one.json", tmp_path / "two.json"], STUDY, "small", said.append)
    assert ([run.identity for run in brought], said) == ([run.identity for run in RUNS], [])
    missing = missing_of(STUDY, "small", cells, nowhere, brought).new
    finished = {run.identity for run in RUNS if run.is_finished}
    assert len(missing) == len(cells) - len(finished) == 8
    assert not finished & {(cell.panel, cell.algorithm, cell.seed, cell.settings) for cell in missing}
    assert len(collected(STUDY, cells, nowhere, brought)) == len(RUNS)
    further = replace(RUNS[0], made=101)
    write_raw(tmp_path / "short.json", STUDY, "small", [replace(RUNS[0], made=5, goal=5)])
    short = brought_runs([tmp_path / "short.json"], STUDY, "small", said.append)
    assert [run.is_finished for run in short] == [False]
    assert collected(STUDY, cells[:1], nowhere, [RUNS[0], further, RUNS[0]]) == [further]

    changed = replace(STUDY, algorithms=STUDY.algorithms | {"old": Contender("QMIX", {"gamma": 0.9})})
    brought = brought_runs([tmp_path / "two.json"], changed, "small", said.append)
    assert [run.algorithm for run in brought] == ["new"]
    assert said == [f"{tmp_path / 'two.json'}: 5 of 6 runs were made with other settings and do not count."]
    assert len(missing_of(changed, "small", cells_of(changed, "small"), nowhere, brought).new) == 15


def test_runs_that_do_not_say_their_settings_do_not_count(tmp_path):
    write_raw(tmp_path / "raw.json", STUDY, "small", [replace(RUNS[0], settings=""), RUNS[1]])
    said = []
    assert len(brought_runs([tmp_path / "raw.json"], STUDY, "small", said.append)) == 1
    assert said == [f"{tmp_path / 'raw.json'}: 1 of 2 runs do not say with which settings and do not count."]


def test_a_report_does_not_lose_the_runs_of_the_one_before(tmp_path):
    write_report(STUDY, "small", RUNS, tmp_path)
    before = (tmp_path / "two.json").read_bytes()
    with pytest.raises(
        UserError, match=r"has 1 of its 9 runs alone, which would be lost. Add --raw '.*two.json'"
    ):
        write_report(STUDY, "small", RUNS[1:], tmp_path)
    shorter = [replace(RUNS[0], made=50), *RUNS[1:]]
    with pytest.raises(UserError, match="has 1 of its 9 runs alone"):
        write_report(STUDY, "small", shorter, tmp_path)
    assert (tmp_path / "two.json").read_bytes() == before
    write_report(STUDY, "small", RUNS, tmp_path)
    changed = replace(STUDY, algorithms={"new": Contender("ReMIX", {"gamma": 0.9}), "old": Contender("QMIX")})
    of_now = [replace(run, settings="another") for run in RUNS]
    with pytest.raises(UserError, match="has 9 of its 9 runs alone"):
        write_report(changed, "small", of_now, tmp_path)
    (tmp_path / "two.json").write_text('{"a": 1}')
    with pytest.raises(UserError, match="is there, but no report wrote it"):
        write_report(STUDY, "small", RUNS, tmp_path)


def test_marl_eval_finds_environment_task_algorithm_run_and_step():
    layout = marl_eval_layout(STUDY, RUNS)
    of_run = layout["predator_prey"]["easy"]["new"]["seed_2"]
    assert of_run["step_1"] == {"step_count": 50, "greedy": [12.0]}
    assert of_run["absolute_metrics"] == {"greedy": [16.0]}


def test_names_at_lines_are_moved_apart_and_stay_inside():
    assert apart([0.0, 5.0], 1.0, 0.0, 10.0) == [0.0, 5.0]
    assert apart([5.0, 5.0, 5.5], 1.0, 0.0, 10.0) == [5.0, 6.0, 7.0]
    assert apart([9.0, 9.5, 10.0], 1.0, 0.0, 10.0) == [8.0, 9.0, 10.0]
    assert apart([-3.0, 0.0], 1.0, 0.0, 10.0) == [0.0, 1.0]
    crowded = apart([1.0] * 5, 1.0, 0.0, 2.0)
    assert [b - a for a, b in pairwise(crowded)] == [1.0] * 4


def test_a_panel_shows_nothing_below_its_lowest_value_and_says_so_where_there_is_something():
    axes = new_figure(4, 3).subplots()
    deep = [a_run("new", seed, [-90, 5, 10]) for seed in range(2)]
    easy = replace(STUDY.panels["easy"], lowest=-30)
    cut = replace(STUDY, panels={"easy": easy})
    draw_panel(axes, cut, "easy", deep)
    assert axes.get_ylim()[0] == -30
    assert any("values below -30\nare not shown" in text.get_text() for text in axes.texts)
    axes.clear()
    draw_panel(axes, STUDY, "easy", deep)
    assert axes.get_ylim()[0] < -90
    axes.clear()
    draw_panel(axes, cut, "easy", [a_run("new", 0, [1, 5, 10])])
    assert axes.get_ylim()[0] > -30
    assert not any("not shown" in text.get_text() for text in axes.texts)


def test_a_report_writes_figure_tables_and_raw_results(tmp_path):
    table, files = write_report(STUDY, "small", RUNS, tmp_path / "out")
    assert sorted(file.name for file in files) == [
        *("two.csv", "two.json", "two.md", "two.png", "two.svg"),
        "two_marl_eval.json",
    ]
    assert (tmp_path / "out/two.md").read_text() == f"{table}\n"
    assert (tmp_path / "out/two.png").read_bytes().startswith(b"\x89PNG")
    drawn = (tmp_path / "out/two.svg").read_text()
    assert drawn.count('<g id="axes_') == 2
    assert json.loads((tmp_path / "out/two_marl_eval.json").read_text())
    again = write_report(STUDY, "paper", RUNS[:1], tmp_path / "out").files
    assert (tmp_path / "out/two_paper.png") in again
    with pytest.raises(UserError, match="no run has evaluated yet"):
        write_report(STUDY, "small", [], tmp_path)
