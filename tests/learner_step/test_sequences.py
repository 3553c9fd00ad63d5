"""Pieces of episodes: with all that was before, networks say of their steps what they say of these in whole episodes."""

import pytest
import torch
from ray.rllib.core import DEFAULT_MODULE_ID

from rllib_remix.learning.sequences import cut_out
from rllib_remix.team.learner import learner_batch
from rllib_remix.team.rewards import Rewards
from tests.algorithms.games import VALUE_BASED
from tests.learner_step.learners import a_batch, module_of, team_learner, tensors

FIRST = torch.tensor([3, 0, 0, 2, 1, 1])  # of episodes of 5, 3, 1, 4, 5, 2 steps
STEPS = 2
CASES = {name: (name, {}) for name in VALUE_BASED}
CASES |= {
    "ReMIX, groups": ("ReMIX", {"share_parameters": False}),
    "ReMIX, time": ("ReMIX", {"observe_time": True}),
    "QMIX, no last action": ("QMIX", {"observe_last_action": False}),
    "ReMIX, all agents to the end": ("ReMIX", {"skip_removed_agents": False}),
    "ReMIX, groups and time": ("ReMIX", {"share_parameters": False, "observe_time": True}),
    "QMIX, normalised": ("QMIX", {"normalize_observations": True}),
}


def whole_episodes():
    """Of which the first loses an agent after two steps, that sees nothing new from then on."""
    batch = tensors(a_batch())
    batch["obs"][0, 3:, 2] = batch["obs"][0, 2, 2]
    return Rewards().prepare(batch)


def pieces(burn_in=None, *, skip_removed=True):
    return cut_out(whole_episodes(), FIRST, STEPS, burn_in, skip_removed=skip_removed)


def said(learner, batch):
    with torch.no_grad():
        return module_of(learner)._forward_train(learner_batch(batch, num_learners=1)[DEFAULT_MODULE_ID])


@pytest.mark.parametrize("case", CASES)
def test_networks_say_what_they_say_of_whole_episodes(case):
    learner = team_learner(CASES[case][0], **CASES[case][1])
    batch = pieces(skip_removed=learner.config.skip_removed_agents)
    whole, cut = said(learner, whole_episodes()), said(learner, batch)
    assert set(whole) == set(cut)
    for name, values in whole.items():
        for row, (first, length) in enumerate(zip(FIRST, batch["lengths"], strict=True)):
            steps = length + (name in ("utilities", "greedy_actions", "target_values"))
            torch.testing.assert_close(
                cut[name][row, :steps], values[row, first : first + steps], atol=2e-6, rtol=1e-5
            )


def test_what_was_before_tells():
    learner = team_learner("ReMIX")
    all_of_it, nothing = said(learner, pieces()), said(learner, pieces(burn_in=0))
    for name in ("q_tot", "q_star", "target_values"):
        assert (all_of_it[name][0] - nothing[name][0]).abs().max() > 1e-3  # Begins at step 3.
        torch.testing.assert_close(all_of_it[name][1], nothing[name][1])  # Begins with its episode.


@pytest.mark.parametrize("case", ["ReMIX", "ReMIX, groups"])
def test_no_gradient_reaches_what_was_before(case):
    """An agent that sees something else there, and comes to the same hidden states, learns the same."""
    learner = team_learner(CASES[case][0], **CASES[case][1])
    module, batch = module_of(learner), learner_batch(pieces(), num_learners=1)[DEFAULT_MODULE_ID]
    agents = [module.agent, module.q_star_agent, module.target_q_star_agent]
    before = module.seen(batch).before
    kept = [agent.hidden_after(before.inputs, before.agents, before.images) for agent in agents]

    def gradient():
        out = module._forward_train(batch)
        loss = (out["q_tot"] ** 2).sum() + (out["q_star"] ** 2).sum()
        return torch.autograd.grad(loss, [weight for weight in module.parameters() if weight.requires_grad])

    as_it_is = gradient()
    for agent, hidden in zip(agents, kept, strict=True):
        agent.hidden_after = lambda *args, hidden=hidden: hidden
    batch["before_obs"] = torch.full_like(batch["before_obs"], 7.0)
    for one, other in zip(as_it_is, gradient(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", VALUE_BASED)
def test_every_algorithm_learns_from_pieces(name):
    learner = team_learner(name)
    before = {key: value.clone() for key, value in module_of(learner).named_parameters()}
    learner.update(batch=learner_batch(pieces(burn_in=1), num_learners=1), timesteps={})
    after = dict(module_of(learner).named_parameters())
    assert any(not torch.equal(before[key], after[key]) for key in before)
    assert all(torch.isfinite(value).all() for value in after.values())


def test_two_threads_say_of_pieces_what_one_does():
    batch = learner_batch(pieces(), num_learners=1)[DEFAULT_MODULE_ID]
    one, two = (
        module_of(team_learner("ReMIX", num_threads_per_learner=threads)).forward_train(batch)
        for threads in (1, 2)
    )
    for name, values in one.items():
        torch.testing.assert_close(two[name], values)


def test_targets_go_on_where_a_piece_ends_within_its_episode():
    """With a time limit that is an end, only the last pieces of episodes end."""
    learner = team_learner("QMIX", time_limit="termination", td_lambda=1.0, td_trace="peng", gamma=0.9)
    batch = learner_batch(pieces(), num_learners=1)[DEFAULT_MODULE_ID]
    out = module_of(learner)._forward_train(batch)
    targets, values = learner._targets(learner.config, batch, out), out["target_values"]
    assert batch["ended"].tolist() == [True, False, True, True, False, True]
    for row, (length, ended) in enumerate(zip(batch["lengths"], batch["ended"], strict=True)):
        last = batch["rewards"][row, length - 1]
        follows = 0.0 if ended else 0.9 * values[row, length]
        torch.testing.assert_close(targets[row, length - 1], last + follows)
