import pytest
import torch

from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.learning.targets import greedy_actions
from rllib_remix.models.mixing.mixer import MixerInputs
from rllib_remix.models.packed_gru import gru_outputs, library_gru_outputs
from rllib_remix.rollout.spaces import team_spaces
from rllib_remix.team.rl_module import TeamRLModule
from tests.algorithms.games import known_to

EPISODES, STEPS, AGENTS, OBS_DIM, ACTIONS, STATE_DIM = 4, 6, 3, 5, 4, 7
LENGTHS = torch.tensor([6, 1, 4, 3])
FACTORIZATIONS = ["Qatten", "QPLEX", "QTRAN", "IQL"]
SPEC = TeamSpec(AGENTS, ACTIONS, OBS_DIM, STATE_DIM, STEPS, "float32", "float32")


def module(algorithm: str, **settings) -> TeamRLModule:
    torch.manual_seed(0)
    config = get_algorithm_config(algorithm)
    small = {"agent_hidden_dim": 16, "q_star_hidden_dim": 24, "hypernet_hidden_dim": 12}
    config.training(**known_to(config, small), **settings)
    observation_space, action_space = team_spaces(SPEC)
    built = config.get_default_rl_module_spec().module_class(
        observation_space=observation_space, action_space=action_space, model_config=config.networks()
    )
    built.make_target_networks()
    return built


def batch(seed: int = 0) -> dict[str, torch.Tensor]:
    """Agent 2 of episode 0 is removed after step 2: only action 0 is left."""
    generator = torch.Generator().manual_seed(seed)
    avail = torch.rand(EPISODES, STEPS + 1, AGENTS, ACTIONS, generator=generator) < 0.7
    avail[..., :2] = True
    avail[0, 3:, 2] = torch.tensor([True, False, False, False])
    actions = (torch.rand(avail.shape, generator=generator) * avail).argmax(-1)[:, :-1]
    return {
        "obs": torch.randn(EPISODES, STEPS + 1, AGENTS, OBS_DIM, generator=generator),
        "state": torch.randn(EPISODES, STEPS + 1, STATE_DIM, generator=generator),
        "avail_actions": avail,
        "actions": actions,
        "lengths": LENGTHS,
        "lives": torch.tensor([[7, 7, 4], [2, 2, 2], [5, 5, 5], [4, 4, 4]]),
    }


def over(steps: int, extra: int) -> torch.Tensor:
    """[B, steps] bool: padding, if an episode has `extra` entries more than steps."""
    return torch.arange(steps) >= LENGTHS[:, None] + extra


def test_the_mode_of_training_reaches_every_part_whatever_it_was():
    network = module("QMIX")
    network.mixer.eval()
    assert network.train() is network
    assert all(part.training for part in network.modules())
    network.eval()
    assert not any(part.training for part in network.modules())


@pytest.mark.parametrize("algorithm", ["VDN", "QMIX", "ReMIX", "MACPO", *FACTORIZATIONS])
def test_values_do_not_depend_on_padding(algorithm):
    network, clean = module(algorithm), batch()
    dirty = {name: value.clone() for name, value in clean.items()}
    for name in ("obs", "state"):
        dirty[name][over(STEPS + 1, 1)] = float("nan")
    dirty["avail_actions"][over(STEPS + 1, 1)] = True
    dirty["actions"][over(STEPS, 0)] = 3
    before, after = network._forward_train(clean), network._forward_train(dirty)
    for name in before.keys() - {"greedy_actions"}:
        padding = over(before[name].shape[1], before[name].shape[1] - STEPS)
        assert torch.equal(before[name][~padding], after[name][~padding])
        assert after[name].isfinite().all()


@pytest.mark.parametrize("algorithm", ["QMIX", "ReMIX", *FACTORIZATIONS])
def test_values_of_one_episode_are_those_of_the_batch(algorithm):
    network, together = module(algorithm), batch()
    expected = network._forward_train(together)
    for episode, length in enumerate(LENGTHS.tolist()):
        alone = {
            name: value[episode : episode + 1, : length + (name in ("obs", "state", "avail_actions"))]
            for name, value in together.items()
            if name not in ("lengths", "lives")
        } | {name: together[name][episode : episode + 1] for name in ("lengths", "lives")}
        for name, value in network._forward_train(alone).items():
            torch.testing.assert_close(
                value[0], expected[name][episode, : value.shape[1]], rtol=1e-4, atol=1e-5
            )


def test_a_removed_agent_keeps_the_utilities_with_which_it_left():
    values = module("ReMIX")._forward_train(batch())["utilities"]
    computed_to_the_end = module("ReMIX", skip_removed_agents=False)._forward_train(batch())["utilities"]
    gone, still_computed = values[0, 3:, 2], computed_to_the_end[0, 3:, 2]
    torch.testing.assert_close(gone[0], still_computed[0])
    assert torch.equal(gone, gone[:1].expand_as(gone))
    assert (still_computed[1] != still_computed[0]).any()
    for episode, length in enumerate(LENGTHS.tolist()):
        others = [0, 1] if episode == 0 else [0, 1, 2]
        torch.testing.assert_close(
            values[episode, : length + 1, others], computed_to_the_end[episode, : length + 1, others]
        )


@pytest.mark.parametrize("algorithm", ["QMIX", "MACPO", *FACTORIZATIONS])
def test_bfloat16_values_are_close_and_come_as_float32(algorithm):
    exact = module(algorithm, zero_initial_values=False)._forward_train(batch())
    low = module(algorithm, compute_dtype="bfloat16", zero_initial_values=False)._forward_train(batch())
    for name in ("q_tot", "target_values"):
        assert low[name].dtype == torch.float32
        difference = (low[name] - exact[name]).abs().max()
        assert 0 < difference < 0.02 * exact[name].abs().max()


@pytest.mark.parametrize(("begins_at_zero", "most"), [(True, 0.1), (False, 1e9)])
@pytest.mark.parametrize("algorithm", ["QMIX", "MACPO"])
def test_values_begin_near_0_whatever_the_state_unless_the_papers_way_is_asked_for(
    algorithm, begins_at_zero, most
):
    network, seen = module(algorithm, zero_initial_values=begins_at_zero), batch()
    with torch.no_grad():
        utilities = seen["state"].new_zeros(5, AGENTS)
        states = torch.randn(5, seen["state"].shape[-1]) * 100
        values = [network.mixer(MixerInputs(utilities, states))]
        values += [] if network.q_star is None else [network.q_star(utilities, states)]
    for value in values:
        assert value.abs().max() < most
        assert begins_at_zero or value.abs().max() > 1


def test_gradients_of_bfloat16_point_the_same_way():
    gradients = []
    for dtype in ("float32", "bfloat16"):
        network = module("MACPO", compute_dtype=dtype)
        values = network._forward_train(batch())
        (values["q_tot"].square().sum() + values["q_star"].square().sum()).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None]))
    assert torch.cosine_similarity(*gradients, dim=0) > 0.999


def test_the_mixer_gradient_is_autograds():
    network, seen = module("ReMIX"), batch()
    values = network._forward_train(seen)
    utilities = values["utilities"][:, :-1].gather(-1, seen["actions"].unsqueeze(-1)).squeeze(-1)
    utilities = utilities.requires_grad_()
    q_tot = network.mixer(MixerInputs(utilities, seen["state"][:, :-1]))
    expected = torch.autograd.grad(q_tot.sum(), utilities)[0]
    real = ~over(STEPS, 0)
    torch.testing.assert_close(values["mixer_gradient"][real], expected[real], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("algorithm", "learned"),
    [
        ("ReMIX", {"q_tot", "q_star"}),
        ("QPLEX", {"q_tot"}),
        ("IQL", {"q_tot"}),
        ("QTRAN", {"q_tot", "chosen_sum", "greedy_sum", "state_value"}),
    ],
)
def test_only_what_is_learned_carries_gradients(algorithm, learned):
    values = module(algorithm)._forward_train(batch())
    assert {name for name, value in values.items() if value.requires_grad} == learned


def test_the_target_of_duplex_dueling_knows_what_the_target_utilities_have_best():
    """With targets that rank the actions the other way round, the joint action is not the best one there."""
    network, seen = module("QPLEX"), batch()
    with torch.no_grad():
        network.target_agent.head.weight.neg_()
        network.target_agent.head.bias.neg_()
    values = network._forward_train(seen)
    utilities = -values["utilities"]
    chosen, best = (
        utilities.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
        for actions in (values["greedy_actions"], greedy_actions(utilities, seen["avail_actions"]))
    )
    assert (chosen < best).any()
    flat = [each.flatten(0, 1) for each in (chosen, seen["state"], best, values["greedy_actions"])]
    expected = network.target_mixer(MixerInputs(*flat)).unflatten(0, (EPISODES, STEPS + 1))
    real = ~over(STEPS + 1, 1)
    torch.testing.assert_close(values["target_values"][real], expected[real], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_values_and_gradients_with_pytorchs_gru_as_on_gpus(monkeypatch, dtype):
    results = []
    for function in (gru_outputs, library_gru_outputs):
        monkeypatch.setattr("rllib_remix.models.agent.gru_outputs", function)
        network = module("ReMIX", compute_dtype=dtype)
        values = network._forward_train(batch())
        (values["q_tot"].square().sum() + values["q_star"].square().sum()).backward()
        gradients = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
        results.append((values["q_tot"].detach(), values["target_values"], torch.cat(gradients)))
    tolerance = 1e-5 if dtype == "float32" else 0.05
    for ours, librarys in zip(*results, strict=True):
        assert float((ours - librarys).abs().max()) <= tolerance * float(librarys.abs().max())
