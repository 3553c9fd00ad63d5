"""The installed command, as a user runs it: training, Ctrl-C, failure, evaluation and plots."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import forked
import pytest

SMALL = {
    "train_batch_episodes": 8,
    "rollout_episodes_per_update": 8,
    "min_sample_timesteps_per_iteration": 200,
    "evaluation_interval": 1,
}
SMALL |= {"evaluation_duration": 4}


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "NO_COLOR")}
    return kept | {"HOME": str(tmp_path / "home"), "TERM": "dumb"}


@pytest.fixture
def rllib(tmp_path, environment):
    def run(*arguments: object) -> subprocess.CompletedProcess:
        texts = [json.dumps(a) if isinstance(a, dict) else str(a) for a in arguments]
        return forked.run(texts, tmp_path, environment, timeout=300)

    return run


def train_arguments(storage: Path, iterations: int) -> list[object]:
    options = ["train", "--algo", "QMIX", "--env", "matrix_game", "--config", SMALL, "--ray-num-cpus", 2]
    return [*options, "--stop", {"training_iteration": iterations}, "--storage-path", storage, "-n", "run"]


def test_help_needs_no_ray():
    code = "import sys, rllib_remix.cli.main; sys.exit('ray' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_a_team_is_trained_restored_evaluated_and_plotted(rllib, tmp_path):
    storage = tmp_path / "results"
    trained = rllib(*train_arguments(storage, 2))
    assert trained.returncode == 0, trained.stderr
    assert trained.stderr == ""
    assert "QMIX #1: done" in trained.stdout
    (checkpoint,) = storage.glob("run/*/checkpoint_000000")
    assert f"rllib evaluate {checkpoint} --episodes 32" in trained.stdout
    before = {file: file.stat().st_mtime_ns for file in checkpoint.parent.rglob("*") if file.is_file()}

    restored = rllib(*train_arguments(storage, 3), "--restore", checkpoint)
    assert restored.returncode == 0, restored.stderr
    (other,) = [file for file in storage.glob("run/*/result.json") if file.parent != checkpoint.parent]
    assert [json.loads(line)["training_iteration"] for line in other.read_text().splitlines()] == [3]
    # The second run with the same name leaves the first one's files alone.
    assert before == {
        file: file.stat().st_mtime_ns for file in checkpoint.parent.rglob("*") if file.is_file()
    }

    evaluated = rllib("evaluate", storage / "run", "--episodes", 5, "--out", "e.json", "--render", "e.gif")
    assert evaluated.returncode == 0, evaluated.stderr
    assert "QMIX on matrix_game, 5 greedy episodes" in evaluated.stdout
    assert len(json.loads((tmp_path / "e.json").read_text())["episodes"]["returns"]) == 5
    assert (tmp_path / "e.gif").read_bytes().startswith(b"GIF89a")

    plotted = rllib("plot", "curves", checkpoint.parent, "--out", "curve.png")
    assert plotted.returncode == 0, plotted.stderr
    assert (tmp_path / "curve.png").stat().st_size > 10_000


@pytest.mark.slow
def test_ctrl_c_saves_what_was_trained_and_leaves_no_process(tmp_path, environment):
    arguments = [
        a if not isinstance(a, dict) else json.dumps(a) for a in train_arguments(tmp_path / "results", 10**6)
    ]
    process = subprocess.Popen(
        [str(forked.RLLIB), *map(str, arguments)],
        cwd=tmp_path,
        env=environment | {"RLLIB_REMIX_TEST": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("results/run/*/progress.csv")):
            assert time.monotonic() < deadline, "no result in two minutes"
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, stderr
    assert "Stopped by Ctrl-C." in stdout
    assert list(tmp_path.glob("results/run/*/checkpoint_000000"))
    assert wait_until_none_is_left(f"RLLIB_REMIX_TEST={tmp_path}".encode())


def wait_until_none_is_left(mark: bytes) -> bool:
    """Whether all processes with `mark` in their environment end within 20 s."""
    for _ in range(100):
        if not any(mark in environ_of(process) for process in Path("/proc").glob("[0-9]*")):
            return True
        time.sleep(0.2)
    return False


def environ_of(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


@pytest.mark.slow
def test_a_failing_python_experiment_shows_its_cause_in_one_line(rllib, tmp_path):
    (tmp_path / "broken.py").write_text(
        "import gymnasium as gym\n"
        "from ray.rllib.algorithms.dqn import DQNConfig\n"
        "class Broken(gym.Env):\n"
        "    observation_space = gym.spaces.Box(-1, 1, (2,))\n"
        "    action_space = gym.spaces.Discrete(2)\n"
        "    def __init__(self, config): self.left = 1  # the first step, which is tried before Ray starts\n"
        "    def reset(self, seed=None, options=None): return self.observation_space.sample(), {}\n"
        "    def step(self, action):\n"
        "        self.left -= 1\n"
        "        if self.left < 0: raise RuntimeError('the battery is empty')\n"
        "        return self.observation_space.sample(), 0.0, False, False, {}\n"
        "config = DQNConfig().environment(Broken).env_runners(num_env_runners=0)\n"
        "stop = {'training_iteration': 1}\n"
    )
    options = ("--storage-path", tmp_path / "results", "--ray-num-cpus", 1, "--max-failures", 0)
    result = rllib("train", "file", "broken.py", *options)
    assert result.returncode == 1
    error, traceback = result.stderr.strip().splitlines()
    assert error.endswith("failed: RuntimeError: the battery is empty")
    assert Path(traceback.split(maxsplit=1)[1]).is_file()
