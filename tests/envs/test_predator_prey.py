"""Predator-Prey on boards laid by hand. On a drawing capitals are predators and small letters prey."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from rllib_remix.envs import predator_prey_kernels as kernels
from rllib_remix.envs.checker import check_team_env
from rllib_remix.envs.predator_prey import ACTION_NAMES, PredatorPrey
from rllib_remix.envs.registry import make_team_env
from rllib_remix.envs.team_env import random_actions
from rllib_remix.errors import SettingError

OFFSETS = ((0, 1), (1, 0), (0, -1), (-1, 0))  # right, down, left, up


def board(drawing: str, *, copies: int = 1, seed: int = 0, gone: str = "", **settings) -> PredatorPrey:
    """`copies` of one board that has just been observed; entities named in `gone` have left it."""
    rows = [line.split() for line in drawing.strip().splitlines()]
    cells = {name: (r, c) for r, row in enumerate(rows) for c, name in enumerate(row) if name != "."}
    predators = sorted(name for name in cells if name.isupper())
    prey = sorted(name for name in cells if name.islower())
    env = PredatorPrey(
        copies,
        grid_height=len(rows),
        grid_width=len(rows[0]),
        num_predators=len(predators),
        num_prey=len(prey),
        **settings,
    )
    env.reset(seed=seed)
    env.grid[:] = 0
    for channel, (names, positions, alive) in enumerate(
        ((predators, env.predator_positions, env.predator_alive), (prey, env.prey_positions, env.prey_alive))
    ):
        for entity, name in enumerate(names):
            positions[:, entity] = cells[name]
            alive[:, entity] = name not in gone
            row, col = cells[name]
            env.grid[:, row, col, channel] = name not in gone
    for copy in range(copies):
        kernels.observe(
            copy,
            env.grid,
            env.predator_positions,
            env.predator_alive,
            env.sight,
            env.mask_blocked_moves,
            env._obs,
            env._avail,
        )
    return env


def play(env: PredatorPrey, *actions: str):
    """Every copy takes the named actions, one per predator; returns the step."""
    return env.step(np.tile([ACTION_NAMES.index(action) for action in actions], (env.num_envs, 1)))


def available(env: PredatorPrey, agent: int, copy: int = 0) -> set[str]:
    return {ACTION_NAMES[action] for action in np.flatnonzero(env.current().avail_actions[copy, agent])}


def cell_counts(positions: np.ndarray) -> dict[tuple[int, int], int]:
    """How many copies have the entity on which cell, from [N, 2] positions."""
    cells, counts = np.unique(positions, axis=0, return_counts=True)
    return {tuple(cell): int(count) for cell, count in zip(cells.tolist(), counts, strict=True)}


def equally_likely(counts) -> bool:
    return chisquare(list(counts)).pvalue > 1e-3


# Available actions


@pytest.mark.parametrize("mask_blocked_moves", [True, False])
def test_moves_off_the_grid_are_never_available(mask_blocked_moves):
    env = board(
        """
        A . . B
        . . a .
        C . . D
        """,
        mask_blocked_moves=mask_blocked_moves,
    )
    assert available(env, 0) == {"right", "down", "stay"}
    assert available(env, 1) == {"left", "down", "stay"}
    assert available(env, 2) == {"right", "up", "stay"}
    assert available(env, 3) == {"left", "up", "stay"}


BLOCKED = """
    . a . .
    B A . .
    . . . C
    """


def test_moves_into_held_cells_are_unavailable_when_they_are_masked():
    env = board(BLOCKED, mask_blocked_moves=True)
    assert available(env, 0) == {"right", "down", "stay", "catch"}
    assert available(env, 1) == {"up", "down", "stay"}


def test_moves_into_held_cells_are_available_when_they_are_not_masked():
    env = board(BLOCKED, mask_blocked_moves=False)
    assert available(env, 0) == {"right", "down", "left", "up", "stay", "catch"}
    assert available(env, 1) == {"up", "down", "right", "stay"}


def test_blocked_moves_are_masked_by_default():
    assert PredatorPrey().mask_blocked_moves


@pytest.mark.parametrize("move", ["left", "up"])
def test_a_move_into_a_held_cell_has_no_effect(move):
    env = board(BLOCKED, mask_blocked_moves=False, copies=20)
    step = play(env, move, "stay", "stay")
    assert cell_counts(env.predator_positions[:, 0]) == {(1, 1): 20}
    assert cell_counts(env.predator_positions[:, 1]) == {(1, 0): 20}
    assert (step.rewards == 0).all()


@pytest.mark.parametrize("prey_cell", [(1, 2), (2, 1), (1, 0), (0, 1)])
def test_catch_is_available_with_a_prey_on_any_neighbouring_cell(prey_cell):
    rows = [["."] * 3 for _ in range(3)]
    rows[1][1] = "A"
    rows[prey_cell[0]][prey_cell[1]] = "a"
    assert "catch" in available(board("\n".join(" ".join(row) for row in rows)), 0)


def test_catch_is_unavailable_beside_diagonal_distant_and_removed_prey_and_beside_predators():
    env = board(
        """
        a . b . .
        . A B . c
        . d . . .
        """,
        gone="d",
    )
    assert "catch" not in available(env, 0)
    assert "catch" in available(env, 1)  # beside b


def test_catch_does_not_reach_round_the_edge_of_the_grid():
    env = board(
        """
        A . . a
        . . . .
        b . . .
        """
    )
    assert "catch" not in available(env, 0)


def test_a_removed_agent_has_only_stay_and_sees_nothing():
    env = board(
        """
        . a .
        . A B
        . . .
        """,
        gone="A",
    )
    assert available(env, 0) == {"stay"}
    assert not env.current().obs[0, 0].any()
    assert env.current().obs[0, 1].any()


def test_a_removed_agent_blocks_no_cell():
    env = board(
        """
        . a .
        . A B
        . . .
        """,
        gone="A",
    )
    assert available(env, 1) == {"up", "down", "left", "stay"}
    play(env, "stay", "left")
    assert env.predator_positions[0, 1].tolist() == [1, 1]


def test_a_removed_agent_helps_with_no_catch():
    env = board(
        """
        B a .
        . A .
        . . .
        """,
        gone="A",
    )
    assert play(env, "stay", "catch").rewards.tolist() == [-2]


# Predators act one after the other


@pytest.mark.parametrize(
    ("action", "cell"),
    [("right", (1, 2)), ("down", (2, 1)), ("left", (1, 0)), ("up", (0, 1)), ("stay", (1, 1))],
)
def test_a_predator_moves_as_its_action_says(action, cell):
    env = board(
        """
        . . . .
        . A . .
        . . . a
        """
    )
    play(env, action)
    assert env.predator_positions[0, 0].tolist() == list(cell)
    assert np.argwhere(env.grid[0, :, :, 0]).tolist() == [list(cell)]


@pytest.mark.parametrize("mask_blocked_moves", [True, False])
def test_of_two_predators_that_want_one_cell_exactly_one_gets_there_each_as_often(mask_blocked_moves):
    env = board(
        """
        A . B .
        . . . .
        . . . a
        """,
        copies=2000,
        mask_blocked_moves=mask_blocked_moves,
    )
    play(env, "right", "left")
    first = (env.predator_positions[:, 0] == [0, 1]).all(-1)
    second = (env.predator_positions[:, 1] == [0, 1]).all(-1)
    assert (first ^ second).all()
    assert equally_likely([first.sum(), second.sum()])
    assert (env.predator_positions[~first, 0] == [0, 0]).all()
    assert (env.predator_positions[~second, 1] == [0, 2]).all()


def test_a_predator_follows_into_a_vacated_cell_only_if_it_acts_later():
    env = board(
        """
        A B . . .
        . . . . .
        . . . . a
        """,
        copies=2000,
        mask_blocked_moves=False,
    )
    play(env, "right", "right")
    assert cell_counts(env.predator_positions[:, 1]) == {(0, 2): 2000}
    followed = cell_counts(env.predator_positions[:, 0])
    assert set(followed) == {(0, 0), (0, 1)}
    assert equally_likely(followed.values())


def test_the_order_of_the_predators_is_uniform():
    # C always moves, B if it acts after C, A if it acts after a B that moved. Of the six orders CBA moves three,
    # ACB and CAB move two, and the three with B before C move one.
    env = board(
        """
        A B C . .
        . . . . .
        . . . . a
        """,
        copies=3000,
        mask_blocked_moves=False,
    )
    play(env, "right", "right", "right")
    moved = (env.predator_positions[:, :, 1] != [0, 1, 2]).sum(-1)
    counts = np.bincount(moved, minlength=4)
    assert counts[0] == 0
    assert chisquare(counts[1:], [1500, 1000, 500]).pvalue > 1e-3


def test_two_predators_never_swap_places():
    env = board(
        """
        A B .
        . . .
        . . a
        """,
        copies=50,
        mask_blocked_moves=False,
    )
    play(env, "right", "left")
    assert cell_counts(env.predator_positions[:, 0]) == {(0, 0): 50}
    assert cell_counts(env.predator_positions[:, 1]) == {(0, 1): 50}


def test_catch_moves_nobody():
    env = board(
        """
        . . .
        . A a
        . . .
        """,
        copies=20,
    )
    play(env, "catch")
    assert cell_counts(env.predator_positions[:, 0]) == {(1, 1): 20}


# Catching


def test_two_catchers_capture_a_prey_and_leave_with_it():
    env = board(
        """
        A a B . .
        . . . . .
        . . . . C
        b . . . .
        """
    )
    step = play(env, "catch", "catch", "stay")
    assert step.rewards.tolist() == [10]
    assert env.predator_alive.tolist() == [[False, False, True]]
    assert env.prey_alive.tolist() == [[False, True]]
    assert np.argwhere(env.grid[0, :, :, 0]).tolist() == [[2, 4]]
    assert env.grid[0, :, :, 1].sum() == 1
    assert (step.info["prey_captured"].tolist(), step.info["lone_catches"].tolist()) == ([1], [0])
    assert not step.terminated[0]
    assert [available(env, agent) for agent in (0, 1)] == [{"stay"}, {"stay"}]


def test_a_captured_prey_does_not_move():
    env = board(
        """
        . . . .
        A a B .
        . . . b
        """,
        copies=50,
    )
    play(env, "catch", "catch")
    assert cell_counts(env.prey_positions[:, 0]) == {(1, 1): 50}
    assert not env.grid[:, 1, 1].any()


def test_a_predator_beside_the_prey_that_does_not_catch_stays_in_the_game():
    env = board(
        """
        . C .
        A a B
        . . b
        """
    )
    play(env, "catch", "catch", "stay")
    assert env.predator_alive.tolist() == [[False, False, True]]


def test_all_catchers_of_a_prey_leave_and_count_for_no_later_prey():
    # C is beside both. If `a` comes first, A, B and C leave with it and nobody touches b: 10. If `b` comes first,
    # C touches it alone, then `a` is captured by all three: -2 + 10 = 8.
    env = board(
        """
        . A . . .
        B a C b .
        . . . . .
        """,
        copies=2000,
    )
    step = play(env, "catch", "catch", "catch")
    assert set(step.rewards.tolist()) == {10, 8}
    assert not env.predator_alive.any()
    assert (env.prey_alive == [False, True]).all()
    assert (step.info["prey_captured"] == 1).all()
    assert (step.info["lone_catches"] == (step.rewards == 8)).all()
    assert equally_likely([(step.rewards == 10).sum(), (step.rewards == 8).sum()])


def test_two_predators_between_two_prey_capture_only_one_of_them():
    # Both are beside `a` and `b`; whichever prey comes first takes both away: 10 in any order.
    env = board(
        """
        A a .
        b B .
        . . .
        """,
        copies=2000,
    )
    step = play(env, "catch", "catch")
    assert (step.rewards == 10).all()
    assert (env.prey_alive.sum(-1) == 1).all()
    assert equally_likely(env.prey_alive.sum(0))


def test_a_lone_catcher_pays_the_punishment_and_nobody_leaves():
    env = board(
        """
        . . . .
        . A a .
        . . . B
        """,
        punishment=-1.5,
    )
    step = play(env, "catch", "stay")
    assert step.rewards.tolist() == [-1.5]
    assert env.predator_alive.all()
    assert env.prey_alive.all()
    assert (step.info["prey_captured"].tolist(), step.info["lone_catches"].tolist()) == ([0], [1])


def test_a_single_catcher_beside_two_prey_pays_twice():
    env = board(
        """
        . . . . .
        . a A b .
        . . . . .
        """,
        copies=50,
    )
    step = play(env, "catch")
    assert (step.rewards == -4).all()
    assert (step.info["lone_catches"] == 2).all()


def test_catchers_of_different_prey_do_not_help_each_other():
    env = board(
        """
        A a . . .
        . . . . .
        . . . b B
        """
    )
    assert play(env, "catch", "catch").rewards.tolist() == [-4]


def test_a_catcher_on_a_diagonal_of_a_prey_does_not_help():
    # B catches b; it is on a diagonal of a, which A touches alone.
    env = board(
        """
        A a . .
        . . B b
        . . . .
        """
    )
    assert play(env, "catch", "catch").rewards.tolist() == [-4]


def test_a_predator_that_moves_away_leaves_the_other_catcher_alone():
    env = board(
        """
        . . . .
        A a B .
        . . . .
        """
    )
    assert play(env, "catch", "right").rewards.tolist() == [-2]


def test_a_predator_cannot_catch_in_the_step_in_which_it_arrives():
    env = board(
        """
        . . . . .
        A a . B .
        . . . . .
        """
    )
    assert play(env, "catch", "left").rewards.tolist() == [-2]


@pytest.mark.parametrize(
    ("catchers_needed", "catchers", "reward"),
    [(1, 1, 10), (2, 1, -2), (3, 1, -2), (3, 2, -2), (3, 3, 10), (4, 3, -2), (4, 4, 10)],
)
def test_it_takes_as_many_catchers_as_the_setting_says(catchers_needed, catchers, reward):
    env = board(
        """
        . A . .
        B a C .
        . D . .
        """,
        catchers_needed=catchers_needed,
    )
    actions = ["catch"] * catchers + ["stay"] * (4 - catchers)
    step = play(env, *actions)
    assert step.rewards.tolist() == [reward]
    assert env.predator_alive.sum() == (4 - catchers if reward > 0 else 4)


def test_the_rewards_are_those_of_the_settings():
    drawing = """
        A a B
        . . .
        . . .
        """
    assert play(board(drawing, capture_reward=3.5), "catch", "catch").rewards.tolist() == [3.5]
    assert play(board(drawing, punishment=0.0), "catch", "stay").rewards.tolist() == [0]


def test_a_step_costs_nothing():
    env = board(
        """
        A . .
        . . .
        . . a
        """
    )
    assert play(env, "right").rewards.tolist() == [0]


# Prey act one after the other


def test_a_prey_moves_to_each_free_neighbouring_cell_equally_often():
    env = board(
        """
        A . . .
        . . a .
        . . . .
        """,
        copies=4000,
    )
    play(env, "stay")
    counts = cell_counts(env.prey_positions[:, 0])
    assert set(counts) == {(1, 3), (2, 2), (1, 1), (0, 2)}
    assert equally_likely(counts.values())


def test_a_prey_moves_only_to_free_cells_of_the_grid():
    # Of the prey in the corner's four neighbours two are off the grid; of the other prey's, one is held.
    env = board(
        """
        a . . .
        . . A b
        . . . .
        """,
        copies=2000,
    )
    play(env, "stay")
    corner, side = (cell_counts(env.prey_positions[:, prey]) for prey in (0, 1))
    assert set(corner) == {(0, 1), (1, 0)}
    assert set(side) == {(0, 3), (2, 3)}
    assert equally_likely(corner.values())
    assert equally_likely(side.values())


def test_a_prey_rests_if_no_neighbouring_cell_is_free():
    env = board(
        """
        A a B
        . C .
        . . .
        """,
        copies=20,
    )
    play(env, "stay", "stay", "stay")
    assert cell_counts(env.prey_positions[:, 0]) == {(0, 1): 20}


def test_a_prey_that_was_touched_alone_moves_on():
    env = board(
        """
        A a .
        . B .
        . . .
        """,
        copies=20,
    )
    play(env, "catch", "stay")
    assert cell_counts(env.prey_positions[:, 0]) == {(0, 2): 20}


def test_a_prey_moves_into_what_a_predator_vacated_in_the_same_step():
    env = board(
        """
        A a B .
        . C . .
        . . . .
        """,
        copies=20,
    )
    play(env, "stay", "right", "stay")
    assert cell_counts(env.prey_positions[:, 0]) == {(0, 2): 20}


def test_a_prey_moves_into_the_cells_that_a_capture_freed():
    # `a` goes first in half of the copies; A and B leave with it. Only then `b`, shut in before, has a way out.
    env = board(
        """
        A a B b
        . . D C
        . . . .
        """,
        copies=400,
    )
    play(env, "catch", "catch", "stay", "stay")
    counts = cell_counts(env.prey_positions[:, 1])
    assert set(counts) == {(0, 3), (0, 2)}
    assert equally_likely(counts.values())


def test_of_two_prey_beside_one_free_cell_exactly_one_gets_there_each_as_often():
    env = board(
        """
        a . b
        A B C
        """,
        copies=2000,
    )
    play(env, "stay", "stay", "stay")
    first = (env.prey_positions[:, 0] == [0, 1]).all(-1)
    second = (env.prey_positions[:, 1] == [0, 1]).all(-1)
    assert (first ^ second).all()
    assert equally_likely([first.sum(), second.sum()])


def test_a_removed_prey_does_not_move_and_cannot_be_caught():
    env = board(
        """
        A a B
        . . .
        b . .
        """,
        gone="a",
    )
    assert "catch" not in available(env, 0)
    play(env, "stay", "stay")
    assert env.prey_positions[0, 0].tolist() == [0, 1]
    assert not env.prey_alive[0, 0]


# Ends of episodes


def test_an_episode_terminates_when_no_prey_is_left():
    env = board(
        """
        A a B .
        . . . C
        """
    )
    step = play(env, "catch", "catch", "stay")
    assert (step.terminated.tolist(), step.truncated.tolist()) == ([True], [False])


def test_an_episode_terminates_when_no_active_predator_is_left():
    env = board(
        """
        A a B .
        . . . b
        """
    )
    step = play(env, "catch", "catch")
    assert (step.terminated.tolist(), step.truncated.tolist()) == ([True], [False])


def test_an_episode_that_terminates_on_its_last_step_is_not_truncated():
    env = board(
        """
        A a B .
        . . . b
        """,
        episode_limit=1,
    )
    step = play(env, "catch", "catch")
    assert (step.terminated.tolist(), step.truncated.tolist()) == ([True], [False])


@pytest.mark.parametrize("episode_limit", [1, 2, 7])
def test_an_episode_is_truncated_exactly_at_its_limit(episode_limit):
    env = PredatorPrey(3, num_predators=2, episode_limit=episode_limit)
    env.reset(seed=0)
    for number in range(1, episode_limit + 1):
        step = play(env, "stay", "stay")
        assert (step.truncated == (number == episode_limit)).all()
        assert not step.terminated.any()


def test_the_step_after_an_episode_is_a_reset_that_ignores_its_actions():
    env = board(
        """
        A a B .
        . . . b
        """
    )
    play(env, "catch", "catch")
    step = env.step(np.full((1, 2), 99))
    assert step.rewards.tolist() == [0]
    assert not step.terminated[0]
    assert not step.truncated[0]
    assert (step.info["prey_captured"].tolist(), step.info["lone_catches"].tolist()) == ([0], [0])
    assert env.predator_alive.all()
    assert env.prey_alive.all()
    assert (env.grid.sum((1, 2)) == [2, 2]).all()


def test_copies_reset_on_their_own():
    env = PredatorPrey(2, num_predators=2, episode_limit=3)
    env.reset(seed=0)
    env._steps[1] = 2  # the second copy is two steps ahead
    over = [play(env, "stay", "stay").truncated.tolist() for _ in range(8)]
    # Three steps and a reset, again and again.
    assert [first for first, _ in over] == [False, False, True, False, False, False, True, False]
    assert [second for _, second in over] == [True, False, False, False, True, False, False, False]


def test_info_counts_from_the_start_of_the_episode():
    env = board(
        """
        A a B . . .
        . . . . F .
        . . . C b D
        . . . . E .
        """
    )
    first = play(env, "catch", "catch", "catch", "stay", "stay", "stay")
    assert (first.rewards.tolist(), first.info["prey_captured"].tolist()) == ([8], [1])
    second = play(env, "stay", "stay", "stay", "catch", "stay", "stay")  # b is shut in and is still there
    assert second.rewards.tolist() == [-2]
    assert second.info["prey_captured"].tolist() == [1]
    assert second.info["lone_catches"].tolist() == [2]


# Start


def test_all_entities_start_on_distinct_cells_of_a_grid_that_agrees():
    env = PredatorPrey(500, grid_height=4, grid_width=5, num_predators=7, num_prey=6)
    env.reset(seed=0)
    cells = np.concatenate([env.predator_positions, env.prey_positions], axis=1)
    numbers = np.sort(cells[..., 0] * 5 + cells[..., 1], axis=1)
    assert (numbers[:, 1:] > numbers[:, :-1]).all()
    assert numbers.min() >= 0
    assert numbers.max() < 20
    copies = np.arange(500)[:, None]
    for channel, positions in enumerate((env.predator_positions, env.prey_positions)):
        assert (env.grid[copies, positions[..., 0], positions[..., 1], channel] == 1).all()
    assert (env.grid.sum((1, 2)) == [7, 6]).all()


def test_every_entity_starts_on_every_cell_equally_often():
    env = PredatorPrey(3000, grid_height=3, grid_width=4, num_predators=2, num_prey=2)
    env.reset(seed=1)
    for positions in (env.predator_positions, env.prey_positions):
        for entity in range(2):
            counts = cell_counts(positions[:, entity])
            assert len(counts) == 12
            assert equally_likely(counts.values())


def test_a_full_grid_is_allowed_and_nobody_can_move():
    env = PredatorPrey(10, grid_height=2, grid_width=3, num_predators=3, num_prey=3)
    env.reset(seed=0)
    assert (env.grid.sum((1, 2, 3)) == 6).all()
    before = env.grid.copy()
    play(env, "stay", "stay", "stay")
    assert (env.grid == before).all()


# What agents and trainer see


def test_sizes_and_dtypes_of_the_full_game_are_those_of_the_papers():
    env = PredatorPrey(3)
    assert (env.num_envs, env.n_agents, env.n_actions, env.episode_limit) == (3, 8, 6, 200)
    assert (env.obs_dim, env.state_dim) == (50, 200)
    assert (env.capture_reward, env.punishment, env.catchers_needed) == (10, -2, 2)
    step = env.reset(seed=0)
    assert (step.obs.shape, step.obs.dtype) == ((3, 8, 50), np.uint8)
    assert (step.state.shape, step.state.dtype) == ((3, 200), np.uint8)
    assert (step.avail_actions.shape, step.avail_actions.dtype) == ((3, 8, 6), np.bool_)
    assert (step.rewards.shape, step.rewards.dtype) == ((3,), np.float32)
    assert (step.terminated.dtype, step.truncated.dtype) == (np.bool_, np.bool_)
    assert {name: values.shape for name, values in step.info.items()} == {
        "prey_captured": (3,),
        "lone_catches": (3,),
    }
    assert env.spec.obs_dtype == env.spec.state_dtype == "uint8"


def test_an_agent_sees_its_window_with_predators_first_and_itself_in_the_middle():
    env = board(
        """
        . A a .
        B . b .
        . . . C
        """,
        sight=1,
    )
    window = env.current().obs[0, 0].reshape(3, 3, 2)  # centred on A, at the upper edge
    assert window[:, :, 0].tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 0]]  # A itself and B
    assert window[:, :, 1].tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 1]]  # a and b
    window = env.current().obs[0, 2].reshape(3, 3, 2)  # centred on C, in the corner
    assert window[:, :, 0].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert window[:, :, 1].tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_sight_zero_shows_an_agent_only_itself():
    env = board("A a\n. .", sight=0)
    assert env.obs_dim == 2
    assert env.current().obs.tolist() == [[[1, 0]]]


def test_removed_entities_are_in_no_observation_and_not_in_the_state():
    env = board(
        """
        A B a
        . . b
        """,
        gone="Ba",
    )
    step = env.current()
    assert step.state[0].reshape(2, 3, 2)[:, :, 0].tolist() == [[1, 0, 0], [0, 0, 0]]
    assert step.state[0].reshape(2, 3, 2)[:, :, 1].tolist() == [[0, 0, 0], [0, 0, 1]]
    assert step.obs[0, 0].sum() == 2  # A and b
    assert step.obs[0, 1].sum() == 0


def test_the_state_is_the_whole_grid_row_by_row():
    step = board("A . a\n. b B").current()
    #                           A     .     a     .     b     B, each (predator, prey)
    assert step.state.tolist() == [[1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0]]


@given(
    st.integers(2, 6),
    st.integers(2, 6),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(0, 3),
    st.booleans(),
    st.integers(1, 3),
    st.integers(0, 2**31),
)
def test_every_step_of_random_play_keeps_the_rules(
    height, width, num_predators, num_prey, sight, mask_blocked_moves, catchers_needed, seed
):
    num_predators, num_prey = min(num_predators, height * width // 2), min(num_prey, height * width // 2)
    env = PredatorPrey(
        2,
        grid_height=height,
        grid_width=width,
        num_predators=num_predators,
        num_prey=num_prey,
        sight=sight,
        episode_limit=15,
        mask_blocked_moves=mask_blocked_moves,
        catchers_needed=catchers_needed,
    )
    rng = np.random.default_rng(seed)
    step = env.reset(seed=seed)
    for _ in range(30):
        over = step.terminated | step.truncated
        before = [a.copy() for a in (env.predator_positions, env.prey_positions, *step.info.values())]
        step = env.step(random_actions(step.avail_actions, rng))
        assert_consistent(env)
        assert not (step.terminated & step.truncated).any()
        for old, new, alive in (
            (before[0], env.predator_positions, env.predator_alive),
            (before[1], env.prey_positions, env.prey_alive),
        ):
            assert (abs(old - new).sum(-1)[~over] <= 1).all()
            assert (alive[over]).all()
        captured, lone = (
            np.where(over, 0, step.info[name] - old)
            for name, old in zip(("prey_captured", "lone_catches"), before[2:], strict=True)
        )
        assert (step.rewards == np.where(over, 0, 10 * captured - 2 * lone)).all()
        removed_predators, removed_prey = (~env.predator_alive).sum(-1), (~env.prey_alive).sum(-1)
        assert (step.info["prey_captured"] == removed_prey).all()
        assert (removed_predators >= catchers_needed * removed_prey).all()


def assert_consistent(env: PredatorPrey) -> None:
    """Grid, observations and available actions all say what the positions say, worked out in plain Python."""
    step, (height, width) = env.current(), env.grid.shape[1:3]
    for copy in range(env.num_envs):
        cells = [
            {
                tuple(position): None
                for position, alive in zip(positions[copy].tolist(), flags[copy], strict=True)
                if alive
            }
            for positions, flags in (
                (env.predator_positions, env.predator_alive),
                (env.prey_positions, env.prey_alive),
            )
        ]
        assert len(cells[0] | cells[1]) == env.predator_alive[copy].sum() + env.prey_alive[copy].sum()
        everywhere = [(row, col) for row in range(height) for col in range(width)]
        assert step.state[copy].tolist() == [int(cell in c) for cell in everywhere for c in cells]
        for agent in range(env.n_agents):
            row, col = env.predator_positions[copy, agent].tolist()
            alive, span = env.predator_alive[copy, agent], range(-env.sight, env.sight + 1)
            assert step.obs[copy, agent].tolist() == [
                int(alive and (row + d_row, col + d_col) in c)
                for d_row in span
                for d_col in span
                for c in cells
            ]
            beside = [(row + d_row, col + d_col) for d_row, d_col in OFFSETS]
            blocked = cells[0] | cells[1] if env.mask_blocked_moves else {}
            moves = [
                alive and 0 <= r < height and 0 <= c < width and (r, c) not in blocked for r, c in beside
            ]
            catch = alive and any(cell in cells[1] for cell in beside)
            assert step.avail_actions[copy, agent].tolist() == [*moves, True, catch]


# Settings and errors


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_envs", 0),
        ("num_envs", 1.5),
        ("grid_height", 1),
        ("grid_width", 1),
        ("grid_width", "10"),
        ("num_predators", 0),
        ("num_prey", 0),
        ("num_prey", None),
        ("sight", -1),
        ("sight", 0.5),
        ("episode_limit", 0),
        ("episode_limit", True),
        ("capture_reward", -1),
        ("capture_reward", float("nan")),
        ("punishment", 0.5),
        ("punishment", float("-inf")),
        ("mask_blocked_moves", 1),
        ("mask_blocked_moves", "false"),
        ("catchers_needed", 0),
        ("catchers_needed", 5),
    ],
)
def test_a_bad_setting_is_named_with_its_value(name, value):
    with pytest.raises(SettingError, match=rf"^predator_prey\.{name}: {value!r} is "):
        PredatorPrey(**{name: value})


def test_more_entities_than_cells_are_refused():
    with pytest.raises(
        SettingError, match="num_predators \\+ num_prey is 7, but a grid of 2 × 3 has only 6 cells"
    ):
        PredatorPrey(grid_height=2, grid_width=3, num_predators=4, num_prey=3)


def test_an_unknown_setting_is_refused_with_the_nearest_name():
    with pytest.raises(SettingError, match="unknown key 'punishmen'; did you mean 'punishment'"):
        make_team_env("predator_prey", {"punishmen": 0})


def test_whole_numbers_may_be_written_as_floats():
    env = PredatorPrey(2.0, grid_height=6.0, grid_width=6.0, num_predators=4.0, num_prey=4.0, sight=1.0)
    step = env.reset(seed=0)
    assert step.state.shape == (2, 72)
    assert isinstance(env.spec.state_dim, int)
    assert isinstance(env.spec.obs_dim, int)


@pytest.mark.parametrize(("action", "name"), [(2, "left"), (5, "catch"), (6, "no action"), (-1, "no action")])
def test_an_illegal_action_is_named_with_its_agent_and_what_is_available(action, name):
    env = board(
        """
        . . B
        A . .
        . . a
        """,
        copies=3,
    )
    actions = np.full((3, 2), 4)
    actions[1, 0] = action
    with pytest.raises(
        ValueError, match=rf"action {action} \({name}\) of agent 0 in copy 1 is not available"
    ) as error:
        env.step(actions)
    assert str(error.value).endswith("allowed now: 0 (right), 1 (down), 3 (up), 4 (stay).")


def test_a_step_with_an_illegal_action_moves_nothing_in_any_copy():
    env = board("A . .\n. . a", copies=2)
    grid, streams = env.grid.copy(), env.get_state()["streams"]
    with pytest.raises(ValueError, match="agent 0 in copy 1"):
        env.step(np.array([[0], [2]]))
    assert (env.grid == grid).all()
    assert (env.get_state()["streams"] == streams).all()
    assert env.step(np.array([[0], [0]])).rewards.tolist() == [0, 0]


def test_a_removed_agent_may_not_act():
    with pytest.raises(ValueError, match=r"agent 0 .* allowed now: 4 \(stay\)\.$"):
        play(board("A B\n. a", gone="A"), "down", "stay")


def test_the_environment_meets_the_contract():
    check_team_env(
        PredatorPrey(3, grid_height=5, grid_width=5, num_predators=3, num_prey=3, episode_limit=20)
    )


# Random streams


def trajectory(env: PredatorPrey, steps: int, seed: int | None, copy: int = 0) -> list:
    """What one copy shows; its actions follow from its own observations alone."""
    step = env.reset(seed=seed)
    shown = []
    for number in range(steps):
        shown.append(
            (step.state[copy].tolist(), step.avail_actions[copy].tolist(), float(step.rewards[copy]))
        )
        actions = np.stack([
            random_actions(avail, np.random.default_rng(number)) for avail in step.avail_actions
        ])  # fmt: skip
        step = env.step(actions)
    return shown


SMALL = {"grid_height": 6, "grid_width": 6, "num_predators": 4, "num_prey": 4, "episode_limit": 12}


def test_the_same_seed_gives_the_same_trajectory():
    assert trajectory(PredatorPrey(2, **SMALL), 40, 7) == trajectory(PredatorPrey(2, **SMALL), 40, 7)
    env = PredatorPrey(2, **SMALL)
    assert trajectory(env, 40, 7) == trajectory(env, 40, 7)


def test_the_trajectory_of_a_copy_does_not_depend_on_how_many_there_are():
    for copy in (0, 1):
        few, many = PredatorPrey(2, **SMALL), PredatorPrey(30, **SMALL)
        assert trajectory(few, 40, 7, copy) == trajectory(many, 40, 7, copy)


def test_copies_and_seeds_differ():
    env = PredatorPrey(2, **SMALL)
    shown = [trajectory(env, 15, seed, copy) for seed in (7, 8) for copy in (0, 1)]
    assert all(shown[i] != shown[j] for i in range(4) for j in range(i))


def test_a_reset_without_a_seed_continues_the_streams():
    env = PredatorPrey(1, **SMALL)
    first = env.reset(seed=3).state.tolist()
    second = env.reset().state.tolist()
    assert first != second
    env.reset(seed=3)
    assert env.reset().state.tolist() == second


def test_environments_without_a_seed_differ():
    assert (PredatorPrey().reset().state != PredatorPrey().reset().state).any()


def test_the_first_step_of_an_environment_that_was_not_reset_is_a_reset():
    step = PredatorPrey(2, **SMALL).step(np.zeros((2, 4), np.int64))
    assert (step.state.reshape(2, 6, 6, 2).sum((1, 2)) == 4).all()


def test_saved_streams_continue_where_they_were():
    env = PredatorPrey(3, **SMALL)
    trajectory(env, 20, 5)
    saved = env.get_state()
    expected = trajectory(env, 20, None)
    other = PredatorPrey(3, **SMALL)
    other.set_state(saved)
    assert trajectory(other, 20, None) == expected
    env.set_state(saved)  # what was saved has not moved on with its environment
    assert trajectory(env, 20, None) == expected


def test_streams_of_another_number_of_copies_are_left_alone():
    env = PredatorPrey(2, **SMALL)
    before = env.get_state()["streams"]
    env.set_state(PredatorPrey(3, **SMALL).get_state())
    assert (env.get_state()["streams"] == before).all()


# Measured


class RandomPlay:
    """One episode of 1,000 copies of the full game under uniformly random available actions."""

    def __init__(self, mask_blocked_moves: bool):
        env = PredatorPrey(1000, mask_blocked_moves=mask_blocked_moves)
        rng = np.random.default_rng(0)
        step = env.reset(seed=0)
        returns, over = np.zeros(1000), np.zeros(1000, bool)
        self.captures, self.lone_catches = np.zeros(1000), np.zeros(1000)
        for _ in range(200):
            step = env.step(random_actions(step.avail_actions, rng))
            returns += np.where(over, 0, step.rewards)
            ends = (step.terminated | step.truncated) & ~over
            self.captures[ends] = step.info["prey_captured"][ends]
            self.lone_catches[ends] = step.info["lone_catches"][ends]
            over |= ends
        assert over.all()
        self.returns = returns

    def returns_at(self, punishment: float) -> np.ndarray:
        return 10 * self.captures + punishment * self.lone_catches


@pytest.fixture(scope="module")
def unmasked_play() -> RandomPlay:
    return RandomPlay(mask_blocked_moves=False)


@pytest.fixture(scope="module")
def masked_play() -> RandomPlay:
    return RandomPlay(mask_blocked_moves=True)


def within_four_standard_errors(values: np.ndarray, mean: float, standard_error: float) -> bool:
    own = values.std() / np.sqrt(len(values))
    return abs(values.mean() - mean) < 4 * np.hypot(own, standard_error)


def test_returns_are_the_sum_of_captures_and_punishments(masked_play, unmasked_play):
    for played in (masked_play, unmasked_play):
        assert (played.returns == played.returns_at(-2)).all()


def test_random_play_with_blocked_moves_available_agrees_with_the_reference_implementation(unmasked_play):
    assert within_four_standard_errors(unmasked_play.captures, 0.527, 0.032)
    assert within_four_standard_errors(unmasked_play.lone_catches, 49.1, 0.5)
    # 10 · 0.527 - 2 · 49.1 = -92.9; its error from those of its parts: √((10 · 0.032)² + (2 · 0.5)²) = 1.05.
    assert within_four_standard_errors(unmasked_play.returns_at(-2), -92.9, 1.05)


def test_random_play_with_blocked_moves_masked_agrees_with_an_independent_implementation(masked_play):
    assert within_four_standard_errors(masked_play.returns_at(0), 7.6, 0.35)
    assert within_four_standard_errors(masked_play.returns_at(-2), -120.8, 1.8)


def test_a_team_of_eight_returns_forty_at_best_because_a_capture_takes_two_predators_away():
    # Four prey, each between two catchers of its own: 4 · 10, and nobody is left to catch the other four.
    env = board(
        """
        A a B . e .
        C b D . f .
        E c F . g .
        G d H . h .
        """
    )
    step = play(env, *["catch"] * 8)
    assert step.rewards.tolist() == [40]
    assert step.terminated.tolist() == [True]
    assert env.prey_alive.sum() == 4


# Pictures


def test_the_picture_shows_every_entity_on_its_cell():
    env = board(
        """
        A . a B
        . b . .
        """,
        gone="Bb",
    )
    picture = env.render()
    assert (picture.dtype, picture.ndim, picture.shape[2]) == (np.uint8, 3, 3)
    cell = picture.shape[1] // 4
    assert picture.shape[0] // cell == 2

    def middle(row, col):
        red, green, blue = picture[int((row + 0.5) * cell), int((col + 0.5) * cell)].astype(int)
        if max(red, green, blue) - min(red, green, blue) < 30:
            return "empty"
        return "predator" if blue > green and blue > red else "prey" if green > red else "catching"

    assert [[middle(row, col) for col in range(4)] for row in range(2)] == [
        ["predator", "empty", "prey", "empty"],
        ["empty", "empty", "empty", "empty"],
    ]


def test_the_picture_shows_who_tries_to_catch():
    env = board(
        """
        A a
        . .
        """
    )
    calm = env.render()
    play(env, "catch")
    catching = env.render()
    assert (calm[12, 12] != catching[12, 12]).any()


def test_the_picture_shows_the_copy_that_was_asked_for():
    env = PredatorPrey(2, **SMALL)
    env.reset(seed=0)
    assert (env.render(0) != env.render(1)).any()
