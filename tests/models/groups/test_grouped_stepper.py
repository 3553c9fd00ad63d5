import numpy as np
import pytest
import torch

from rllib_remix.models.groups.agent import recurrent_agent
from rllib_remix.models.groups.stepper import GroupedStepper, new_stepper
from rllib_remix.models.normalizer import RunningNormalizer
from rllib_remix.models.stepper import AgentStepper

COPIES, AGENTS, OBS_DIM, ACTIONS, HIDDEN = 3, 4, 5, 6, 8


def network(groups, seed: int = 0, **settings):
    torch.manual_seed(seed)
    return recurrent_agent(groups, OBS_DIM, ACTIONS, hidden_dim=HIDDEN, **settings)


@torch.no_grad()
def expected_utilities(agent, obs: np.ndarray, actions: np.ndarray) -> list[torch.Tensor]:
    hidden, last_actions = torch.zeros(COPIES * AGENTS, HIDDEN), torch.full((COPIES, AGENTS), -1)
    result = []
    for t, (now, taken) in enumerate(zip(obs, actions, strict=True)):
        utilities, hidden = agent.step(torch.from_numpy(now), last_actions, hidden, torch.full((COPIES,), t))
        result.append(utilities)
        last_actions = torch.from_numpy(taken)
    return result


def play(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    obs = rng.normal(size=(6, COPIES, AGENTS, OBS_DIM)).astype(np.float32)
    return obs, rng.integers(ACTIONS, size=(6, COPIES, AGENTS))


@pytest.mark.parametrize("groups", [(0, 1, 2, 3), (0, 1, 1, 0), (0, 0, 1, 0)], ids=str)
@pytest.mark.parametrize("observes", [True, False])
def test_utilities_are_those_of_the_network_step_after_step(groups, observes):
    agent = network(
        groups,
        observe_last_action=observes,
        observe_agent_id=observes,
        episode_limit=9 if observes else None,
        utility_clamp=(-0.1, 0.1),
        extra_outputs=2,
    )
    obs, actions = play()
    stepper = new_stepper(agent, COPIES)
    for now, taken, expected in zip(obs, actions, expected_utilities(agent, obs, actions), strict=True):
        torch.testing.assert_close(torch.from_numpy(stepper.step(now)), expected, rtol=1e-5, atol=1e-6)
        stepper.remember(taken)


def test_weights_and_statistics_that_are_loaded_later_count_from_the_next_step_on():
    agent, newer, (obs, actions) = network((0, 1, 1, 0)), network((0, 1, 1, 0), seed=1), play()
    agent.normalizer, newer.normalizer = RunningNormalizer(OBS_DIM), RunningNormalizer(OBS_DIM)
    newer.normalizer.update(torch.from_numpy(obs).flatten(0, 2))
    stepper = new_stepper(agent, COPIES)
    agent.load_state_dict(newer.state_dict())
    expected = expected_utilities(newer, obs[:1], actions[:1])[0]
    torch.testing.assert_close(torch.from_numpy(stepper.step(obs[0])), expected, rtol=1e-5, atol=1e-6)


def test_copies_that_forget_start_anew_and_the_others_go_on():
    obs, actions = play()
    forgetful, constant, fresh = (new_stepper(network((0, 1, 1, 1)), COPIES) for _ in range(3))
    for now, taken in zip(obs[:3], actions[:3], strict=True):
        for stepper in (forgetful, constant):
            stepper.step(now)
            stepper.remember(taken)
    forgetful.forget(np.array([True, False, True]))
    assert (forgetful.hidden[[0, 2]] == 0).all()
    assert torch.equal(forgetful.hidden[1], constant.hidden[1])
    after, unchanged, anew = (stepper.step(obs[3]).copy() for stepper in (forgetful, constant, fresh))
    assert np.array_equal(after[1], unchanged[1])
    np.testing.assert_allclose(after[[0, 2]], anew[[0, 2]], rtol=1e-5, atol=1e-6)


def test_a_network_that_all_share_is_stepped_as_ever():
    assert type(new_stepper(network((0, 0, 0, 0)), COPIES)) is AgentStepper
    assert type(new_stepper(network((0, 1, 1, 0)), COPIES)) is GroupedStepper
