"""Rewards and endings: between two env steps a test hurts units by hand, and the next step shows what that earns.

Armies start 14 cells apart, so that nobody fights in the first env steps.
"""

import numpy as np
import pytest

from rllib_remix.envs.smac_sim.battles.units import ENERGY_RECHARGE
from rllib_remix.envs.smac_sim.simulator import SmacSim
from tests.envs.smac_sim.boards import disarm

UNSCALED = {"reward_scale": False}


def start(name: str, **settings) -> SmacSim:
    env = SmacSim(1, map_name=name, **settings)
    env.reset(seed=0)
    return env


def wait(env: SmacSim):
    """One env step in which every living agent stands still."""
    alive = env.current().avail_actions[:, :, 1]
    return env.step(np.where(alive, 1, 0))


def change(env: SmacSim, number: int, **changes: float) -> None:
    """Adds to fields of a unit by hand."""
    for name, by in changes.items():
        env.battle.units[name][0, number] += by


def kill(env: SmacSim, *numbers: int) -> None:
    env.battle.units["health"][0, list(numbers)] = 0


def reward(env: SmacSim) -> float:
    return float(wait(env).rewards[0])


# Shaped rewards


def test_nothing_happens_nothing_is_earned():
    assert reward(start("3m")) == 0


def test_damage_to_enemies_is_the_reward():
    env = start("3m", **UNSCALED)
    change(env, 3, health=-10)
    change(env, 4, health=-5)
    assert reward(env) == 15
    assert reward(env) == 0


def test_damage_to_shields_counts_like_damage_to_health():
    env = start("2s3z", **UNSCALED)
    # The shot has just fallen: the shield does not recharge.
    env.battle.units["last_hit"] = env.battle.world.battles["loop"][0]
    change(env, 5, shield=-30, health=-2)
    assert reward(env) == 32


def test_a_kill_earns_its_value_and_what_the_unit_had_left():
    env = start("3m", **UNSCALED)
    change(env, 3, health=-15)
    assert reward(env) == 15
    kill(env, 3)
    assert reward(env) == 30 + 10
    assert reward(env) == 0  # once


def test_the_value_of_a_kill_is_a_setting():
    env = start("3m", reward_death_value=3, **UNSCALED)
    kill(env, 3, 4)
    assert reward(env) == 90 + 6


def test_the_shield_of_a_killed_unit_counts_too():
    env = start("2s3z", **UNSCALED)
    kill(env, 5)  # a stalker, 80 + 80
    assert reward(env) == 170


def test_rewards_are_scaled_so_that_the_greatest_sum_is_20():
    # 365 / 20 = 18.25 on 3m
    env = start("3m")
    change(env, 3, health=-10)
    assert reward(env) == pytest.approx(10 / 18.25)
    env = start("3m", reward_scale_rate=10)
    change(env, 3, health=-10)
    assert reward(env) == pytest.approx(10 / 36.5)


def test_damage_to_allies_costs_nothing_by_default():
    env = start("3m")
    change(env, 0, health=-10)
    kill(env, 1)
    assert reward(env) == 0


def test_damage_to_allies_costs_half_of_that_to_enemies_when_rewards_may_be_negative():
    # −0.5 · 10 of damage, −0.5 · (45 + 10) of the death, + 4 of the enemy's
    env = start("3m", reward_only_positive=False, **UNSCALED)
    change(env, 0, health=-10)
    kill(env, 1)
    change(env, 3, health=-4)
    assert reward(env) == -5 - 27.5 + 4
    assert reward(env) == 0


def test_the_scale_of_what_allies_suffer_is_a_setting():
    env = start(
        "3m", reward_only_positive=False, reward_negative_scale=2.0, reward_death_value=20, **UNSCALED
    )
    change(env, 0, health=-10)
    kill(env, 1)
    assert reward(env) == -20 - 2 * (45 + 20)


def test_negative_rewards_are_scaled_as_well():
    env = start("3m", reward_only_positive=False)
    change(env, 0, health=-10)
    assert reward(env) == pytest.approx(-5 / 18.25)


# Recovery


def recovering(**settings) -> SmacSim:
    """An enemy of 3m with 20 hp less that gets 8 back before the next step, and another that loses 3."""
    env = start("3m", **UNSCALED, **settings)
    change(env, 3, health=-20)
    wait(env)
    change(env, 3, health=8)
    change(env, 4, health=-3)
    return env


def test_enemies_that_recover_earn_the_team_a_reward_as_in_smac():
    assert reward(recovering()) == 5  # |3 − 8|


def test_enemies_that_recover_earn_nothing_if_that_is_switched_off():
    assert reward(recovering(reward_enemy_recovery=False)) == 3


def test_enemies_that_recover_cost_where_rewards_may_be_negative():
    assert reward(recovering(reward_only_positive=False)) == -5
    assert reward(recovering(reward_only_positive=False, reward_enemy_recovery=False)) == 3


def test_waiting_for_the_shields_of_the_enemy_is_paid_as_in_smac():
    # 1.0 per env step and unit whose shield recharges
    env = start("2s3z", **UNSCALED)
    env.battle.units["shield"][0, 5] = 40
    wait(env)
    assert reward(env) == pytest.approx(1.0)
    env = start("2s3z", reward_enemy_recovery=False, **UNSCALED)
    env.battle.units["shield"][0, 5] = 40
    wait(env)
    assert reward(env) == 0


def test_allies_that_recover_are_credited_where_rewards_may_be_negative():
    # SMAC counts what they suffer as a difference: −0.5 · (−1) per env step of recharging.
    env = start("2s3z", reward_only_positive=False, **UNSCALED)
    env.battle.units["shield"][0, 0] = 40
    wait(env)
    assert reward(env) == pytest.approx(0.5)


# The end


def test_a_win_ends_the_episode_and_earns_200():
    env = start("3m", **UNSCALED)
    kill(env, 3, 4, 5)
    step = wait(env)
    assert step.rewards[0] == 3 * 45 + 3 * 10 + 200
    assert (step.terminated[0], step.truncated[0]) == (True, False)
    assert {name: values[0] for name, values in step.info.items()} == {
        "battle_won": 1,
        "dead_allies": 0,
        "dead_enemies": 3,
        "episode_limit": 0,
    }


def test_a_win_from_full_health_returns_20():
    env = start("3m")
    kill(env, 3, 4, 5)
    assert reward(env) == pytest.approx(20.0)


@pytest.mark.parametrize("name", ["3m", "2s3z", "MMM2", "6h_vs_8z"])
def test_a_fought_out_win_in_which_nobody_recovers_returns_20(name):
    env = start(name)
    kinds = env.battle.kinds
    disarm(kinds, slice(len(env.options.map.allies), None))
    kinds["regeneration"] = 0
    kinds["range"][: len(env.options.map.allies)] = 12
    env.battle.world.battles["enemy_order"] = 0
    returned, step = 0.0, env.reset(seed=0)
    while not step.terminated[0]:
        units = env.battle.units[0]
        x, y = units["x"][: env.n_agents].mean(), units["y"][: env.n_agents].mean()
        enemies = units[env.n_agents :]
        enemies["x"][enemies["health"] > 0], enemies["y"] = x, y  # Enemies come to them, and do nothing.
        enemies["energy"] = 0
        alive = np.flatnonzero(enemies["health"] > 0)
        if name == "MMM2" and len(alive) > 1:
            alive = alive[:-1]  # The medivac alone would be a win, with its 150 hp and its kill unpaid.
        actions = np.ones(env.n_agents, int)
        for agent in range(env.n_agents):
            choices = [6 + k for k in alive if step.avail_actions[0, agent, 6 + k]]
            if env.options.map.ally_types[agent] != "medivac" and choices:
                actions[agent] = choices[0]
        step = env.step(actions[None])
        returned += float(step.rewards[0])
    missing = (150 + 10) / env.layout.max_reward * 20 if name == "MMM2" else 0
    assert step.info["battle_won"][0] == 1
    assert returned == pytest.approx(20 - missing, abs=1e-4)


def test_the_reward_of_a_win_is_a_setting_and_changes_the_scale():
    # 50 + 135 + 30 = 215; the sum of all is 20 again.
    env = start("3m", reward_win=50)
    kill(env, 3, 4, 5)
    assert reward(env) == pytest.approx(20.0)


def test_a_defeat_ends_the_episode_and_earns_nothing_by_default():
    env = start("3m")
    kill(env, 0, 1, 2)
    step = wait(env)
    assert step.rewards[0] == 0
    assert (step.terminated[0], step.truncated[0]) == (True, False)
    assert (step.info["battle_won"][0], step.info["dead_allies"][0], step.info["dead_enemies"][0]) == (
        0,
        3,
        0,
    )


def test_a_defeat_costs_what_the_setting_says_and_is_scaled():
    env = start("3m", reward_defeat=-36.5)
    kill(env, 0, 1, 2)
    assert reward(env) == pytest.approx(-2.0)  # 36.5 / 18.25


def test_a_defeat_after_all_damage_but_no_kill_returns_the_enemys_share_of_the_greatest_reward():
    # 20 · 135 / 365 = 7.397
    env = start("3m")
    env.battle.units["health"][0, 3:] = 1e-4
    returned = reward(env)
    kill(env, 0, 1, 2)
    returned += reward(env)
    assert returned == pytest.approx(7.397, abs=1e-3)


def test_when_both_sides_die_at_once_the_episode_ends_without_a_win():
    env = start("3m", reward_defeat=-100, **UNSCALED)
    kill(env, *range(6))
    step = wait(env)
    assert step.rewards[0] == 135 + 30
    assert (step.terminated[0], step.info["battle_won"][0]) == (True, 0)
    assert (step.info["dead_allies"][0], step.info["dead_enemies"][0]) == (3, 3)


def test_a_step_after_the_end_starts_anew_with_nothing_earned():
    env = start("3m")
    kill(env, 3, 4, 5)
    wait(env)
    step = wait(env)
    assert (step.rewards[0], step.terminated[0], step.info["dead_enemies"][0]) == (0, False, 0)
    assert (env.battle.units["health"] == 45).all()
    change(env, 3, health=-10)
    assert reward(env) == pytest.approx(10 / 18.25)


# Sparse rewards


def test_sparse_rewards_come_with_the_end_only():
    env = start("3m", reward_sparse=True, **UNSCALED)
    change(env, 3, health=-10)
    kill(env, 0)
    assert reward(env) == 0
    kill(env, 3, 4, 5)
    assert reward(env) == 1
    env = start("3m", reward_sparse=True, reward_only_positive=False, **UNSCALED)
    kill(env, 0, 1, 2)
    assert reward(env) == -1


def test_sparse_rewards_are_scaled_too_as_in_smac():
    # 1020 / 20 = 51 on 2s3z: 1 / 51 = 0.0196.
    for dead, sign in ((range(5, 10), 1), (range(5), -1)):
        env = start("2s3z", reward_sparse=True)
        kill(env, *dead)
        assert reward(env) == pytest.approx(sign * 0.0196, abs=1e-4)


def test_a_draw_is_worth_nothing_when_rewards_are_sparse():
    env = start("3m", reward_sparse=True, **UNSCALED)
    kill(env, *range(6))
    assert reward(env) == 0


# Medivacs do not fight on


def test_a_team_of_which_only_the_medivac_lives_has_lost():
    env = start("MMM")
    kill(env, *range(9))
    step = wait(env)
    assert (step.terminated[0], step.info["battle_won"][0]) == (True, 0)
    assert step.info["dead_allies"][0] == 9


def test_a_team_that_leaves_only_the_enemys_medivac_has_won():
    env = start("MMM", **UNSCALED)
    kill(env, *range(10, 19))
    step = wait(env)
    assert (step.terminated[0], step.info["battle_won"][0]) == (True, 1)
    assert step.rewards[0] == 7 * 45 + 2 * 125 + 9 * 10 + 200


def test_one_fighter_beside_a_medivac_fights_on_either_side():
    env = start("MMM")
    kill(env, *range(8), *range(10, 18))
    step = wait(env)
    assert not step.terminated[0]


def test_mutual_destruction_counts_as_lost_where_there_are_medivacs():
    env = start("MMM", reward_sparse=True, **UNSCALED)
    kill(env, *range(20))
    step = wait(env)
    assert (step.rewards[0], step.info["battle_won"][0]) == (-1, 0)


def test_only_medivacs_on_both_sides_count_as_lost():
    env = start("MMM", reward_sparse=True, **UNSCALED)
    kill(env, *range(9), *range(10, 19))
    assert reward(env) == -1


def test_healing_an_enemy_is_a_recovery():
    # 8 loops of 0.5625 hp = 4.5, or less if the medivac must come nearer: here it stands beside the patient.
    env = start("MMM", **UNSCALED)
    units = env.battle.units[0]
    medivac, marine = 19, 10
    units["health"][marine] = 20
    units["x"][medivac], units["y"][medivac] = units["x"][marine], units["y"][marine]
    wait(env)
    units["x"][medivac], units["y"][medivac] = units["x"][marine], units["y"][marine]
    energy = float(units["energy"][medivac])
    assert reward(env) == pytest.approx(4.5, abs=1e-4)
    assert energy - float(units["energy"][medivac]) == pytest.approx(1.5 - 8 * ENERGY_RECHARGE, abs=1e-4)


# The time limit


def until_the_limit(**settings) -> SmacSim:
    """2s_vs_1sc, where nobody comes near, one step before its limit of 300."""
    env = start("2s_vs_1sc", **settings)
    for _ in range(299):
        step = wait(env)
        assert not (step.terminated | step.truncated).any()
    return env


def test_an_episode_at_its_limit_is_truncated_by_default():
    step = wait(until_the_limit())
    assert (step.terminated[0], step.truncated[0]) == (False, True)
    assert (step.info["episode_limit"][0], step.info["battle_won"][0]) == (1, 0)
    assert step.rewards[0] == 0


def test_an_episode_at_its_limit_is_terminated_if_episodes_do_not_continue():
    step = wait(until_the_limit(continuing_episode=False))
    assert (step.terminated[0], step.truncated[0]) == (True, False)
    assert step.info["episode_limit"][0] == 1


@pytest.mark.parametrize("continuing", [True, False])
def test_a_win_on_the_last_step_is_a_win_and_no_timeout(continuing):
    env = until_the_limit(continuing_episode=continuing)
    kill(env, 2)
    step = wait(env)
    assert (step.terminated[0], step.truncated[0]) == (True, False)
    assert (step.info["battle_won"][0], step.info["episode_limit"][0]) == (1, 0)


def test_a_timeout_is_no_defeat():
    env = until_the_limit(reward_sparse=True, reward_defeat=0.0, **UNSCALED)
    assert reward(env) == 0
    assert reward(env) == 0  # the first step of the next episode
    assert env.current().info["episode_limit"][0] == 0
