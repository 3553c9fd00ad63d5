"""`rllib reproduce`: what is listed, and what is refused before anything starts."""

from rllib_remix.studies.own import OWN
from rllib_remix.studies.study import study_names


def test_every_study_is_listed_with_its_cost_within_80_columns(rllib):
    listed = rllib("reproduce", "list").stdout
    for name in (*OWN, *study_names()):
        assert f"\n{name}: " in f"\n{listed}"
    assert "144 runs (4 seeds) of 1,000,000 env steps, some 14 core-hours" in " ".join(listed.split())
    assert all(len(line) <= 80 for line in listed.splitlines())


def test_misspelt_names_are_refused_with_the_nearest(refused):
    assert "did you mean 'remix_figure_1'" in refused("reproduce", "run", "remix_figure1")
    assert "did you mean 'random_games'" in refused("reproduce", "report", "random_game")
    assert "did you mean 'paper'" in refused("reproduce", "run", "remix_figure_1", "--budget", "papr")
    assert "did you mean 'QMIX'" in refused("reproduce", "run", "remix_figure_1", "--only", "QMIXX")
    assert "--seeds: the study random_games has none" in refused(
        "reproduce", "run", "random_games", "--seeds", 3
    )
    assert "--ray-num-cpus: the study random_games has none" in refused(
        "reproduce", "run", "random_games", "--ray-num-cpus", 1
    )
    assert "--raw: the study random_games has none" in refused(
        "reproduce", "report", "random_games", "--raw", "x"
    )
    assert "no.yaml" in refused("reproduce", "run", "no.yaml")


def test_a_report_of_nothing_says_how_to_begin(refused):
    assert "begin with `rllib reproduce run systems_3m`" in refused("reproduce", "report", "systems_3m")
    assert "begin with `rllib reproduce run random_games`" in refused("reproduce", "report", "random_games")
    assert "raw.json" in refused("reproduce", "report", "systems_3m", "--raw", "raw.json")
