"""The numbers of an evaluation, and with which ε it is played."""

import pytest

from rllib_remix.playing.episodes import PlayedEpisodes
from rllib_remix.playing.evaluation import MOST_AGENTS, Evaluated, Evaluation, as_result, report, summary
from rllib_remix.playing.teams import play_untrained_team


def asked(episodes=60, *, algorithm="QMIX", **config):
    return Evaluation(
        checkpoint=None,
        algorithm=algorithm,
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


def test_an_exploring_evaluation_of_stochastic_policies_draws_from_them():
    def returns(**config):
        return play_untrained_team(asked(algorithm="VDAC", **config)).played.returns

    assert len({*returns()}) == 1
    assert len({*returns(actions_in_evaluation="sampled")}) == 1  # in training's evaluations
    drawn = returns(explore=True)
    assert {*drawn} == {8.0, -12.0, 0.0}
    assert drawn == returns(explore=True) != returns(explore=True, epsilon=1.0)


def test_a_result_has_the_episodes_that_its_means_are_over():
    request = asked(episodes=7, explore=True, epsilon=1.0)
    result = as_result(request, play_untrained_team(request))
    returns = result["episodes"]["returns"]
    assert (len(returns), result["num_episodes"], result["num_env_steps"]) == (7, 7, 7)
    assert result["episode_return_mean"] == pytest.approx(sum(returns) / 7)
    assert result["episode_len_mean"] == 1
    assert result["explore"] is True


def result_of(agent_returns):
    played = PlayedEpisodes(returns=[3.0, 1.0], lengths=[2, 2], agent_returns=agent_returns)
    done = Evaluated(algorithm="QMIX", environment="game", env_config={}, explore=False, played=played)
    return as_result(asked(), done)


def test_the_agents_own_returns_are_told_where_they_differ_in_an_episode():
    result = result_of({"a": [2.0, 0.5], "b": [1.0, 0.5]})
    assert result["agent_episode_returns_mean"] == {"a": 1.25, "b": 0.75}
    assert result["episodes"]["agent_returns"] == {"a": [2.0, 0.5], "b": [1.0, 0.5]}
    assert report(result)[-2:] == ["  Return of a  1.25", "  Return of b  0.75"]


@pytest.mark.parametrize("alike", [{}, {"a": [1.5, 0.5], "b": [1.5, 0.5]}])
def test_agents_that_receive_the_same_have_no_returns_of_their_own(alike):
    result = result_of(alike)
    assert "agent_episode_returns_mean" not in result
    assert [*result["episodes"]] == ["returns", "lengths"]
    assert not any("Return of" in line for line in report(result))


def test_of_many_agents_the_first_are_printed_and_all_are_written():
    result = result_of({f"agent_{index}": [float(index)] * 2 for index in range(MOST_AGENTS + 3)})
    lines = report(result)
    assert sum("Return of" in line for line in lines) == MOST_AGENTS
    assert lines[-1].endswith("and of 3 more agents, which --out writes")
    assert len(result["agent_episode_returns_mean"]) == MOST_AGENTS + 3
