"""SMAC's own script, which acts in place of the team (`heuristic_ai`)."""

from __future__ import annotations

from rllib_remix.compiling import kernel
from rllib_remix.envs.smac.actions import NO_OP
from rllib_remix.envs.smac_sim.battles.combat import can_be_healed
from rllib_remix.envs.smac_sim.battles.units import HEAL
from rllib_remix.envs.smac_sim.targets import NOBODY, moves_towards, nearest_enemy, nearest_wounded


@kernel
def follow_script(units, kinds, heals, first_target, rests, over, avail, targets, actions):
    """SMAC's `heuristic_ai`: everyone attacks the nearest enemy until it dies, at any distance.

    Marauders pick medivacs too, which they cannot hit: SMAC means them not to, but looks for the number of the allies'
    type. A medivac heals the nearest wounded ally until it is well, and does nothing new where nobody is wounded: then
    its action is no-op, although it lives.

    Args:
        units: [N, M] UNIT.
        kinds: [K] KIND.
        heals: whether medivacs heal on this map.
        first_target: the action that attacks enemy 0.
        rests: SMAC's `heuristic_rest`: who cannot attack by the mask moves along the larger offset instead, whether
            the mask allows that or not.
        over: [N] bool, copies that start anew: their targets are forgotten, their actions stay.
        avail: [N, n, A] bool.
        targets: [N, n] int64, kept from step to step; changed in place.
        actions: [N, n] int64, written in place.
    """
    copies, n_agents = actions.shape
    for copy in range(copies):
        if over[copy]:
            targets[copy] = NOBODY
            continue
        for agent in range(n_agents):
            healer = heals and kinds[units[copy, agent].kind].weapon == HEAL
            target = _keep_target(units[copy], kinds, n_agents, agent, healer, targets[copy, agent])
            targets[copy, agent] = target
            actions[copy, agent] = _scripted_action(
                units[copy], n_agents, agent, healer, first_target, rests, target, avail[copy, agent]
            )


@kernel
def _keep_target(units, kinds, n_agents, agent, healer, target):
    """The same target as before, if there is still something to do, else a new one."""
    if healer:
        if target != NOBODY and can_be_healed(kinds, units[target]):
            return target
        return nearest_wounded(units, kinds, n_agents, agent)
    if target != NOBODY and units[n_agents + target].health > 0.0:
        return target
    nearest = nearest_enemy(units, n_agents, agent)
    return NOBODY if nearest == NOBODY else nearest - n_agents


@kernel
def _scripted_action(units, n_agents, agent, healer, first_target, rests, target, avail):
    if units[agent].health <= 0.0 or target == NOBODY:
        return NO_OP
    if rests and not avail[first_target + target]:
        move, _ = moves_towards(units[agent], units[target if healer else n_agents + target])
        return move
    return first_target + target
