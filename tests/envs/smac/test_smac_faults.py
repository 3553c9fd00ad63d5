"""The adapter on games that crash, hang, end and grow: what is thrown away, what is started again, what is left."""

import fcntl
import gc
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rllib_remix.algorithms.qmix_config import QMIXConfig
from rllib_remix.envs.checker import check_team_env
from rllib_remix.envs.smac.folders import WorkFolder, root_folder
from rllib_remix.envs.smac.game import SmacError
from rllib_remix.envs.smac.processes import death_of, group_members
from rllib_remix.envs.team_env import MAX_BROKEN_IN_A_ROW, BrokenEnvironment
from rllib_remix.playing.episodes import play as play_episodes
from rllib_remix.rollout.env_runner import TeamEnvRunner
from tests.envs.smac.conftest import QUICK, children, ended, runs

pytestmark = pytest.mark.slow

STOP = 1
HANG_LIMIT_S = 0.4


def play(env, steps):
    step = None
    for _ in range(steps):
        step = env.step(np.full((env.num_envs, env.n_agents), STOP))
    return step


# A fault in a step


@pytest.mark.parametrize(
    ("what", "cause"),
    [
        ("crash", r"the client lost its game \(ConnectionLost: Connection already closed\)"),
        ("empty", "the client lost its game"),
        ("error", "KeyError: 'unit 7'"),
        ("die", "its process was killed by SIGKILL; the system may be short of memory"),
    ],
)
def test_a_fault_breaks_the_episode_of_its_copy_alone(fakes, processes_of_test, what, cause):
    # Only the game of copy 1 fails: it is the only one that makes a sixth step since its start.
    env = fakes.make(2, faults={"always": ["step", 5, what]}, told={"child": True})
    env.reset()
    play(env, 3)
    env._games[0].reseed(None)
    env._steps[0] = -1
    step = play(env, 1)  # copy 0 begins in a new game, copy 1 wins
    assert step.terminated.tolist() == [False, True]
    play(env, 1)
    before = env.step(np.full((2, 3), STOP))
    kept_obs = before.obs[1].copy()
    lost_pid = env.pids()[1]
    step = play(env, 1)
    assert step.broken.tolist() == [False, True]
    assert step.truncated.tolist() == [False, True]
    assert step.terminated.tolist() == [False, False]
    assert step.rewards[0] > 0
    assert step.rewards[1] == 0
    assert (step.obs[1] == kept_obs).all()
    assert step.avail_actions[1].any(-1).all()
    assert env.fault(0) == ""
    assert re.match(cause, env.fault(1))
    assert env.pids()[1] is None
    assert ended(group_members(lost_pid))
    step = play(env, 1)
    assert not step.broken.any()
    assert step.rewards[1] == 0
    assert env.pids()[1] != lost_pid


def test_a_hanging_game_is_killed_when_its_time_is_over(fakes, processes_of_test):
    env = fakes.make(1, faults={"1": ["step", 2, "hang"]}, told={"child": True}, step_timeout_s=HANG_LIMIT_S)
    env.reset()
    play(env, 2)
    pids = processes_of_test()
    assert len(pids) == 2
    begin = time.monotonic()
    step = play(env, 1)
    assert HANG_LIMIT_S <= time.monotonic() - begin < HANG_LIMIT_S + 1
    assert step.broken.tolist() == [True]
    assert "no answer to 'step' within 0.4 s (step_timeout_s)" in env.fault(0)
    assert ended(pids)
    assert not play(env, 5).broken.any()
    assert env.counters() == {"num_game_starts": 2, "num_game_faults": 1}


def test_a_game_that_is_stopped_or_killed_from_outside_breaks_its_episode(fakes):
    env = fakes.make(2, step_timeout_s=HANG_LIMIT_S)
    env.reset()
    os.kill(env.pids()[0], signal.SIGSTOP)
    os.kill(env.pids()[1], signal.SIGKILL)
    assert play(env, 1).broken.tolist() == [True, True]
    assert not play(env, 4).broken.any()


def test_a_new_game_gets_a_new_seed_from_the_same_stream(fakes):
    env = fakes.make(1, faults={"1": ["step", 1, "crash"]})
    env.reset(seed=4)
    play(env, 3)
    crashed = [start["seed"] for start in fakes.starts()]
    assert len(set(crashed)) == 2
    env = fakes.make(1, restart_every_episodes=1)
    env.reset(seed=4)
    play(env, 5)
    assert [start["seed"] for start in fakes.starts()][2:] == crashed


def test_no_step_is_half_done_after_an_error(fakes, processes_of_test):
    env = fakes.make(2)
    env.reset()
    play(env, 1)
    for game in env._games:
        game.finish = lambda: (_ for _ in ()).throw(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        play(env, 1)
    assert processes_of_test() == []


# A fault at the start


def test_a_fault_between_episodes_breaks_none(fakes):
    env = fakes.make(1, faults={"1": ["reset", 4, "crash"]})
    env.reset()
    play(env, 4)
    step = play(env, 1)
    assert not step.broken.any()
    assert env.counters() == {"num_game_starts": 2, "num_game_faults": 1}
    assert not play(env, 4).broken.any()


@pytest.mark.parametrize("what", ["crash", "die", "hang"])
def test_a_game_that_never_starts_is_given_up_with_its_cause_and_its_log(fakes, processes_of_test, what):
    env = fakes.make(
        2, faults={"always": ["launch", 0, what]}, start_tries=3, reset_timeout_s=2 if what == "hang" else 60
    )
    with pytest.raises(
        SmacError, match=r"copy 0 failed to start 3 times in a row \(start_tries\); the last time: "
    ) as error:
        env.reset()
    assert len(fakes.starts()) == 6
    log = Path(str(error.value).split("the output of the game is in ")[1].split(", and ends:")[0])
    assert "of the fake game" in log.read_text()
    assert "of the fake game" in str(error.value)
    assert processes_of_test() == []
    env.close()
    assert log.exists()  # to be read


def test_tries_come_ever_later(fakes):
    env = fakes.make(faults={"always": ["launch", 0, "crash"]}, start_tries=4, start_backoff_s=0.4)
    with pytest.raises(SmacError):
        env.reset()
    times = [start["time"] for start in fakes.starts()]
    waited = np.diff(times)
    for wait, backoff in zip(waited, (0.4, 0.8, 1.6), strict=True):
        assert backoff / 2 <= wait < backoff + 1.5  # with chance, and a process's start


def test_starts_that_fail_now_and_then_are_no_error(fakes):
    env = fakes.make(1, faults={"1": ["launch", 0, "crash"], "2": ["launch", 0, "die"]})
    assert not env.reset().broken.any()
    assert env.counters() == {"num_game_starts": 3, "num_game_faults": 2}


@pytest.mark.parametrize(
    ("client", "cause"),
    [
        ("no_such_module:Client", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("tests.envs.smac.fake_client:NoClient", "has no attribute 'NoClient'"),
        ("builtins:object", "TypeError"),
    ],
)
def test_a_client_that_cannot_be_made_is_not_tried_again(fakes, client, cause):
    env = fakes.make(client=client, start_backoff_s=60)
    begin = time.monotonic()
    with pytest.raises(SmacError, match=rf"smac.client: '{client}' cannot be made \(.*{cause}"):
        env.reset()
    assert time.monotonic() - begin < 20


def test_starts_on_one_machine_are_spaced(fakes):
    one, other = fakes.make(2, start_interval_s=0.3), fakes.make(1, start_interval_s=0.3)
    one.reset()
    other.reset()
    times = sorted(start["time"] for start in fakes.starts())
    assert np.diff(times).min() >= 0.29


def test_waiting_for_a_turn_is_no_hang(fakes):
    env = fakes.make(3, start_interval_s=1.2, reset_timeout_s=2)  # the last one waits for 2.4 s
    env.reset()
    assert env.counters()["num_game_faults"] == 0


# Restarts in good time


def test_a_game_is_restarted_every_so_many_episodes_between_two_of_them(fakes):
    env = fakes.make(1, restart_every_episodes=2)
    env.reset()
    steps = [play(env, 1) for _ in range(5 * 5)]
    assert not any(step.broken.any() for step in steps)
    assert len(fakes.starts()) == 3
    assert env.counters() == {"num_game_starts": 3, "num_game_faults": 0}


def test_a_game_that_takes_too_much_memory_is_restarted_between_two_episodes(fakes):
    env = fakes.make(1, told={"grows_mb": 100}, memory_limit_mb=220)
    env.reset()
    assert not any(play(env, 1).broken.any() for _ in range(6 * 5))
    # About 30 MB for the client's process and 100 for each episode: above 220 after two.
    assert len(fakes.starts()) == 4


# No process left


def test_an_environment_that_is_dropped_takes_its_games_with_it(fakes, processes_of_test):
    env = fakes.make(2, told={"child": True})
    env.reset()
    pids = processes_of_test()
    assert len(pids) == 4
    fakes._made.clear()
    del env
    gc.collect()
    assert ended(pids)


WORKER = """
import signal
import numpy as np
from tests.envs.smac.conftest import QUICK
from rllib_remix.envs.smac.env import Smac

signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs in a shell's background ignores it
env = Smac(2, **QUICK, {settings})
env.reset()
print("playing", flush=True)
while True:
    env.step(np.full((2, 3), 1))
"""


@pytest.fixture
def worker(fakes, temporary_folder, monkeypatch):
    """A process that plays two games, each with a process of its own; returns it and all its descendants."""
    started = []

    def start(settings="", **told):
        fakes.make(told={"child": True, **told})  # sets the fake's orders
        monkeypatch.setenv("TMPDIR", str(temporary_folder))
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER.format(settings=settings)],
            cwd=Path(__file__).parents[3],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "playing\n"
        descendants = children(process.pid)
        assert len(descendants) == 4
        return process, descendants

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_killed_leaves_no_process_and_no_temporary_files(worker, temporary_folder, way):
    process, descendants = worker()
    process.send_signal(way)
    process.wait(10)
    assert ended(descendants)
    assert not list(temporary_folder.glob("*/env_*/game_?"))


def test_games_die_with_their_worker_in_the_midst_of_a_hang(worker):
    process, descendants = worker("step_timeout_s=600", faults={"always": ["step", 6, "hang"]})
    time.sleep(0.3)
    process.kill()
    assert ended(descendants)


def test_games_die_although_their_clients_are_killed_together_with_the_worker(worker):
    process, descendants = worker()
    clients = [pid for pid in descendants if os.getpgid(pid) == pid]
    games = set(descendants) - set(clients)
    for pid in clients:
        os.kill(pid, signal.SIGSTOP)  # so that they can do nothing more
    process.kill()
    process.wait()
    for pid in clients:
        os.kill(pid, signal.SIGKILL)
    assert ended(games)


def test_what_a_killed_worker_left_is_cleaned_by_the_next_and_what_is_in_use_is_not(temporary_folder):
    living, old, young = WorkFolder(), WorkFolder(), WorkFolder()
    for folder in (living, old, young):
        (folder.temporary(0) / "sc-x").mkdir()
        folder.log(0).write_text("said\n")
    for folder in (old, young):
        folder._lock.close()  # as the end of its process does
    os.utime(old.path, (0, 0))
    foreign = root_folder() / "something"
    foreign.mkdir()
    WorkFolder().path  # noqa: B018 (a new one cleans)
    assert (living.path / "game_0" / "sc-x").exists()
    assert not old.path.exists()
    assert young.log(0).read_text() == "said\n"
    assert not (young.path / "game_0").exists()
    assert foreign.exists()
    living.close(keep_logs=False)
    assert not living._path
    with open(root_folder() / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody holds it


def test_a_forked_process_that_ends_leaves_the_games_alone(fakes, processes_of_test):
    env = fakes.make(1)
    env.reset()
    (pid,) = processes_of_test()
    child = os.fork()
    if child == 0:
        for finalizer in [game._process.kill for game in env._games]:
            finalizer()
        os._exit(0)
    os.waitpid(child, 0)
    assert runs(pid)
    assert not play(env, 1).broken.any()


def test_a_death_is_told_in_words():
    ends = {
        "import sys; sys.exit(3)": "ended with exit code 3",
        "import os; os.kill(os.getpid(), 15)": "was killed by SIGTERM",
    }
    for code, words in ends.items():
        process = subprocess.Popen([sys.executable, "-c", code])
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert death_of(process.pid) == words
        process.wait()


def test_the_process_of_a_game_loads_neither_ray_nor_torch_and_gets_the_protobuf_that_works(fakes):
    env = fakes.make()
    env.reset()
    pid = env.pids()[0]
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    maps = Path(f"/proc/{pid}/maps").read_text()
    assert b"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python" in environment
    assert "libtorch" not in maps
    assert "_raylet" not in maps
    assert "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION" not in os.environ


# Who plays on a game that breaks


def runner(fakes, num_envs=2, **orders):
    fakes.make(**orders)  # sets the fake's orders
    config = (
        QMIXConfig()
        .environment("smac", env_config=dict(QUICK))
        .env_runners(num_envs_per_env_runner=num_envs)
        .debugging(seed=0)
    )
    return TeamEnvRunner(config=config, worker_index=0)


def test_an_env_runner_plays_another_episode_for_one_that_broke(fakes):
    played = runner(fakes, faults={"1": ["step", 6, "crash"], "2": ["step", 2, "die"]})
    try:
        episodes = played.sample(num_episodes=6)
        assert [len(episode) for episode in episodes] == [4] * 6
        assert all(episode.terminated for episode in episodes)
        assert all(episode.info["battle_won"] == 1 for episode in episodes)
        for episode in episodes:  # of one game each, from its first step to its last
            assert np.allclose(np.diff(episode.state[:, 0]), 0.001, atol=1e-4)
        metrics = played.get_metrics()
        assert metrics["num_episodes_discarded_lifetime"].peek() == 2
        assert metrics["num_game_starts_lifetime"].peek() == 4
        assert metrics["num_game_faults_lifetime"].peek() == 2
        assert metrics["num_env_steps_sampled_lifetime"].peek() == 24
        assert metrics["num_episodes_lifetime"].peek() == 6
        assert metrics["battle_won_mean"].peek() == 1
        assert metrics["game_build_mean"].peek() == 75689
        played.sample(num_episodes=2)
        assert played.get_metrics()["num_game_starts_lifetime"].peek() == 0  # since the latest report
    finally:
        played.stop()


def test_an_env_runner_gives_up_when_episodes_of_a_copy_break_one_after_the_other(fakes, processes_of_test):
    played = runner(fakes, faults={"always": ["step", 1, "crash"]})
    try:
        with pytest.raises(
            BrokenEnvironment, match=f"{MAX_BROKEN_IN_A_ROW} episodes of copy 0 .*the client lost its game"
        ):
            played.sample()
        # What the algorithm does then on a remote env runner: the next environment may fare better.
        played.make_env()
    finally:
        played.stop()


def test_an_evaluation_drops_broken_episodes(fakes):
    class Stopping:
        def reset(self, num_envs):
            pass

        def act(self, step, *, first):
            return np.full(step.obs.shape[:2], STOP)

    env = fakes.make(2, faults={"2": ["step", 1, "crash"], "3": ["step", 9, "crash"]})
    played = play_episodes(Stopping(), env, 6, seed=0)
    assert played.lengths == [4] * 6
    assert played.info["battle_won"] == [1] * 6
    assert env.counters()["num_game_faults"] == 2


def test_the_checker_accepts_broken_episodes_but_not_without_end(fakes):
    check_team_env(fakes.make(1, faults={"1": ["step", 4, "crash"], "2": ["step", 0, "crash"]}))
    with pytest.raises(BrokenEnvironment):
        check_team_env(fakes.make(1, faults={"always": ["step", 0, "crash"]}))
