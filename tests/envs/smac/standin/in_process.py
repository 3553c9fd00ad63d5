"""The stand-in without process and websocket, for tests of what is said and not of how it gets there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.envs.smac.standin.controller import Controller
from tests.envs.smac.standin.game import Game
from tests.envs.smac.standin.messages import Request, Response


class InProcessController(Controller):
    """A Controller whose game runs in this process; messages pass as bytes all the same."""

    def __init__(self, sc2_path: Path | None = None):
        self.game = Game(base_build=1)

    def _exchange(self, request: Any) -> Any:
        answer = self.game.answer(Request.FromString(request.SerializeToString()))
        return Response.FromString(answer.SerializeToString())

    def close(self) -> None:
        pass
