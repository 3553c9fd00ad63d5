"""The stand-in for the StarCraft II binary: its protocol on a websocket, in front of our simulator.

It is started as the game is: -listen ADDRESS -port PORT -dataDir FOLDER -tempDir FOLDER.
"""

from __future__ import annotations

import argparse
import os
import socket
import threading
from http import HTTPStatus
from pathlib import Path

from tests.envs.smac.standin.faults import Faults

LIFETIME_VARIABLE = "STANDIN_LIFETIME_S"
LONGEST_LIFE_S = 900.0  # a game that everybody forgot ends by itself
QUIT_CODE, LIFETIME_CODE = 0, 71


def serve(faults: Faults, listening: socket.socket) -> None:
    """Answers on this socket until a client says quit."""
    # Loaded when clients can connect already: that takes a second, which they spend waiting for the handshake.
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.server import serve as serve_websocket

    from tests.envs.smac.standin.game import Game
    from tests.envs.smac.standin.installation import BUILD
    from tests.envs.smac.standin.messages import Request

    game = Game(BUILD)

    def converse(connection) -> None:
        try:
            while True:
                # Undecoded, because some clients send their bytes in frames for text.
                request = Request.FromString(connection.recv(decode=False))
                name = request.WhichOneof("request")
                faults.before(name)
                if name == "quit":
                    os._exit(QUIT_CODE)
                connection.send(game.answer(request).SerializeToString())
        except ConnectionClosed:  # the client is gone; as the game does, wait for another
            pass

    def check_path(connection, request):
        if request.path != "/sc2api":
            return connection.respond(HTTPStatus.NOT_FOUND, "The protocol is at /sc2api.\n")
        return None

    with serve_websocket(
        converse,
        sock=listening,
        process_request=check_path,
        compression=None,
        max_size=None,
        ping_interval=None,
    ) as server:
        server.serve_forever()


def main() -> None:
    """Serves until a client quits the game, a fault ends it or its time is over."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("-listen", default="127.0.0.1")
    parser.add_argument("-port", type=int, required=True)
    parser.add_argument("-dataDir", type=Path, required=True)
    arguments, _ = parser.parse_known_args()
    lifetime = float(os.environ.get(LIFETIME_VARIABLE, LONGEST_LIFE_S))
    end = threading.Timer(lifetime, os._exit, (LIFETIME_CODE,))
    end.daemon = True
    end.start()

    from tests.envs.smac.standin.installation import register_launch

    faults = Faults(arguments.dataDir, register_launch(arguments.dataDir))
    faults.before("launch")
    serve(faults, socket.create_server((arguments.listen, arguments.port)))


if __name__ == "__main__":
    main()
