"""The arithmetic of docs/scaling.md, and that the page shows what was measured."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from benchmarks import messages  # noqa: E402

FIGURES = {
    "round_cpu_seconds": 2.0,
    "receive_round_cpu_seconds": 0.01,
    "draw_cpu_seconds": 0.05,
    "update_cpu_seconds": {"QMIX": 0.15},
    "env_steps_per_episode": 100,
    "round_bytes": 4e6,
    "weights_bytes": 2e6,
    "batch_bytes": 3e6,
}


def test_a_round_is_as_long_as_its_parts():
    row = messages.row("game", FIGURES, 40)
    # 40 env runners bring 40 x 8 episodes, which earn 40 updates of 0.15 + 0.05 s; receiving takes 40 x 0.01 s.
    assert row["playing_seconds"] == 2
    assert row["receiving_seconds"] == pytest.approx(0.4)
    assert row["learning_seconds"] == pytest.approx(8)
    assert row["limited_by"] == "learning"
    assert row["env_steps_per_second"] == pytest.approx(40 * 8 * 100 / 10.4)
    assert row["env_steps_per_second_overlapped"] == pytest.approx(40 * 8 * 100 / 8.4)
    # 40 env runners are on two nodes, each of which gets the weights once.
    assert row["weights_mb_per_second"] == pytest.approx(2 * 2 / 10.4)
    assert row["episode_mb_per_second"] == pytest.approx(40 * 4 / 10.4)
    # 40 updates within the 2 s of playing.
    assert row["update_seconds_to_keep_up"] == pytest.approx(0.05)


def test_the_page_shows_the_tables_of_the_measured_run():
    found = json.loads((ROOT / "docs" / "results" / "messages.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert [line for line in messages.table(found) if line not in page] == []
