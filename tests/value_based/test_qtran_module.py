"""What the joint value of QTRAN reads of a batch, and what it must not."""

import torch

from tests.value_based.test_rl_module import ACTIONS, STEPS, batch, module, over


def changed(name: str, where: tuple) -> dict[str, torch.Tensor]:
    """The batch with other numbers at one place."""
    seen = batch()
    seen[name] = seen[name].clone()
    seen[name][where] += 1
    return seen


def values(seen: dict[str, torch.Tensor]) -> torch.Tensor:
    return module("QTRAN", zero_initial_values=False)._forward_train(seen)["q_tot"]


def test_q_jt_reads_no_other_episode_and_no_later_step():
    before, after = values(batch()), values(changed("obs", (0, 3, 1)))
    differs = (before != after) & ~over(STEPS, 0)
    assert differs[0, 3:].all()
    assert not differs[0, :3].any()
    assert not differs[1:].any()


def test_q_jt_reads_the_action_of_its_own_step():
    """And, through the agents, that of the step before."""
    seen = batch()
    seen["actions"] = seen["actions"].clone()
    seen["actions"][0, 2, 0] = (seen["actions"][0, 2, 0] + 1) % ACTIONS
    before, after = values(batch()), values(seen)
    assert (before != after)[0].tolist() == [False, False, True, True, True, True]


def test_q_jt_is_no_sum_of_what_agents_do_nor_of_the_sum_of_their_utilities():
    network = module("QTRAN", zero_initial_values=False)
    out = network._forward_train(batch())
    ratio = out["q_tot"] / out["chosen_sum"]
    assert ratio[~over(STEPS, 0)].std() > 0.01


def test_losses_of_the_constraints_do_not_reach_q_jt_and_that_of_q_jt_reaches_the_agents():
    network = module("QTRAN", zero_initial_values=False)
    out = network._forward_train(batch())
    out["q_tot"].sum().backward()
    own = {name.split(".")[0] for name, weight in network.named_parameters() if weight.grad is not None}
    assert own == {"agent", "q_jt"}
    # Through the features of the head, not its utilities.
    assert not network.agent.head.weight.grad[:ACTIONS].any()
    assert network.agent.head.weight.grad[ACTIONS:].any()
    network.zero_grad()
    out = network._forward_train(batch())
    (out["chosen_sum"] + out["greedy_sum"] + out["state_value"]).sum().backward()
    reached = {
        name.split(".")[0]
        for name, weight in network.named_parameters()
        if weight.grad is not None and weight.grad.any()
    }
    assert reached == {"agent", "state_value"}
    assert not network.agent.head.weight.grad[ACTIONS:].any()
