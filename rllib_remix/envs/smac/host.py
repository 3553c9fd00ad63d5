"""The process of one game: it holds SMAC's client, which starts StarCraft II, and answers the environment.

A process of its own, because SMAC's client can hang or crash with the game, because it needs an older protobuf's
behaviour than Ray, and because a process group can be killed as a whole. It loads neither Ray nor PyTorch.
"""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
from importlib import import_module
from typing import Any, NoReturn

import numpy as np

from rllib_remix.envs.smac.messages import Channel, Observed, Opening, Trouble, Waiting
from rllib_remix.envs.smac.processes import bind_children_to_this_process

_LONGEST_TURN_S = (
    600.0  # a start that waits longer goes ahead: whoever holds the lock does not start anything
)


class _Refused(Exception):
    """What a new process would refuse as well: a client that cannot be loaded or made."""


class _GameCrashed(Exception):
    """The client lost its game."""


class Host:
    """Answers requests with the client; every game that it starts is the only one of its process."""

    def __init__(self, channel: Channel):
        self._channel = channel
        self._opening: Opening = channel.receive()
        self._client: Any = None
        self._game_client: Any = None  # the part of the client that holds the game
        self._build = 0
        if self._opening.python_path is None:
            os.environ.pop("PYTHONPATH", None)
        else:
            os.environ["PYTHONPATH"] = self._opening.python_path

    def serve(self) -> None:
        """Answers until it is told to close, or nobody asks any more."""
        while True:
            name, *arguments = self._channel.receive()
            try:
                answer = getattr(self, name)(*arguments)
            except Exception as error:
                traceback.print_exc()
                sys.stderr.flush()
                answer = Trouble(_in_words(error), hopeless=isinstance(error, _Refused))
            self._channel.send(answer)
            if name == "close":
                return

    # Requests

    def reset(self) -> Observed:
        if self._client is None:
            self._client = self._make_client()
            self._wait_for_turn()
        elif getattr(self._game_client, "_episode_count", None) == 0:
            # SMAC takes a reset before the end of its first episode for its very first, and starts a second game.
            self._game_client._episode_count = 1
        seen = self._client.reset()
        if seen is None:  # SMACv2's wrapper, once the game did not create all units in time
            raise _GameCrashed("the game did not create all units of the drawn teams")
        self._mend_max_reward()
        self._build = self._build or _game_build(self._game_client)
        obs, state = seen
        return self._observed(obs, state, [], 0.0, False, {})

    def step(self, actions: list[int]) -> Observed:
        reward, terminated, info = self._client.step(actions)
        if terminated and not info:  # how SMAC says that it lost its game and started another
            raise _GameCrashed("the client lost its game")
        obs, state = self._client.get_obs(), self._client.get_state()
        return self._observed(obs, state, actions, reward, terminated, info)

    def close(self, save_replay: bool) -> None:
        if self._client is None:
            return
        try:
            if save_replay:
                self._client.save_replay()
        finally:
            self._client.close()

    # The client

    def _make_client(self) -> Any:
        module, _, name = self._opening.client.partition(":")
        try:
            client = getattr(import_module(module), name)(**self._opening.arguments)
        except Exception as error:
            raise _Refused(
                f"smac.client: {self._opening.client!r} cannot be made ({_in_words(error)})"
            ) from error
        # SMACv2's wrapper draws teams and starts, and has a client like SMAC's for the game.
        self._game_client = client.env if hasattr(client, "env_key_to_distribution_map") else client
        if hasattr(self._game_client, "full_restart"):
            # Left alone, SMAC would start the game again by itself, with the same seed and within one step.
            self._game_client.full_restart = _crashed
        seed_draws(client, self._opening.arguments["seed"])
        return client

    def _mend_max_reward(self) -> None:
        """What SMAC divides rewards by; it counts the enemies once too often when they are late at the first reset.

        SMACv2 goes on dividing by what its first teams were worth; here every episode's own enemies count.
        """
        enemies = getattr(self._game_client, "enemies", None)
        if enemies and hasattr(self._game_client, "max_reward"):
            paid = len(enemies) * self._opening.arguments["reward_death_value"]
            paid += self._opening.arguments["reward_win"]
            health = sum(unit.health_max + unit.shield_max for unit in enemies.values())
            self._game_client.max_reward = paid + health

    def _observed(
        self, obs: Any, state: Any, actions: list[int], reward: float, terminated: bool, info: dict
    ) -> Observed:
        return Observed(
            obs=np.asarray(obs, np.float32),
            state=np.asarray(state, np.float32),
            avail_actions=np.asarray(self._client.get_avail_actions(), np.bool_),
            actions=[int(action) for action in actions],
            reward=float(reward),
            terminated=bool(terminated),
            info=dict(info),
            game_build=self._build,
        )

    def _wait_for_turn(self) -> None:
        """Returns when the machine's latest start of a game is long enough ago: many at once overload it."""
        interval = self._opening.start_interval_s
        deadline = time.monotonic() + _LONGEST_TURN_S
        with open(self._opening.start_file, "a+") as file:
            while not _locked(file.fileno()) and time.monotonic() < deadline:
                self._wait(0.1)
            file.seek(0)
            ready = float(file.read() or 0) + interval
            while 0 < (rest := ready - time.time()) <= interval:  # more than that: the clock was set back
                self._wait(min(0.5, rest))
            file.truncate(0)
            file.write(repr(time.time()))

    def _wait(self, seconds: float) -> None:
        self._channel.send(Waiting())
        time.sleep(seconds)


def seed_draws(client: Any, seed: int) -> None:
    """Lets all that SMACv2 draws follow from a seed; it takes generators of its own from the system.

    Args:
        client: its wrapper; of other clients only Python's and NumPy's own generators are seeded.
        seed: the game's.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)
    streams = np.random.SeedSequence(seed)
    waiting = list(getattr(client, "env_key_to_distribution_map", {}).values())
    while waiting:
        distribution = waiting.pop(0)
        for name, value in sorted(vars(distribution).items()):
            if isinstance(value, np.random.Generator):
                setattr(distribution, name, np.random.default_rng(streams.spawn(1)[0]))
            elif hasattr(value, "generate"):
                waiting.append(value)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _crashed(*_: Any, **__: Any) -> NoReturn:
    cause = sys.exc_info()[1]
    raise _GameCrashed(
        f"the client lost its game ({_in_words(cause)})" if cause else "the client lost its game"
    )


def _game_build(client: Any) -> int:
    try:
        return int(client._controller.ping().base_build)
    except Exception:  # another client than SMAC's
        return 0


def _in_words(error: BaseException) -> str:
    if isinstance(error, _Refused | _GameCrashed):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _end_with_parent(lifeline: int, folder: str) -> None:
    """Waits for the end of the process that holds the other end of a pipe, and then ends this group of processes."""
    os.read(lifeline, 1)
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def main(channel: int, lifeline: int, folder: str) -> None:
    """Serves as long as the environment lives.

    Args:
        channel: an inherited socket.
        lifeline: the reading end of an inherited pipe; the environment's process holds the other one.
        folder: for temporary files; made for this process alone.
    """
    threading.Thread(target=_end_with_parent, args=(lifeline, folder), daemon=True).start()
    bind_children_to_this_process()
    try:
        Host(Channel(socket.socket(fileno=channel))).serve()
    except EOFError:
        _end_with_parent(lifeline, folder)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
