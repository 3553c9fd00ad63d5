"""The script that compares scripted play on smac_sim with other simulators."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

import smac_sim_table


def test_smaxs_return_is_paid_as_smac_pays():
    smax = {"return_mean": 1.426, "win_rate": 0.516, "dead_enemies_mean": 2.3}
    # 0.91 of 135 health, 2.3 kills of 10, 0.516 wins of 200: 122.85 + 23 + 103.2 = 249.05 of 365, times 20.
    assert smac_sim_table.on_smacs_scale("3m", smax) == pytest.approx(249.05 / 365 * 20)


def test_a_win_over_enemies_that_lost_everything_is_20():
    assert smac_sim_table.on_smacs_scale(
        "MMM2", {"return_mean": 2, "win_rate": 1, "dead_enemies_mean": 12}
    ) == pytest.approx(20)


@pytest.mark.parametrize("policy", smac_sim_table.POLICIES)
def test_play_is_repeatable_and_counts_every_episode_once(policy):
    first, second = (smac_sim_table.play("3m", policy, episodes=40, seed=3) for _ in range(2))
    assert first == second
    assert first["episodes"] == 40
    assert 0 < first["return_mean"] <= 20
    assert 0 < first["length_mean"] <= 60


def test_the_table_has_a_dash_where_others_have_no_figures(capsys, monkeypatch, tmp_path):
    out = tmp_path / "figures.json"
    monkeypatch.setattr(
        sys, "argv", ["smac_sim_table", "--maps", "MMM", "3m", "--episodes", "3", "--out", str(out)]
    )
    smac_sim_table.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1:3] for line in lines[2:8]] == [
        [f" {name} ", f" {policy} "] for name in ("MMM", "3m") for policy in smac_sim_table.POLICIES
    ]
    assert lines[2].endswith("| – | – |")
    assert lines[6].endswith("| 20.00, 100% | 13.65, 52% |")
    assert json.loads(out.read_text())["results"]["3m"]["nearest"]["episodes"] == 3


def test_the_kept_figures_are_of_this_form():
    file = smac_sim_table.PEERS.parent / "smac_sim_heuristics.json"
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert kept["settings"]["episodes"] == 200
    assert list(kept["results"]) == list(smac_sim_table.DEFAULT_MAPS)
    assert all(tuple(of_map) == smac_sim_table.POLICIES for of_map in kept["results"].values())
