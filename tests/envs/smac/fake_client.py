"""A client with StarCraft2Env's methods and no game: a plain Python object that fails when it is told to.

It reads what to do from the environment variable FAKE_CLIENT, a JSON object:
    folder: every start of a "game" appends a line to `starts` there; needed for what is counted over processes
    faults: {"<start>": [where, step, what]}; on its n-th start (from 1) the client fails in "launch", "reset" (of a
        later episode) or "step", once it has made `step` steps since that start, by `what`: "crash" (its game is
        lost), "die" (the process ends), "hang", "error" (another exception) or "empty" (it returns SMAC's {}).
    Everything else is an attribute of FakeClient.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from rllib_remix.envs.smac.layout import smac_layout
from rllib_remix.envs.smac.options import SmacOptions


class ConnectionLost(Exception):
    """What PySC2 raises when the game is gone."""


class FakeClient:
    episode_steps = 4  # until the game is won …
    result = "win"  # … lost or, by the time limit, neither
    child = False  # whether a "game" runs as a process of its own
    grows_mb = 0  # memory taken in every episode
    build = 75689
    extra_entries = 0  # of an observation: another version of SMAC
    late_enemies = 0  # rounds in which the reset counts the enemies once more
    slow_start_s = 0.0
    options_class = SmacOptions

    def __init__(self, **arguments):
        self.arguments = arguments
        told = json.loads(os.environ.get("FAKE_CLIENT", "{}"))
        self.folder = Path(told.pop("folder", "."))
        self.faults = told.pop("faults", {})
        for name, value in told.items():
            assert hasattr(type(self), name), name
            setattr(self, name, value)
        names = {name for name in self.options_class.__dataclass_fields__ if name in arguments}
        options = self.options_class(**{name: arguments[name] for name in names})
        self.layout = smac_layout(options)
        self.limit = options.map.episode_limit
        self.enemies = {
            i: SimpleNamespace(health_max=45, shield_max=0, health=45) for i in range(self.layout.n_enemies)
        }
        self.max_reward = self.layout.n_enemies * arguments["reward_death_value"] + arguments["reward_win"]
        self._episode_count = 0
        self.steps = self.steps_since_start = 0
        self.hoard = []
        self.fault = None
        self._controller = SimpleNamespace(ping=lambda: SimpleNamespace(base_build=self.build))

    # Faults

    def _fail_if_told(self, where):
        if self.fault is None or self.fault[0] != where or self.steps_since_start < self.fault[1]:
            return None
        what = self.fault[2]
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "hang":
            time.sleep(600)
        if what == "crash":
            try:
                raise ConnectionLost("Connection already closed")
            except ConnectionLost:
                self.full_restart()
        if what == "error":
            raise KeyError("unit 7")
        return what

    def full_restart(self):
        raise AssertionError("the client restarts its game by itself")

    # StarCraft2Env's methods

    def reset(self):
        if self._episode_count == 0:
            self._launch()
        else:
            self._fail_if_told("reset")
        self.steps = 0
        if self._episode_count == 0:
            self.max_reward += (1 + self.late_enemies) * sum(e.health_max for e in self.enemies.values())
        self.hoard.append(np.ones(self.grows_mb * 2**17))
        return self.get_obs(), self.get_state()

    def _launch(self):
        with open(self.folder / "starts", "a") as file:
            file.write(json.dumps({"pid": os.getpid(), "time": time.time(), **self.arguments}) + "\n")
        number = len((self.folder / "starts").read_text().splitlines())
        self.fault = self.faults.get(str(number)) or self.faults.get("always")
        self.steps_since_start = 0
        if self.child:
            self.game = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        time.sleep(self.slow_start_s)
        print(f"start {number} of the fake game", flush=True)
        self._fail_if_told("launch")

    def step(self, actions):
        if self.arguments["heuristic_ai"]:
            actions[:] = range(2, 2 + len(actions))
        avail = np.array(self.get_avail_actions())
        assert avail[np.arange(len(actions)), actions].all(), "an illegal action reached the client"
        if self._fail_if_told("step") == "empty":
            return 0, True, {}
        self.steps += 1
        self.steps_since_start += 1
        over = self.steps >= (self.limit if self.result == "timeout" else self.episode_steps)
        info = {"battle_won": False, "dead_allies": 0, "dead_enemies": 0}
        if over:
            self._episode_count += 1
            if self.result == "win":
                info |= {"battle_won": True, "dead_enemies": len(self.enemies)}
            elif self.result == "defeat":
                info |= {"dead_allies": self.layout.n_agents}
            elif self.arguments["continuing_episode"]:
                info["episode_limit"] = True
        return 100 / (self.max_reward / self.arguments["reward_scale_rate"]), over, info

    def get_obs(self):
        """Every entry is the seed's last digits and the step, so that games and moments can be told apart."""
        size = self.layout.obs_dim + self.extra_entries
        obs = [np.full(size, self._mark(), np.float32) for _ in range(self.layout.n_agents)]
        if self.arguments["obs_timestep_number"]:
            for own in obs:
                own[-1] = 0
            obs = [np.append(own, self.steps / self.limit) for own in obs]
        return obs

    def get_state(self):
        if self.arguments["obs_instead_of_state"]:
            return np.concatenate(self.get_obs()).astype(np.float32)
        return np.full(self.layout.state_dim, self._mark(), np.float32)

    def _mark(self):
        return self.arguments["seed"] % 1000 + self.steps / 1000

    def get_avail_actions(self):
        return [[0, *[1] * (self.layout.n_actions - 2), 0] for _ in range(self.layout.n_agents)]

    def save_replay(self):
        name = self.arguments["replay_prefix"] or self.arguments["map_name"]
        (Path(self.arguments["replay_dir"]) / f"{name}_{self.arguments['seed']}.SC2Replay").write_text("")

    def close(self):
        print("closed", flush=True)
