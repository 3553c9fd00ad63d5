"""Pictures of runs from Python, without the command."""

import json
from pathlib import Path

import matplotlib.image
import pytest

from rllib_remix import reporting
from rllib_remix.errors import SettingError, UserError
from tests.reporting.test_runs_and_curves import write_trial


@pytest.fixture
def runs(tmp_path) -> Path:
    for seed in (0, 1):
        write_trial(tmp_path / "runs", f"QMIX_predator_prey_a_0000{seed}", seed=seed)
    return tmp_path / "runs"


def with_histogram(trial: Path) -> None:
    """Adds a histogram of two bins to every result of a trial."""
    rows = [json.loads(line) for line in (trial / "result.json").read_text().splitlines()]
    for row in rows:
        row["config"] |= {"weight_histogram_range": [0.1, 10.0], "weight_histogram_bins": 2}
        row["learners"] = {"default_policy": {"weight_histogram": [0, 3, 1, 0]}}
    (trial / "result.json").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_learning_curves_are_written_and_their_trials_counted(runs, tmp_path):
    write_trial(runs, "VDN_predator_prey_a_00000", greedy=False)
    picture = reporting.plot([runs], tmp_path / "curve.png", title="Two seeds")
    assert picture == (tmp_path / "curve.png", 3, 2)
    assert matplotlib.image.imread(picture.file).shape[0] > 100


def test_one_folder_need_not_be_a_list_and_a_path_may_be_a_text(runs, tmp_path):
    picture = reporting.plot(str(runs), str(tmp_path / "curve.svg"), metric="training", best=3.0)
    assert picture.trials == picture.drawn == 2
    assert "best possible" in picture.file.read_text()


def test_heat_maps_show_the_trials_that_report_weights(runs, tmp_path):
    with_histogram(runs / "QMIX_predator_prey_a_00001")
    picture = reporting.plot_weights(runs, tmp_path / "weights.png")
    assert picture == (tmp_path / "weights.png", 2, 1)
    assert matplotlib.image.imread(picture.file).shape[0] > 100


def test_what_cannot_be_drawn_is_an_error_and_no_exit(runs, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        reporting.plot("no/such", tmp_path / "curve.png")
    with pytest.raises(UserError, match=r"must end in \.png"):
        reporting.plot(runs, tmp_path / "curve.txt")
    with pytest.raises(UserError, match="weight histograms"):
        reporting.plot_weights(runs, tmp_path / "weights.png")
    with pytest.raises(SettingError, match="did you mean 'training'"):
        reporting.plot(runs, tmp_path / "curve.png", metric="trainin")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
