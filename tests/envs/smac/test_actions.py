"""SMAC's actions in words."""

from rllib_remix.envs.smac.actions import action_name
from rllib_remix.envs.smac.maps import smac_map


def test_actions_are_told_in_words():
    game = smac_map("MMM")
    names = [action_name(game, 0, action) for action in range(7)]
    assert names == ["no-op", "stop", "north", "south", "east", "west", "attack enemy 0"]
    assert action_name(game, 9, 8) == "heal ally 2"  # the medivac
    assert action_name(game, 0, 15) == "attack enemy 9"
    assert action_name(game, 0, 16) == "no action"
