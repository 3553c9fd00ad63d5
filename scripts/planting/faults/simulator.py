"""In the simulator of SMAC's battles."""

from planting.fault import Fault

_COMBAT = "envs/smac_sim/battles/combat.py"
_SCORING, _OBSERVING = "envs/smac_sim/scoring.py", "envs/smac_sim/observing.py"
_COMBAT_TESTS = ("tests/envs/smac_sim/test_combat.py", "tests/envs/smac_sim/test_units.py")
_SCORING_TESTS = ("tests/envs/smac_sim/test_scoring.py", "tests/envs/smac_sim/test_simulator.py")
_OBSERVING_TESTS = ("tests/envs/smac_sim/test_observing.py",)

FAULTS = (
    Fault(
        "armour_ignored",
        "Armour lessens no hit.",
        _COMBAT,
        "max(through - against.armour, min(through, np.float32(LEAST_DAMAGE)))",
        "through",
        _COMBAT_TESTS,
    ),
    Fault(
        "bonus_by_the_attackers_kind",
        "The bonus damage depends on the attacker's attributes.",
        _COMBAT,
        "against.attributes & kind.bonus_against",
        "kind.attributes & kind.bonus_against",
        _COMBAT_TESTS,
    ),
    Fault(
        "healing_costs_nothing",
        "A medivac heals without losing energy.",
        _COMBAT,
        "max(ZERO, unit.energy - amount * np.float32(HEAL_COST))",
        "max(ZERO, unit.energy)",
        _COMBAT_TESTS,
    ),
    Fault(
        "shields_recharge_at_once",
        "Shields recharge while their unit is being hit.",
        _COMBAT,
        "loop - unit.last_hit >= SHIELD_DELAY",
        "loop - unit.last_hit >= 0",
        _COMBAT_TESTS,
    ),
    Fault(
        "cooldown_of_half",
        "A unit shoots more often than its weapon allows.",
        _COMBAT,
        "unit.cooldown += kind.cooldown + np.float32(",
        "unit.cooldown += np.float32(0.5) * kind.cooldown + np.float32(",
        _COMBAT_TESTS,
    ),
    Fault(
        "losses_are_rewarded",
        "What the team suffers adds to its reward.",
        _SCORING,
        "return damage + deaths - suffered",
        "return damage + deaths + suffered",
        _SCORING_TESTS,
    ),
    Fault(
        "reward_not_scaled",
        "Rewards are not divided by what can be reached.",
        _SCORING,
        "return reward / divisor",
        "return reward",
        _SCORING_TESTS,
    ),
    Fault(
        "medivacs_hold_a_map",
        "A battle goes on when only medivacs are left.",
        _SCORING,
        "(rules.heals and fighting_allies == 0)",
        "(rules.heals and fighting_allies < 0)",
        _SCORING_TESTS,
    ),
    Fault(
        "deaths_not_rewarded",
        "The death of an enemy gives no reward of its own.",
        _SCORING,
        "deaths += died * rules.reward_death_value",
        "deaths += 0.0 * rules.reward_death_value",
        _SCORING_TESTS,
    ),
    Fault(
        "distances_not_scaled",
        "Agents see distances in cells, not in parts of their sight.",
        _OBSERVING,
        "row[at] = distance / sight",
        "row[at] = distance",
        _OBSERVING_TESTS,
    ),
    Fault(
        "shoots_as_far_as_it_sees",
        "Enemies in sight may be attacked, however far.",
        _OBSERVING,
        "distance <= kinds[unit.kind].shoot_range",
        "distance <= kinds[unit.kind].sight_range",
        _OBSERVING_TESTS,
    ),
    Fault(
        "state_without_last_actions",
        "The state holds other last actions than those taken.",
        _OBSERVING,
        "state[at + last_actions[a]] = 1.0",
        "state[at + (last_actions[a] + 1) % n_actions] = 1.0",
        _OBSERVING_TESTS,
    ),
    Fault(
        "north_is_south",
        "The mask of walking north is that of walking south.",
        _OBSERVING,
        "row[NORTH] = alive and _is_open(pathing, x, y + reach)",
        "row[NORTH] = alive and _is_open(pathing, x, y - reach)",
        _OBSERVING_TESTS,
    ),
    Fault(
        "continuing_episodes_reversed",
        "A time limit terminates where it should truncate.",
        "envs/smac_sim/stepping.py",
        "timed_out and rules.continuing_episode\n",
        "timed_out and not rules.continuing_episode\n",
        _SCORING_TESTS,
    ),
    Fault(
        "walks_past_its_goal",
        "A unit walks on behind the point that it was sent to.",
        "envs/smac_sim/battles/movement.py",
        "length = min(speed, distance - stop_at)",
        "length = speed",
        ("tests/envs/smac_sim/test_movement.py",),
    ),
    Fault(
        "enemies_keep_dead_targets",
        "Scripted units go on aiming at the dead.",
        "envs/smac_sim/battles/behaviour.py",
        "if unit.target >= 0 and units[unit.target].health <= 0.0:\n        unit.target = -1",
        "if unit.target >= 0 and units[unit.target].health < 0.0:\n        unit.target = -1",
        ("tests/envs/smac_sim/test_behaviour.py",),
    ),
    Fault(
        "one_order_of_sides",
        "The allies always act first.",
        "envs/smac_sim/battles/battle.py",
        "first = battle.n_agents if coins & np.uint64(2) else 0",
        "first = 0",
        ("tests/envs/smac_sim/test_battle.py",),
    ),
)
