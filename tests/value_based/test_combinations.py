"""Which weightings go with which mixers, and why not the others."""

import re

import pytest

from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.errors import SettingError
from rllib_remix.learning.weighting import SCHEMES

MIXED = ("VDN", "QMIX", "Qatten", "QPLEX")


def refused(algorithm: str, **settings) -> str:
    with pytest.raises(SettingError) as error:
        get_algorithm_config(algorithm).environment("predator_prey").training(**settings).validate()
    return str(error.value)


@pytest.mark.parametrize("mode", ["loss", "sampling"])
@pytest.mark.parametrize("weighting", SCHEMES)
@pytest.mark.parametrize("algorithm", MIXED)
def test_every_weighting_goes_with_every_mixer_that_has_what_it_needs(algorithm, weighting, mode):
    settings = {"weighting": weighting, "weighting_mode": mode}
    if algorithm == "QPLEX" and weighting == "remix":
        assert re.search(
            "weighting: 'remix' is not allowed with mixer 'qplex'.*or mixer 'vdn' or 'qmix' or 'qatten'",
            refused(algorithm, **settings),
        )
        return
    get_algorithm_config(algorithm).environment("predator_prey").training(**settings).validate()


@pytest.mark.parametrize("weighting", [name for name in SCHEMES if name != "uniform"])
@pytest.mark.parametrize(
    ("algorithm", "reason"), [("IQL", "there is no Q_tot"), ("QTRAN", "no Q_tot is fitted to the targets")]
)
def test_without_a_mixer_only_uniform_does(algorithm, reason, weighting):
    said = refused(algorithm, weighting=weighting)
    assert said.startswith(f"weighting: {weighting!r} is not allowed")
    assert reason in said
    assert "must be 'uniform'" in said


@pytest.mark.parametrize("algorithm", ["IQL", "QTRAN"])
def test_without_weights_nothing_can_be_drawn_by_them(algorithm):
    assert "weighting_mode: 'sampling' is not allowed" in refused(algorithm, weighting_mode="sampling")


@pytest.mark.parametrize("algorithm", ["IQL", "QTRAN"])
def test_a_mixer_is_refused_where_there_is_none_to_be(algorithm):
    assert f"mixer: 'qmix' is not allowed in {algorithm}" in refused(algorithm, mixer="qmix")


@pytest.mark.parametrize("algorithm", ["QMIX", "ReMIX", "QPLEX"])
def test_and_none_where_there_must_be_one(algorithm):
    assert "mixer: None is not allowed here; it must be one of vdn, qmix" in refused(algorithm, mixer=None)


def test_agents_that_have_left_go_on_in_independent_q_learning():
    assert "skip_removed_agents: True is not allowed in IQL" in refused("IQL", skip_removed_agents=True)


@pytest.mark.parametrize("algorithm", [*MIXED, "IQL", "QTRAN"])
def test_the_papers_settings_go_with_all(algorithm):
    config = get_algorithm_config(algorithm).environment("predator_prey").training(preset="papers")
    config.validate()
    assert (config.td_trace, config.limit_targets, config.truncated_value) == ("peng", False, "last")
