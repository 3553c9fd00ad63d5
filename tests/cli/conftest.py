import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from rllib_remix.cli.main import app


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
def refused(rllib, monkeypatch) -> Callable[..., str]:
    """Runs a command that must be refused before Ray starts; returns its one line of error."""

    def no_ray(*_: object, **__: object) -> None:
        raise AssertionError("Ray was started")

    monkeypatch.setattr("rllib_remix.cli.train.run_experiments", no_ray)

    def run(*arguments: object) -> str:
        result = rllib(*arguments)
        assert result.exit_code == 2, result.output
        lines = result.stderr.strip().splitlines()
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("Error: ")
        return lines[0]

    return run
