"""The loss of independent Q-learning, worked by hand and agent by agent."""

import pytest
import torch

from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.learning.targets import lambda_returns, step_mask, watkins_returns
from tests.learner_step.learners import module_of, team_learner

AGENTS, STEPS = 2, 2


def batch(**others) -> dict[str, torch.Tensor]:
    """Two episodes of two agents: one of two steps, terminated, and one of one step, cut off."""
    return {
        "actions": torch.tensor([[[0, 1], [1, 0]], [[1, 0], [1, 1]]]),
        "avail_actions": torch.ones(2, STEPS + 1, AGENTS, 2, dtype=torch.bool),
        "rewards": torch.tensor([[1.0, 2.0], [3.0, torch.nan]]),
        "lengths": torch.tensor([2, 1]),
        "terminated": torch.tensor([True, False]),
        "numbers": torch.tensor([4, 7]),
        "importance": torch.ones(2),
        "reward_range": torch.tensor([[1.0, 3.0]] * 2),
        "num_steps": torch.tensor([3.0, 3.0]),
        **others,
    }


def values() -> dict[str, torch.Tensor]:
    """Utilities [B, T, n] of what agents did, targets' values [B, T+1, n]; each's own greedy actions."""
    return {
        "q_tot": torch.tensor([[[1.0, 2.0], [0.0, 4.0]], [[5.0, 6.0], [9.0, 9.0]]]),
        "target_values": torch.tensor(
            [[[0.0, 0.0], [2.0, 4.0], [8.0, 8.0]], [[2.0, 4.0], [6.0, 8.0], [9.0, 9.0]]]
        ),
        # Agent 0 takes what is greedy at step 1, agent 1 does not.
        "greedy_actions": torch.tensor([[[0, 0], [1, 1], [0, 0]], [[0, 0], [0, 0], [0, 0]]]),
        "utilities": torch.zeros(2, STEPS + 1, AGENTS, 2),
    }


def loss(*, algorithm="IQL", trace="watkins", **others) -> float:
    learner = team_learner(
        algorithm, gamma=0.5, td_lambda=0.5, td_trace=trace, limit_targets=False, truncated_value="last"
    )
    return learner.compute_loss_for_module(
        module_id="default_policy", config=learner.config, batch=batch(**others), fwd_out=values()
    ).item()


def test_the_loss_worked_by_hand():
    # γ = λ = ½. Episode 0, last step: y = 2, errors 0 - 2 and 4 - 2. First step, agent 0, whose second action is greedy:
    # y = 1 + ½(½·2 + ½·2) = 2, error 1 - 2; agent 1, whose second is not: y = 1 + ½·4 = 3, error 2 - 3.
    # Episode 1, cut off: y = 3 + ½·6 = 6 and 3 + ½·8 = 7, errors 5 - 6 and 6 - 7.
    assert loss() == pytest.approx((4 + 4 + 1 + 1 + 1 + 1) / 6)


@pytest.mark.parametrize("trace", ["watkins", "peng"])
def test_it_is_the_mean_of_what_every_agent_has_alone(trace):
    seen, said, own = batch(), values(), []
    for agent in range(AGENTS):
        episodes = seen["rewards"], said["target_values"][..., agent], seen["lengths"], seen["terminated"]
        how = {"gamma": 0.5, "td_lambda": 0.5}
        greedy = said["greedy_actions"][:, :-1, agent] == seen["actions"][..., agent]
        targets = (
            lambda_returns(*episodes, **how) if trace == "peng" else watkins_returns(*episodes, greedy, **how)
        )
        errors = said["q_tot"][..., agent] - targets
        own.append((errors[step_mask(seen["lengths"], STEPS)] ** 2).mean().item())
    assert loss(trace=trace) == pytest.approx(sum(own) / AGENTS)


def test_of_several_learners_each_divides_by_its_share():
    assert loss(num_steps=torch.tensor([1.5, 1.5])) == pytest.approx(2 * loss())


def test_its_networks_are_the_agents_and_read_no_state():
    learner = team_learner("IQL")
    names = {name.split(".")[0] for name, _ in module_of(learner).named_parameters()}
    assert names == {"agent", "target_agent"}
    assert get_algorithm_config("IQL").networks()["mixer"] is None
