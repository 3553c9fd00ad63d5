"""Help pages: every option in its panel, every example a command that is accepted."""

import re
import shlex

import pytest
from typer.main import get_command

from rllib_remix.cli.main import ORDER, app
from rllib_remix.cli.panels import PANELS
from rllib_remix.running.outcomes import Outcome, Outcomes

TRAIN = [("train",), ("train", "file")]
COMMANDS = [
    *((name,) for name in ORDER if name not in ("train", "plot", "example", "reproduce", "zoo", "smac")),
    *(("plot", name) for name in ("curves", "weights")),
    *(("example", name) for name in ("list", "get", "run")),
    ("zoo", "list"),
    *(("reproduce", name) for name in ("list", "run", "report")),
]


def examples_of(text: str) -> list[str]:
    return re.findall(r"Example: (rllib .*)$", text, re.MULTILINE)


@pytest.mark.parametrize("command", TRAIN, ids=" ".join)
def test_the_panels_have_every_option_once(rllib, command):
    text = rllib(*command, "--help").stdout
    assert all(len(line) <= 80 for line in text.splitlines())
    shown = re.findall(r"^  (?:-\w, )*(--[\w-]+)", text, re.MULTILINE)
    assert len(shown) == len(set(shown)) > 25
    found = get_command(app)
    for name in command:
        found = found.commands[name]
    hidden = {parameter.name for parameter in found.params if getattr(parameter, "hidden", False)}
    options = {each.name for each in found.params if each.param_type_name == "option"} - hidden
    assert options <= {name for panel in PANELS for name in panel.options}
    for panel in PANELS:
        assert f"{panel.title}:" in text


@pytest.mark.parametrize("command", TRAIN, ids=" ".join)
def test_the_examples_of_panels_are_accepted(rllib, monkeypatch, tmp_path, command):
    (tmp_path / "experiment.yaml").write_text(
        "one: {run: QMIX, env: matrix_game, stop: {training_iteration: 1}}"
    )
    outcome = Outcomes([Outcome("trial", "/results/trial", None)])
    monkeypatch.setattr("rllib_remix.running.starting.run_experiments", lambda *_, **__: outcome)
    monkeypatch.setattr("rllib_remix.experiments.loggers.Loggers.check", lambda _: None)
    examples = examples_of(rllib(*command, "--help").stdout)
    assert len(examples) == len(PANELS)
    for example in examples:
        assert rllib(*shlex.split(example)[1:]).exit_code == 0, example


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_other_command_has_an_example_that_can_be_read(rllib, command):
    text = rllib(*command, "--help").stdout
    (example,) = examples_of(text)
    assert shlex.split(example)[1 : 1 + len(command)] == list(command)
    assert all(len(line) <= 80 for line in text.splitlines())
    # Its options exist.
    for option in re.findall(r" (--[\w-]+)", example):
        assert option in text.replace(example, "") or command == ("example", "run"), option
