"""The README's Python examples run as they stand there."""

import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_session")]

README = Path(__file__).parent.parent / "README.md"


def example(heading):
    section = README.read_text(encoding="utf-8").split(f"### {heading}\n")[1]
    return re.search(r"```python\n(.*?)```", section, flags=re.DOTALL).group(1)


def test_a_team_is_trained_saved_and_played_without_ray(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    training = example("Train from Python").replace("range(10)", "range(1)")
    training = training.replace("train_batch_episodes=32", "train_batch_episodes=8")
    names = {}
    exec(training, names)
    names["algorithm"].stop()
    exec(example("Use the trained team without Ray"), {})
    assert "prey_captured" in capsys.readouterr().out
