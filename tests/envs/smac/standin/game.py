"""One game of StarCraft II as SMAC uses it: requests in, responses out, a simulated battle behind them."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np

from rllib_remix.envs.smac.maps import MAPS, SmacMap, smac_map
from rllib_remix.envs.smac_sim.battles.battle import Battle
from tests.envs.smac.standin.messages import STATUS, Response, enum_values

OWNERS = ALLY, ENEMY = 1, 2
FIRST_ALLY_TYPE = 2001  # SMAC's allies are unit types of their own, numbered one after the other
STOP, MOVE, ATTACK, HEAL = 4, 16, 23, 386  # abilities
_TAGS_PER_ARMY = 1 << 18

_ACTION = enum_values("ActionResult")
_ALLIANCE = enum_values("Alliance")
_CREATE_ERROR = enum_values("ResponseCreateGame.Error")
_JOIN_ERROR = enum_values("ResponseJoinGame.Error")
_PLAYER = enum_values("PlayerType")
_SHOWN = enum_values("DisplayType")["Visible"]

# In which status of the game a request is allowed; others always are.
_ALLOWED_IN = {
    "create_game": ("launched", "ended", "in_game"),
    "join_game": ("launched", "init_game"),
    "game_info": ("in_game",),
    "observation": ("in_game", "ended"),
    "action": ("in_game",),
    "step": ("in_game",),
    "debug": ("in_game",),
    "save_replay": ("in_game", "ended"),
}


class Game:
    """Answers requests one after the other.

    Both armies stand there anew, with new tags, as soon as no unit of either lives; for the loops of the step
    request that brings this about, and of one that follows a kill of units that were gone already, time stands
    still. So a battle always begins with armies as the simulator creates them.
    """

    def __init__(self, base_build: int):
        self._base_build = base_build
        self._status = "launched"
        self._loop = 0
        self._armies = 0  # made so far
        self._kill_waits = False  # units were killed, and no time has passed since
        self._is_new = True  # no time has passed since the armies were made
        self._map: SmacMap
        self._battle: Battle

    def answer(self, request):
        """The response to a request; an impossible one gets a response with an error."""
        response = Response(id=request.id)
        name = request.WhichOneof("request")
        allowed = _ALLOWED_IN.get(name, STATUS)
        if self._status not in allowed:
            response.error.append(
                f"{name}: not possible in status {self._status}; it must be {', '.join(allowed)}"
            )
        elif hasattr(self, f"_{name}"):
            getattr(response, name).SetInParent()
            getattr(self, f"_{name}")(getattr(request, name), getattr(response, name))
        else:
            response.error.append(f"{name}: the stand-in does not know this request")
        response.status = STATUS[self._status]
        return response

    # Requests, each with its part of the request and of the response.

    def _ping(self, _, response) -> None:
        response.game_version, response.data_version = "4.10.0", "stand-in"
        response.data_build = response.base_build = self._base_build

    def _create_game(self, request, response) -> None:
        name = PurePosixPath(request.local_map.map_path).stem
        players = sorted(player.type for player in request.player_setup)
        if name not in MAPS:
            response.error = _CREATE_ERROR["InvalidMapPath"]
            response.error_details = f"{request.local_map.map_path!r} is none of SMAC's maps"
        elif players != [_PLAYER["Participant"], _PLAYER["Computer"]]:
            response.error = _CREATE_ERROR["InvalidPlayerSetup"]
        else:
            self._map, self._battle = smac_map(name), Battle(name)
            self._battle.seed(request.random_seed if request.HasField("random_seed") else None)
            self._loop = 0
            self._status = "init_game"

    def _join_game(self, request, response) -> None:
        if self._status == "launched":
            response.error = _JOIN_ERROR["LaunchError"]
        elif not request.options.raw:
            response.error = _JOIN_ERROR["MissingOptions"]
        else:
            response.player_id = ALLY
            self._make_armies()
            self._status = "in_game"

    def _game_info(self, _, response) -> None:
        pathing, heights = self._battle.pathing, self._battle.heights
        width, height = pathing.shape
        response.map_name = self._map.name
        response.local_map_path = f"SMAC_Maps/{self._map.name}.SC2Map"
        raw = response.start_raw
        raw.map_size.x, raw.map_size.y = width, height
        raw.playable_area.p0.x = raw.playable_area.p0.y = 0
        raw.playable_area.p1.x, raw.playable_area.p1.y = width, height
        # Rows of the pathing grid from the south, as SMAC reads single bits; of the heights from the north.
        _fill_image(raw.pathing_grid, np.packbits(pathing.T, axis=1), 1, width, height)
        _fill_image(raw.terrain_height, heights.T[::-1], 8, width, height)

    def _observation(self, _, response) -> None:
        observation = response.observation
        observation.game_loop = self._loop
        observation.player_common.player_id = ALLY
        observation.raw_data.SetInParent()
        n_agents = self._battle.n_agents
        # Allies in no useful order: it is the client that has to sort them.
        for index in (*range(n_agents - 1, -1, -1), *range(n_agents, len(self._units))):
            if self._units[index]["health"] > 0:
                self._fill_unit(observation.raw_data.units.add(), index)

    def _action(self, request, response) -> None:
        for action in request.actions:
            command = action.action_raw.unit_command
            given = [self._order(command, tag) for tag in command.unit_tags]
            response.result.append(_ACTION["Success" if given and all(given) else "Error"])

    def _step(self, request, response) -> None:
        count = request.count or 1
        self._loop += count
        kill_waited, self._kill_waits = self._kill_waits, False
        if self._anyone_lives() and not (kill_waited and self._is_new):
            self._battle.advance(0, count)
            self._is_new = False
        if not self._anyone_lives():
            self._make_armies()
        response.simulation_loop = self._loop

    def _debug(self, request, _) -> None:
        for command in request.debug:
            if command.HasField("kill_unit"):
                self._kill_waits = True
                for tag in command.kill_unit.tag:
                    index = self._index(tag)
                    if index is not None:
                        self._units[index]["health"] = self._units[index]["shield"] = 0.0

    def _save_replay(self, _, response) -> None:
        response.data = b"a replay of the stand-in, " + f"{self._loop} game loops\n".encode()

    # The battle

    @property
    def _units(self) -> np.ndarray:
        return self._battle.units[0]

    def _make_armies(self) -> None:
        self._battle.reset(0)
        self._armies += 1
        self._is_new = True

    def _anyone_lives(self) -> bool:
        return bool((self._units["health"] > 0).any())

    def _tag(self, index: int) -> int:
        return self._armies * _TAGS_PER_ARMY + index + 1

    def _index(self, tag: int) -> int | None:
        """The living unit with that tag."""
        index = tag - self._tag(0)
        return index if 0 <= index < len(self._units) and self._units[index]["health"] > 0 else None

    def _order(self, command, tag: int) -> bool:
        """Gives one unit its order; whether there is such an order and such a unit."""
        unit, ability = self._index(tag), command.ability_id
        if unit is None or unit >= self._battle.n_agents or command.queue_command:
            return False
        if ability == STOP:
            self._battle.stop(0, unit)
        elif ability == MOVE and command.HasField("target_world_space_pos"):
            self._battle.move(0, unit, command.target_world_space_pos.x, command.target_world_space_pos.y)
        elif ability in (ATTACK, HEAL) and (target := self._index(command.target_unit_tag)) is not None:
            (self._battle.attack if ability == ATTACK else self._battle.heal)(0, unit, target)
        else:
            return False
        return True

    def _fill_unit(self, message, index: int) -> None:
        unit = self._units[index]
        kind = self._battle.kinds[unit["kind"]]
        is_ally = index < self._battle.n_agents
        message.display_type = _SHOWN
        message.alliance = _ALLIANCE["Self" if is_ally else "Enemy"]
        message.owner = ALLY if is_ally else ENEMY
        message.tag = self._tag(index)
        # Kinds of allies come first, in the order in which SMAC's maps number them.
        message.unit_type = FIRST_ALLY_TYPE + int(unit["kind"]) if is_ally else int(kind["stock_id"])
        message.pos.x, message.pos.y = float(unit["x"]), float(unit["y"])
        message.radius = float(kind["radius"])
        message.build_progress = 1.0
        message.health, message.health_max = float(unit["health"]), float(kind["health"])
        message.shield, message.shield_max = float(unit["shield"]), float(kind["shield"])
        message.energy = float(unit["energy"])
        message.weapon_cooldown = max(0.0, float(unit["cooldown"]))


def _fill_image(image, data: np.ndarray, bits: int, width: int, height: int) -> None:
    image.bits_per_pixel = bits
    image.size.x, image.size.y = width, height
    image.data = data.tobytes()
