"""The comparison with other packages: its accounting of processes, its games, its table. No peer is needed here."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

import rllib_remix

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

import benchmark
from benchmarks import processes, timing
from benchmarks.peers import comparison, environments, systems, tables, watching
from benchmarks.peers.drivers import shims
from benchmarks.peers.drivers.games import GAMES, NullGame
from benchmarks.peers.drivers.recorder import COPIES, Recorder

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

# Processes


def test_a_name_with_parentheses_and_spaces_hides_no_field():
    # After the name: state, parent 7, … fields 14 to 17 of the manual are the ticks 1, 2, 30, 40, and 22 is the start.
    line = "12 (a) (b c) S 7 0 0 0 0 0 0 0 0 0 1 2 30 40 20 0 1 0 555 0"
    assert processes.read_stat(line) == processes.Process(parent=7, started=555, ticks=73)


@needs_proc
def test_the_time_of_children_that_ended_counts():
    before = timing.family_cpu_seconds()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True)
    assert timing.family_cpu_seconds() - before > 0.25


@needs_proc
def test_what_is_below_is_found_weighed_and_ended_and_nothing_else():
    grandchild = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    )
    with subprocess.Popen([sys.executable, "-c", grandchild]) as child:
        family = _wait_for(lambda: len(found := processes.below(child.pid)) == 2 and found)
        assert processes.memory_bytes(family) > 5 * 2**20  # two interpreters
        another = {number: processes.Process(1, process.started + 1, 0) for number, process in family.items()}
        processes.kill(another)
        assert set(processes.below(child.pid)) == set(family)
        processes.kill(family)
    _wait_for(lambda: not any(_lives(number) for number in family))


def _wait_for(condition):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError("it did not come")


def _lives(number):
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"  # Ended, and nobody asked how.


# A driver starts a process that would outlive it, notes its number, and does what the test says.
DRIVER = """
import json, pathlib, subprocess, sys, time
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
pathlib.Path({note!r}).write_text(str(other.pid))
time.sleep(1)
{rest}
"""
WRITES = "pathlib.Path(sys.argv[-1]).write_text(json.dumps({'start_cpu_s': 1.5}))"


def driver(tmp_path, rest):
    return [sys.executable, "-c", DRIVER.format(note=str(tmp_path / "note"), rest=rest)]


def is_gone(tmp_path):
    number = int((tmp_path / "note").read_text())
    return _wait_for(lambda: not _lives(number))


@needs_proc
def test_a_driver_gives_its_figures_and_leaves_no_process(tmp_path):
    measured = watching.run(driver(tmp_path, WRITES), {})
    assert measured["start_cpu_s"] == 1.5
    assert measured["peak_memory_mib"] > 5
    assert is_gone(tmp_path)


@needs_proc
@pytest.mark.parametrize(
    ("rest", "message"), [("sys.exit('no such game')", "no such game"), ("", "ended without a word")]
)
def test_a_driver_that_fails_says_why(tmp_path, rest, message):
    with pytest.raises(watching.Failed, match=message):
        watching.run(driver(tmp_path, rest), {})
    assert is_gone(tmp_path)


@needs_proc
def test_a_driver_that_takes_too_long_is_ended(tmp_path):
    with pytest.raises(watching.Failed, match="took more than 3 s"):
        watching.run(driver(tmp_path, "time.sleep(300)"), {}, limit_s=3)
    assert is_gone(tmp_path)


@needs_proc
def test_ctrl_c_leaves_no_process(tmp_path, monkeypatch):
    def interrupted(family):
        if (tmp_path / "note").is_file() and len(family) == 2:
            raise KeyboardInterrupt
        return 0

    monkeypatch.setattr(processes, "memory_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        watching.run(driver(tmp_path, "time.sleep(300)"), {})
    assert is_gone(tmp_path)


# Games and drivers


def test_the_null_game_has_the_shape_of_the_full_game():
    spec = rllib_remix.make_team_env("predator_prey").spec
    game = NullGame()
    assert (game.n_agents, game.obs_dim, game.n_actions, game.state_dim, game.episode_limit) == (
        spec.n_agents, spec.obs_dim, spec.n_actions, spec.state_dim, spec.episode_limit,
    )  # fmt: skip
    assert len(game.possible_agents) == 8
    assert game.observation_space("agent_0").shape == (50,)
    assert game.state().shape == (200,)


def test_the_null_game_ends_with_its_limit_and_returns_what_it_has():
    game = GAMES["null"].make()
    first, _ = game.reset(seed=0)
    for step in range(200):
        assert game.agents
        observations, rewards, terminated, truncated, _ = game.step({})
        assert observations is first
        assert not any(rewards.values())
        assert not any(terminated.values())
        assert all(truncated.values()) == any(truncated.values()) == (step == 199)
    assert not game.agents
    game.reset()
    assert len(game.agents) == 8


def test_foraging_plays_as_a_parallel_env():
    pytest.importorskip("lbforaging")
    game = GAMES["foraging"].make()
    observations, _ = game.reset(seed=0)
    steps = 0
    while game.agents:
        observations, *_ = game.step({agent: 0 for agent in game.agents})
        steps += 1
    assert steps == GAMES["foraging"].episode_limit
    assert set(observations) == {"agent_0", "agent_1"}
    assert game.state().shape == game.state_space.shape == (2 * len(observations["agent_0"]),)


def test_a_stand_in_can_be_imported_from(monkeypatch):
    monkeypatch.delitem(sys.modules, "no_such_package", raising=False)
    shims.stand_in("no_such_package", "no_such_package.part")
    from no_such_package.part import Thing  # pyright: ignore

    assert isinstance(Thing(), Thing)
    del sys.modules["no_such_package"], sys.modules["no_such_package.part"]


def a_recorder(tmp_path, **end_to_end):
    recorder = Recorder(argparse.Namespace(out=tmp_path / "out.json", updates=2))
    recorder.ready(10.0)
    recorder.begin()
    recorder.end("end_to_end", env_steps=400, **end_to_end)
    return recorder


def test_a_recorder_writes_updates_and_parts(tmp_path):
    recorder = a_recorder(tmp_path, updates=2, episodes=2 * COPIES)
    done = []
    recorder.updates(lambda: done.append(1))
    recorder.write(11.0)
    written = json.loads((tmp_path / "out.json").read_text())
    assert (len(done), len(written["updates"])) == (3, 2)  # the first is not counted
    assert written["end_to_end"]["env_steps"] == 400
    assert written["start_cpu_s"] > 0


@pytest.mark.parametrize("parameters", [10.0, float("nan")])
def test_what_did_not_learn_is_no_figure(tmp_path, parameters):
    with pytest.raises(RuntimeError, match="did not learn"):
        a_recorder(tmp_path, updates=2, episodes=2 * COPIES).write(parameters)


def test_another_ratio_of_updates_is_no_figure(tmp_path):
    with pytest.raises(RuntimeError, match="16 updates on 16 episodes"):
        a_recorder(tmp_path, updates=16, episodes=2 * COPIES).write(11.0)


# Environments


def test_every_package_is_pinned_and_a_title_has_the_version():
    for name, system in systems.PEERS.items():
        packages = dict(line.split("==") for line in environments.requirements(name).splitlines())
        assert packages["torch"] == "2.13.0"
        assert system.title.split()[-1] == packages[name]


def test_an_environment_is_made_once_and_again_if_it_is_half_made_or_another(tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(environments, "_run", commands.append)
    (tmp_path / "xuance").mkdir()
    python = environments.prepare("xuance", tmp_path)
    assert python == tmp_path / "xuance" / "bin" / "python"
    assert [command[2] for command in commands] == ["venv", "pip"]
    assert "--no-deps" in commands[1]
    assert "xuance==1.4.4" in commands[1]
    environments.prepare("xuance", tmp_path)
    assert len(commands) == 2
    (tmp_path / "xuance" / ".installed").write_text("another")
    environments.prepare("xuance", tmp_path)
    assert len(commands) == 4


def test_what_cannot_be_installed_is_named_with_the_reason():
    program = "import sys; sys.exit('note: x\\nERROR: No matching distribution found for torchrl==0\\n')"
    with pytest.raises(environments.NotInstalled, match="No matching distribution found for torchrl"):
        environments._run([sys.executable, "-c", program])


# Turns


MACHINE = {"cpu": "a CPU", "commit": "abc"}


def a_run(system="ours", game="null", batch=32, turn=0, seconds=1.0):
    """As many env steps in `seconds` as 100 would take in one; the update takes a tenth of that."""
    part = {"env_steps": 100, "cpu_s": seconds}
    return {
        "system": system, "game": game, "batch": batch, "turn": turn, "updates": [seconds / 10] * 3, "start_cpu_s": 2.0,
        "rollout": part, "end_to_end": part, "peak_memory_mib": 300.0,
    }  # fmt: skip


def measuring(monkeypatch, fails=()):
    """The systems that were run, in order; those in `fails` end with an error."""
    seen = []

    def measured(command, environment, limit_s=0):
        words = dict(zip(command[3::2], command[4::2], strict=True))
        seen.append((command[0], words["--game"], int(words["--batch"])))
        if command[0] in fails:
            raise watching.Failed("no such module")
        run = a_run()
        return {key: run[key] for key in run if key not in ("system", "game", "batch", "turn")}

    monkeypatch.setattr(watching, "run", measured)
    return seen


PYTHONS = {"ours": Path("p_ours"), "xuance": Path("p_xuance")}


def test_systems_take_turns(monkeypatch):
    seen = measuring(monkeypatch)
    comparison.Comparison(MACHINE, None, say=str).measure(PYTHONS, ["null"], 2)
    once = [
        ("p_ours", "null", 32),
        ("p_xuance", "null", 32),
        ("p_ours", "null", 128),
        ("p_xuance", "null", 128),
    ]
    assert seen == once * 2


def test_what_was_measured_of_this_commit_is_not_measured_again(monkeypatch, tmp_path):
    file, said = tmp_path / "peers.json", []
    measuring(monkeypatch)
    comparison.Comparison(MACHINE, file, say=str).measure(PYTHONS, ["null"], 1)
    seen = measuring(monkeypatch)
    comparison.Comparison(MACHINE, file, say=said.append).measure(PYTHONS, ["null", "foraging"], 1)
    assert {game for _, game, _ in seen} == {"foraging"}
    assert said[0].endswith("goes on after 4 runs.")
    assert len(comparison.read(file)["runs"]) == 8


def test_runs_of_another_commit_are_not_mixed_in(monkeypatch, tmp_path):
    file, said = tmp_path / "peers.json", []
    measuring(monkeypatch)
    comparison.Comparison(MACHINE, file, say=str).measure(PYTHONS, ["null"], 1)
    comparison.Comparison(MACHINE | {"commit": "def"}, file, say=said.append).measure(
        PYTHONS, ["foraging"], 1
    )
    assert "another commit" in said[0]
    assert {run["game"] for run in comparison.read(file)["runs"]} == {"foraging"}


def test_what_fails_is_named_once_and_the_rest_still_runs(monkeypatch, tmp_path):
    seen = measuring(monkeypatch, fails=["p_xuance"])
    compared = comparison.Comparison(MACHINE, tmp_path / "peers.json", say=str)
    compared.measure(PYTHONS, ["null"], 3)
    assert Counts(seen) == {"p_ours": 6, "p_xuance": 2}
    assert compared.content["left_out"]["xuance, null, batch 32"] == "no such module"


def Counts(seen):
    return {name: sum(python == name for python, *_ in seen) for name in {python for python, *_ in seen}}


def test_drivers_have_one_thread_no_gpu_and_peers_no_package_of_ours():
    ours, theirs = comparison.environment("ours"), comparison.environment("xuance")
    assert theirs["OMP_NUM_THREADS"] == ours["OMP_NUM_THREADS"] == "1"
    assert theirs["CUDA_VISIBLE_DEVICES"] == ""
    root = Path(benchmark.__file__).parents[1]
    assert str(root) in ours["PYTHONPATH"].split(":")
    assert str(root) not in theirs["PYTHONPATH"].split(":")


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 1}'])
def test_another_file_is_no_comparison(tmp_path, content):
    file = tmp_path / "other.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=r"other\.json"):
        comparison.read(file)


# The table


def some_runs():
    runs = [a_run(turn=turn, seconds=seconds) for turn, seconds in enumerate((1.0, 2.0, 4.0))]
    runs += [a_run("xuance", turn=turn, seconds=4.0) for turn in range(3)]
    return {"machine": MACHINE, "left_out": {"benchmarl": "ERROR: no wheel"}, "runs": runs}


def test_the_table_has_medians_ratios_and_what_is_missing():
    table = tables.markdown(some_runs()).splitlines()
    assert table[0] == "|  | ours | XuanCe 1.4.4 |"
    assert "| update, batch 32 / 128, ms | 200 / – | 400 / – |" in table  # median of 100, 200, 400 ms
    assert "| rollout, env steps per CPU-s | 50 | 25 |" in table  # 100 steps in 2 and in 4 s
    assert "| ours is so many times as fast |  | 2 / – |" in table
    assert "| memory at its peak, batch 32 / 128, MiB | 300 / – | 300 / – |" in table
    assert table[-1] == "Left out: benchmarl: ERROR: no wheel"
    assert any("was not told" in line for line in table)
    assert any(line.startswith("XuanCe 1.4.4: pettingzoo.mpe") for line in table)


def test_the_spread_is_the_largest_distance_from_a_median():
    assert tables.spread(some_runs(), "update, ms") == pytest.approx(1.0)  # 400 ms, at a median of 200
    assert tables.spread(some_runs(), "memory at its peak, MiB") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "peers", "soak"], "--only peers stands alone"),
        (["--only", "peers", "--peers", "pymarl"], "invalid choice: 'pymarl'"),
        (["--only", "peers", "--peers-turns", "0"], "--peers-turns: 0 is not allowed"),
        (["--peers-table", "missing.json"], "there is no file 'missing.json'"),
    ],
)
def test_a_command_line_for_peers_that_makes_no_sense_is_explained(arguments, message, capsys):
    with pytest.raises(SystemExit):
        benchmark.parse(arguments)
    assert message in capsys.readouterr().err
