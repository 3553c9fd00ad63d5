"""The command as a process of its own, and what it wrote."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forked import Forked, command

SMALL = {
    "train_batch_episodes": 8,
    "rollout_episodes_per_update": 8,
    "min_sample_timesteps_per_iteration": 100,
    "num_env_runners": 0,
}
PATIENCE = 240  # seconds for what takes 30 where nothing else runs


def training(iterations: int) -> list[str]:
    """The words of a small training that saves every iteration in results/run."""
    train = ["train", "--algo", "QMIX", "--env", "matrix_game", "--config", json.dumps(SMALL), "-n", "run"]
    train += ["--stop", json.dumps({"training_iteration": iterations}), "--storage-path", "results"]
    return [*train, "--checkpoint-freq", "1", "--keep-checkpoints-num", "2", "--ray-num-cpus", "1"]


@contextmanager
def starter(folder: Path) -> Iterator[Callable[..., Forked]]:
    """Starts the command in a folder, with `forked.command`; what is left of it is killed at the end.

    The n-th writes to output_n there, unless it is told otherwise.
    """
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    environment |= {"HOME": str(folder / "home"), "TERM": "dumb"}
    processes: list[Forked] = []

    def start(*arguments: str, **options: Any) -> Forked:
        with open(folder / f"output_{len(processes)}", "w+") as file:
            options = {"stdout": file, "stderr": file, **options}
            environment_of_this = environment | options.pop("env", {})
            processes.append(command(arguments, folder, environment_of_this, **options))
        return processes[-1]

    try:
        yield start
    finally:
        for process in processes:
            process.kill()
            process.wait()


def output(folder: Path, number: int) -> str:
    return (folder / f"output_{number}").read_text()


def exit_code(process: Forked, folder: Path, number: int) -> int:
    """Waits for the end of a command; if it does not come, its output is shown."""
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{process.args} goes on:\n{output(folder, number)}") from None


def wait_for(there: Callable[[], object], process: Forked, folder: Path) -> None:
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
