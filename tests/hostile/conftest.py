"""Runs the command on hostile inputs, in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rllib_remix.cli.main import app
from tests.hostile.limits import check_refusal, limited, listing


@pytest.fixture
def refused(monkeypatch, tmp_path: Path, tmp_path_factory) -> Callable[..., str]:
    """Runs a command that must be refused before Ray starts, with nothing written below the test's folder.

    The function takes the command's words, and returns the one line of its error.
    """
    monkeypatch.setenv(
        "HOME", str(tmp_path_factory.mktemp("home"))
    )  # where Matplotlib keeps its list of fonts
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.chdir(tmp_path)

    def no_ray(*_: object, **__: object) -> Any:
        raise AssertionError("Ray was started")

    monkeypatch.setattr("rllib_remix.running.starting.run_experiments", no_ray)

    def run(*words: object) -> str:
        before = listing(tmp_path)
        with limited():
            result = CliRunner().invoke(app, [str(word) for word in words])
        line = check_refusal(result.exit_code, result.stderr, result.exception)
        assert listing(tmp_path) == before, "something was written"
        return line

    return run
