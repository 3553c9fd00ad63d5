"""One step of a trained team where it acts: PyTorch's TeamPolicy, one agent by itself, and an ONNX file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.figures import Figure
from benchmarks.timing import cpu_seconds
from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.envs.predator_prey import PredatorPrey
from rllib_remix.envs.team_env import TeamStep
from rllib_remix.models.sizes import new_agent
from rllib_remix.onnx_export.graph import agent_model
from rllib_remix.onnx_export.runners import new_runner
from rllib_remix.policy import TeamPolicy

STEPS = 2_000  # of a repetition
BATCHES = (1, 8)  # agents that act at once


def bench(repeats: int, report: Callable[[Figure], None]) -> None:
    """Agents of Predator-Prey with QMIX's default networks; weights do not matter."""
    for batch in BATCHES:
        env = PredatorPrey(1, num_predators=batch)
        spec, networks = env.spec, get_algorithm_config("QMIX").networks()
        policy = TeamPolicy(new_agent(spec, networks), algorithm="QMIX", agents=spec.agents, team=spec)
        step = env.reset(seed=0)
        ways = {"TeamPolicy": lambda policy=policy, step=step: policy.act(step), "ONNX": _onnx(policy, step)}
        if batch == 1:
            ways["TeamPolicy.agent"] = _alone(policy, step)
        for name, act in ways.items():
            report(_figure(f"acting, {name}, {batch} at once", act, repeats))


def _figure(name: str, act: Callable[[], object], repeats: int) -> Figure:
    def play() -> None:
        for _ in range(STEPS):
            act()

    return Figure(name, "CPU-µs", [1e6 / STEPS * seconds for seconds in cpu_seconds(play, repeats)])


def _alone(policy: TeamPolicy, step: TeamStep) -> Callable[[], object]:
    agent, obs, mask = policy.agent(0), step.obs[0, 0], step.avail_actions[0, 0]
    return lambda: agent.act(obs, mask)


def _onnx(policy: TeamPolicy, step: TeamStep) -> Callable[[], object]:
    """As the example of docs/export.md drives it."""
    network, n = policy.network, len(policy.agents)
    model = agent_model(network, scores="utilities", obs_dtype=step.obs.dtype.name, metadata={})
    runner = new_runner(model.SerializeToString())
    memory = {"hidden": np.zeros((n, network.hidden_dim), np.float32), "previous_action": np.full(n, -1)}
    memory |= {"agent": np.arange(n), "time": np.zeros(n, np.int64)}
    obs, masks = step.obs[0], step.avail_actions[0]

    def act() -> np.ndarray:
        feeds = memory | {"observation": obs.astype(np.float32), "available_actions": masks}
        _, actions, hidden = runner.run({name: feeds[name] for name in runner.inputs})
        memory.update(hidden=hidden, previous_action=actions, time=memory["time"] + 1)
        return actions

    return act
