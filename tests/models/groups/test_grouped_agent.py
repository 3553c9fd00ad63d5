"""The networks of several groups are those of each group by itself."""

import pytest
import torch

from rllib_remix.models.agent import Begun, RecurrentAgent
from rllib_remix.models.groups.agent import GroupedAgent, recurrent_agent
from rllib_remix.models.groups.gru import grouped_gru_outputs, stepped_gru_outputs
from rllib_remix.models.normalizer import RunningNormalizer

EPISODES, STEPS, AGENTS, OBS_DIM, ACTIONS, HIDDEN = 5, 8, 4, 3, 5, 16
GROUPS = {
    "each its own": (0, 1, 2, 3),
    "two pairs": (0, 1, 1, 0),
    "one and three": (0, 1, 1, 1),
    "one, two, one": (0, 1, 1, 2),
}
every_grouping = pytest.mark.parametrize("groups", GROUPS.values(), ids=GROUPS)


def agent(groups, **settings) -> RecurrentAgent:
    torch.manual_seed(0)
    return recurrent_agent(groups, OBS_DIM, ACTIONS, hidden_dim=HIDDEN, **settings)


def alone(network: RecurrentAgent, group: int, **settings) -> RecurrentAgent:
    """The network of one group, for the whole team."""
    one = RecurrentAgent(OBS_DIM, ACTIONS, AGENTS, hidden_dim=HIDDEN, **settings)
    one.load_state_dict({name: weights[group] for name, weights in network.state_dict().items()})
    return one


def episodes(seed: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Observations, actions, and lives of all lengths."""
    generator = torch.Generator().manual_seed(seed)
    obs = torch.randn(EPISODES, STEPS + 1, AGENTS, OBS_DIM, generator=generator)
    actions = torch.randint(ACTIONS, (EPISODES, STEPS, AGENTS), generator=generator)
    return obs, actions, torch.randint(1, STEPS + 2, (EPISODES, AGENTS), generator=generator)


def whole(network, obs, actions, lives, dtype=torch.float32) -> torch.Tensor:
    packing = network.packing(lives, obs.shape[1])
    inputs = network.inputs(obs, actions, packing, dtype)
    return packing.unpack(network(inputs, packing))


def stepped(network, obs, actions) -> torch.Tensor:
    hidden, last_actions = torch.zeros(len(obs) * AGENTS, HIDDEN), torch.full((len(obs), AGENTS), -1)
    utilities = []
    for t in range(obs.shape[1]):
        now, hidden = network.step(obs[:, t], last_actions, hidden, torch.full((len(obs),), t))
        utilities.append(now)
        if t < actions.shape[1]:
            last_actions = actions[:, t]
    return torch.stack(utilities, dim=1)


def members(groups, group: int) -> list[int]:
    return [a for a, its in enumerate(groups) if its == group]


@every_grouping
@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)], ids=str)
def test_utilities_and_gradients_are_those_of_a_network_for_each_group(groups, dtype, close):
    network, (obs, actions, lives) = agent(groups), episodes()
    utilities = whole(network, obs, actions, lives, dtype)
    upstream = torch.randn(utilities.shape, generator=torch.Generator().manual_seed(3))
    (utilities * upstream).sum().backward()
    for group in range(max(groups) + 1):
        one, its = alone(network, group), members(groups, group)
        expected = whole(one, obs, actions, lives, dtype)[:, :, its]
        torch.testing.assert_close(utilities[:, :, its], expected, rtol=close, atol=close)
        (expected * upstream[:, :, its]).sum().backward()
        for (name, theirs), ours in zip(one.named_parameters(), network.parameters(), strict=True):
            largest = float(theirs.grad.abs().max())
            assert float((ours.grad[group] - theirs.grad).abs().max()) <= close * max(1.0, largest), name


@every_grouping
@pytest.mark.parametrize("settings", [{}, {"observe_last_action": False, "observe_agent_id": False}], ids=str)
def test_step_by_step_too(groups, settings):
    settings = {**settings, "episode_limit": 9, "utility_clamp": (-0.05, 0.1)}
    network, (obs, actions, _) = agent(groups, **settings), episodes()
    utilities = stepped(network, obs, actions)
    for group in range(max(groups) + 1):
        expected = stepped(alone(network, group, **settings), obs, actions)
        its = members(groups, group)
        torch.testing.assert_close(utilities[:, :, its], expected[:, :, its], rtol=1e-5, atol=1e-5)
    everybody_lives = torch.full((EPISODES, AGENTS), STEPS + 1)
    torch.testing.assert_close(whole(network, obs, actions, everybody_lives), utilities, rtol=1e-5, atol=1e-5)


@every_grouping
def test_without_gradients_utilities_are_the_same_to_the_bit(groups):
    network, seen = agent(groups), episodes()
    kept = whole(network, *seen)
    with torch.no_grad():
        assert torch.equal(whole(network, *seen), kept)


@every_grouping
def test_pytorchs_functions_step_by_step_give_the_same_with_the_same_gradients(groups):
    network, (_, _, lives) = agent(groups), episodes()
    packing = network.packing(lives, STEPS + 1)
    count = network.places.count
    inputs = torch.randn(count, sum(packing.group_sizes), HIDDEN).requires_grad_()
    upstream = torch.randn(count, sum(packing.group_sizes), ACTIONS)
    results = []
    for function in (grouped_gru_outputs, stepped_gru_outputs):
        outputs = function(network.gru, network.head, inputs, packing.group_sizes)
        weights = [*network.gru.parameters(), *network.head.parameters()]
        results.append([outputs, *torch.autograd.grad(outputs, [inputs, *weights], upstream)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_what_agents_see_reaches_the_parameters_of_their_own_group_only():
    network, (obs, actions, lives) = agent((0, 1, 1, 0)), episodes()
    whole(network, obs, actions, lives)[:, :, [0, 3]].square().sum().backward()
    for parameter in network.parameters():
        assert parameter.grad[0].abs().sum() > 0
        assert (parameter.grad[1] == 0).all()


def test_networks_begin_each_by_themselves_as_one_does():
    network = agent((0, 1, 2, 3))
    for weights, one in zip(network.parameters(), agent((0, 0, 0, 0)).parameters(), strict=True):
        assert len({tuple(of_group.flatten().tolist()) for of_group in weights}) == 4
        assert weights.shape == (4, *one.shape)
        # Uniform within ± a bound, which the largest of many come near to.
        largest = [float(each.detach().abs().amax()) for each in (weights, one)]
        assert largest[0] == pytest.approx(largest[1], rel=0.3)


def test_all_in_one_group_is_the_network_that_all_share():
    assert type(agent((0, 0, 0, 0))) is RecurrentAgent
    assert type(agent((0,))) is RecurrentAgent
    assert type(agent((0, 1))) is GroupedAgent


def test_agents_in_another_order_are_the_same_with_the_parameters_in_that_order():
    obs, actions, lives = episodes()
    network, other = (agent((0, 1, 1, 2), observe_agent_id=False) for _ in range(2))
    other.load_state_dict({name: weights[[2, 1, 0]] for name, weights in network.state_dict().items()})
    reversed_ = whole(other, obs.flip(2), actions.flip(2), lives.flip(1)).flip(2)
    torch.testing.assert_close(reversed_, whole(network, obs, actions, lives), rtol=1e-5, atol=1e-6)


@every_grouping
def test_after_its_life_an_agent_keeps_its_utilities_and_nothing_is_read(groups):
    network, (obs, actions, lives) = agent(groups), episodes()
    expected = whole(network, obs, actions, lives)
    obs[torch.arange(STEPS + 1)[:, None] >= lives[:, None]] = float("nan")
    assert torch.equal(whole(network, obs, actions, lives), expected)
    for episode, its in enumerate(lives.tolist()):
        for a, life in enumerate(its):
            held = expected[episode, life - 1 :, a]
            assert torch.equal(held, held[:1].expand_as(held))


def test_one_normalizer_is_of_all_agents():
    network, (obs, actions, lives) = agent((0, 1, 1, 0)), episodes()
    network.normalizer = RunningNormalizer(OBS_DIM)
    network.normalizer.update(obs.flatten(0, -2))
    normalized = network.normalizer(obs)
    expected = whole(agent((0, 1, 1, 0)), normalized, actions, lives)
    torch.testing.assert_close(whole(network, obs, actions, lives), expected)


def test_what_is_packed_are_the_steps_of_lives_and_nothing_else():
    lives = torch.tensor([[3, 1, 2, 1], [1, 1, 1, 2]])
    packing = agent((0, 1, 1, 2)).packing(lives, 4)
    assert len(packing.index) == int(lives.sum())
    # The steps that the groups' longest, second longest, … lives have: (3, 1), (2, 1, 1, 1), (2, 1) → 3, 1, 1, 1.
    assert packing.group_sizes == [4, 1, 1]
    assert len(packing.places.unique()) == len(packing.places)
    assert torch.equal(packing.sources[packing.places], torch.arange(len(packing.places)))


@pytest.mark.parametrize("groups", [(0, 0, 0, 0), *GROUPS.values()], ids=["all share", *GROUPS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_what_was_read_before_leads_to_what_reading_all_at_once_does(groups, dtype):
    network = agent(groups, episode_limit=STEPS)
    obs, actions, _ = episodes()
    lives, at = torch.full((EPISODES, AGENTS), STEPS + 1), 3
    at_once = whole(network, obs, actions, lives, dtype)
    head, tail = network.packing(lives * 0 + at, at), network.packing(lives - at, STEPS + 1 - at)
    hidden = network.hidden_after(network.inputs(obs[:, :at], actions[:, : at - 1], head, dtype), head)
    begun = Begun(torch.full((EPISODES, AGENTS), at), actions[:, at - 1])
    inputs = network.inputs(obs[:, at:], actions[:, at:], tail, dtype, begun)
    went_on = tail.unpack(network(inputs, tail, hidden=hidden))
    torch.testing.assert_close(went_on, at_once[:, at:], atol=1e-6, rtol=1e-5)
    begins = tail.unpack(network(inputs, tail))
    assert (begins - at_once[:, at:]).abs()[:, 0].max() > 1e-3


@every_grouping
def test_given_states_get_no_gradient_and_the_rest_is_as_step_by_step(groups):
    network = agent(groups)
    obs, actions, lives = episodes()
    packing = network.packing(lives, STEPS + 1)
    inputs = network.inputs(obs, actions, packing, torch.float32)
    encoded = torch.relu(
        network.encoder(inputs.index_select(0, packing.sources).unflatten(0, (network.places.count, -1)))
    )
    start = packing.first_states(torch.randn(EPISODES, AGENTS, HIDDEN))
    weights = [network.gru.weight_hh_l0, network.gru.weight_ih_l0, network.head.weight]

    def gradients(function):
        out = function(network.gru, network.head, encoded, packing.group_sizes, start)
        return [out, *torch.autograd.grad(out.square().sum(), [*weights], retain_graph=True)]

    for ours, theirs in zip(gradients(grouped_gru_outputs), gradients(stepped_gru_outputs), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
