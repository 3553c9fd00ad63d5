"""Env runners that play while the learner learns: by how much they lag, and what they survive."""

import os
import signal
import time

import pytest
from ray.tune.registry import register_env

from rllib_remix.algorithms.qmix_config import QMIXConfig
from rllib_remix.envs.predator_prey import PredatorPrey
from rllib_remix.errors import SettingError
from rllib_remix.team import sampling
from tests.algorithms.games import TINY, equal, one_shot, tiny, weights


def overlapped(*, num_env_runners=1, **training):
    config = tiny(overlap_sampling=True, **training).env_runners(num_env_runners=num_env_runners)
    return config.fault_tolerance(restart_failed_env_runners=True, env_runner_health_probe_timeout_s=30)


def updates(algorithm):
    return algorithm.learner_group.get_state()["learner"]["weights_seq_no"]


def on_runners(algorithm, ask):
    return algorithm.env_runner_group.foreach_env_runner(ask, local_env_runner=False)


def in_flight(algorithm):
    return algorithm.env_runner_group.num_in_flight_async_reqs("round")


def is_gone(pid, seconds=10):
    deadline = time.time() + seconds
    while time.time() < deadline:
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                if "TeamEnvRunner" not in file.read():  # Ray keeps idle processes for reuse.
                    return True
        except OSError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(
    ("training", "env_runners", "message"),
    [
        ({"overlap_sampling": "yes"}, {"num_env_runners": 1}, "overlap_sampling: 'yes'"),
        (
            {"overlap_sampling": True},
            {"num_env_runners": 0},
            "overlap_sampling: True is not allowed with num_env_runners = 0.*1 or more",
        ),
        (
            {"overlap_sampling": True},
            {"num_env_runners": 1, "max_requests_in_flight_per_env_runner": 2},
            "max_requests_in_flight_per_env_runner: 2 is not allowed.*must be 1",
        ),
    ],
)
def test_what_cannot_overlap_is_refused(training, env_runners, message):
    config = QMIXConfig().environment("predator_prey").training(**training).env_runners(**env_runners)
    with pytest.raises(SettingError, match=message):
        config.validate()


def test_evaluation_without_env_runners_of_its_own_may_be_combined_with_overlap():
    overlapped().evaluation(evaluation_interval=1, evaluation_num_env_runners=0).validate()


@pytest.mark.slow
def test_weights_lag_by_the_updates_of_one_round_and_updates_are_as_many_as_without_overlap(build):
    config = overlapped(seed=None, rollout_episodes_per_update=2).reporting(
        min_sample_timesteps_per_iteration=1
    )
    algorithm = build(config)
    results, counts = [], []
    for _ in range(5):
        results.append(algorithm.train())
        counts.append(updates(algorithm))
        assert in_flight(algorithm) == 1
    # A round brings 4 episodes and 2 updates, once 8 episodes are there: with the second round there is 1.
    assert algorithm._episodes_collected == 20
    assert counts == [0, 1, 3, 5, 7]
    assert [result["env_runners"]["weights_lag"] for result in results] == [0, 0, 1, 2, 2]
    # A round's ε, from 1 to 0.1 over 2,000 env steps, is that of the moment at which the one before it had come.
    steps = [0, *(result["num_env_steps_sampled_lifetime"] for result in results[:-1])]
    epsilons = [result["env_runners"]["epsilon"] for result in results]
    assert epsilons == pytest.approx([1 - 0.9 * step / 2000 for step in steps])


@pytest.mark.slow
def test_without_overlap_nothing_lags(build):
    algorithm = build(tiny())
    for _ in range(2):
        assert algorithm.train()["env_runners"]["weights_lag"] == 0
    assert updates(algorithm) > 0


@pytest.mark.slow
def test_runs_with_one_seed_are_equal_and_a_restored_one_drops_what_was_in_flight(build, tmp_path):
    one, other = build(overlapped(seed=3)), build(overlapped(seed=3))
    for _ in range(2):
        one.train()
        other.train()
    assert equal(weights(one), weights(other))

    assert in_flight(one) == 1
    one.save_to_path(str(tmp_path / "c"))
    other.train()
    assert other._episodes_collected > one._episodes_collected
    other.restore_from_path(str(tmp_path / "c"))
    assert in_flight(other) == 0
    assert len(one.replay_buffer) == len(other.replay_buffer)
    agent = {name: value for name, value in weights(one).items() if name.startswith("agent.")}
    saved_at = updates(one)
    for algorithm in (one, other):
        before = algorithm._episodes_collected
        algorithm.training_step()
        assert algorithm._episodes_collected == before + 4
    assert one._rounds.weights_lag == 1  # Its round in flight was collected.
    assert other._rounds.weights_lag == 0  # It requested one with the restored weights.
    ((played_with, number),) = on_runners(other, lambda r: (r.module.get_state(), r._weights_seq_no))
    assert number == saved_at
    assert equal(played_with, agent)
    result = other.train()
    assert result["env_runners"]["num_episodes_lifetime"] == other._episodes_collected

    other.set_state(one.get_state())  # With a state in memory as well.
    assert in_flight(other) == 0


class Slow(PredatorPrey):
    """Takes its time for a step, and for ever while there is a file named `env_config["stuck"]`."""

    def __init__(self, num_envs, stuck):
        super().__init__(num_envs, **TINY)
        self._stuck = stuck

    def step(self, actions):
        time.sleep(0.05)
        while os.path.exists(self._stuck):
            time.sleep(0.1)
        return super().step(actions)


def slow(folder, **training):
    register_env("slow_game", lambda context: Slow(context.num_envs, context["stuck"]))
    stuck = str(folder / "stuck")
    return overlapped(**training).environment("slow_game", env_config={"stuck": stuck})


@pytest.mark.slow
def test_an_env_runner_killed_while_it_plays_loses_its_round_and_is_used_again(build, tmp_path):
    algorithm = build(slow(tmp_path, seed=None).reporting(min_sample_timesteps_per_iteration=1))
    (old,) = on_runners(algorithm, lambda _: os.getpid())
    algorithm.training_step()
    assert in_flight(algorithm) == 1
    os.kill(old, signal.SIGKILL)
    for _ in range(40):
        result = algorithm.train()
        if algorithm._episodes_collected > 4:
            break
    assert result["fault_tolerance"]["num_remote_worker_restarts"] == 1
    assert result["fault_tolerance"]["num_healthy_workers"] == 1
    ((new, steps),) = on_runners(algorithm, lambda r: (os.getpid(), r.num_env_steps_sampled_lifetime))
    assert new != old
    assert steps > 0
    assert in_flight(algorithm) == 1
    # What the runners report is exactly what reached the replay buffer.
    assert result["env_runners"]["num_episodes_lifetime"] == algorithm._episodes_collected == 8


@pytest.mark.slow
def test_late_rounds_are_dropped_with_an_error_that_names_the_timeout_and_stop_does_not_wait_for_ever(
    ray_session, tmp_path, monkeypatch
):
    algorithm = slow(tmp_path, seed=None).env_runners(sample_timeout_s=0.1).build_algo()
    (pid,) = on_runners(algorithm, lambda _: os.getpid())
    with pytest.raises(RuntimeError, match="raise `sample_timeout_s`"):
        algorithm.train()
    assert algorithm._episodes_collected == 0

    (tmp_path / "stuck").touch()
    algorithm._rounds.start_next()
    monkeypatch.setattr(sampling, "MAX_SECONDS_TO_STOP", 1.0)
    started = time.time()
    algorithm.stop()
    assert time.time() - started < 5
    assert is_gone(pid)


@pytest.mark.slow
def test_overlapped_learning_solves_a_game(build):
    config = one_shot("QMIX", steps=1000, overlap_sampling=True).env_runners(num_env_runners=1)
    config.training(rollout_episodes_per_update=8)  # one update for the episodes of a round
    result = build(config.environment(env_config={"payoff": [[0, 1, 2], [1, 2, 3], [2, 3, 4]]})).train()
    assert result["evaluation"]["env_runners"]["episode_return_mean"] == 4
    assert result["env_runners"]["weights_lag"] == 1


class TwoRunners:
    """Stands in for Ray's group of env runners: runner 1 answers when it is asked to, runner 2 at once."""

    def __init__(self):
        self.asked, self._waiting, self._stuck = [], {}, True

    def foreach_env_runner_async(self, function, tag):
        idle = [runner for runner in (1, 2) if runner not in self._waiting]
        for runner in idle:
            self._waiting[runner] = function.keywords["round_number"]
        self.asked.append(idle)
        return len(idle)

    def fetch_ready_async_reqs(self, tags, timeout_seconds):
        ready = [runner for runner in self._waiting if runner == 2 or not self._stuck]
        numbers = [self._waiting.pop(runner) for runner in ready]
        return [(0, sampling.Played([], {}, "", number)) for number in numbers]

    def num_in_flight_async_reqs(self, tag):
        return len(self._waiting)

    def answer(self):
        self._stuck = False


def test_an_env_runner_that_is_late_after_a_restore_holds_up_nobody(monkeypatch):
    config = tiny(overlap_sampling=True).env_runners(num_env_runners=2, sample_timeout_s=0.2)
    group = TwoRunners()
    rounds = sampling.OverlappedRounds(group, config, lambda by_reference: {"weights_seq_no": 0})
    monkeypatch.setattr(rounds, "_measure_lag", lambda *arguments: None)
    monkeypatch.setattr(rounds, "_check", lambda played: None)
    rounds.start_next()
    rounds.forget()  # A restore: runner 2 has come, runner 1 still plays with the old weights.
    assert len(rounds.collect()) == 1
    assert group.asked == [[1, 2], [2]]
    group.answer()  # Runner 1 brings its old round, which is dropped, and plays again from the next one on.
    rounds.start_next()
    assert [part.round_number for part in rounds.collect()] == [rounds._round_number]
    rounds.start_next()
    assert group.asked[-1] == [1, 2]


def test_a_round_for_which_everybody_is_late_is_waited_for_and_not_given_up(monkeypatch):
    config = tiny(overlap_sampling=True).env_runners(num_env_runners=2, sample_timeout_s=60)
    group = TwoRunners()
    rounds = sampling.OverlappedRounds(group, config, lambda by_reference: {"weights_seq_no": 0})
    monkeypatch.setattr(rounds, "_measure_lag", lambda *arguments: None)
    monkeypatch.setattr(rounds, "_check", lambda played: None)
    group._waiting = {1: -1, 2: -1}  # Both still play an earlier round, and then bring it.
    group.answer()
    assert [part.round_number for part in rounds.collect()] == [rounds._round_number] * 2
    assert group.asked == [[], [1, 2]]
