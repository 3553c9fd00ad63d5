"""Requests of the protocol as tests write them: short."""

from __future__ import annotations

from tests.envs.smac.standin.messages import Request, enum_values

PLAYER = enum_values("PlayerType")


def creation(map_name="3m", seed=7, players=("Participant", "Computer")):
    request = Request()
    request.create_game.local_map.map_path = f"SMAC_Maps/{map_name}.SC2Map"
    for player in players:
        request.create_game.player_setup.add(type=PLAYER[player])
    if seed is not None:
        request.create_game.random_seed = seed
    return request


def joining(raw=True):
    request = Request()
    request.join_game.options.raw = raw
    return request


def started(controller, map_name="3m", seed=7):
    controller.send(creation(map_name, seed))
    controller.send(joining())
    return controller


def units(controller, owner=None):
    seen = controller.ask("observation").observation.raw_data.units
    return [unit for unit in seen if owner in (None, unit.owner)]


def by_place(seen):
    return sorted(seen, key=lambda unit: (unit.unit_type, unit.pos.x, unit.pos.y))


def kill(controller, tags):
    request = Request()
    request.debug.debug.add().kill_unit.tag.extend(tags)
    controller.send(request)


def order(controller, unit, ability, *, target=None, place=None, queued=False):
    """The result of an order to one unit."""
    request = Request()
    command = request.action.actions.add().action_raw.unit_command
    command.ability_id, command.queue_command = ability, queued
    command.unit_tags.append(unit.tag)
    if target is not None:
        command.target_unit_tag = target.tag
    if place is not None:
        command.target_world_space_pos.x, command.target_world_space_pos.y = place
    return list(controller.send(request).result)
