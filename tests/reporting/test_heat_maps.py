"""Heat maps of loss weights: the numbers behind them and the pictures."""

import json
import math
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.image
import numpy as np
import pytest
from typer.testing import CliRunner

from rllib_remix.cli.main import app
from rllib_remix.reporting.heat_maps import (
    Frame,
    WeightHistory,
    draw_weights,
    frame_of,
    log_probabilities,
    weight_history,
    weight_ticks,
    with_weights,
)
from rllib_remix.reporting.result_file import RunError
from rllib_remix.reporting.runs import Trial, read_runs

# Four bins [0.01, 0.1), [0.1, 1), [1, 10) and [10, 100), and what lies below and above them.
RANGE, BINS = (0.01, 100), 4
EDGES = [0.01, 0.1, 1, 10, 100]


def write_trial(
    folder: Path,
    histograms: list[Any],
    *,
    steps: list[float] | None = None,
    steps_before: float = 0,
    seed: int | None = 0,
    bins: tuple[tuple[float, float], int] | None = (RANGE, BINS),
    **settings: object,
) -> Path:
    """A trial's folder as Tune writes it, one iteration per histogram, at steps 100, 200, … unless told."""
    folder.mkdir(parents=True)
    steps = steps or [100.0 * (row + 1) for row in range(len(histograms))]
    config = {"env": "predator_prey", "seed": seed}
    if bins:
        config |= {"weight_histogram_range": bins[0], "weight_histogram_bins": bins[1]}
    lines = []
    for row, (step, histogram) in enumerate(zip(steps, histograms, strict=True)):
        before = steps[row - 1] if row else steps_before
        result = {
            "num_env_steps_sampled_lifetime": step,
            "env_runners": {"num_env_steps_sampled": step - before},
            "learners": {"default_policy": {"weight_histogram": histogram}},
            "config": config,
        }
        lines.append(json.dumps(result))
    (folder / "result.json").write_text("\n".join(lines) + "\n")
    (folder / "params.json").write_text(json.dumps({"env": "predator_prey", "seed": seed, **settings}))
    return folder


def read_one(folder: Path, histograms: list[Any], **options: Any) -> Trial:
    (trial,) = read_runs([write_trial(folder / "ReMIX_predator_prey_a", histograms, **options)])
    return trial


def history_of(counts: list[float], edges: list[float] = EDGES) -> WeightHistory:
    return WeightHistory(np.array(edges), np.array([0, 100]), log_probabilities(np.array([counts], float)))


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["plot", "weights", *map(str, arguments)])


def test_log_probabilities_are_logarithms_of_shares():
    # Shares 1/4, 1/4, 2/4, 0 of four weights; 1, 0, 0, 0 of three.
    counts = np.array([[1.0, 1, 2, 0], [3, 0, 0, 0]])
    expected = [
        [math.log(0.25), math.log(0.25), math.log(0.5), -math.inf],
        [0, -math.inf, -math.inf, -math.inf],
    ]
    np.testing.assert_allclose(log_probabilities(counts), expected)


def test_iterations_without_weights_have_no_probabilities():
    assert np.isnan(log_probabilities(np.array([[0.0, 0, 0], [math.nan, 1, 2]]))).all()


def test_a_trial_is_read_with_its_histograms_and_their_edges(tmp_path):
    trial = read_one(tmp_path, [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]])
    np.testing.assert_allclose(trial.weight_edges, EDGES, rtol=1e-6)
    assert trial.weight_counts is not None
    assert trial.weight_counts.dtype == np.float64
    assert trial.weight_counts.tolist() == [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]]


@pytest.mark.parametrize("missing", [None, math.nan, "NaN", [], [1, 2, 3], [None] * 6, "(0, 1, 2, 3, 4, 5)"])
def test_what_is_no_histogram_is_read_as_not_reported(tmp_path, missing):
    trial = read_one(tmp_path, [missing, [0, 0, 1, 0, 0, 0]])
    assert trial.weight_counts is not None
    assert np.isnan(trial.weight_counts[0]).all()
    assert trial.weight_counts[1].tolist() == [0, 0, 1, 0, 0, 0]


def test_runs_of_older_versions_have_neither_histograms_nor_edges(tmp_path):
    trial = read_one(tmp_path, [None], bins=None)
    assert trial.weight_edges is None
    assert trial.weight_counts is None
    assert weight_history(trial) is None


def test_an_iteration_lasts_from_the_steps_of_the_one_before_to_its_own(tmp_path):
    history = weight_history(read_one(tmp_path, [None, [0, 0, 1, 0, 0, 0]], steps=[1000, 1010]))
    assert history is not None
    assert history.steps.tolist() == [0, 1000, 1010]
    assert np.isnan(history.log_probabilities[0]).all()
    assert history.log_probabilities[1, 2] == 0


def test_a_trial_restored_from_a_checkpoint_starts_at_its_steps(tmp_path):
    history = weight_history(read_one(tmp_path, [[0, 0, 1, 0, 0, 0]] * 2, steps=[600, 700], steps_before=500))
    assert history is not None
    assert history.steps.tolist() == [500, 600, 700]


def test_iterations_that_a_resumed_run_did_again_count_as_they_were_the_last_time(tmp_path):
    first, again = [0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]
    history = weight_history(
        read_one(tmp_path, [first, first, first, again, again], steps=[100, 200, 300, 200, 300])
    )
    assert history is not None
    assert history.steps.tolist() == [0, 100, 200, 300]
    assert np.argmax(history.log_probabilities, axis=1).tolist() == [1, 2, 2]


def test_the_frame_holds_the_bins_in_use_and_one_more_on_each_side():
    history = history_of([0, 0, 0, 7, 0, 0, 0], edges=[0.001, *EDGES])
    assert frame_of([history]) == Frame(low=0.01, high=10, below=False, above=False)


def test_the_frame_ends_with_the_bins():
    assert frame_of([history_of([0, 7, 0, 0, 0, 0])]) == Frame(low=0.01, high=1, below=False, above=False)
    assert frame_of([history_of([0, 0, 0, 0, 7, 0])]) == Frame(low=1, high=100, below=False, above=False)


def test_weights_beyond_the_bins_get_columns_and_no_bins():
    assert frame_of([history_of([1, 0, 7, 0, 0, 0])]) == Frame(low=0.01, high=10, below=True, above=False)
    assert frame_of([history_of([0, 0, 7, 0, 0, 1])]) == Frame(low=0.01, high=10, below=False, above=True)
    assert frame_of([history_of([1, 0, 0, 0, 0, 0])]) == Frame(low=0.01, high=100, below=True, above=False)


def test_the_frame_is_shared_by_trials_with_different_bins():
    coarse, fine = history_of([0, 0, 0, 7, 0, 0]), history_of([0, 0, 1, 0, 1], edges=[0.2, 0.3, 0.4, 0.5])
    assert frame_of([coarse, fine]) == Frame(low=0.1, high=100, below=False, above=True)


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0.09, 1.12, 6, [0.1, 0.2, 0.5, 1]),
        (0.009, 1.12, 6, [0.01, 0.03, 0.1, 0.3, 1]),
        (0.001, 10, 6, [0.001, 0.01, 0.1, 1, 10]),
        (1e-9, 10, 6, [1e-9, 1e-7, 1e-5, 1e-3, 0.1, 10]),
        (0.89, 1.26, 6, [0.9, 1.0, 1.1, 1.2]),
    ],
)
def test_ticks_are_round_weights_that_leave_each_other_room(low, high, most, expected):
    assert weight_ticks(low, high, most) == pytest.approx(expected)


def test_weights_are_drawn_at_their_steps_and_those_on_the_top_edge_in_use_are_visible(tmp_path):
    # All weights are 0.1 for 900 of 1000 steps, then 1.0, which the bin from 1 to 10 holds: both in the colour
    # of probability 1, the left one nine times as high as the right one.
    trial = read_one(tmp_path, [[0, 0, 5, 0, 0, 0], [0, 0, 0, 5, 0, 0]], steps=[900, 1000])
    draw_weights([trial], tmp_path / "weights.png")
    picture = matplotlib.image.imread(tmp_path / "weights.png")[:, :, :3]
    certain = np.abs(picture - matplotlib.colormaps["inferno"](1.0)[:3]).max(axis=2) < 0.01
    heights = certain.sum(axis=0)
    heights = heights[heights > 10]  # without the tip of the colour bar
    early, late = heights[0], heights[-1]
    assert early / late == pytest.approx(9, rel=0.05)
    assert np.sum(heights == early) == pytest.approx(np.sum(heights == late), abs=2)


def test_a_picture_of_several_trials_is_drawn(tmp_path):
    histograms = [math.nan, [1, 0, 5, 2, 0, 0], [0, 0, 3, 4, 0, 1]]
    for seed in range(3):
        write_trial(tmp_path / "runs" / f"ReMIX_predator_prey_a_{seed}", histograms, seed=seed)
    for td_lambda in (0.0, 0.6):
        folder = tmp_path / "runs" / f"QMIX_predator_prey_b_{td_lambda}"
        write_trial(folder, [[0, 0, 5, 0]], bins=((0.1, 10), 2), td_lambda=td_lambda)
    result = invoke(tmp_path / "runs", "--out", tmp_path / "weights.svg", "--title", "Five trials")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"Loss weights of 5 trials: {tmp_path / 'weights.svg'}\n"
    texts = (tmp_path / "weights.svg").read_text()
    titles = [f"ReMIX, seed {seed}" for seed in range(3)] + ["QMIX, td_lambda=0.0", "QMIX, td_lambda=0.6"]
    columns = ["&lt; 0.01", "≥ 100", "&lt; 0.1", "≥ 10"]
    for text in [*titles, *columns, "Five trials", "ln(probability of a weight)"]:
        assert f"<!-- {text} -->" in texts


def test_runs_that_differ_in_nothing_are_numbered(tmp_path):
    for run in "ab":
        write_trial(tmp_path / f"ReMIX_predator_prey_{run}", [[0, 0, 5, 0, 0, 0]])
    assert invoke(tmp_path, "--out", tmp_path / "weights.svg").exit_code == 0
    texts = (tmp_path / "weights.svg").read_text()
    assert "<!-- ReMIX, run 1 -->" in texts
    assert "<!-- ReMIX, run 2 -->" in texts


def test_trials_without_histograms_are_left_out(tmp_path):
    write_trial(tmp_path / "ReMIX_predator_prey_a", [[0, 0, 5, 0, 0, 0]])
    write_trial(tmp_path / "ReMIX_predator_prey_b", [None], bins=None)
    assert [trial.folder.name for trial in with_weights(read_runs([tmp_path]))] == ["ReMIX_predator_prey_a"]
    result = invoke(tmp_path, "--out", tmp_path / "weights.png")
    assert result.stdout.splitlines() == [
        f"Loss weights of 1 trial: {tmp_path / 'weights.png'}",
        "Left out, without weight histograms: 1 of 2 trials",
    ]


def test_runs_of_older_versions_are_an_error_that_names_them_and_what_to_do(tmp_path):
    for name in "ab":
        write_trial(tmp_path / f"ReMIX_predator_prey_{name}", [None], bins=None)
    with pytest.raises(RunError) as error:
        draw_weights(read_runs([tmp_path]), tmp_path / "weights.png")
    assert str(error.value) == (
        "nothing to plot: none of 2 trials reports weight histograms "
        f"({tmp_path / 'ReMIX_predator_prey_a'} and 1 more); "
        "only the algorithms of rllib_remix report them, and only since their histograms exist."
    )


@pytest.mark.parametrize("histogram", [None, "NaN", [0] * 6])
def test_runs_without_an_update_are_an_error_that_says_so(tmp_path, histogram):
    folder = write_trial(tmp_path / "ReMIX_predator_prey_a", [histogram])
    result = invoke(folder, "--out", tmp_path / "weights.png")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: nothing to plot: none of 1 trials reports weight histograms")
    assert "no network was updated yet" in result.stderr


@pytest.mark.parametrize("out", ["weights.txt", "no/such/folder/weights.png"])
def test_a_heat_map_that_cannot_be_written_is_a_clear_error(tmp_path, out):
    folder = write_trial(tmp_path / "ReMIX_predator_prey_a", [[0, 0, 5, 0, 0, 0]])
    result = invoke(folder, "--out", tmp_path / out)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: --out: ")
    assert len(result.stderr.splitlines()) == 1
