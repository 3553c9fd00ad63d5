import pytest
import torch

from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.normalizer import RunningNormalizer
from rllib_remix.models.packing import AgentPacking

EPISODES, STEPS, AGENTS, OBS_DIM, ACTIONS = 3, 7, 4, 5, 6


def agent(**settings) -> RecurrentAgent:
    torch.manual_seed(0)
    return RecurrentAgent(OBS_DIM, ACTIONS, AGENTS, hidden_dim=16, **settings)


def episodes(seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    obs = torch.randn(EPISODES, STEPS + 1, AGENTS, OBS_DIM, generator=generator)
    return obs, torch.randint(ACTIONS, (EPISODES, STEPS, AGENTS), generator=generator)


def whole(
    network: RecurrentAgent, obs: torch.Tensor, actions: torch.Tensor, lives: torch.Tensor | None = None
) -> torch.Tensor:
    """The utilities of whole episodes, as in learning; everybody lives to the end unless `lives` are given."""
    steps = obs.shape[1]
    packing = AgentPacking(torch.full((len(obs), AGENTS), steps) if lives is None else lives, steps)
    inputs = network.inputs(obs, actions, packing, torch.float32)
    return packing.unpack(network(inputs, packing, network.images(obs, packing)))


def stepped(network: RecurrentAgent, obs: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """The utilities of whole episodes, one step after the other as in acting."""
    hidden = torch.zeros(len(obs) * AGENTS, network.hidden_dim)
    last_actions = torch.full((len(obs), AGENTS), -1)
    utilities = []
    for t in range(obs.shape[1]):
        now, hidden = network.step(obs[:, t], last_actions, hidden, torch.full((len(obs),), t))
        utilities.append(now)
        if t < actions.shape[1]:
            last_actions = actions[:, t]
    return torch.stack(utilities, dim=1)


@pytest.mark.parametrize("observe_last_action", [True, False])
@pytest.mark.parametrize("observe_agent_id", [True, False])
def test_whole_episodes_give_the_same_utilities_as_step_by_step(observe_last_action, observe_agent_id):
    network = agent(observe_last_action=observe_last_action, observe_agent_id=observe_agent_id)
    obs, actions = episodes()
    utilities = whole(network, obs, actions)
    assert utilities.shape == (EPISODES, STEPS + 1, AGENTS, ACTIONS)
    assert utilities.dtype == torch.float32
    torch.testing.assert_close(utilities, stepped(network, obs, actions), rtol=1e-5, atol=1e-5)


def test_the_last_action_is_an_input_of_the_next_step_and_not_of_its_own():
    network = agent()
    obs, actions = episodes()
    changed = actions.clone()
    changed[:, 3] = (changed[:, 3] + 1) % ACTIONS
    before, after = whole(network, obs, actions), whole(network, obs, changed)
    assert torch.equal(before[:, :4], after[:, :4])
    assert (before[:, 4] != after[:, 4]).any(-1).all()


def test_without_the_last_action_actions_change_nothing():
    network = agent(observe_last_action=False)
    obs, actions = episodes()
    assert torch.equal(whole(network, obs, actions), whole(network, obs, (actions + 1) % ACTIONS))


def test_at_the_first_step_no_last_action_is_set():
    network = agent()
    obs, _ = episodes()
    hidden = torch.zeros(EPISODES * AGENTS, 16)
    none_yet, _ = network.step(obs[:, 0], torch.full((EPISODES, AGENTS), -1), hidden)
    without = agent()
    with torch.no_grad():
        without.encoder.weight[:, OBS_DIM : OBS_DIM + ACTIONS] = 0.0
    any_action, _ = without.step(obs[:, 0], torch.zeros(EPISODES, AGENTS, dtype=torch.int64), hidden)
    torch.testing.assert_close(none_yet, any_action)


def test_what_comes_later_does_not_change_earlier_utilities():
    network = agent()
    obs, actions = episodes()
    expected = whole(network, obs, actions)
    obs[:, 5:], actions[:, 5:] = float("nan"), 0
    torch.testing.assert_close(whole(network, obs, actions)[:, :5], expected[:, :5])
    torch.testing.assert_close(whole(network, obs[:, :5], actions[:, :4]), expected[:, :5])


def test_after_its_life_an_agent_keeps_its_utilities_and_nothing_is_computed():
    network = agent()
    obs, actions = episodes()
    expected = whole(network, obs, actions)
    lives = torch.tensor([[8, 1, 3, 8], [2, 2, 5, 1], [7, 4, 8, 6]])
    obs[torch.arange(STEPS + 1)[:, None] >= lives[:, None]] = float("nan")
    utilities = whole(network, obs, actions, lives)
    for row in [(b, a) for b in range(EPISODES) for a in range(AGENTS)]:
        ours, full, life = utilities[row[0], :, row[1]], expected[row[0], :, row[1]], int(lives[row])
        torch.testing.assert_close(ours[:life], full[:life], rtol=1e-5, atol=1e-6)
        assert torch.equal(ours[life:], ours[life - 1].expand_as(ours[life:]))


def test_agents_and_episodes_do_not_see_each_other():
    network = agent()
    obs, actions = episodes()
    expected = whole(network, obs, actions)
    obs[0, :, 2] += 1.0
    changed = (whole(network, obs, actions) != expected).any(-1).any(1)  # [B, n]
    assert changed.nonzero().tolist() == [[0, 2]]


def test_agents_without_an_id_are_interchangeable():
    network = agent(observe_agent_id=False)
    obs, actions = episodes()
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(
        whole(network, obs[:, :, order], actions[:, :, order]), whole(network, obs, actions)[:, :, order]
    )


def test_agents_with_an_id_may_differ_on_the_same_observation():
    obs = torch.ones(1, 1, AGENTS, OBS_DIM)
    nothing = torch.zeros(1, 0, AGENTS, dtype=torch.int64)
    with_id = whole(agent(), obs, nothing)[0, 0]
    without_id = whole(agent(observe_agent_id=False), obs, nothing)[0, 0]
    assert (with_id[0] != with_id[1]).any()
    torch.testing.assert_close(without_id, without_id[:1].expand_as(without_id))


@pytest.mark.parametrize(
    ("observe_last_action", "observe_agent_id", "inputs"),
    [(True, True, 5 + 6 + 4), (True, False, 5 + 6), (False, True, 5 + 4), (False, False, 5)],
)
def test_the_switches_change_the_size_of_the_input(observe_last_action, observe_agent_id, inputs):
    network = agent(observe_last_action=observe_last_action, observe_agent_id=observe_agent_id)
    assert network.encoder.in_features == inputs


def test_all_agents_share_one_set_of_parameters():
    shapes = {name: tuple(parameter.shape) for name, parameter in agent().named_parameters()}
    assert shapes == {
        "encoder.weight": (16, 15),
        "encoder.bias": (16,),
        "gru.weight_ih_l0": (48, 16),
        "gru.weight_hh_l0": (48, 16),
        "gru.bias_ih_l0": (48,),
        "gru.bias_hh_l0": (48,),
        "head.weight": (6, 16),
        "head.bias": (6,),
    }


def test_utilities_are_clamped_if_asked_for():
    obs, actions = episodes()
    free, clamped = agent(), agent(utility_clamp=(-0.05, 0.02))
    expected = whole(free, obs, actions).clamp(-0.05, 0.02)
    assert torch.equal(whole(clamped, obs, actions), expected)
    assert torch.equal(stepped(clamped, obs, actions).clamp(-0.05, 0.02), stepped(clamped, obs, actions))
    assert (expected == 0.02).any()
    assert (expected == -0.05).any()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.float64, torch.bool])
def test_observations_may_have_any_real_dtype(dtype):
    network = agent()
    obs = torch.randint(2, (EPISODES, STEPS + 1, AGENTS, OBS_DIM)).to(dtype)
    _, actions = episodes()
    torch.testing.assert_close(
        whole(network, obs, actions.to(torch.int16)), whole(network, obs.float(), actions)
    )
    assert stepped(network, obs, actions).dtype == torch.float32


def test_gradients_reach_every_parameter():
    network = agent()
    whole(network, *episodes()).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())


IMAGE = (4, 5, 3)


def image_episodes():
    generator = torch.Generator().manual_seed(2)
    shape = (EPISODES, STEPS + 1, AGENTS, 4 * 5 * 3)
    return torch.randint(256, shape, generator=generator, dtype=torch.uint8), episodes()[1]


def image_agent(**settings) -> RecurrentAgent:
    torch.manual_seed(0)
    return RecurrentAgent(4 * 5 * 3, ACTIONS, AGENTS, hidden_dim=16, image_shape=IMAGE, **settings)


def with_statistics(network: RecurrentAgent, obs: torch.Tensor) -> RecurrentAgent:
    network.normalizer = RunningNormalizer(obs.shape[-1])
    network.normalizer.update(obs.flatten(0, -2)[::2])
    return network


@pytest.mark.parametrize("normalizes", [False, True])
@pytest.mark.parametrize("sees", ["vectors", "images"])
@pytest.mark.parametrize("one_hots", [True, False])
def test_with_time_images_and_normalized_too_whole_episodes_are_as_step_by_step(sees, normalizes, one_hots):
    settings = {"observe_last_action": one_hots, "observe_agent_id": one_hots, "episode_limit": 9}
    network = agent(**settings) if sees == "vectors" else image_agent(**settings)
    obs, actions = episodes() if sees == "vectors" else image_episodes()
    if normalizes:
        network = with_statistics(network, obs)
    utilities = whole(network, obs, actions)
    torch.testing.assert_close(utilities, stepped(network, obs, actions), rtol=1e-5, atol=1e-5)


def test_the_time_is_a_share_of_the_limit_from_0_on_and_the_last_input():
    network = agent(episode_limit=10)
    obs, actions = episodes()
    packing = AgentPacking(torch.full((EPISODES, AGENTS), STEPS + 1), STEPS + 1)
    inputs = network.inputs(obs, actions, packing, torch.float32)
    expected = torch.tensor([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    torch.testing.assert_close(
        packing.unpack(inputs)[..., -1], expected.view(1, -1, 1).expand(EPISODES, -1, AGENTS)
    )
    without = agent().inputs(obs, actions, packing, torch.float32)
    assert torch.equal(inputs[:, :-1], without)


def test_normalized_observations_and_nothing_else_are_in_the_inputs_by_their_statistics():
    network, (obs, actions) = agent(), episodes()
    packing = AgentPacking(torch.full((EPISODES, AGENTS), STEPS + 1), STEPS + 1)
    plain = network.inputs(obs, actions, packing, torch.float32)
    normalized = with_statistics(network, obs).inputs(obs, actions, packing, torch.float32)
    expected = (plain[:, :OBS_DIM] - network.normalizer.mean) / network.normalizer.variance.sqrt()
    torch.testing.assert_close(normalized[:, :OBS_DIM], expected)
    assert torch.equal(normalized[:, OBS_DIM:], plain[:, OBS_DIM:])


def test_another_network_reads_images_by_the_statistics_of_the_one_whose_inputs_it_gets():
    obs, actions = image_episodes()
    acting, other = with_statistics(image_agent(), obs), image_agent()
    packing = AgentPacking(torch.full((EPISODES, AGENTS), STEPS + 1), STEPS + 1)
    inputs, images = acting.inputs(obs, actions, packing, torch.float32), acting.images(obs, packing)
    assert torch.equal(other(inputs, packing, images), acting(inputs, packing, images))


def test_gradients_reach_every_parameter_of_a_network_that_sees_images():
    network = image_agent()
    whole(network, *image_episodes()).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())
