"""A run goes on after its driver was killed, told to stop, or could not write for a while."""

import csv
import json
import signal
import time
from pathlib import Path

import pytest
from processes import SMALL, exit_code, iterations, output, some_results, training, wait_for

pytestmark = pytest.mark.slow

ITERATIONS = 40
TRAIN = training(ITERATIONS)


def check_is_whole(folder: Path, run: str = "results/run") -> None:
    """Every iteration is there once, in both files, and counters only grow."""
    assert iterations(folder, run) == list(range(1, ITERATIONS + 1))
    (file,) = folder.glob(f"{run}/*/progress.csv")
    with open(file, newline="") as table:
        rows = list(csv.DictReader(table))
    assert [int(row["training_iteration"]) for row in rows] == list(range(1, ITERATIONS + 1))
    steps = [float(row["num_env_steps_sampled_lifetime"]) for row in rows]
    assert steps == sorted(steps)
    assert not list(folder.glob(f"{run}/*/.aside_*"))


def test_after_sigkill_of_the_driver_two_experiments_go_on_where_they_were_moved_to(start, tmp_path):
    common = {"env": "matrix_game", "stop": {"training_iteration": ITERATIONS}, "config": SMALL}
    common |= {"checkpoint_config": {"checkpoint_frequency": 1, "num_to_keep": 3}}
    experiments = {"run": {"run": "QMIX", **common}, "other": {"run": "VDN", **common}}
    (tmp_path / "two.yaml").write_text(json.dumps(experiments))
    process = start("train", "file", "two.yaml", "--storage-path", "results", "--ray-num-cpus", "2")
    for run in ("results/run", "results/other"):
        wait_for(lambda run=run: some_results(tmp_path, 4, run), process, tmp_path)
    second = start("resume", "results/run")
    assert exit_code(second, tmp_path, 1) == 2
    assert "is being trained by another process" in output(tmp_path, 1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(2)  # for Ray's own processes to follow
    assert max(iterations(tmp_path, run)[-1] for run in ("results/run", "results/other")) < ITERATIONS
    (tmp_path / "results").rename(tmp_path / "moved")
    newest = max(tmp_path.glob("moved/run/*/checkpoint_*"))
    (newest / "algorithm_state.pkl").write_bytes(b"")
    assert exit_code(start("resume", "moved/run"), tmp_path, 2) == 0, output(tmp_path, 2)
    assert "Warning: checkpoint" in output(tmp_path, 2)
    check_is_whole(tmp_path, "moved/run")
    check_is_whole(tmp_path, "moved/other")


def test_after_sigterm_the_same_command_with_resume_goes_on_and_can_be_stopped_too(start, tmp_path):
    process = start(*TRAIN)
    wait_for(lambda: some_results(tmp_path), process, tmp_path)
    process.send_signal(signal.SIGTERM)
    assert exit_code(process, tmp_path, 0) == 130, output(tmp_path, 0)
    saved = iterations(tmp_path)
    again = start(*TRAIN, "--resume")
    wait_for(lambda: some_results(tmp_path, len(saved) + 2), again, tmp_path)
    again.send_signal(signal.SIGINT)
    assert exit_code(again, tmp_path, 1) == 130, output(tmp_path, 1)
    saved = iterations(tmp_path)
    assert saved == list(range(1, len(saved) + 1))
    assert len(saved) < ITERATIONS
    assert exit_code(start("resume", "results/run"), tmp_path, 2) == 0, output(tmp_path, 2)
    check_is_whole(tmp_path)


def test_while_nothing_can_be_written_training_goes_on_and_says_so(start, tmp_path):
    process = start(*TRAIN)
    wait_for(lambda: some_results(tmp_path), process, tmp_path)
    # The disk is gone: as its owner, or as root, one may write to any folder.
    run, elsewhere = tmp_path / "results" / "run", tmp_path / "elsewhere"
    run.rename(elsewhere)
    run.write_text("")
    wait_for(
        lambda: "Training goes on; the last good checkpoint stays." in output(tmp_path, 0), process, tmp_path
    )
    run.unlink()
    elsewhere.rename(run)
    assert exit_code(process, tmp_path, 0) == 0, output(tmp_path, 0)
    check_is_whole(tmp_path)
    assert "Warning: " in output(tmp_path, 0)
    assert "Traceback" not in output(tmp_path, 0)
