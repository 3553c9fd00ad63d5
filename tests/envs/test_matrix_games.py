import numpy as np
import pytest

from rllib_remix.envs.checker import check_team_env
from rllib_remix.envs.matrix_games import MatrixGame, TwoStepGame
from rllib_remix.errors import SettingError


def test_the_default_payoff_is_the_non_monotonic_game():
    game = MatrixGame()
    assert game.payoff.tolist() == [[8, -12, -12], [-12, 0, 0], [-12, 0, 0]]
    assert (game.n_agents, game.n_actions, game.obs_dim, game.state_dim, game.episode_limit) == (
        2,
        3,
        1,
        1,
        1,
    )


def test_every_copy_is_paid_for_its_own_joint_action():
    game = MatrixGame(num_envs=4)
    game.reset(seed=0)
    step = game.step(np.array([[0, 0], [0, 1], [1, 0], [2, 2]]))
    assert step.rewards.tolist() == [8, -12, -12, 0]
    assert step.rewards.dtype == np.float32
    assert step.terminated.all()
    assert not step.truncated.any()


def test_observation_and_state_are_the_constant_one():
    step = MatrixGame(num_envs=2).reset()
    assert step.obs.shape == (2, 2, 1)
    assert (step.obs == 1).all()
    assert step.state.shape == (2, 1)
    assert (step.state == 1).all()


def test_the_step_after_the_payout_is_a_reset():
    game = MatrixGame()
    game.reset()
    game.step(np.array([[0, 0]]))
    step = game.step(np.array([[0, 0]]))
    assert step.rewards.tolist() == [0]
    assert not step.terminated.any()
    assert game.step(np.array([[0, 0]])).rewards.tolist() == [8]


def test_a_payoff_tensor_may_have_any_number_of_agents():
    payoff = np.arange(16).reshape(2, 2, 2, 2)
    game = MatrixGame(payoff, num_envs=2)
    game.reset()
    assert game.step(np.array([[0, 1, 1, 0], [1, 1, 1, 1]])).rewards.tolist() == [6, 15]  # binary numbers
    one_agent = MatrixGame([3, 5])
    one_agent.reset()
    assert one_agent.step(np.array([[1]])).rewards.tolist() == [5]


@pytest.mark.parametrize(
    ("payoff", "message"),
    [
        ([[1, 2], [3]], "ragged"),
        ([[1, 2, 3], [4, 5, 6]], r"shape \(2, 3\)"),
        (5, r"shape \(\)"),
        ([], r"shape \(0,\)"),
        ([[1, float("nan")], [0, 0]], "NaN"),
        ([[1e300, 0], [0, 0]], "beyond float32"),
        ("8 -12", "other things than numbers"),
        ([["8", "1"], ["2", "3"]], "other things than numbers"),
        ([[None, 1], [2, 3]], "other things than numbers"),
    ],
)
def test_a_payoff_that_cannot_be_is_refused(payoff, message):
    with pytest.raises(SettingError, match=f"^payoff: .*{message}"):
        MatrixGame(payoff)


@pytest.mark.parametrize("game", [MatrixGame, TwoStepGame])
@pytest.mark.parametrize("num_envs", [0, 1.5, "2"])
def test_a_number_of_copies_that_cannot_be_is_refused(game, num_envs):
    with pytest.raises(SettingError, match="num_envs"):
        game(num_envs=num_envs)


@pytest.mark.parametrize("game", [MatrixGame, TwoStepGame])
@pytest.mark.parametrize("action", [-1, 3])
def test_an_action_that_does_not_exist_is_refused(game, action):
    env = game()
    env.reset()
    with pytest.raises(ValueError, match="invalid entry"):
        env.step(np.array([[0, action]]))


def test_in_the_two_step_game_agent_0_alone_picks_the_second_stage():
    game = TwoStepGame(num_envs=4)
    first = game.reset()
    assert first.state.tolist() == [[1, 0, 0]] * 4
    second = game.step(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]))
    assert second.state.tolist() == [[0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]
    assert (second.obs == second.state[:, None]).all()
    assert second.rewards.tolist() == [0] * 4
    assert not second.terminated.any()


def test_the_second_stage_pays_by_its_table_and_terminates():
    game = TwoStepGame(num_envs=5)
    game.reset()
    game.step(np.array([[0, 0], [1, 0], [1, 0], [1, 0], [1, 0]]))
    step = game.step(np.array([[1, 0], [0, 0], [0, 1], [1, 0], [1, 1]]))
    assert step.rewards.tolist() == [7, 0, 1, 1, 8]
    assert step.terminated.all()
    assert game.step(np.zeros((5, 2), int)).state.tolist() == [[1, 0, 0]] * 5


@pytest.mark.parametrize("game", [MatrixGame, TwoStepGame])
@pytest.mark.parametrize("num_envs", [1, 3])
def test_both_games_keep_the_contract(game, num_envs):
    check_team_env(game(num_envs=num_envs), episodes=3)


@pytest.mark.parametrize("game", [MatrixGame, TwoStepGame])
def test_there_is_nothing_random_to_save(game):
    env = game()
    assert env.get_state() == {}
    env.set_state({})


def test_the_picture_frames_the_last_joint_action():
    game = MatrixGame()
    game.reset()
    before = game.render()
    game.step(np.array([[2, 1]]))
    after = game.render()
    assert after.shape == (96, 96, 3)  # 3 cells of 32 pixels
    assert after.dtype == np.uint8
    changed = np.argwhere((before != after).any(axis=-1))
    assert changed.min(axis=0).tolist() == [64, 32]
    assert changed.max(axis=0).tolist() == [95, 63]


def test_the_picture_of_the_two_step_game_darkens_the_table_that_was_not_reached():
    game = TwoStepGame()
    game.reset()
    game.step(np.array([[0, 0]]))
    picture = game.render()
    assert picture.shape == (64, 144, 3)  # two tables of 64 pixels and a gap of 16
    assert picture[:, :64].max() > picture[:, 80:].max()


def test_only_games_of_two_agents_have_a_picture():
    with pytest.raises(NotImplementedError, match="this one has 3"):
        MatrixGame(np.zeros((2, 2, 2))).render()
