"""A process that has imported what a test's processes need, and forks for each: importing costs seconds, forking none.

Started with a path; listens there, and ends when its standard input does. Who connects (see `forked.py`) sends one JSON
text of `Job`'s fields with its three standard streams, and gets two numbers, a line each: the new process's id and, once
that has ended, its exit code as subprocess has it.
"""

import atexit
import fcntl
import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

# Without a thread of their own: what a thread holds as a process forks is held for ever.
IMPORTS = (
    "numba",
    "pandas",
    "ray.rllib.algorithms.dqn",
    "ray.rllib.algorithms.ppo",
    "ray.tune",
    "ray.tune.search.optuna",
    "rllib_remix.algorithms.coma",
    "rllib_remix.algorithms.dop",
    "rllib_remix.algorithms.fop",
    "rllib_remix.algorithms.mappo",
    "rllib_remix.algorithms.qmix",
    "rllib_remix.algorithms.vdac",
    "rllib_remix.cli.main",
    "rllib_remix.envs.predator_prey",
    "rllib_remix.running.interrupt",
    "rllib_remix.running.callbacks.progress",
    "tensorboardX",
    "torch._dynamo",  # for torch's first optimizer
)
NO_JOB = "ffffffff"
SOCKET = "TESTS_FORK_SERVER"  # the environment variable that tells Ray's workers where to connect


@dataclass
class Job:
    """What a process is to be."""

    kind: str  # "command" or "ray_worker"
    arguments: list[str]  # the command's or script's name, and its arguments
    folder: str  # to begin in
    environment: dict[str, str]
    is_session: bool = (
        False  # a session of its own; the terminal of a command's is its standard input, if that is one
    )
    ignores_sighup: bool = False  # as after nohup
    forks_workers: bool = True  # of a command: whether a Ray that it starts has forked workers


class Server:
    """One thread, which waits for connections, for children that end, and for its own end."""

    def __init__(self, path: str):
        self._path_from_site = self._without_own_path()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(f"{path}.new")
        self._socket.listen(64)
        os.rename(f"{path}.new", path)  # Tests connect as soon as they see it.
        self._waiting: dict[int, socket.socket] = {}  # by process id
        self._raylets: dict[int, int] = {}  # by a descriptor of its raylet: every worker's process id
        self._woken, self._wakes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakes)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, who end this process

    @staticmethod
    def _without_own_path() -> list[str]:
        own = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        return [entry for entry in sys.path[1:] if entry not in own]

    def next_job(self) -> Job | None:
        """Returns in the forked process, with what that is to do; in the server at its end, with None."""
        while True:
            ready, _, _ = select.select([self._socket, self._woken, 0, *self._raylets], [], [])
            if 0 in ready and not os.read(0, 1):
                for left in self._waiting:  # the tests were killed
                    os.kill(left, signal.SIGKILL)
                return None
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._report_ended()
            for raylet in self._raylets.keys() & set(ready):
                self._end_worker(raylet)
            if self._socket in ready:
                job = self._serve(self._socket.accept()[0])
                if job is not None:
                    return job

    def _serve(self, connection: socket.socket) -> Job | None:
        """Returns the job in the new process alone."""
        try:
            job, streams = received(connection)
        except (OSError, ValueError, TypeError):  # Whoever it was is gone.
            connection.close()
            return None
        pid = os.fork()
        if pid == 0:
            self._become(job, streams, connection)
            return job
        for stream in streams:
            os.close(stream)
        self._waiting[pid] = connection
        if job.kind == "ray_worker":
            self._watch(int(job.environment["RAY_RAYLET_PID"]), pid)
        told(connection, pid)
        return None

    def _watch(self, raylet: int, worker: int) -> None:
        """A worker that is started anew looks every second whether its raylet is there; ours is told another one's id."""
        try:
            self._raylets[os.pidfd_open(raylet)] = worker
        except ProcessLookupError:
            os.kill(worker, signal.SIGKILL)

    def _end_worker(self, raylet: int) -> None:
        worker = self._raylets.pop(raylet)
        os.close(raylet)
        if worker in self._waiting:
            os.kill(worker, signal.SIGKILL)

    def _report_ended(self) -> None:
        while self._waiting:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            connection = self._waiting.pop(pid)
            told(connection, os.waitstatus_to_exitcode(status))
            connection.close()
            for raylet in [each for each, worker in self._raylets.items() if worker == pid]:
                del self._raylets[raylet]
                os.close(raylet)

    def _become(self, job: Job, streams: list[int], connection: socket.socket) -> None:
        """Makes this forked process as if it had been started anew, but for what it has imported."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if job.ignores_sighup:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for left in (self._socket, connection, *self._waiting.values()):
            left.close()
        for left in (self._woken, self._wakes, *self._raylets):
            os.close(left)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(job.folder)
        os.environ.clear()
        os.environ.update(job.environment)
        if job.is_session:
            os.setsid()
            if job.kind == "command" and os.isatty(0):  # a worker's may be that of another session
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        sys.stdin, sys.stdout, sys.stderr = opened(0), opened(1), opened(2)
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
        sys.argv = list(job.arguments)
        own = [entry for entry in job.environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
        sys.path[:] = [*own, *self._path_from_site]
        sys.modules["numpy"].random.seed()
        read_rays_settings()


def received(connection: socket.socket) -> tuple[Job, list[int]]:
    """What a client sends: the length of a text, three streams, the text."""
    head, streams, _, _ = socket.recv_fds(connection, 8, 3)
    left, parts = int.from_bytes(head, "big"), []
    while left:
        parts.append(connection.recv(left))
        if not parts[-1]:
            raise OSError("the client ended")
        left -= len(parts[-1])
    return Job(**json.loads(b"".join(parts))), streams


def told(connection: socket.socket, number: int) -> None:
    with suppress(OSError):  # It may not want to know.
        connection.sendall(b"%d\n" % number)


def opened(number: int) -> io.TextIOWrapper:
    """A standard stream, as Python opens it."""
    raw = io.FileIO(number, "r" if number == 0 else "w", closefd=False)
    raw.name = ("<stdin>", "<stdout>", "<stderr>")[number]
    buffered = io.BufferedReader(raw) if number == 0 else io.BufferedWriter(raw)
    errors = "backslashreplace" if number == 2 else "strict"
    stream = io.TextIOWrapper(buffered, "utf-8", errors, line_buffering=number == 2 or raw.isatty())
    stream.mode = "r" if number == 0 else "w"
    return stream


def forked_workers() -> None:
    """From now on, a Ray that this process starts has its workers forked by the server."""
    from functools import partialmethod

    from ray._private.parameter import RayParams

    starter = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ray_worker.py")
    RayParams.__init__ = partialmethod(RayParams.__init__, setup_worker_path=starter)  # type: ignore[method-assign]


def run(job: Job) -> None:
    """Does in this new process what was asked for."""
    if job.kind == "command":
        from rllib_remix.cli.main import main

        if job.forks_workers:
            forked_workers()
        sys.path.insert(0, os.path.dirname(sys.argv[0]))
        sys.exit(main())
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))  # as Ray has it in a worker
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")


@contextmanager
def rays_generator_untouched() -> Iterator[None]:
    """Lets Ray's generator of random ids begin after a fork: one that has begun gives the same ids in every process, and
    a worker whose first object is there already ends at once. Ray draws an id for each class of actors it is told of."""
    import ray.actor

    own = ray.actor.ActorClassID

    class Drawn:
        @staticmethod
        def from_random() -> object:
            return own(os.urandom(own.size()))

    ray.actor.ActorClassID = Drawn  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        ray.actor.ActorClassID = own  # type: ignore[misc]


def prepare_numba() -> None:
    """What Numba imports when it first runs a kernel that it has compiled before."""
    from numba.core.registry import cpu_target

    cpu_target.target_context.refresh()


def read_rays_settings() -> None:
    """Ray has read its environment variables (RAY_…) as it was imported; those of this process may be others."""
    from ray._raylet import AuthenticationTokenLoader, Config

    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


def code_of(job: Job) -> int:
    """Runs a job to its end, and all that runs at the end of a process but taking all modules apart, which takes long."""
    code: object = 0
    try:
        run(job)
    except SystemExit as error:
        code = error.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if isinstance(code, str):
        print(code, file=sys.stderr)
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    os.environ |= {"RAY_JOB_ID": NO_JOB, "RAY_RAYLET_PID": str(os.getpid())}
    with rays_generator_untouched():
        for name in IMPORTS:
            importlib.import_module(name)
    prepare_numba()
    gc.freeze()  # what is here stays; looking through it would copy it for every process
    job = Server(sys.argv[1]).next_job()
    if job is not None:
        os._exit(code_of(job))
