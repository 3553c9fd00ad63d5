"""Copies in several processes play what they play in one, and a process that dies takes only its own along."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import numpy as np
import pytest
from gymnasium.spaces import Box

import rllib_remix
from rllib_remix.envs.checker import TeamEnvError, check_team_env
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.envs.naming.importing import load_file
from rllib_remix.envs.processes import team
from rllib_remix.envs.processes.team import MAX_DEATHS_IN_A_ROW, ProcessTeamEnv
from rllib_remix.envs.team_env import BrokenEnvironment, TeamEnv, random_actions
from rllib_remix.errors import SettingError
from rllib_remix.rollout.building import build_team_env
from tests.envs.processes.walkers import Pictures, Walkers

ROOT = Path(rllib_remix.__file__).parents[1]
FIELDS = ("obs", "state", "avail_actions", "rewards", "terminated", "truncated", "agent_returns")


@pytest.fixture
def spread():
    """Makes ProcessTeamEnvs, and closes them."""
    made = []

    def make(num_envs=5, num_processes=2, options=None, **settings):
        env = ProcessTeamEnv(functools.partial(Walkers, **settings), num_envs, num_processes, options)
        made.append(env)
        return env

    yield make
    for env in made:
        env.close()


def shown(step):
    return [getattr(step, name).tobytes() for name in FIELDS] + [
        (name, step.info[name].tobytes()) for name in sorted(step.info)
    ]


def playing(env, seed, steps, actions_seed=0):
    rng, step = np.random.default_rng(actions_seed), env.reset(seed)
    for _ in range(steps):
        yield shown(step)
        step = env.step(random_actions(step.avail_actions, rng))


@pytest.mark.parametrize("num_processes", [2, 9])
def test_copies_in_processes_play_to_the_bit_what_they_play_in_one(spread, num_processes):
    alone, env = adapt(Walkers, 5), spread(num_processes=num_processes)
    assert env.spec == alone.spec
    assert env.assumed == alone.assumed
    assert env.agent_layout == alone.agent_layout != TeamEnv.agent_layout.fget(env)
    assert list(playing(env, 3, 30)) == list(playing(alone, 3, 30))
    assert env.get_state() == alone.get_state()
    assert [len(infos) for infos in env.infos] == [len(infos) for infos in alone.infos]
    state = alone.get_state()
    assert list(playing(env, None, 9)) == list(playing(alone, None, 9))
    env.set_state(state)
    again = list(playing(env, None, 9))
    alone.set_state(state)
    assert again == list(playing(alone, None, 9))
    assert [env.render(copy)[0, 0, 0] for copy in range(5)] == [0, 1, 2, 3, 4]
    check_team_env(env)


def test_images_stay_images():
    env = ProcessTeamEnv(Pictures, 2, 2, {"state": "observations"})
    try:
        assert env.spec == adapt(Pictures, 2, {"state": "observations"}).spec
        assert env.spec.obs_shape == (8, 9, 3)
    finally:
        env.close()


def test_what_an_environment_raises_is_raised_with_its_traceback_and_the_copies(spread):
    env = spread(num_envs=4, fails_at=2)
    step = env.step(random_actions(env.reset(0).avail_actions, np.random.default_rng(0)))
    with pytest.raises(OSError, match="the line is broken") as caught:
        env.step(random_actions(step.avail_actions, np.random.default_rng(0)))
    told = "".join(traceback.format_exception(caught.value))
    assert "in the process of copies 2 to 3" in told
    assert "walkers.py" in told
    assert env.reset(0).obs.shape == (4, 3, 2)  # and it can go on


def test_messages_name_the_copy_by_its_number_in_the_team(spread):
    env = spread(num_envs=4, fails_at=1, nan=True)
    env.reset(0)
    with pytest.raises(TeamEnvError, match=r"^Walkers, copy 2, agent 'a', step 1 of the episode: .*NaN"):
        env.step(np.zeros((4, 3), int))
    env.reset(0)
    with pytest.raises(
        TeamEnvError, match=r"^Walkers, copy 3, agent 'b', step 0 .*action 9 is not available"
    ):
        env.step(np.array([[0, 0, 0]] * 3 + [[0, 9, 0]]))


def test_a_process_that_dies_breaks_its_own_episodes_and_the_others_go_on(spread, tmp_path):
    env = spread(
        num_envs=4, num_processes=2, dies_at=2, mark=tmp_path / "mark", options={"state": "observations"}
    )
    actions = np.ones((4, 3), int)
    env.reset(0)
    last = env.step(actions * env._shared.avail_actions[..., 1]).obs.copy()
    step = env.step(actions * env._shared.avail_actions[..., 1])
    assert step.broken.tolist() == step.truncated.tolist() == [False, False, True, True]
    assert step.rewards[2:].tolist() == [0, 0]
    assert (step.obs[2:] == last[2:]).all()
    assert (step.obs[:2] != last[:2]).any()
    assert "copies 2 to 3 was killed by SIGKILL" in env.fault(3)
    assert env.fault(0) == ""
    assert env.counters() == {"env_process_restarts": 1}
    step = env.step(actions * env._shared.avail_actions[..., 1])
    assert not (step.broken | step.truncated)[2:].any()
    assert env.get_state()["episodes"] == [1, 1, 2, 2]
    check_team_env(env)


def test_a_process_that_dies_as_it_begins_is_tried_a_few_times(spread):
    env = spread(num_envs=3, dies_at=0, num_processes=3)
    with pytest.raises(
        BrokenEnvironment, match=f"copy 2 was killed by SIGKILL.* {MAX_DEATHS_IN_A_ROW} times in a row"
    ):
        env.reset(0)


def test_a_process_that_dies_as_it_begins_begins_another_episode(spread, tmp_path):
    env = spread(num_envs=3, dies_at=0, num_processes=3, mark=tmp_path / "mark")
    step = env.reset(0)
    assert not (step.truncated | step.broken).any()
    assert env.get_state()["episodes"] == [1, 1, 2]


def test_closing_ends_the_processes(spread):
    env = spread()
    pids = [child.pid for child in env._children]
    env.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    env.close()


KILLED = """
import sys
import time
from tests.envs.processes.walkers import Walkers
from rllib_remix.envs.processes.team import ProcessTeamEnv
helper, slow_s = sys.argv[1], float(sys.argv[2])
env = ProcessTeamEnv(lambda copy: Walkers(copy, slow_s=slow_s, helper=helper), 2, 2)
print(*(child.pid for child in env._children), flush=True)
env.reset(0)
env.step([[0] * 3] * 2)
time.sleep(60)
"""


def is_running(pid):
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.parametrize("slow_s", [0, 60])
def test_all_ends_when_the_one_that_started_it_is_killed_also_in_the_midst_of_a_step(slow_s, tmp_path):
    helper = tmp_path / "helper"
    command = [sys.executable, "-c", KILLED, str(helper), str(slow_s)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    pids = list(map(int, parent.stdout.readline().split()))
    assert len(pids) == 2
    pids += [int(Path(f"{helper}.{copy}").read_text()) for copy in range(2)]
    time.sleep(0.3)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, pids))
    assert helper.with_suffix(".closed").exists()


def test_closing_waits_for_all_together_also_where_an_answer_is_owed(spread, monkeypatch):
    monkeypatch.setattr(team, "CLOSE_LIMIT_S", 0.5)
    env = spread(num_envs=3, num_processes=3, slow_s=60)
    env.reset(0)
    for child in env._children:
        child.ask("step")
    began = time.monotonic()
    env.close()
    assert time.monotonic() - began < 1.4


def test_what_a_file_defines_is_sent_to_the_processes(tmp_path):
    source = (ROOT / "tests/envs/processes/walkers.py").read_text()
    (tmp_path / "walkers_of_a_file.py").write_text(source)
    module = load_file("env", str(tmp_path / "walkers_of_a_file.py"))
    env = ProcessTeamEnv(module.Walkers, 2, 2)
    try:
        assert env.reset(0).obs.shape == (2, 3, 2)
    finally:
        env.close()


def test_spaces_that_were_sampled_in_one_process_are_those_of_the_others():
    def make(copy):
        env = Walkers(copy)
        space = Box(-99, 99, (2,), np.float32)
        if copy:
            space.sample()
        env.observation_space = lambda agent: space
        return env

    ProcessTeamEnv(make, 2, 2).close()


def test_what_makes_the_environment_must_be_picklable():
    lock = threading.Lock()
    with pytest.raises(SettingError, match=r"num_env_processes: .*cannot be sent to another process"):
        ProcessTeamEnv(lambda copy: (lock, Walkers(copy)), 2, 2)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ("predator_prey", "num_env_processes: 2 is not allowed with 'predator_prey', a TeamEnv"),
        (ProcessTeamEnv, "num_env_processes: 2 is not allowed with 'ProcessTeamEnv'"),
    ],
)
def test_an_environment_that_steps_its_copies_itself_is_refused(env, message):
    with pytest.raises(SettingError, match=message):
        build_team_env(env, {}, 4, num_processes=2)


def test_copies_that_differ_are_refused_across_processes():
    def make(copy):
        env = Walkers(copy)
        env.max_cycles = 7 + copy // 2
        return env

    with pytest.raises(SettingError, match="make_env: copy 2 differs from copy 0"):
        ProcessTeamEnv(make, 4, 2)


def test_an_environment_that_cannot_be_made_says_so_as_in_one_process():
    def make(copy):
        raise ZeroDivisionError("no land")

    with pytest.raises(ZeroDivisionError, match="no land"):
        ProcessTeamEnv(make, 2, 2)
