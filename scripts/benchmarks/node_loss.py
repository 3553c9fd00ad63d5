"""What a training loses when a machine is lost: rounds before, after, and once another machine has come.

Three Ray nodes on one machine, a trial of Tune whose env runners are spread over them, and SIGKILL to all processes of a
node that holds env runners only.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any

from benchmarks.local_cluster import add_node, local_cluster

ENV = {"grid_height": 6, "grid_width": 6, "num_predators": 4, "num_prey": 4, "episode_limit": 50}
ENV_RUNNERS, COPIES = 4, 4  # of the environment in each
CPUS_OF_NODE = 2
MARK = "node"  # resource by which a node is told from the others, with its number
PHASES = ("before", "after the loss", "with a new node")


@dataclass(frozen=True)
class Round:
    """One iteration, which is one round of episodes.

    Attributes:
        phase: one of PHASES.
        seconds: it took.
        env_steps: it brought.
        env_runners: that were healthy at its end.
    """

    phase: str
    seconds: float
    env_steps: int
    env_runners: int


@dataclass(frozen=True)
class Plan:
    """How long each phase takes.

    Attributes:
        warm_up: rounds that are not counted.
        rounds: of each phase; the last begins when all env runners are back.
        replace: whether a new node comes.
        patience: seconds from the first round after which the trial ends in any case.
    """

    warm_up: int = 10
    rounds: int = 30
    replace: bool = True
    patience: float = 400.0


def run(algorithm: str, plan: Plan, say: Callable[[str], None] = print) -> list[Round]:
    """Trains `algorithm` through Tune while one node of three is lost; all rounds but the warm-up."""
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # Tune's own tables
    import ray
    from ray import tune

    stop = SimpleNamespace(requested=False)
    with local_cluster(CPUS_OF_NODE) as cluster:
        nodes = [add_node(cluster, CPUS_OF_NODE, resources={f"{MARK}_{number}": 1}) for number in range(2)]
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        try:
            cluster.wait_for_nodes()
            watch = _watch(cluster, nodes, plan, stop, say)
            with tempfile.TemporaryDirectory() as results:
                analysis = tune.run(
                    algorithm,
                    config=_config(algorithm).to_dict(),
                    storage_path=results,
                    stop=lambda trial_id, result: stop.requested,
                    callbacks=[watch],
                    verbose=0,
                    raise_on_failed_trial=False,
                )
            if any(trial.status == "ERROR" for trial in analysis.trials or []):
                raise RuntimeError("the trial failed; the loss of a node must not end it.")
            return watch.rounds
        finally:
            ray.shutdown()


def summary(rounds: Sequence[Round]) -> dict[str, dict[str, float]]:
    """For each phase: rounds, env steps per second, per round, the longest round, and env runners at its end."""
    phases = {}
    for phase in PHASES:
        of_phase = [each for each in rounds if each.phase == phase]
        if of_phase:
            seconds = sum(each.seconds for each in of_phase)
            phases[phase] = {
                "rounds": len(of_phase),
                "seconds": seconds,
                "env_steps_per_second": sum(each.env_steps for each in of_phase) / seconds,
                "median_env_steps_per_round": statistics.median(each.env_steps for each in of_phase),
                "median_seconds_per_round": statistics.median(each.seconds for each in of_phase),
                "longest_round_seconds": max(each.seconds for each in of_phase),
                "env_runners_at_end": of_phase[-1].env_runners,
            }
    return phases


def as_json(rounds: Sequence[Round]) -> list[dict[str, Any]]:
    return [asdict(each) for each in rounds]


def _config(algorithm: str) -> Any:
    import rllib_remix
    from rllib_remix.algorithms.table import get_algorithm_config

    rllib_remix.register()
    config = get_algorithm_config(algorithm).environment("predator_prey", env_config=ENV)
    config = config.env_runners(num_env_runners=ENV_RUNNERS, num_envs_per_env_runner=COPIES)
    config = config.training(train_batch_episodes=8, replay_buffer_capacity=500, epsilon=1.0)
    config = config.resources(placement_strategy="SPREAD").debugging(seed=0)
    # One round of episodes is one iteration.
    return config.reporting(min_sample_timesteps_per_iteration=1)


def _victim(nodes: Sequence[Any]) -> int:
    """The number of a node that holds env runners, but not the trial itself, which has the first bundle."""
    import ray

    names = {
        node["NodeID"]: next((int(key[-1]) for key in node["Resources"] if key.startswith(f"{MARK}_")), None)
        for node in ray.nodes()
        if node["Alive"]
    }
    (group,) = [g for g in ray.util.placement_group_table().values() if g["state"] == "CREATED"]
    places = group["bundles_to_node_id"]
    of_trial = places[0]
    for node in places.values():
        if node != of_trial and names.get(node) is not None:
            return int(names[node] or 0)
    raise RuntimeError("no node holds env runners alone.")


def _watch(cluster: Any, nodes: list[Any], plan: Plan, stop: Any, say: Callable[[str], None]) -> Any:
    """The callback that counts rounds, kills a node, and starts another."""
    from ray import tune

    class Watch(tune.Callback):
        def __init__(self) -> None:
            self.rounds: list[Round] = []
            self._phase, self._seen, self._in_phase, self._steps = -1, 0, 0, 0
            self._started: float | None = None  # when the first round ended
            self._last = time.monotonic()
            self._new_node_came: float | None = None

        def on_trial_result(
            self, iteration: int, trials: list, trial: Any, result: dict, **info: Any
        ) -> None:
            now = time.monotonic()
            self._started = self._started or now
            steps = int(result["env_runners"]["num_env_steps_sampled_lifetime"])
            healthy = int(result["fault_tolerance"]["num_healthy_workers"])
            self._seen += 1
            if self._phase >= 0:
                self.rounds.append(Round(PHASES[self._phase], now - self._last, steps - self._steps, healthy))
            self._steps, self._last = steps, now
            self._in_phase += 1
            self._next_phase(healthy)
            stop.requested = stop.requested or now - self._started > plan.patience

        def _next_phase(self, healthy: int) -> None:
            if self._phase == -1 and self._in_phase >= plan.warm_up:
                self._begin(0)
            elif self._phase == 0 and self._in_phase >= plan.rounds:
                victim = _victim(nodes)
                say(f"round {self._seen}: node {victim} is killed")
                cluster.remove_node(nodes[victim], allow_graceful=False)
                self._begin(1)
            elif self._phase == 1 and self._in_phase >= plan.rounds:
                self._replace(healthy)
            elif self._phase == 2 and self._in_phase >= plan.rounds:
                stop.requested = True

        def _replace(self, healthy: int) -> None:
            if not plan.replace:
                stop.requested = True
            elif self._new_node_came is None:
                say(f"round {self._seen}: {healthy} env runners are left; a new node is started")
                add_node(cluster, CPUS_OF_NODE, wait=False)
                self._new_node_came = time.monotonic()
            elif healthy == ENV_RUNNERS:
                took = time.monotonic() - self._new_node_came
                say(
                    f"round {self._seen}: all env runners are back, {took:.0f} s after the start of the new node"
                )
                self._begin(2)

        def _begin(self, phase: int) -> None:
            self._phase, self._in_phase = phase, 0

    return Watch()
