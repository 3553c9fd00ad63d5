"""Env runners whose environments fail, that are late and that are killed: what ends a run, and what it survives."""

import os
import signal
import time

import pytest
import ray
from ray.tune.registry import register_env

from rllib_remix.envs.predator_prey import PredatorPrey
from tests.algorithms.games import OTHERS, TINY, UNLIKE_QMIX, tiny

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_session")]


class Unlucky(PredatorPrey):
    """Fails in the middle of every episode."""

    def step(self, actions):
        if self._steps.any() and self._steps[0] > 3:
            raise OSError("the simulator is gone")
        return super().step(actions)


@pytest.mark.parametrize("remote", [0, 1])
def test_an_environment_that_keeps_failing_ends_the_run_with_its_own_error(build, remote):
    register_env("unlucky", lambda context: Unlucky(context.num_envs, **TINY))
    algorithm = build(
        tiny(seed=None).environment("unlucky", env_config={}).env_runners(num_env_runners=remote)
    )
    with pytest.raises(RuntimeError, match="the simulator is gone"):
        algorithm.train()


def test_without_fault_tolerance_the_first_failure_of_an_environment_ends_the_run(build):
    register_env("unlucky", lambda context: Unlucky(context.num_envs, **TINY))
    config = tiny(seed=None).environment("unlucky", env_config={}).env_runners(num_env_runners=1)
    algorithm = build(config.fault_tolerance(restart_failed_env_runners=False))
    with pytest.raises(RuntimeError, match=r"An env runner's environment failed.*the simulator is gone"):
        algorithm.training_step()


def test_an_environment_that_cannot_be_made_remotely_is_named_by_its_own_error():
    def make(context):
        raise OSError("no licence")

    register_env("impossible", make)
    with pytest.raises(OSError, match="no licence"):
        tiny(seed=None).environment("impossible", env_config={}).env_runners(num_env_runners=1).build_algo()


class Slow(PredatorPrey):
    def step(self, actions):
        time.sleep(0.2)
        return super().step(actions)


def test_a_sample_timeout_that_is_too_short_is_named(build):
    register_env("slow", lambda context: Slow(context.num_envs, **TINY))
    algorithm = build(
        tiny(seed=None)
        .environment("slow", env_config={})
        .env_runners(num_env_runners=1, sample_timeout_s=0.1)
    )
    with pytest.raises(RuntimeError, match="raise `sample_timeout_s`"):
        algorithm.train()


def test_dead_env_runners_that_nobody_replaces_end_the_run(build):
    algorithm = build(
        tiny(seed=None)
        .env_runners(num_env_runners=1)
        .fault_tolerance(restart_failed_env_runners=False, ignore_env_runner_failures=True)
    )
    algorithm.train()
    (pid,) = algorithm.env_runner_group.foreach_env_runner(lambda _: os.getpid(), local_env_runner=False)
    os.kill(pid, signal.SIGKILL)

    def train_on():
        for _ in range(50):
            algorithm.train()

    with pytest.raises(RuntimeError, match=r"All 1 env runners are dead.*restart_failed_env_runners=True"):
        train_on()


@pytest.mark.parametrize("algorithm", ["ReMIX", *UNLIKE_QMIX, *OTHERS])
def test_a_killed_env_runner_is_replaced_and_env_steps_stay_right(build, algorithm):
    algorithm = build(
        tiny(algorithm, seed=None)
        .env_runners(num_env_runners=2)
        .fault_tolerance(restart_failed_env_runners=True, env_runner_health_probe_timeout_s=30)
    )
    algorithm.train()
    pids = algorithm.env_runner_group.foreach_env_runner(lambda _: os.getpid(), local_env_runner=False)
    os.kill(pids[0], signal.SIGKILL)
    previous = 0
    for _ in range(40):
        result = algorithm.train()
        steps = result["num_env_steps_sampled_lifetime"]
        # What the runners report is exactly what reached the replay buffer.
        assert steps > previous
        previous = steps
        if result["fault_tolerance"]["num_healthy_workers"] == 2:
            break
        time.sleep(0.5)
    assert result["fault_tolerance"]["num_remote_worker_restarts"] == 1
    assert result["fault_tolerance"]["num_healthy_workers"] == 2
    # No episode of this game is cut short but by the limit or a win: count them again from the episodes.
    assert algorithm._episodes_collected == result["env_runners"]["num_episodes_lifetime"]
    new = algorithm.env_runner_group.foreach_env_runner(
        lambda runner: (os.getpid(), runner.num_env_steps_sampled_lifetime), local_env_runner=False
    )
    assert {pid for pid, _ in new} != set(pids)
    assert all(count > 0 for _, count in new)


def test_no_actor_is_left_when_an_algorithm_stops():
    from ray.util.state import list_actors  # noqa: F401  (needs the dashboard; the check below does not)

    algorithm = tiny(seed=None).env_runners(num_env_runners=1).build_algo()
    pid = algorithm.env_runner_group.foreach_env_runner(lambda _: os.getpid(), local_env_runner=False)[0]
    algorithm.stop()
    deadline = time.time() + 20
    while os.path.exists(f"/proc/{pid}") and time.time() < deadline:
        # Ray may keep an idle process for reuse; then it no longer runs our actor.
        with open(f"/proc/{pid}/cmdline") as file:
            if "TeamEnvRunner" not in file.read():
                break
        time.sleep(0.2)
    assert time.time() < deadline
    assert ray.is_initialized()
