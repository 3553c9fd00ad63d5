"""Drives a team in a PettingZoo loop from the two files of an export alone, without a line of the package.

    python drive_export.py FOLDER MODULE SEED

prints the actions of every step of one episode of MODULE.parallel_env() as JSON.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file


class Team:
    """All agents of a team, which share one network."""

    def __init__(self, folder):
        folder = Path(folder)
        settings = json.loads((folder / "settings.json").read_text())
        self.team, self.networks = settings["team"], settings["networks"]
        self.layout = {agent: entry for entry in settings["agent_layout"] for agent in entry["agents"]}
        weights = load_file(folder / "weights.safetensors")
        self.w = {name[len("agent.") :]: w for name, w in weights.items() if name.startswith("agent.")}
        self.reset()

    def reset(self):
        self.hidden = np.zeros((self.team["n_agents"], self.networks["agent_hidden_dim"]), np.float32)
        self.last_action = np.full(self.team["n_agents"], -1)

    def act(self, agents, observations, infos):
        n, size = self.team["n_agents"], self.team["n_actions"]
        seen = np.zeros((n, self.team["obs_dim"]), np.float32)
        allowed = np.zeros((n, size), bool)
        allowed[:, 0] = True  # of those that are gone
        for slot, agent in enumerate(self.team["agents"]):
            if agent in agents:
                self.look(self.layout[agent], observations[agent], infos[agent], seen[slot], allowed[slot])
        actions = np.where(allowed, self.utilities(self.normalised(seen)), -np.inf).argmax(-1)
        self.last_action = actions
        slots = {agent: self.team["agents"].index(agent) for agent in agents}
        return {a: int(actions[slot]) + self.layout[a]["first_action"] for a, slot in slots.items()}

    def look(self, entry, observation, info, seen, allowed):
        mask, space = info.get("action_mask"), entry["observation_space"]
        if entry["observation_key"] is not None:
            mask = observation[entry["mask_key"]] if entry["mask_key"] else mask
            space = space["spaces"][entry["observation_key"]]
            observation = observation[entry["observation_key"]]
        if space["space"] == "Discrete":
            observation = np.arange(space["n"]) == observation - space["start"]
        seen[: entry["obs_size"]] = np.ravel(observation)
        allowed[:] = False
        allowed[: entry["n_actions"]] = True if mask is None else mask

    def normalised(self, seen):
        if not self.networks["normalize_observations"]:
            return seen
        mean, variance = self.w["normalizer.mean"], self.w["normalizer.variance"]
        varies = variance > 1e-12 * mean**2 + 1e-16
        return np.where(varies, (seen - mean) / np.sqrt(np.where(varies, variance, 1)), 0).clip(-10, 10)

    def utilities(self, seen):
        parts, w = [seen], self.w
        if self.networks["observe_last_action"]:
            parts.append(self.last_action[:, None] == np.arange(self.team["n_actions"]))
        if self.networks["observe_agent_id"]:
            parts.append(np.eye(len(seen)))
        x = np.concatenate(parts, 1).astype(np.float32)
        x = np.maximum(x @ w["encoder.weight"].T + w["encoder.bias"], 0)
        x_r, x_z, x_n = np.split(x @ w["gru.weight_ih_l0"].T + w["gru.bias_ih_l0"], 3, 1)
        h_r, h_z, h_n = np.split(self.hidden @ w["gru.weight_hh_l0"].T + w["gru.bias_hh_l0"], 3, 1)
        r, z = 1 / (1 + np.exp(-x_r - h_r)), 1 / (1 + np.exp(-x_z - h_z))
        self.hidden = (1 - z) * np.tanh(x_n + r * h_n) + z * self.hidden
        return (self.hidden @ w["head.weight"].T + w["head.bias"]).clip(
            *(self.networks["utility_clamp"] or (None, None))
        )


def drive(team, env, seed):
    """The actions of every step of an episode."""
    observations, infos = env.reset(seed=seed)
    team.reset()
    steps = []
    while env.agents:
        steps.append(team.act(env.agents, observations, infos))
        observations, _, _, _, infos = env.step(steps[-1])
    return steps


if __name__ == "__main__":
    sys.modules["rllib_remix"] = None
    folder, module, seed = sys.argv[1:]
    print(json.dumps(drive(Team(folder), import_module(module).parallel_env(), int(seed))))
