"""The benchmark's own arithmetic; what it times is not tested for speed."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rllib_remix.rollout.episode import TeamEpisode

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

import benchmark
from benchmarks import battles, commands, compare, cores, episodes, figures, machine, memory, plots, timing
from benchmarks.figures import Figure


def a_figure(name="update", values=(2.0, 1.0, 4.0), **kwargs):
    return Figure(name, "CPU-s", list(values), **kwargs)


def an_episode(length, n_agents=2):
    """Everyone sees 1s and can do everything."""
    return TeamEpisode(
        obs=np.ones((length + 1, n_agents, 3), np.uint8),
        state=np.ones((length + 1, 4), np.uint8),
        avail_actions=np.ones((length + 1, n_agents, 6), bool),
        actions=np.full((length, n_agents), 5, np.int16),
        rewards=np.arange(length, dtype=np.float32),
        terminated=False,
        truncated=True,
        info={},
    )


def a_run(*shown, cpu="a CPU"):
    """What `figures.read` returns of a run with these figures."""
    return {
        "machine": {"cpu": cpu, "commit": "0123456789abcdef", "dirty": False},
        "figures": {figure.name: figure.as_json() for figure in shown},
    }


# Figures


def test_a_cost_is_as_many_times_its_floor_as_it_takes_longer():
    assert a_figure(floor=0.5).of_floor == 4  # median 2 of (2, 1, 4), over 0.5


def test_a_rate_is_as_many_times_its_floor_as_the_floor_is_faster():
    assert a_figure(values=[100], more_is_better=True, floor=250).of_floor == 2.5


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("QMIX update, batch 128", 1.2),
        ("QMIX update, batch 128, bfloat16", 1.2),
        ("QMIX update, batch 12", None),
        ("QMIX update, batch 128, half-trained", None),
        ("MACPO weights, batch 128", None),
    ],
)
def test_the_reference_is_of_the_same_work(name, reference):
    assert a_figure(name).reference == reference


def test_a_row_shows_a_dash_for_what_is_not_known():
    assert figures.row(a_figure()).split() == ["update", "2", "1", "4", "–", "–", "–", "CPU-s"]


def test_a_written_run_is_read_again(tmp_path):
    file = tmp_path / "run.json"
    figures.write(
        file,
        [a_figure(floor=0.5, floor_says="f", note="n", sweep=("agents", 2))],
        {"cpu": "c"},
        {"repeats": 3},
    )
    assert figures.read(file) == {
        "format": figures.FORMAT,
        "machine": {"cpu": "c"},
        "settings": {"repeats": 3},
        "figures": {
            "update": {
                "unit": "CPU-s", "more_is_better": False, "median": 2.0, "least": 1.0, "largest": 4.0,
                "values": [2.0, 1.0, 4.0], "floor": 0.5, "floor_says": "f", "of_floor": 4.0, "reference": None,
                "note": "n", "sweep": ["agents", 2],
            }
        },
    }  # fmt: skip


@pytest.mark.parametrize("content", ["{", "[]", '{"figures": {}}'])
def test_another_file_is_not_taken_for_a_run(tmp_path, content):
    file = tmp_path / "other.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=r"other\.json"):
        figures.read(file)


# Comparison


@pytest.mark.parametrize(
    ("now", "verdict"), [(2.2, ""), (2.4, "slower"), (1.8, ""), (1.7, "faster")]
)  # 2.0 · 1.15 = 2.3 and 2.0 / 1.15 = 1.74
def test_a_cost_beyond_the_tolerance_gets_a_verdict(now, verdict):
    (change,) = compare.compare(
        [a_figure(values=[now])], a_run(a_figure()), tolerance=0.15, same_machine=True
    )
    assert change.verdict == verdict
    assert change.ratio == pytest.approx(now / 2)


@pytest.mark.parametrize(("now", "verdict"), [(90, ""), (80, "slower"), (120, "faster")])
def test_a_lower_rate_is_slower(now, verdict):
    def rate(value):
        return a_figure(values=[value], more_is_better=True)

    (change,) = compare.compare([rate(now)], a_run(rate(100)), tolerance=0.15, same_machine=True)
    assert change.verdict == verdict
    assert change.ratio == pytest.approx(100 / now)


def test_figures_of_another_cpu_are_shown_without_a_verdict():
    before = a_run(a_figure(), cpu="another")
    described = {"cpu": "a CPU"}
    same = compare.same_cpu(described, before)
    changes = compare.compare([a_figure(values=[9])], before, tolerance=0.15, same_machine=same)
    assert [change.verdict for change in changes] == [""]
    assert "no verdict" in "\n".join(compare.lines(changes, before, described, 0.15))


def test_only_what_both_runs_measured_is_compared():
    other_unit = Figure("update", "CPU-ms", [2])
    assert not compare.compare([a_figure("new")], a_run(a_figure()), tolerance=0.15, same_machine=True)
    assert not compare.compare([other_unit], a_run(a_figure()), tolerance=0.15, same_machine=True)


# Half-trained teams


def test_a_cut_episode_ends_early_and_its_removed_agent_can_only_stay():
    cut = episodes.cut(an_episode(5), 3, lives=[2, 9])
    assert len(cut) == 3
    assert (cut.terminated, cut.truncated) == (True, False)
    assert cut.obs[..., 0].tolist() == [[1, 1], [1, 1], [0, 1], [0, 1]]
    assert cut.actions.tolist() == [[5, 5], [5, 5], [4, 5]]
    assert cut.avail_actions[2, 0].tolist() == [False, False, False, False, True, False]
    assert cut.avail_actions[2, 1].all()
    assert cut.rewards.tolist() == [0, 1, 2]


def test_cutting_leaves_the_episode_itself_as_it_was():
    episode = an_episode(5)
    whole = episodes.cut(episode, 5, lives=[1, 1])
    assert (whole.terminated, whole.truncated) == (False, True)
    assert episode.obs.all()
    assert (episode.actions == 5).all()


def test_lives_are_found_again_in_what_was_cut():
    lives = episodes.Lives([3, 5], [[2, 4], [1, 6]], "by hand")
    cut = episodes.cut_all([an_episode(5), an_episode(5)], lives)
    assert episodes.lives_of(cut, "by hand") == lives


def test_an_agent_that_is_hemmed_in_for_a_while_is_still_there():
    episode = an_episode(4)
    episode.avail_actions[1:3, 0] = np.arange(6) == 4
    assert episodes.lives_of([episode], "").lives == [[5, 5]]


def test_the_formula_removes_agents_in_pairs_and_ends_with_the_last():
    lives = episodes.formula(50, n_agents=4, limit=60)
    for length, team in zip(lives.lengths, lives.lives, strict=True):
        assert sorted(Counter(team).values()) in ([2, 2], [4])
        assert length == min(60, max(team))
    assert min(lives.lengths) < 60


def test_recorded_lives_go_before_the_formula(tmp_path):
    file = tmp_path / "lives.json"
    assert episodes.half_trained_lives(file, 3, 4, 20).source.startswith("formula")
    file.write_text(json.dumps({"lengths": [2], "lives": [[1, 2]], "source": "a team"}))
    assert episodes.half_trained_lives(file) == episodes.Lives([2], [[1, 2]], "a team")


@pytest.mark.parametrize("content", [{}, {"lengths": [2], "lives": [], "source": ""}])
def test_a_damaged_file_of_lives_is_refused(tmp_path, content):
    file = tmp_path / "lives.json"
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"lives\.json"):
        episodes.read_lives(file)


def test_saved_episodes_are_loaded_as_they_were(tmp_path):
    saved = [an_episode(5), episodes.cut(an_episode(5), 2, lives=[1, 9])]
    episodes.save(tmp_path / "team.npz", saved, "a team")
    loaded, source = episodes.load(tmp_path / "team.npz")
    assert source == "a team"
    for before, after in zip(saved, loaded, strict=True):
        assert (before.terminated, before.truncated) == (after.terminated, after.truncated)
        for name in ("obs", "state", "avail_actions", "actions", "rewards"):
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name))


# Battles


@pytest.mark.battery
def test_battles_are_timed_on_every_map_beside_what_others_reach(monkeypatch):
    monkeypatch.setattr(battles, "LEAST_SECONDS", 0.001)
    monkeypatch.setattr(battles, "PEERS", {"3m": (61_718, 195), "MMM2": (None, 64), "8m": (None, None)})
    measured = []
    battles.bench(2, measured.append)
    assert [(figure.name, figure.note) for figure in measured] == [
        ("smac_sim 3m, 32 copies", "SMAX 61,718; SMAClite 195"),
        ("smac_sim MMM2, 32 copies", "SMAClite 64"),
        ("smac_sim 8m, 32 copies", ""),
        ("smac_sim 3m, 1 copy", "SMAX 1,141; SMAClite 195"),
    ]
    assert all(len(figure.values) == 2 and figure.more_is_better for figure in measured)


# The machine and the clock


def test_the_machine_is_described():
    described = machine.describe()
    assert {"cpu", "cpu_flags", "cores", "memory_gib", "gpu", "torch", "ray", "commit", "dirty"} <= set(
        described
    )
    assert described["cpu"] in machine.summary(described)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_the_time_of_the_family_includes_this_process():
    assert timing.family_cpu_seconds() > 0


# Pictures and the command


def test_pictures_are_drawn(tmp_path):
    shown = [a_figure(floor=0.5), a_figure("kernel, 64 copies", more_is_better=True), a_figure("alone")]
    assert [figure.name for figure in plots.beside_others(shown)] == ["update", "kernel, 64 copies"]
    plots.draw_figures(shown, tmp_path / "bars.png", "title")
    points = [a_figure(f"sweep, {x} agents", sweep=("agents", x)) for x in (2, 4)]
    plots.draw_sweeps(points, tmp_path / "sweeps.png", "title")
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("bars.png", "sweeps.png"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "speed"], "invalid choice: 'speed'"),
        (["--record", "team.npz"], "--record and --checkpoint need each other"),
        (["--record", "team.txt", "--checkpoint", "."], "must end in .npz or .json"),
        (["--only", "end_to_end"], "needs --out"),
        (["--only", "end_to_end", "kernel", "--out", "a.jsonl"], "stands alone"),
        (["--compare", "missing.json"], "there is no file 'missing.json'"),
        (["--recorded", "missing.npz"], "there is no file 'missing.npz'"),
        (["--repeats", "0"], "--repeats: 0 is not allowed"),
        (["--tolerance", "-1"], "--tolerance: -1.0 is not allowed"),
        (["--out", "nowhere/run.json"], "there is no folder 'nowhere'"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_explained(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        benchmark.parse(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_without_arguments_everything_but_the_long_runs_is_measured():
    assert benchmark.parse([]).only == benchmark.STANDARD


def test_a_group_that_is_kept_on_its_own_is_compared_with_its_own_file():
    assert benchmark.kept_run(["sweeps"]).name == "benchmark_sweeps.json"
    assert benchmark.kept_run(["kernel"]).name == "benchmark.json"
    assert benchmark.kept_run(["sweeps", "kernel"]).name == "benchmark.json"
    assert benchmark.kept_run(benchmark.STANDARD).name == "benchmark.json"


def test_training_end_to_end_follows_the_tuned_example_without_its_evaluation():
    from benchmarks import end_to_end

    config = end_to_end.new_config("ReMIX", batch_size=16, dtype="float32", seed=3)
    config.validate()
    assert config.env_config == {"punishment": -2.0}
    assert (config.train_batch_episodes, config.rollout_episodes_per_update, config.seed) == (16, 8, 3)
    assert (config.num_env_runners, config.num_envs_per_env_runner) == (0, 8)
    assert not config.evaluation_interval


def test_training_end_to_end_names_the_examples_that_there_are():
    from benchmarks import end_to_end

    with pytest.raises(ValueError, match="remix"):
        end_to_end.new_config("REMX", batch_size=16, dtype="float32", seed=0)


# Commands


def test_commands_are_timed_by_their_processes(monkeypatch):
    monkeypatch.setattr(commands, "COMMANDS", {"help": (0, ["--help"])})
    seen = []
    commands.bench(2, seen.append)
    cpu, wall = seen
    assert (cpu.name, wall.name) == ("help, CPU", "help, wall")
    assert (len(cpu.values), len(wall.values)) == (2, 2)
    assert min(cpu.values) > 0.01
    assert min(wall.values) > 0.01


def test_a_command_that_ends_otherwise_is_no_figure(monkeypatch):
    monkeypatch.setattr(commands, "COMMANDS", {"wrong": (0, ["trian"])})
    with pytest.raises(RuntimeError, match="trian ended with 2, not 0: "):
        commands.bench(1, print)


# Cores


def test_what_more_cores_would_bring_is_between_no_lock_and_a_lock_on_all_that_a_part_costs_anyway():
    fewest = cores.Parts(cores=2, outside=0.06, inside=1.72, longest=0.86)
    most = cores.Parts(cores=16, outside=0.06, inside=2.0, longest=0.13)
    per_part = cores.cost_per_part(fewest, most)
    assert per_part == pytest.approx(0.02)  # (2.0 - 1.72) / 14
    assert cores.expected(most, per_part) == pytest.approx((0.19, 0.38))  # 0.06 + 0.13, 0.06 + 16 · 0.02
    assert cores.expected(fewest, per_part) == pytest.approx((0.92, 0.92))  # 2 · 0.02 is less than 0.86
    assert cores.cost_per_part(most, fewest) == pytest.approx(0.02)
    assert cores.cost_per_part(cores.Parts(2, 0, 1.0, 0), cores.Parts(4, 0, 0.9, 0)) == 0


def test_parts_are_timed_one_after_the_other_and_threads_are_there_again_afterwards():
    from rllib_remix.models import threads
    from tests.actor_critic.steps import prepared
    from tests.learner_step.learners import a_batch, team_learner

    before = threads._in_threads
    parts = cores._parts(team_learner("QMIX"), prepared(a_batch()), 3, repeats=1)
    assert threads._in_threads is before
    assert parts.cores == 3
    assert parts.outside > 0
    assert parts.inside / 3 <= parts.longest < parts.inside  # of three parts, forward and backward


# Memory


def test_memory_is_that_of_a_process_and_of_all_below_it():
    hold = "import sys; held = bytearray(50 * 2**20); print(flush=True); sys.stdin.read()"
    command = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}, 'ray::' + 'QMIX'])"
    with subprocess.Popen(
        [sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        run.stdout.readline()
        pss, anonymous = memory.of_tree(run.pid)
        run.communicate()
    assert set(pss) == {memory.TRIAL, "others"}
    assert 50 * 1024 < anonymous[memory.TRIAL] <= pss[memory.TRIAL] < 100 * 1024  # KiB
    assert anonymous["others"] < 50 * 1024


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("/ray/core/src/ray/raylet/raylet --python_worker_command=default_worker.py --agent=dashboard/agent.py", "Ray's raylet"),
        ("python -u /ray/_private/log_monitor.py", "Ray's log monitor"),
        ("python -u /ray/autoscaler/_private/monitor.py", "Ray's autoscaler"),
        ("ray::QMIX.train", memory.TRIAL),
        ("ray::IDLE", "Ray's waiting workers"),
        ("python -m rllib_remix.cli train --algo QMIX", "command, which drives Tune"),
        ("bash", "others"),
    ],
)  # fmt: skip
def test_a_process_is_known_by_its_command_line(command, kind):
    assert memory.kind_of(command) == kind
