"""Fixtures that run the command, and checkpoints for it."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import typer.testing
from processes import starter
from typer.testing import CliRunner, Result

from rllib_remix.cli.main import app

# Typer makes the command of its functions at every call, which takes longer than most of what is tested; once is enough.
typer.testing._get_command = cache(typer.testing._get_command)


@pytest.fixture
def rllib(monkeypatch, tmp_path) -> Callable[..., Result]:
    """Runs the command in this process, in an empty folder and with an empty home; options that are dicts become JSON."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Result:
        texts = [json.dumps(a) if isinstance(a, dict) else str(a) for a in arguments]
        return CliRunner().invoke(app, texts)

    return run


@pytest.fixture
def start(tmp_path):
    """Starts the command as a process of its own, in an empty folder; see `starter`."""
    with starter(tmp_path) as start:
        yield start


@pytest.fixture
def refused(rllib, monkeypatch) -> Callable[..., str]:
    """Runs a command that must be refused before Ray starts; returns its one line of error."""

    def no_ray(*_: object, **__: object) -> None:
        raise AssertionError("Ray was started")

    monkeypatch.setattr("rllib_remix.running.starting.run_experiments", no_ray)

    def run(*arguments: object) -> str:
        result = rllib(*arguments)
        assert result.exit_code == 2, result.output
        lines = result.stderr.strip().splitlines()
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("Error: ")
        return lines[0]

    return run


@pytest.fixture(scope="session")
def team_checkpoint(ray_session, tmp_path_factory) -> Path:
    """A QMIX team that has hardly learnt; episodes last 10 steps in training, and 7 in its evaluation_config."""
    from tests.algorithms.games import tiny

    config = tiny("QMIX").evaluation(evaluation_config={"env_config": {"episode_limit": 7}})
    return _trained(config, tmp_path_factory.mktemp("team") / "checkpoint_000000")


@pytest.fixture(scope="session")
def ppo_checkpoint(ray_session, tmp_path_factory) -> Path:
    """RLlib's own PPO on CartPole, with running means of the observations."""
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.connectors.env_to_module import MeanStdFilter

    config = (
        PPOConfig()
        .environment("CartPole-v1")
        .env_runners(
            num_env_runners=0,
            env_to_module_connector=lambda env=None, spaces=None, device=None: MeanStdFilter(),
        )
        .training(train_batch_size_per_learner=100, minibatch_size=50, num_epochs=1)
        .rl_module(model_config={"fcnet_hiddens": [8]})
    )
    return _trained(config, tmp_path_factory.mktemp("ppo") / "checkpoint_000000")


def _trained(config, folder: Path) -> Path:
    algorithm = config.build_algo()
    algorithm.train()
    algorithm.save_to_path(str(folder))
    algorithm.stop()
    return folder
