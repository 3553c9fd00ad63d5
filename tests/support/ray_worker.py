"""What Ray's raylet starts for a worker in tests: asks the fork server for one, or becomes one as Ray's own script does."""

import json
import os
import socket
import sys

SOCKET = "TESTS_FORK_SERVER"


def main() -> None:
    """As ray/_private/workers/setup_worker.py: the worker's script and arguments, and the runtime environment."""
    arguments = [
        each
        for each in sys.argv[1:]
        if not each.startswith(("--serialized-runtime-env-context=", "--language="))
    ]
    contexts = [
        each.partition("=")[2]
        for each in sys.argv[1:]
        if each.startswith("--serialized-runtime-env-context=")
    ]
    if contexts in ([], ["{}"], [""]):
        job = {
            "kind": "ray_worker",
            "arguments": arguments,
            "folder": os.getcwd(),
            "environment": dict(os.environ),
        }
        text = json.dumps({**job, "is_session": True}).encode()
        try:
            with socket.socket(socket.AF_UNIX) as server:
                server.connect(os.environ[SOCKET])
                socket.send_fds(server, [len(text).to_bytes(8, "big")], [0, 1, 2])
                server.sendall(text)
                if server.recv(32):
                    return
        except (OSError, KeyError):
            pass  # The server is gone.
    import ray

    setup = os.path.join(os.path.dirname(ray.__file__), "_private", "workers", "setup_worker.py")
    os.execv(sys.executable, [sys.executable, setup, *sys.argv[1:]])


if __name__ == "__main__":
    main()
