"""Compiled rules of Predator-Prey: plain loops over N copies, results written straight into the given arrays.

The grid [N, H, W, 2] uint8 is the global state: channel 0 holds active predators, channel 1 living prey. Positions
are [N, k] int16 rows and columns; a removed entity keeps its last position and its flag in `*_alive` is False.
"""

from __future__ import annotations

import numpy as np

from rllib_remix.compiling import kernel
from rllib_remix.envs.random_streams import next_below, permute

RIGHT, DOWN, LEFT, UP, STAY, CATCH = range(6)
N_ACTIONS = 6
PREDATOR, PREY = 0, 1
# Row and column offsets of the four moves, in the order of the actions.
_D_ROW = np.array([0, 1, 0, -1], dtype=np.int64)
_D_COL = np.array([1, 0, -1, 0], dtype=np.int64)


@kernel(inline="always")
def _inside(grid, row, col):
    return 0 <= row < grid.shape[1] and 0 <= col < grid.shape[2]


@kernel(inline="always")
def _free(grid, copy, row, col):
    return _inside(grid, row, col) and grid[copy, row, col, PREDATOR] == 0 and grid[copy, row, col, PREY] == 0


@kernel
def place(copy, grid, pred_pos, pred_alive, prey_pos, prey_alive, streams):
    """Starts an episode: all entities on distinct cells, uniformly at random."""
    height, width = grid.shape[1], grid.shape[2]
    n_predators, n_prey = pred_pos.shape[1], prey_pos.shape[1]
    cells = np.arange(height * width)
    grid[copy] = 0
    for entity in range(n_predators + n_prey):
        other = entity + next_below(streams, copy, len(cells) - entity)
        cells[entity], cells[other] = cells[other], cells[entity]
        row, col = cells[entity] // width, cells[entity] % width
        if entity < n_predators:
            pred_pos[copy, entity, 0], pred_pos[copy, entity, 1] = row, col
            pred_alive[copy, entity] = True
            grid[copy, row, col, PREDATOR] = 1
        else:
            prey_pos[copy, entity - n_predators, 0], prey_pos[copy, entity - n_predators, 1] = row, col
            prey_alive[copy, entity - n_predators] = True
            grid[copy, row, col, PREY] = 1


@kernel
def _move_predators(copy, actions, grid, pred_pos, pred_alive, streams, order):
    """Predators act one after the other in a fresh random order; a move into a held cell does nothing."""
    permute(streams, copy, order)
    for predator in order:
        action = actions[copy, predator]
        if not pred_alive[copy, predator] or action >= STAY:
            continue
        row, col = pred_pos[copy, predator, 0], pred_pos[copy, predator, 1]
        to_row, to_col = row + _D_ROW[action], col + _D_COL[action]
        if _free(grid, copy, to_row, to_col):
            grid[copy, row, col, PREDATOR] = 0
            grid[copy, to_row, to_col, PREDATOR] = 1
            pred_pos[copy, predator, 0], pred_pos[copy, predator, 1] = to_row, to_col


@kernel
def _catching(copy, actions, pred_alive, catching):
    """Writes the active predators that chose catch into `catching`; returns how many (often none)."""
    count = 0
    for predator in range(actions.shape[1]):
        if actions[copy, predator] == CATCH and pred_alive[copy, predator]:
            catching[count] = predator
            count += 1
    return count


@kernel
def _catchers_beside(copy, prey, catching, n_catching, pred_pos, pred_alive, prey_pos, catchers):
    """Writes those of the catching predators that are beside this prey and still active into `catchers`."""
    count = 0
    for i in range(n_catching):
        predator = catching[i]
        if pred_alive[copy, predator]:
            d_row = abs(pred_pos[copy, predator, 0] - prey_pos[copy, prey, 0])
            d_col = abs(pred_pos[copy, predator, 1] - prey_pos[copy, prey, 1])
            if d_row + d_col == 1:
                catchers[count] = predator
                count += 1
    return count


@kernel
def _remove_captured(copy, prey, catchers, count, grid, pred_pos, pred_alive, prey_pos, prey_alive):
    """The prey and all who caught it leave the grid at once, so they count for no later prey."""
    prey_alive[copy, prey] = False
    grid[copy, prey_pos[copy, prey, 0], prey_pos[copy, prey, 1], PREY] = 0
    for i in range(count):
        predator = catchers[i]
        pred_alive[copy, predator] = False
        grid[copy, pred_pos[copy, predator, 0], pred_pos[copy, predator, 1], PREDATOR] = 0


@kernel
def _move_prey(copy, prey, grid, prey_pos, streams):
    """A prey moves to a uniformly random free neighbouring cell, or rests if there is none."""
    row, col = prey_pos[copy, prey, 0], prey_pos[copy, prey, 1]
    n_free, free_moves = 0, 0  # the latter as bits
    for move in range(4):
        if _free(grid, copy, row + _D_ROW[move], col + _D_COL[move]):
            n_free += 1
            free_moves |= 1 << move
    if n_free == 0:
        return
    chosen = next_below(streams, copy, n_free)
    for move in range(4):
        if free_moves & (1 << move):
            if chosen == 0:
                to_row, to_col = row + _D_ROW[move], col + _D_COL[move]
                grid[copy, row, col, PREY] = 0
                grid[copy, to_row, to_col, PREY] = 1
                prey_pos[copy, prey, 0], prey_pos[copy, prey, 1] = to_row, to_col
                return
            chosen -= 1


@kernel
def advance(
    copy, actions, grid, pred_pos, pred_alive, prey_pos, prey_alive, streams, predator_order, prey_order, catching,
    catchers, catchers_needed, capture_reward, punishment, counts,
):  # fmt: skip
    """One step of one copy by the rules; returns its reward. `counts` [N, 2]: captures, lone catches so far."""
    _move_predators(copy, actions, grid, pred_pos, pred_alive, streams, predator_order)
    reward = 0.0
    n_catching = _catching(copy, actions, pred_alive, catching)
    permute(streams, copy, prey_order)
    for prey in prey_order:
        if not prey_alive[copy, prey]:
            continue
        count = _catchers_beside(copy, prey, catching, n_catching, pred_pos, pred_alive, prey_pos, catchers)
        if count >= catchers_needed:
            reward += capture_reward
            counts[copy, 0] += 1
            _remove_captured(copy, prey, catchers, count, grid, pred_pos, pred_alive, prey_pos, prey_alive)
            continue
        if count > 0:
            reward += punishment
            counts[copy, 1] += 1
        _move_prey(copy, prey, grid, prey_pos, streams)
    return reward


@kernel
def observe(copy, grid, pred_pos, pred_alive, sight, mask_blocked_moves, obs, avail):
    """Writes every agent's window into obs [N, n, side, side, 2] and its available actions into avail [N, n, 6]."""
    side = 2 * sight + 1
    for agent in range(pred_pos.shape[1]):
        alive = pred_alive[copy, agent]
        row, col = pred_pos[copy, agent, 0], pred_pos[copy, agent, 1]
        for window_row in range(side):
            for window_col in range(side):
                at_row, at_col = row + window_row - sight, col + window_col - sight
                if alive and _inside(grid, at_row, at_col):
                    obs[copy, agent, window_row, window_col, PREDATOR] = grid[copy, at_row, at_col, PREDATOR]
                    obs[copy, agent, window_row, window_col, PREY] = grid[copy, at_row, at_col, PREY]
                else:
                    obs[copy, agent, window_row, window_col, PREDATOR] = 0
                    obs[copy, agent, window_row, window_col, PREY] = 0
        prey_beside = False
        for move in range(4):
            to_row, to_col = row + _D_ROW[move], col + _D_COL[move]
            inside = alive and _inside(grid, to_row, to_col)
            if inside and grid[copy, to_row, to_col, PREY] == 1:
                prey_beside = True
            avail[copy, agent, move] = inside and (
                not mask_blocked_moves or _free(grid, copy, to_row, to_col)
            )
        avail[copy, agent, STAY] = True
        avail[copy, agent, CATCH] = prey_beside


@kernel
def step_all(
    actions, grid, pred_pos, pred_alive, prey_pos, prey_alive, streams, predator_order, prey_order, catching,
    catchers, catchers_needed, capture_reward, punishment, counts, sight, mask_blocked_moves, episode_limit, steps,
    obs, avail, rewards, terminated, truncated,
):  # fmt: skip
    """Steps every copy (finished ones start anew). Returns -1, or copy·n + agent of the first illegal action."""
    n_envs, n_agents = actions.shape
    for copy in range(n_envs):
        if terminated[copy] or truncated[copy]:
            continue
        for agent in range(n_agents):
            action = actions[copy, agent]
            if action < 0 or action >= N_ACTIONS or not avail[copy, agent, action]:
                return copy * n_agents + agent
    for copy in range(n_envs):
        if terminated[copy] or truncated[copy]:
            place(copy, grid, pred_pos, pred_alive, prey_pos, prey_alive, streams)
            terminated[copy] = truncated[copy] = False
            rewards[copy], steps[copy], counts[copy, 0], counts[copy, 1] = 0.0, 0, 0, 0
        else:
            rewards[copy] = advance(
                copy, actions, grid, pred_pos, pred_alive, prey_pos, prey_alive, streams, predator_order, prey_order,
                catching, catchers, catchers_needed, capture_reward, punishment, counts,
            )  # fmt: skip
            steps[copy] += 1
            terminated[copy] = not prey_alive[copy].any() or not pred_alive[copy].any()
            truncated[copy] = not terminated[copy] and steps[copy] >= episode_limit
        observe(copy, grid, pred_pos, pred_alive, sight, mask_blocked_moves, obs, avail)
    return -1
