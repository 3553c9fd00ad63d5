"""The benchmark's own arithmetic; what it times is not tested for speed."""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.rollout.episode import TeamEpisode

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

import benchmark
from benchmarks import battles, compare, episodes, figures, floors, machine, plots, timing, updates
from benchmarks.figures import Figure
from benchmarks.floors import Product

SPEC = TeamSpec(
    n_agents=2, n_actions=3, obs_dim=4, state_dim=5, episode_limit=3, obs_dtype="uint8", state_dtype="uint8"
)
NETWORKS = {
    "mixer": "qmix", "use_q_star": False, "use_mixer_gradient": False, "agent_hidden_dim": 2, "mixer_embed_dim": 1,
    "hypernet_hidden_dim": 2, "q_star_hidden_dim": 2, "observe_last_action": True, "observe_agent_id": False,
    "utility_clamp": None,
}  # fmt: skip


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


# Floors


def test_products_of_a_tiny_qmix_update():
    # One episode of 1 step, 2 agents: 2 rows at each of 2 observations, 4 in all; 1 env step, 2 bootstraps.
    products = floors.update_products(NETWORKS, SPEC, floors.dense(episodes=1, length=1, n_agents=2))
    learning_agent = Counter({
        # The encoder takes 4 + 3 inputs to 2 units, the GRU 2 to 6 twice, the head 2 to 3 actions.
        Product("forward", 4, 7, 2): 1, Product("weight", 4, 7, 2): 1,
        Product("forward", 4, 2, 6): 1, Product("input", 4, 2, 6): 1, Product("weight", 4, 2, 6): 2,
        Product("forward", 2, 2, 6): 2, Product("input", 2, 2, 6): 2,
        Product("forward", 4, 2, 3): 1, Product("input", 4, 2, 3): 1, Product("weight", 4, 2, 3): 1,
    })  # fmt: skip
    target_agent = Counter({product: n for product, n in learning_agent.items() if product.kind == "forward"})
    # W1 5 → 2 → 2 · 1, w2 5 → 2 → 1, b1 5 → 1, b2 5 → 1 → 1.
    learning_mixer = Counter({
        Product("forward", 1, 5, 2): 2, Product("weight", 1, 5, 2): 2,
        Product("forward", 1, 5, 1): 2, Product("weight", 1, 5, 1): 2,
        **{Product(kind, 1, 2, 2): 1 for kind in ("forward", "input", "weight")},
        **{Product(kind, 1, 2, 1): 1 for kind in ("forward", "input", "weight")},
        **{Product(kind, 1, 1, 1): 1 for kind in ("forward", "input", "weight")},
    })  # fmt: skip
    target_mixer = Counter({
        Product("forward", 2, 5, 2): 2, Product("forward", 2, 5, 1): 2, Product("forward", 2, 2, 2): 1,
        Product("forward", 2, 2, 1): 1, Product("forward", 2, 1, 1): 1,
    })  # fmt: skip
    assert products == learning_agent + target_agent + learning_mixer + target_mixer
    # Multiply-adds. Agent: encoder 4·7·2 = 56, GRU 4·2·6 = 48 twice, head 4·2·3 = 24: forward 176; backward twice
    # that but for the encoder's input: 296; the target's forward: 176. Mixer, one row: 10 + 4, 10 + 2, 5, 5 + 1 = 37
    # forward, of which 7 behind the first layers; backward 37 + 7; the target's two rows: 74.
    assert floors.total_flop(products) == 2 * (176 + 296 + 176 + 37 + 44 + 74)


def test_an_algorithm_with_q_star_has_three_agents_and_no_target_mixer():
    size = floors.dense(episodes=1, length=1, n_agents=2)
    flop = floors.total_flop(floors.update_products(NETWORKS | {"use_q_star": True}, SPEC, size))
    # Agents: 176 + 296 learning, twice, and 176. Mixer: 37 + 44. Q*, one row: 7·2 + 2·2 + 2·2 + 2·1 = 24 and
    # 5·2 + 2·1 = 12, forward 36; backward all weights 36, inputs 2·2 (chosen values) + 4 + 4 + 2 + 2 = 16; the
    # target's two rows 72.
    assert flop == 2 * (2 * (176 + 296) + 176 + 37 + 44 + 36 + 36 + 16 + 72)


def test_a_sum_of_utilities_has_no_products():
    size = floors.dense(episodes=1, length=1, n_agents=2)
    products = floors.update_products(NETWORKS | {"mixer": "vdn"}, SPEC, size)
    assert floors.total_flop(products) == 2 * (176 + 296 + 176)


@pytest.mark.parametrize(
    ("own", "multiply_adds"),
    [
        # A row of the mixer. Queries 5·2·2 + 2·(2·1), keys of two agents 2·6·2, head weights 5·2 + 2·2, c 5 + 1: forward
        # 20 + 4 + 24 + 14 + 6 = 68; backward the same and the 4 + 4 + 1 behind first layers; the target's two rows 136.
        ({"mixer": "qatten", "mixer_heads": 2}, 176 + 296 + 176 + 68 + 68 + 9 + 136),
        # w and b 5·2 + 2·2 each; the importances' first layers 5·4, 5·4 and 11·4, behind them 2·(2·1), 2·(2·2) twice:
        # forward 28 + 84 + 20 = 132; backward the same and 4 + 4 + 20 behind first layers; the target's two rows 264.
        (
            {"mixer": "qplex", "mixer_heads": 2, "importance_layers": 2},
            176 + 296 + 176 + 132 + 132 + 28 + 264,
        ),
        ({"mixer": None}, 176 + 296 + 176),
        # The agents' head has 2 outputs more, 4·2·2 = 16 forward, twice that backward, 16 for the target. Q_jt, of which
        # K is 2 and K + U 5: first layer for two agents 2·2·5 = 20; second 25, net 10·2 + 2·2 + 2·1 = 26: of the row
        # taken 71, backward 20·2 + 25·2 + 20 + 5·2 + 2·(4 + 2) = 132; of the greedy one 51; V 10 + 4 + 2, backward 16 + 6;
        # the target's two rows 142.
        (
            {"mixer": None, "use_q_jt": True, "agent_extra_outputs": 2, "q_jt_hidden_dim": 2},
            192 + 328 + 192 + 71 + 132 + 51 + 16 + 22 + 142,
        ),
    ],
)
def test_every_way_of_making_a_joint_value_has_its_products(own, multiply_adds):
    size = floors.dense(episodes=1, length=1, n_agents=2)
    flop = floors.total_flop(floors.update_products(NETWORKS | own, SPEC, size))
    assert flop == 2 * multiply_adds


def test_vdac_has_one_more_output_of_the_agents_and_a_mixer_of_all_observations_without_targets():
    size = floors.dense(episodes=1, length=1, n_agents=2)
    own = {"stochastic_policy": True, "agent_extra_outputs": 1}
    flop = floors.total_flop(floors.update_products(NETWORKS | own, SPEC, size))
    # The head's 24 become 4·2·4 = 32, three times: 176 + 296 + 3·8. Mixer, two rows: 2·(37 + 44).
    assert flop == 2 * (176 + 296 + 24 + 2 * (37 + 44))


def test_comas_critic_shares_what_it_can_among_the_agents():
    size = floors.dense(episodes=1, length=1, n_agents=2)
    own = {"stochastic_policy": True, "central_critic": "coma", "critic_hidden_dim": 2}
    flop = floors.total_flop(floors.update_products(NETWORKS | own, SPEC, size))
    # First layer at one step: state 5·2, observations 2·4·2, last joint action 6·2, actions 2·3·2, sums over the others
    # 2·2·2 = 58; then 2·2·2 + 2·2·3 = 20. Learning: forward 78; weights 50 + 20, inputs 8 + 20. Target: two steps, 156.
    assert flop == 2 * (176 + 296 + 78 + 70 + 28 + 156)


def test_dops_critic_has_weights_of_the_state():
    size = floors.dense(episodes=1, length=1, n_agents=2)
    own = {"stochastic_policy": True, "central_critic": "dop", "critic_hidden_dim": 2}
    flop = floors.total_flop(floors.update_products(NETWORKS | own, SPEC, size))
    # First layers at one step: state 5·2, observations 2·4·2, weights 5·2 + 5·1 = 41; then 2·2·2 + 2·2·4 = 24.
    # Learning: forward 65, weights 65, inputs 24. Target: two steps, 130.
    assert flop == 2 * (176 + 296 + 65 + 65 + 24 + 130)


def test_mappos_passes_are_counted_and_once_more_all_is_computed_before_them():
    size = floors.dense(episodes=1, length=1, n_agents=2)
    own = {"stochastic_policy": True, "central_critic": "mappo", "critic_hidden_dim": 2}
    flop = floors.total_flop(floors.update_products(NETWORKS | own, SPEC, size, passes=3))
    # Of agents forward 176, and backward 296. First layer of the critic at one step: state 5·2, observations 2·4·2 = 26;
    # then 2·2·2 + 2·2·1 = 12. Learning: forward and weights 38 each, inputs 12. Before: agents, and two steps of 38.
    assert flop == 2 * (176 + 2 * 38 + 3 * (176 + 296 + 38 + 38 + 12))


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", updates.ALGORITHMS)
def test_updates_are_timed_as_they_are_made_by_default(algorithm):
    played = episodes.play_dense(2, env_config={"episode_limit": 3})

    shown = {figure.name: figure for figure in updates.bench(algorithm, "float32", played, None, repeats=1)}

    assert shown[f"{algorithm} update, batch 2"].floor > 0
    assert ("weights" in " ".join(shown)) == (algorithm in ("ReMIX", "MACPO"))


def test_removed_agents_and_ended_episodes_are_not_in_the_batch():
    # Episode 1 has steps 0, 1, 2 and its last observation 3; an agent that leaves at 2 has the first two. The
    # other episode has step 0 and observation 1.
    size = floors.ragged(lengths=[3, 1], lives=[[9, 2], [9, 9]])
    assert size == floors.BatchSize([4, 4, 1, 1], env_steps=4, episodes=2)


def test_the_time_of_products_is_that_of_each_as_often_as_it_occurs(monkeypatch):
    monkeypatch.setattr(floors, "_seconds", lambda product, dtype: product.rows / 10)
    products = Counter({Product("forward", 1, 1, 1): 3, Product("weight", 5, 1, 1): 1})
    assert floors.seconds_of_products(products, "float32") == pytest.approx(0.8)  # 3 · 0.1 + 0.5


@pytest.mark.parametrize("kind", ["forward", "input", "weight"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_product_can_be_timed(kind, dtype):
    assert floors.seconds_of_products(Counter([Product(kind, 8, 4, 2)]), dtype) >= 0


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
