"""The numbers of an evaluation, and with which ε it is played."""

import pytest

from rllib_remix.playing.evaluation import Evaluation, as_result, summary
from rllib_remix.playing.teams import play_untrained_team


def asked(episodes=60, **config):
    return Evaluation(
        checkpoint=None,
        algorithm="QMIX",
        env="matrix_game",
        config=config,
        env_config={},
        episodes=episodes,
        steps=0,
        seed=0,
        keep_step_infos=False,
        animation=None,
        on_episode=lambda played: None,
    )


def test_every_number_of_a_summary_is_that_of_its_own_list():
    assert summary([1.0, 5.0, 3.0], [20, 40, 90], {"battle_won": [0.0, 1.0, 1.0], "score": [7, 8, 9]}) == {
        "num_episodes": 3,
        "episode_return_mean": 3.0,
        "episode_return_standard_error": pytest.approx(2 / 3**0.5),  # s² = (4 + 4 + 0) / 2
        "episode_return_min": 1.0,
        "episode_return_max": 5.0,
        "episode_len_mean": 50.0,
        "battle_won_mean": pytest.approx(2 / 3),
        "score_mean": 8.0,
    }


def test_an_exploring_evaluation_has_the_epsilon_of_the_end_of_its_schedule():
    def returns(**config):
        return play_untrained_team(asked(**config)).played.returns

    greedy = returns()
    assert len({*greedy}) == 1
    assert returns(explore=True, epsilon=[[0, 1.0], [100, 0.0]]) == greedy
    assert returns(explore=True, epsilon=0.0) == greedy
    exploring = returns(explore=True, epsilon=[[0, 0.0], [100, 1.0]])
    assert {*exploring} == {8.0, -12.0, 0.0}  # all payoffs of the game
    assert exploring == returns(explore=True, epsilon=1.0)


def test_a_result_has_the_episodes_that_its_means_are_over():
    request = asked(episodes=7, explore=True, epsilon=1.0)
    result = as_result(request, play_untrained_team(request))
    returns = result["episodes"]["returns"]
    assert (len(returns), result["num_episodes"], result["num_env_steps"]) == (7, 7, 7)
    assert result["episode_return_mean"] == pytest.approx(sum(returns) / 7)
    assert result["episode_len_mean"] == 1
    assert result["explore"] is True
