import numpy as np
import pytest
import torch

from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.normalizer import RunningNormalizer
from rllib_remix.models.stepper import AgentStepper

COPIES, AGENTS, OBS_DIM, ACTIONS, HIDDEN = 3, 4, 5, 6, 8


def network(**settings) -> RecurrentAgent:
    torch.manual_seed(0)
    return RecurrentAgent(OBS_DIM, ACTIONS, AGENTS, hidden_dim=HIDDEN, **settings)


@torch.no_grad()
def expected_utilities(agent: RecurrentAgent, obs: np.ndarray, actions: np.ndarray) -> list[torch.Tensor]:
    """Of `RecurrentAgent.step`: obs [T, N, n, O], actions [T, N, n]; an action counts at the step after it."""
    hidden, last_actions = torch.zeros(COPIES * AGENTS, HIDDEN), torch.full((COPIES, AGENTS), -1)
    result = []
    for t, (now, taken) in enumerate(zip(obs, actions, strict=True)):
        utilities, hidden = agent.step(torch.from_numpy(now), last_actions, hidden, torch.full((COPIES,), t))
        result.append(utilities)
        last_actions = torch.from_numpy(taken)
    return result


@pytest.mark.parametrize("observe_last_action", [True, False])
@pytest.mark.parametrize("observe_agent_id", [True, False])
@pytest.mark.parametrize("clamp", [None, (-0.05, 0.02)])
def test_utilities_are_those_of_the_network_step_after_step(observe_last_action, observe_agent_id, clamp):
    agent = network(
        observe_last_action=observe_last_action, observe_agent_id=observe_agent_id, utility_clamp=clamp
    )
    rng = np.random.default_rng(0)
    obs = rng.normal(size=(7, COPIES, AGENTS, OBS_DIM)).astype(np.float32)
    actions = rng.integers(ACTIONS, size=(7, COPIES, AGENTS))
    stepper = AgentStepper(agent, COPIES)
    for now, taken, expected in zip(obs, actions, expected_utilities(agent, obs, actions), strict=True):
        torch.testing.assert_close(torch.from_numpy(stepper.step(now)), expected, rtol=1e-5, atol=1e-6)
        stepper.remember(taken)


def test_what_else_the_head_gives_is_not_acted_by():
    plain, more = network(), network(extra_outputs=3)
    with torch.no_grad():
        for name, weight in more.named_parameters():
            same = plain.get_parameter(name)
            weight[: len(same)] = same
    obs = np.random.default_rng(0).normal(size=(COPIES, AGENTS, OBS_DIM))
    assert np.array_equal(AgentStepper(more, COPIES).step(obs), AgentStepper(plain, COPIES).step(obs))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float64, np.bool_])
def test_observations_may_have_any_real_dtype(dtype):
    obs = np.random.default_rng(0).integers(2, size=(COPIES, AGENTS, OBS_DIM))
    one, other = AgentStepper(network(), COPIES), AgentStepper(network(), COPIES)
    assert np.array_equal(one.step(obs.astype(dtype)), other.step(obs.astype(np.float32)))


def test_copies_that_forget_start_anew_and_the_others_go_on():
    rng = np.random.default_rng(0)
    obs = rng.normal(size=(4, COPIES, AGENTS, OBS_DIM))
    forgetful, constant, fresh = (AgentStepper(network(), COPIES) for _ in range(3))
    for now in obs[:3]:
        taken = rng.integers(ACTIONS, size=(COPIES, AGENTS))
        for stepper in (forgetful, constant):
            stepper.step(now)
            stepper.remember(taken)
    forgetful.forget(np.array([True, False, True]))
    after, unchanged, anew = (stepper.step(obs[3]).copy() for stepper in (forgetful, constant, fresh))
    assert np.array_equal(after[1], unchanged[1])
    np.testing.assert_allclose(after[[0, 2]], anew[[0, 2]], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("observes", [True, False])
@pytest.mark.parametrize("image_shape", [(), (3, 3, 4)])
def test_so_they_are_of_images_with_time_and_normalized(image_shape, observes):
    torch.manual_seed(0)
    settings = {"observe_last_action": observes, "observe_agent_id": observes, "image_shape": image_shape}
    agent = RecurrentAgent(36, ACTIONS, AGENTS, hidden_dim=HIDDEN, episode_limit=11, **settings)
    rng = np.random.default_rng(0)
    obs = rng.integers(256, size=(7, COPIES, AGENTS, 36)).astype(np.uint8)
    actions = rng.integers(ACTIONS, size=(7, COPIES, AGENTS))
    agent.normalizer = RunningNormalizer(36)
    stepper = AgentStepper(agent, COPIES)
    agent.normalizer.update(
        torch.from_numpy(obs).flatten(0, 2)
    )  # as new weights come to a stepper that is there
    for now, taken, expected in zip(obs, actions, expected_utilities(agent, obs, actions), strict=True):
        torch.testing.assert_close(torch.from_numpy(stepper.step(now)), expected, rtol=1e-5, atol=1e-6)
        stepper.remember(taken)


def test_copies_that_forget_begin_with_time_0():
    forgetful, fresh = (AgentStepper(network(episode_limit=5), COPIES) for _ in range(2))
    obs = np.ones((COPIES, AGENTS, OBS_DIM), np.float32)
    for _ in range(3):
        forgetful.step(obs)
        forgetful.remember(np.zeros((COPIES, AGENTS), np.int64))
    forgetful.forget(np.array([True, False, True]))
    after, anew = forgetful.step(obs), fresh.step(obs)
    np.testing.assert_allclose(after[[0, 2]], anew[[0, 2]], rtol=1e-5, atol=1e-6)
    assert not np.allclose(after[1], anew[1])
