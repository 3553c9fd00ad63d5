"""A real head with its job server runs what `rllib train --submit` sends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "scripts"))

from benchmarks.local_cluster import local_cluster

pytestmark = pytest.mark.slow

SMALL = """
small:
  run: QMIX
  env: predator_prey
  stop: {training_iteration: 2}
  config:
    env_config: {grid_height: 4, grid_width: 4, num_predators: 3, num_prey: 2, episode_limit: 10}
    num_env_runners: 1
    num_envs_per_env_runner: 4
    train_batch_episodes: 8
    replay_buffer_capacity: 40
    min_sample_timesteps_per_iteration: 100
"""


@pytest.fixture
def job_server(monkeypatch):
    """The address of a head's job server; jobs find this Python."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with local_cluster(num_cpus=2, dashboard=True) as cluster:
        yield f"http://{cluster.webui_url}"


def test_a_submitted_file_is_trained_to_the_end_and_followed(job_server, tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL)
    ended = subprocess.run(
        [
            *("rllib", "train", "file", "small.yaml", "--submit"),
            *("--address", job_server, "--storage-path", tmp_path / "results"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "succeeded." in ended.stdout
    assert "ray job stop raysubmit_" in ended.stdout
    assert list((tmp_path / "results" / "small").glob("QMIX_*/checkpoint_*"))
