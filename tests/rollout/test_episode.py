import numpy as np

from rllib_remix.rollout.episode import TeamEpisode


def episode(choices: list[list[int]], views: list[list[int]]) -> TeamEpisode:
    """Per step and agent how many of 3 actions are available, and what is seen."""
    avail = np.arange(3) < np.array(choices)[..., None]
    steps, agents = avail.shape[0] - 1, avail.shape[1]
    return TeamEpisode(
        obs=np.array(views, np.uint8)[..., None],
        state=np.zeros((steps + 1, 1), np.uint8),
        avail_actions=avail,
        actions=np.zeros((steps, agents), np.int16),
        rewards=np.ones(steps, np.float32),
        terminated=False,
        truncated=True,
        info={},
    )


def test_a_life_ends_with_the_first_step_without_a_choice_and_with_the_view_that_stays():
    # Agent 0 chooses to the end, 1 until step 1, 2 never; nobody sees anything new.
    played = episode([[2, 2, 1], [2, 3, 1], [2, 1, 1], [2, 1, 1], [2, 1, 1]], [[5, 5, 5]] * 5)
    assert played.lives().tolist() == [5, 3, 1]
    assert played.lives().dtype == np.int64


def test_an_agent_without_a_choice_lives_on_while_what_it_sees_changes():
    # The last choice is at step 0; views change for the last time at steps 1, 3 and never.
    played = episode(
        [[2, 2, 2], [1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]],
        [[9, 1, 7], [0, 2, 7], [0, 3, 7], [0, 4, 7], [0, 4, 7]],
    )
    assert played.lives().tolist() == [2, 4, 2]


def test_who_must_wait_for_its_turn_is_not_removed():
    played = episode([[2, 1], [1, 2], [2, 1], [1, 2], [2, 1]], [[0, 0]] * 5)
    assert played.lives().tolist() == [5, 5]


def test_a_game_of_one_step():
    assert episode([[3], [3]], [[0], [1]]).lives().tolist() == [2]
    assert episode([[3], [1]], [[0], [0]]).lives().tolist() == [2]
