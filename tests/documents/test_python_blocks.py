"""Every Python block of README.md and docs/ is run, those that train with fewer env steps."""

import sys

import pytest
import yaml
from pages.blocks import ROOT, all_blocks

from rllib_remix.algorithms.table import get_algorithm_config
from tests.documents.blocks_run import changed, runs, text_of

SMALL = "tuned_examples/predator_prey_small/remix.yaml"
OF_WEIGHTINGS = [
    block
    for block in all_blocks("python")
    if block.page.startswith("docs/weightings/") and not block.page.endswith("/own.md")
]


@pytest.mark.parametrize("block", OF_WEIGHTINGS, ids=lambda block: block.name)
@runs(*(block.name for block in OF_WEIGHTINGS))
def test_what_the_pages_of_the_weightings_set_can_be(block):
    names = {}
    exec(block.text, names)
    if "config" in names:
        names["config"].validate()


@pytest.fixture
def home(monkeypatch, tmp_path):
    """An empty folder to begin in, which is the home folder too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
@runs("docs/python.md python 1")
def test_the_functions_behind_the_command_train_play_and_draw(home):
    experiments = yaml.safe_load((ROOT / SMALL).read_text(encoding="utf-8"))
    (experiment,) = experiments.values()
    experiment["stop"] = {"num_env_steps_sampled_lifetime": 400}
    experiment["config"] |= {"seed": 0, "train_batch_episodes": 8, "min_sample_timesteps_per_iteration": 400}
    experiment["config"]["evaluation_duration"] = 2
    (home / SMALL).parent.mkdir(parents=True)
    (home / SMALL).write_text(yaml.safe_dump(experiments), encoding="utf-8")
    names = {}
    text = text_of("docs/python.md python 1")
    exec(changed(text, ("num_samples=2", "num_samples=1"), ("=32)", "=2)")), names)
    assert [trial.error for trial in names["outcomes"].trials] == [None]
    assert names["result"]["num_episodes"] == 2
    assert (home / "curves.png").stat().st_size > 1000
    assert (home / "weights.png").stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
@runs("docs/search.md yaml 0", "docs/search.md python 1")
def test_a_search_of_a_file_is_run_and_read_into_a_table(home, capsys):
    from rllib_remix.experiments import load
    from rllib_remix.running import run

    fewer = (
        ("num_samples: 16", "num_samples: 1"),
        (": 250000", ": 400"),
        ("grace_period: 30000", "grace_period: 100"),
    )
    small = ("  config:\n", "  config:\n    train_batch_episodes: 8\n    evaluation_duration: 1\n")
    file = changed(text_of("docs/search.md yaml 0"), *fewer, small)
    (home / "search.yaml").write_text(file, encoding="utf-8")
    outcomes = run(load("search.yaml"))
    assert [trial.error for trial in outcomes.trials] == [None]
    capsys.readouterr()
    exec(text_of("docs/search.md python 1"), {})
    assert "config/lr" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
@runs("docs/search.md python 0")
def test_an_algorithm_is_trained_by_tunes_own_tuner(home):
    text = changed(text_of("docs/search.md python 0"), ("[0.05, 0.1, 0.2]", "[0.1]"), ("[0, 1, 2]", "[0]"))
    names = {}
    exec(changed(text, ("tune.Tuner(", "results = tune.Tuner("), ("1_000_000", "500")), names)
    (result,) = names["results"]
    assert result.error is None
    assert result.metrics["num_env_steps_sampled_lifetime"] >= 500


@pytest.fixture
def spread(ray_session, home):
    """`spread` in the present folder: a team that has hardly learned simple_spread."""
    config = (
        get_algorithm_config("VDN")
        .environment("mpe2.simple_spread_v3")
        .env_runners(num_envs_per_env_runner=1)
    )
    algorithm = (
        config.training(train_batch_episodes=1).reporting(min_sample_timesteps_per_iteration=1).build_algo()
    )
    algorithm.train()
    algorithm.save_to_path(str(home / "spread"))
    algorithm.stop()


@pytest.mark.slow
@pytest.mark.usefixtures("spread")
@runs("docs/environments.md python 0")
def test_a_team_plays_in_a_loop_over_pettingzoos_environment():
    names = {}
    exec(text_of("docs/environments.md python 0"), names)
    assert set(names["truncations"].values()) == {True}


@runs("docs/environments.md python 1", "docs/environments.md python 2")
def test_the_environment_of_the_page_keeps_the_contract_of_a_team(home, monkeypatch, capsys):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (home / "my_game.py").write_text(text_of("docs/environments.md python 1"), encoding="utf-8")
    names = {}
    exec(text_of("docs/environments.md python 2"), names)
    assert names["team"].spec.agents == ("a", "b")
    assert "episode_limit=20" in capsys.readouterr().out
    sys.modules.pop("my_game", None)


@runs("docs/export.md python 0")
def test_one_agent_acts_by_itself():
    names = {"observation": [0.0], "avail_actions": [1, 1, 1]}
    text = text_of("docs/export.md python 0")
    exec(changed(text, ('"my_checkpoint"', '"zoo:matrix-game-cwqmix"')), names)
    assert names["action"] == 0
