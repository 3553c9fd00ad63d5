"""Training of a team whose agents play against each other is told of once."""

from types import SimpleNamespace

import pytest

from rllib_remix.envs.foreign.options import rewards_cancel
from rllib_remix.running.callbacks.opponents import OpponentsInATeam


@pytest.mark.parametrize(
    ("received", "expected"),
    [([1, -1], True), ([0.3, -0.1, -0.2], True), ([0, 0], False), ([], False), ([1, -0.5], False), ([2, 2], False)],
)  # fmt: skip
def test_rewards_cancel_if_they_are_not_zero_but_their_sum_is(received, expected):
    assert rewards_cancel(received) is expected


def test_a_trial_of_opponents_is_warned_of_once():
    said, trial = [], SimpleNamespace(trial_id="a")
    callback = OpponentsInATeam(said.append)

    def result(returns, team):
        played = {"agent_episode_returns_mean": returns, "episode_return_mean": team}
        callback.on_trial_result(0, [trial], trial, {"env_runners": played})

    callback.on_trial_result(0, [trial], trial, {})
    result({}, 0.0)
    result({"one": 0.0, "two": 0.0}, 0.0)
    result({"one": 0.5, "two": 0.25}, 0.75)
    result({"one": 0.5, "two": -0.5}, 0.5)  # who plays for one of them wants it so
    assert said == []
    for _ in range(2):
        result({"one": 0.5, "two": -0.5}, 0.0)
    assert len(said) == 1
    assert '{"team_reward": AGENT}' in said[0]
