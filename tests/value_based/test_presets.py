"""Presets: several settings under one name."""

import pytest
from ray import tune

from rllib_remix import QMIXConfig
from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.errors import SettingError
from rllib_remix.team.settings.loop import copy_tau
from rllib_remix.value_based.presets import ONCE, PAPERS, PRESETS
from tests.algorithms.games import VALUE_BASED


def values(config):
    return {name: getattr(config, name) for name in PAPERS}


@pytest.mark.parametrize("algorithm", VALUE_BASED)
def test_papers_are_the_settings_of_both_papers(algorithm):
    config = get_algorithm_config(algorithm).training(preset="papers")
    assert values(config) == dict(PAPERS)
    assert values(config)["td_lambda"] == 0.6
    assert (config.train_batch_episodes, config.target_network_update_episodes) == (128, 200)
    config.validate()


def test_without_one_the_defaults_stay():
    assert QMIXConfig().preset is None
    assert values(QMIXConfig().training(preset=None)) == values(QMIXConfig()) != dict(PAPERS)


@pytest.mark.parametrize("names", [("preset", "td_lambda"), ("td_lambda", "preset")])
def test_what_is_set_beside_a_preset_counts_in_any_order(names):
    given = {name: {"preset": "papers", "td_lambda": 0.25}[name] for name in names}
    for config in (QMIXConfig().training(**given), QMIXConfig().update_from_dict(given)):
        assert values(config) == {**PAPERS, "td_lambda": 0.25}


def test_a_preset_replaces_what_was_set_before_and_what_is_set_after_it_counts():
    config = QMIXConfig().training(td_lambda=0.25, tau=0.5)
    config.preset = "papers"
    config.td_lambda = 0.75
    assert values(config) == {**PAPERS, "td_lambda": 0.75}


def test_a_whole_config_comes_back_as_it_was():
    config = QMIXConfig().training(preset="papers", tau=0.5)
    assert values(QMIXConfig().update_from_dict(config.to_dict())) == {**PAPERS, "tau": 0.5}


@pytest.mark.parametrize(("episodes", "interval"), [(None, 200), (200, None)])
def test_a_whole_config_of_before_goes_on_as_it_was(episodes, interval):
    once = QMIXConfig.once
    assert once.keys() > ONCE.keys()
    before = {name: value for name, value in QMIXConfig().to_dict().items() if name not in once}
    before |= {"target_network_update_interval": 200, "target_network_update_episodes": episodes}
    config = QMIXConfig().update_from_dict(before)
    assert {name: getattr(config, name) for name in once} == once
    assert config.td_trace != QMIXConfig().td_trace
    assert (config.target_network_update_interval, config.target_network_update_episodes) == (
        interval,
        episodes,
    )
    assert copy_tau(config) == 1.0
    config.environment("matrix_game").validate()


def test_one_that_is_not_known_is_refused_with_the_nearest():
    for give in (QMIXConfig().training, lambda **given: QMIXConfig().update_from_dict(given)):
        with pytest.raises(SettingError, match=r"preset: unknown name 'paper'; did you mean 'papers'\?"):
            give(preset="paper")


def test_a_search_over_presets_is_left_to_its_trials():
    config = QMIXConfig().update_from_dict({"preset": tune.choice(["papers"])})
    assert values(config) == values(QMIXConfig())


@pytest.mark.parametrize("name", PRESETS)
def test_the_settings_of_every_preset_are_there(name):
    assert PRESETS[name].keys() <= vars(QMIXConfig()).keys()
