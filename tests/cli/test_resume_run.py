"""A run goes on after its driver was killed, told to stop, or could not write for a while."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

RLLIB = Path(sys.executable).parent / "rllib"
SMALL = {"train_batch_episodes": 8, "min_sample_timesteps_per_iteration": 100, "num_env_runners": 0}
ITERATIONS = 40
PATIENCE = 240  # seconds for what takes 30 where nothing else runs
TRAIN = ["train", "--algo", "QMIX", "--env", "matrix_game", "--config", json.dumps(SMALL), "-n", "run"]
TRAIN += ["--stop", json.dumps({"training_iteration": ITERATIONS}), "--storage-path", "results"]
TRAIN += ["--checkpoint-freq", "1", "--keep-checkpoints-num", "2", "--ray-num-cpus", "1"]


@pytest.fixture
def start(tmp_path):
    """Starts the executable in an empty folder; what is left of it is killed at the end."""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    environment |= {"HOME": str(tmp_path / "home"), "TERM": "dumb"}
    processes = []

    def run(*arguments: str) -> subprocess.Popen:
        output = open(tmp_path / f"output_{len(processes)}", "w+")  # noqa: SIM115
        processes.append(
            subprocess.Popen([RLLIB, *arguments], cwd=tmp_path, env=environment, stdout=output, stderr=output)
        )
        return processes[-1]

    yield run
    for process in processes:
        process.kill()
        process.wait()


def output(folder: Path, number: int) -> str:
    return (folder / f"output_{number}").read_text()


def exit_code(process: subprocess.Popen, folder: Path, number: int) -> int:
    """Waits for the end of a command; if it does not come, its output is shown."""
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{process.args} goes on:\n{output(folder, number)}") from None


def wait_for(there: Callable[[], object], process: subprocess.Popen, folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not there():
        assert process.poll() is None, output(folder, 0)
        assert time.monotonic() < deadline, output(folder, 0)
        time.sleep(0.05)


def iterations(folder: Path, run: str = "results/run") -> list[int]:
    """As result.json has them, of the only trial; a line that is being written is left out."""
    (file,) = folder.glob(f"{run}/*/result.json")
    return [json.loads(line)["training_iteration"] for line in file.read_text().split("\n")[:-1] if line]


def some_results(folder: Path, number: int = 3, run: str = "results/run") -> bool:
    return bool(list(folder.glob(f"{run}/*/result.json"))) and len(iterations(folder, run)) >= number


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
