"""A disk that is full at the end: it is tried again for a while; then one error says how much is lost."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from forked import Forked, command

pytestmark = pytest.mark.slow

SETTINGS = {
    "train_batch_episodes": 8,
    "rollout_episodes_per_update": 8,
    "min_sample_timesteps_per_iteration": 50,
    "num_env_runners": 0,
}
ITERATIONS = 30
PATIENCE = 240  # seconds for what takes 60 where nothing else runs


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 8 MiB: some checkpoints fit."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no disk of its own can be mounted here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def start(folder: Path, *words: str, **variables: str) -> Forked:
    environment = os.environ | {"HOME": str(folder / "home"), "TERM": "dumb"} | variables
    environment.pop("RAY_ADDRESS", None)
    with open(folder / "output", "w") as output:
        return command(words, folder, environment, stdout=output, stderr=subprocess.STDOUT)


def train(folder: Path, **variables: str) -> Forked:
    words = ["train", "--algo", "QMIX", "--env", "matrix_game", "--config", json.dumps(SETTINGS), "-n", "run"]
    words += ["--stop", json.dumps({"training_iteration": ITERATIONS}), "--storage-path", "disk"]
    words += ["--checkpoint-freq", "4", "--keep-checkpoints-num", "2", "--ray-num-cpus", "1"]
    return start(folder, *words, **variables)


def wait_for_first_checkpoint(process: Forked, disk: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not list(disk.glob("run/*/checkpoint_000000")):
        assert process.poll() is None, (disk.parent / "output").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """While the block runs, all room that there is, or that is given back, is taken."""
    over = threading.Event()

    def fill() -> None:
        with open(disk / "ballast", "wb", buffering=0) as file:
            while not over.wait(0.02):
                with suppress(OSError):
                    while True:
                        file.write(b"x" * 4096)

    filler = threading.Thread(target=fill)
    filler.start()
    try:
        yield
    finally:
        over.set()
        filler.join()
        (disk / "ballast").unlink()


def iterations_of(folder: Path) -> list[int]:
    files = [path / "rllib_checkpoint.json" for path in sorted(folder.glob("disk/run/*/checkpoint_*"))]
    return [json.loads(file.read_text())["training_iteration"] for file in files]


def test_what_is_lost_at_the_end_is_told_in_one_error_and_made_up_for_by_resume(tmp_path, small_disk):
    process = train(tmp_path, RLLIB_REMIX_LAST_SAVE_PATIENCE_S="3")
    wait_for_first_checkpoint(process, small_disk)
    with filled(small_disk):
        assert process.wait(PATIENCE) == 1, (tmp_path / "output").read_text()
    output = " ".join((tmp_path / "output").read_text().split())
    saved = iterations_of(tmp_path)[-1]
    assert output.count("Error: ") == 1, output
    assert f"the newest is of iteration {saved}, {ITERATIONS - saved} iterations and " in output
    assert "env steps before its end" in output
    assert "Trying again for 3 s." in output
    resumed = start(tmp_path, "resume", "disk/run", "--ray-num-cpus", "1")
    assert resumed.wait(PATIENCE) == 0, (tmp_path / "output").read_text()
    assert iterations_of(tmp_path)[-1] == ITERATIONS


def test_if_there_is_room_again_within_a_while_nothing_is_lost(tmp_path, small_disk):
    process = train(tmp_path)
    wait_for_first_checkpoint(process, small_disk)
    with filled(small_disk):
        deadline = time.monotonic() + PATIENCE
        while "Trying again for" not in (tmp_path / "output").read_text():
            assert process.poll() is None, (tmp_path / "output").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert process.wait(PATIENCE) == 0, (tmp_path / "output").read_text()
    assert iterations_of(tmp_path)[-1] == ITERATIONS
