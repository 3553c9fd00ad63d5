"""Random games: what is drawn, what teams compute, what weights would do, and that they learn what is known."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional

from rllib_remix.errors import UserError
from rllib_remix.learning.weighting import SCHEMES, WeightingInputs
from rllib_remix.studies.random_games import study
from rllib_remix.studies.random_games.games import are_monotonic, draw_games, joint_actions
from rllib_remix.studies.random_games.learning import influence, learn, rank_correlation, weights_of_games
from rllib_remix.studies.random_games.readings import (
    READINGS_COMPARED,
    SCHEMES_COMPARED,
    TERMS_COMPARED,
    macpo_corrected_unclipped,
    of_scheme,
    remix_signed,
    remix_with_the_dropped_term,
)
from rllib_remix.studies.random_games.records import Kind, fill, read
from rllib_remix.studies.random_games.teams import Teams

SON = torch.tensor([[8.0, -12, -12, -12, 0, 0, -12, 0, 0]])  # the matrix game of Son et al. 2019
ALL = SCHEMES_COMPARED | TERMS_COMPARED | READINGS_COMPARED


def teams_after(updates, payoffs=SON, n_agents=2, n_actions=3):
    teams = Teams(len(payoffs), n_agents, n_actions, joint_actions(n_agents, n_actions), embed_dim=4)
    optimizer = torch.optim.Adam(teams.parameters(), lr=0.05)
    for _ in range(updates):
        optimizer.zero_grad()
        q_tot, _ = teams.q_tot()
        ((q_tot - payoffs).square().sum() + (teams.q_star - payoffs).square().sum()).backward()
        optimizer.step()
    return teams


def test_joint_actions_are_all_there_the_last_agents_changing_first():
    assert joint_actions(2, 3).tolist() == [list(pair) for pair in product(range(3), repeat=2)]


def test_a_game_is_monotonic_if_every_agents_actions_have_one_order():
    sums = (torch.tensor([[0.0], [2.0], [5.0]]) + torch.tensor([[1.0, 3.0, 2.0]])).reshape(1, 9)
    products = (torch.tensor([[1.0], [2.0]]) * torch.tensor([[1.0, 5.0]])).reshape(1, 4)
    exclusive = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
    assert are_monotonic(sums, 2, 3).tolist() == [True]
    assert are_monotonic(products, 2, 2).tolist() == [True]
    assert are_monotonic(exclusive, 2, 2).tolist() == [False]
    assert are_monotonic(SON, 2, 3).tolist() == [False]
    # Of three agents one whose order turns with the third's action is enough.
    turned = torch.arange(8.0).reshape(2, 2, 2)
    assert are_monotonic(turned.reshape(1, 8), 3, 2).tolist() == [True]
    turned[:, :, 1] = turned[:, :, 1].flip(0)
    assert are_monotonic(turned.reshape(1, 8), 3, 2).tolist() == [False]


def test_drawn_games_are_not_monotonic_and_follow_from_the_seed():
    games = draw_games(50, 2, 2, seed=3)
    assert games.shape == (50, 4)
    assert not are_monotonic(games, 2, 2).any()
    assert torch.equal(games, draw_games(50, 2, 2, seed=3))
    assert not torch.equal(games, draw_games(50, 2, 2, seed=4))


def test_q_tot_is_qmixs_and_its_gradient_that_of_autograd():
    teams = teams_after(3, draw_games(5, 3, 2, seed=0), 3, 2)
    q_tot, gradient = teams.q_tot()
    chosen = teams.chosen().detach().requires_grad_()
    w1, w2 = teams.w1.detach().abs(), teams.w2.detach().abs()
    by_hand = torch.stack(
        [
            functional.elu(chosen[g] @ w1[g] + teams.b1[g].detach()) @ w2[g] + teams.b2[g].detach()
            for g in range(5)
        ]
    )
    torch.testing.assert_close(q_tot, by_hand)
    (expected,) = torch.autograd.grad(by_hand.sum(), chosen)
    torch.testing.assert_close(gradient, expected)
    assert (gradient >= 0).all()


def test_the_greedy_joint_action_is_made_of_each_agents_best():
    teams = teams_after(0)
    with torch.no_grad():
        teams.utilities.copy_(torch.tensor([[[0.0, 2.0, 1.0], [5.0, 0.0, 9.0]]]))
    assert teams.greedy().tolist() == [1 * 3 + 2]
    assert teams.joint[teams.greedy()[0]].tolist() == [1, 2]


def test_influence_is_what_a_small_step_with_one_weight_more_does_to_the_policies():
    payoffs = draw_games(2, 2, 3, seed=1)
    teams = teams_after(20, payoffs)
    q_tot, gradient = teams.q_tot()
    found = influence(teams, payoffs, q_tot.detach(), gradient)
    step = 1e-3
    for k in range(9):
        (by_utility,) = torch.autograd.grad(
            (q_tot[:, k] - payoffs[:, k]).square().sum(), teams.utilities, retain_graph=True
        )
        expected = []
        for sign in (1, -1):
            moved = teams.utilities.detach() - sign * step * by_utility
            policy = torch.stack([moved[:, a].softmax(-1)[:, teams.joint[:, a]] for a in range(2)]).prod(0)
            expected.append((policy * payoffs).sum(-1))
        slope = (expected[0] - expected[1]) / (2 * step)
        torch.testing.assert_close(found[:, k], slope, rtol=0.02, atol=2e-3)


def test_rank_correlations_are_spearmans_ties_included():
    draw = np.random.default_rng(0)
    one, other = draw.integers(0, 4, (6, 9)).astype(float), draw.normal(size=(6, 9))
    found = rank_correlation(torch.tensor(one), torch.tensor(other))
    for row in range(6):
        assert float(found[row]) == pytest.approx(stats.spearmanr(one[row], other[row]).statistic, abs=1e-5)
    assert torch.isnan(rank_correlation(torch.ones(1, 4), torch.tensor([[1.0, 2, 3, 4]]))).all()


def test_games_learned_together_learn_as_if_alone():
    payoffs = draw_games(3, 2, 3, seed=2)
    for name in ("uniform (QMIX)", "ReMIX, minmax", "ReMIX, range by the mean"):
        (together,) = learn(payoffs, 2, 3, ALL[name], checks=[40], lr=0.01)
        alone = Teams(3, 2, 3, joint_actions(2, 3))  # the same initial values
        first = learn_one(alone, payoffs, 0, ALL[name], 40)
        assert float(together.regret[0]) == pytest.approx(first, abs=1e-6)


def test_each_game_is_a_batch_of_its_own():
    payoffs = draw_games(6, 2, 3, seed=2)
    teams = teams_after(15, payoffs)
    q_tot, gradient = teams.q_tot()
    seen = teams.seen(payoffs, q_tot, gradient)
    for name, weigh in ALL.items():
        together = weights_of_games(weigh, seen)
        for game in range(6):
            alone = weigh(type(seen)(*(values[game] for values in seen))).weights.squeeze(-1)
            torch.testing.assert_close(together[game], alone, msg=name)


def learn_one(teams, payoffs, game, weigh, updates):
    """The regret of one of the games, with its own parameters alone."""
    for name in ("utilities", "w1", "w2", "b1", "b2", "q_star"):
        setattr(teams, name, getattr(teams, name)[game : game + 1].detach().clone().requires_grad_())
    payoffs = payoffs[game : game + 1]
    optimizer = torch.optim.Adam(teams.parameters(), lr=0.01)
    for _ in range(updates):
        q_tot, gradient = teams.q_tot()
        seen = teams.seen(payoffs, q_tot, gradient)
        weights = weigh(type(seen)(*(values[0] for values in seen))).weights.T
        optimizer.zero_grad()
        ((weights * (q_tot - payoffs).square()).mean() + (teams.q_star - payoffs).square().mean()).backward()
        optimizer.step()
    return float(payoffs.max() - payoffs[0, teams.greedy()])


def test_the_matrix_game_of_the_papers_is_solved_by_ow_and_cw_and_not_by_qmix():
    games = SON.repeat(4, 1)
    solved = {}
    for name in ("uniform (QMIX)", "OW, α 0.1", "CW, α 0.1"):
        (learned,) = learn(games, 2, 3, ALL[name], checks=[400])
        solved[name] = int((learned.regret == 0).sum())
    assert solved == {"uniform (QMIX)": 0, "OW, α 0.1": 4, "CW, α 0.1": 4}


def test_every_weighting_gives_finite_weights_that_are_not_negative():
    payoffs = 5 * draw_games(20, 3, 3, seed=5)
    teams = teams_after(30, payoffs, 3, 3)
    q_tot, gradient = teams.q_tot()
    seen = teams.seen(payoffs, q_tot, gradient)
    for name, weigh in ALL.items():
        weights = weights_of_games(weigh, seen)
        assert weights.shape == (20, 27), name
        assert weights.isfinite().all(), name
        assert (weights >= 0).all(), name


def seen_by_hand(**changes):
    """One joint action of two agents: y - Q_tot = 2, Q* - Q_tot = 1, π = ½ each, f' = ¼ each."""
    inputs = WeightingInputs(
        q_tot=torch.tensor([[0.0]]),
        targets=torch.tensor([[2.0]]),
        mask=torch.tensor([[True]]),
        utilities=torch.zeros(1, 1, 2, 2),
        avail_actions=torch.ones(1, 1, 2, 2, dtype=torch.bool),
        actions=torch.zeros(1, 1, 2, dtype=torch.int64),
        took_greedy=torch.tensor([[True]]),
        greedy_value=torch.tensor([[0.0]]),
        q_star=torch.tensor([[1.0]]),
        mixer_gradient=torch.full((1, 1, 2), 0.25),
    )
    return inputs._replace(**changes)


def test_readings_by_hand():
    # K = ½ + ½ = 1, sgn(Q_tot - Q*) = -1: 2·(1 + 1)·e^-1.
    assert float(macpo_corrected_unclipped(seen_by_hand()).weights) == pytest.approx(4 * np.exp(-1))
    above = seen_by_hand(q_tot=torch.tensor([[3.0]]))  # y - Q_tot = -1, sgn = 1, K - sgn = 0
    assert float(macpo_corrected_unclipped(above).weights) == 0.0
    # G = ½/¼ + ½/¼ - 1 = 3; overestimated, so that the product is negative: w_min.
    assert float(remix_signed(above).weights) == pytest.approx(0.1)
    sure = seen_by_hand(targets=torch.tensor([[0.01]]), utilities=torch.tensor([[[[50.0, 0], [50, 0]]]]))
    # π = 1: G = -1, clamped; the dropped term is 0.01·e^(0 - 1), below w_min; with a larger error it counts.
    assert float(remix_with_the_dropped_term(sure).weights) == pytest.approx(0.1)
    larger = sure._replace(targets=torch.tensor([[1.0]]))
    assert float(remix_with_the_dropped_term(larger).weights) == pytest.approx(np.exp(-1), rel=1e-5)
    assert float(of_scheme("remix")(larger).weights) == pytest.approx(0.1)
    not_greedy = larger._replace(took_greedy=torch.tensor([[False]]))
    assert float(remix_with_the_dropped_term(not_greedy).weights) == pytest.approx(0.1)


def test_readings_are_0_on_padding_and_means_are_over_real_steps():
    one = seen_by_hand()
    two = WeightingInputs(*(torch.cat([values, values], 1) for values in one))
    two = two._replace(mask=torch.tensor([[True, False]]), targets=torch.tensor([[2.0, 1e6]]))
    for name, weigh in READINGS_COMPARED.items():
        weights = weigh(two).weights
        assert float(weights[0, 1]) == 0.0, name
        assert float(weights[0, 0]) == pytest.approx(float(weigh(one).weights)), name


def test_schemes_of_the_package_are_taken_as_they_are():
    inputs = seen_by_hand()
    assert torch.equal(ALL["MAC-PO"](inputs).weights, SCHEMES["macpo"].function(inputs).weights)


def test_results_are_written_weighting_by_weighting_and_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("rllib_remix.studies.random_games.records.CHECKS", (2, 4))
    kind, said = Kind(2, 2), []
    two = {name: ALL[name] for name in ("uniform (QMIX)", "CW, α 0.1")}
    fill(tmp_path / "a.json", kind, dict([*two.items()][:1]), said.append, games=12)
    first = read(tmp_path / "a.json")["found"]["uniform (QMIX)"]
    fill(tmp_path / "a.json", kind, two, said.append, games=12)
    content = read(tmp_path / "a.json")
    assert len(said) == 2
    assert content["found"]["uniform (QMIX)"] == first
    assert len(first["last_regret"]) == 12
    assert first["agreement"] == [[None, None], [None, None]]
    share, _ = first["solved"][-1]
    assert share == pytest.approx(np.mean(np.array(first["last_regret"]) == 0), abs=0.1)
    with pytest.raises(UserError, match="holds other games"):
        fill(tmp_path / "a.json", kind, two, said.append, games=13)
    (tmp_path / "b.json").write_text("[]")
    with pytest.raises(UserError, match="holds no results"):
        read(tmp_path / "b.json")


def test_the_report_has_a_line_for_each_weighting_and_the_terms_by_isolation(tmp_path, monkeypatch):
    monkeypatch.setattr("rllib_remix.studies.random_games.records.CHECKS", (2, 4))
    kind = Kind(2, 3)
    monkeypatch.setattr(study, "KINDS", (kind,))
    few = {name: ALL[name] for name in ("uniform (QMIX)", "ReMIX, clip", "ReMIX without G")}
    fill(tmp_path / kind.file, kind, few, lambda text: None, games=30)
    (file,) = study.report(tmp_path, tmp_path / "out")
    text = file.read_text()
    begins = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")]
    assert begins[1 : 1 + len(ALL)] == list(ALL)
    assert begins[2 + len(ALL) : 5 + len(ALL)] == list(few)
    assert "| MAC-PO | – |" in text
    assert "| G of ReMIX, clip |" in text
    assert (tmp_path / "out" / kind.file).exists()
    with pytest.raises(UserError, match="nothing was run yet"):
        study.report(tmp_path / "empty", tmp_path / "out")


def test_isolation_is_the_best_payoff_minus_the_mean_of_those_one_action_away(monkeypatch):
    monkeypatch.setattr(Kind, "payoffs", lambda self, games: SON)
    # Around 8 lie two -12 in its row and two in its column.
    assert study.isolation(Kind(2, 3), 1).tolist() == [20.0]
