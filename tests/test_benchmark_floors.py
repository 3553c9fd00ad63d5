"""The floors of updates: which matrix products there are, counted by hand."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from rllib_remix.envs.team_env import TeamSpec

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

from benchmarks import episodes, floors, updates
from benchmarks.floors import Product

SPEC = TeamSpec(
    n_agents=2, n_actions=3, obs_dim=4, state_dim=5, episode_limit=3, obs_dtype="uint8", state_dtype="uint8"
)
NETWORKS = {
    "mixer": "qmix", "use_q_star": False, "use_mixer_gradient": False, "agent_hidden_dim": 2, "mixer_embed_dim": 1,
    "hypernet_hidden_dim": 2, "q_star_hidden_dim": 2, "observe_last_action": True, "observe_agent_id": False,
    "utility_clamp": None,
}  # fmt: skip


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


def test_fop_has_three_networks_of_agents_that_learn_and_two_targets():
    size = floors.dense(episodes=1, length=1, n_agents=2)
    own = {"stochastic_policy": True, "use_twin_critics": True, "mixer_heads": 2, "importance_layers": 2}
    flop = floors.total_flop(floors.update_products(NETWORKS | own, SPEC, size))
    # A row of a mixer: V 5 + 1, importances 5·4, 5·4 and 11·4, behind them 2·(2·1), 2·(2·2) twice: forward
    # 6 + 84 + 20 = 110; backward the same and 1 + 20 behind first layers; the target's two rows 220.
    assert flop == 2 * (176 + 296 + 2 * (176 + 296 + 176 + 110 + 110 + 21 + 220))


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
