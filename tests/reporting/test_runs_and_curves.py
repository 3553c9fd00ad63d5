"""Reading what Tune wrote, and drawing it."""

import json
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from typer.testing import CliRunner

from rllib_remix.cli.main import app
from rllib_remix.reporting.curves import draw_curves, group
from rllib_remix.reporting.result_file import RunError
from rllib_remix.reporting.runs import read_runs


def write_trial(
    experiment: Path,
    name: str,
    *,
    seed: int | None = 0,
    greedy: bool = True,
    rows: int = 3,
    **settings: object,
) -> Path:
    """A trial's folder as Tune writes it, with returns 0, 1, 2, … at steps 100, 200, 300, …"""
    folder = experiment / name
    folder.mkdir(parents=True)
    lines = []
    for row in range(rows):
        returns = {"episode_return_mean": float(row)}
        result = {
            "num_env_steps_sampled_lifetime": 100.0 * (row + 1),
            "env_runners": returns,
            "config": {"env": "predator_prey", "seed": seed},
        }
        lines.append(json.dumps(result | ({"evaluation": {"env_runners": returns}} if greedy else {})))
    (folder / "result.json").write_text("\n".join(lines) + "\n")
    (folder / "params.json").write_text(json.dumps({"env": "predator_prey", "seed": seed, **settings}))
    return folder


def test_a_trial_is_read_with_its_algorithm_environment_and_seed(tmp_path):
    write_trial(
        tmp_path, "ReMIX_predator_prey_1a2b3_00000_0_2026-01-01", seed=7, weighting_config={"min_weight": 0.1}
    )
    (trial,) = read_runs([tmp_path])
    assert (trial.algorithm, trial.environment, trial.seed) == ("ReMIX", "predator_prey", 7)
    assert trial.settings["weighting_config/min_weight"] == 0.1
    assert trial.env_steps.tolist() == [100, 200, 300]
    assert trial.greedy_return.tolist() == trial.training_return.tolist() == [0, 1, 2]


def test_experiment_and_trial_folders_may_overlap(tmp_path):
    trial = write_trial(tmp_path, "QMIX_predator_prey_a_00000")
    write_trial(tmp_path, "QMIX_predator_prey_a_00001")
    assert len(read_runs([tmp_path, trial])) == 2


def test_iterations_without_a_value_are_left_out_of_the_curve(tmp_path):
    folder = write_trial(tmp_path, "QMIX_predator_prey_a_00000")
    lines = [json.loads(line) for line in (folder / "result.json").read_text().splitlines()]
    lines[1]["evaluation"]["env_runners"]["episode_return_mean"] = float("nan")
    (folder / "result.json").write_text("\n".join(map(json.dumps, lines)))
    steps, returns = read_runs([folder])[0].curve("greedy")
    assert (steps.tolist(), returns.tolist()) == ([100, 300], [0, 2])


def test_an_evaluation_that_a_result_repeats_is_read_once(tmp_path):
    folder = write_trial(tmp_path, "QMIX_predator_prey_a_00000", rows=7)
    lines = [json.loads(line) for line in (folder / "result.json").read_text().splitlines()]
    for iteration, line in enumerate(lines, start=1):
        line["training_iteration"], line["config"]["evaluation_interval"] = iteration, 3
    (folder / "result.json").write_text("\n".join(map(json.dumps, lines)))
    trial = read_runs([folder])[0]
    assert trial.curve("greedy")[0].tolist() == [300, 600]
    assert len(trial.curve("training")[0]) == 7


def test_an_unfinished_last_line_is_left_out(tmp_path):
    folder = write_trial(tmp_path, "QMIX_predator_prey_a_00000")
    with (folder / "result.json").open("a") as file:
        file.write('{"num_env_steps_sam')
    assert len(read_runs([folder])[0].env_steps) == 3


def test_a_damaged_line_is_an_error_with_its_place(tmp_path):
    folder = write_trial(tmp_path, "QMIX_predator_prey_a_00000")
    (folder / "result.json").write_text("{}\nbroken\n{}\n")
    with pytest.raises(RunError, match="line 2: damaged result"):
        read_runs([folder])


def test_missing_and_empty_runs_are_errors(tmp_path):
    with pytest.raises(RunError, match="does not exist"):
        read_runs([tmp_path / "missing"])
    with pytest.raises(RunError, match="holds no results"):
        read_runs([tmp_path])


def test_trials_that_differ_in_their_seed_alone_are_one_group(tmp_path):
    for seed in range(2):
        for td_lambda in (0.0, 0.6):
            write_trial(tmp_path, f"QMIX_predator_prey_a_{seed}{td_lambda}", seed=seed, td_lambda=td_lambda)
    write_trial(tmp_path, "ReMIX_predator_prey_b_0")
    groups = group(read_runs([tmp_path]))
    assert {label: len(members) for label, members in groups.items()} == {
        "QMIX, td_lambda=0.0": 2,
        "QMIX, td_lambda=0.6": 2,
        "ReMIX": 1,
    }


def test_a_picture_is_drawn(tmp_path):
    for seed in range(3):
        write_trial(tmp_path / "runs", f"QMIX_predator_prey_a_{seed}", seed=seed, rows=3 + seed)
    arguments = [
        "plot",
        "curves",
        str(tmp_path / "runs"),
        "--out",
        str(tmp_path / "curve.png"),
        "--best",
        "20",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "3 trials" in result.stdout
    picture = matplotlib.image.imread(tmp_path / "curve.png")
    assert np.ptp(picture) > 0.5


def test_runs_without_greedy_returns_name_the_metric_that_they_have(tmp_path):
    write_trial(tmp_path, "QMIX_predator_prey_a_0", greedy=False)
    trials = read_runs([tmp_path])
    with pytest.raises(RunError, match="use --metric training"):
        draw_curves(trials, tmp_path / "curve.png")
    draw_curves(trials, tmp_path / "curve.png", metric="training")


def test_won_battles_are_a_curve_of_their_own(tmp_path):
    folder = write_trial(tmp_path, "QMIX_smac_sim_a_0")
    results = [json.loads(line) for line in (folder / "result.json").read_text().splitlines()]
    for index, result in enumerate(results):
        result["evaluation"]["env_runners"]["battle_won_mean"] = index / 10
    (folder / "result.json").write_text("".join(json.dumps(result) + "\n" for result in results))
    (trial,) = read_runs([tmp_path])
    _, wins = trial.curve("wins")
    np.testing.assert_allclose(wins, np.arange(len(results)) / 10)
    draw_curves([trial], tmp_path / "wins.png", metric="wins")


def test_games_without_battles_have_no_curve_of_wins(tmp_path):
    write_trial(tmp_path, "QMIX_predator_prey_a_0")
    with pytest.raises(RunError, match="none of 1 trials reports won battles; they report a greedy return"):
        draw_curves(read_runs([tmp_path]), tmp_path / "wins.png", metric="wins")


@pytest.mark.parametrize("out", ["curve.txt", "no/such/folder/curve.png"])
def test_a_picture_that_cannot_be_written_is_a_clear_error(tmp_path, out):
    write_trial(tmp_path, "QMIX_predator_prey_a_0")
    result = CliRunner().invoke(app, ["plot", "curves", str(tmp_path), "--out", str(tmp_path / out)])
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: --out: ")
    assert len(result.stderr.splitlines()) == 1
