"""What Ray's raylet starts for a worker in tests: asks the fork server for one, or becomes one as Ray's own script does."""

import json
import os
import socket
import sys

SOCKET = "TESTS_FORK_SERVER"
CONTEXT = "--serialized-runtime-env-context="
# What Tune sets for trials; other environments may change what is imported.
KNOWN = {"env_vars": {"PL_DISABLE_FORK": "1"}, "py_executable": sys.executable}


def variables_of(context: str) -> dict[str, str] | None:
    """The environment variables that a runtime environment sets; None if a forked process could not be as it wants it."""
    given = {name: value for name, value in json.loads(context or "{}").items() if value}
    if any(KNOWN.get(name) != value for name, value in given.items()):
        return None
    return given.get("env_vars", {})


def main() -> None:
    """As ray/_private/workers/setup_worker.py: the worker's script and arguments, and the runtime environment."""
    arguments = [each for each in sys.argv[1:] if not each.startswith((CONTEXT, "--language="))]
    contexts = [each.removeprefix(CONTEXT) for each in sys.argv[1:] if each.startswith(CONTEXT)]
    variables = variables_of(contexts[0] if contexts else "")
    if variables is not None:
        job = {
            "kind": "ray_worker",
            "arguments": arguments,
            "folder": os.getcwd(),
            "environment": dict(os.environ) | variables,
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
