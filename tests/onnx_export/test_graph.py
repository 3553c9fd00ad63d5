"""The ONNX file of a team does what the team does, whatever kind of network it has."""

import numpy as np
import onnx
import pytest
import torch

from rllib_remix.algorithms.table import ALGORITHMS, get_algorithm_config
from rllib_remix.models.sizes import new_agent
from rllib_remix.onnx_export.graph import agent_model
from rllib_remix.onnx_export.runners import new_runner
from rllib_remix.policy import TeamPolicy
from tests.onnx_export.teams import HIDDEN, KINDS, SPEC, policy_of, shown, strong, team_actions

STEPS = 40


class OnnxAgents:
    """All agents of a team, from a model alone, as a stranger would drive them: own memory, own last actions."""

    def __init__(self, network, spec, batch):
        model = agent_model(network, scores="utilities", obs_dtype=spec.obs_dtype, metadata={})
        onnx.checker.check_model(model, full_check=True)
        self.runner, self.batch, n = new_runner(model.SerializeToString()), batch, spec.n_agents
        self.images = network.image is not None and spec.obs_dtype == "uint8"
        self.memory = {
            "hidden": np.zeros((n, network.hidden_dim), np.float32),
            "previous_action": np.full(n, -1),
            "agent": np.arange(n),
            "time": np.zeros(n, np.int64),
        }

    def act(self, obs, masks):
        """Utilities [n, U] and actions [n], asked for in batches of a size."""
        obs = obs if self.images else obs.astype(np.float32)
        feeds = self.memory | {"observation": obs, "available_actions": masks}
        parts = [
            self.runner.run({name: feeds[name][start : start + self.batch] for name in self.runner.inputs})
            for start in range(0, len(obs), self.batch)
        ]
        utilities, actions, hidden = (np.concatenate(part) for part in zip(*parts, strict=True))
        time = self.memory["time"] + 1
        self.memory |= {"hidden": hidden, "previous_action": actions, "time": time}
        return utilities, actions


@torch.no_grad()
def plain_utilities(network, obs, actions):
    """[T, n, U] of one episode, by PyTorch, with the actions [T, n] that were taken."""
    n = network.n_agents
    hidden, last, found = torch.zeros(n, network.hidden_dim), np.full(n, -1), []
    for time, (seen, taken) in enumerate(zip(obs, actions, strict=True)):
        utilities, hidden = network.step(
            torch.from_numpy(seen)[None], torch.from_numpy(last)[None], hidden, torch.tensor([time])
        )
        found.append(utilities[0].numpy())
        last = taken
    return np.array(found)


def check_plays_alike(policy, spec, batch):
    """Runs both over an episode; each remembers what itself saw and did."""
    agents = OnnxAgents(policy.network, spec, batch)
    policy.reset()
    steps = list(shown(spec, STEPS))
    played = [(agents.act(*step), team_actions(policy, *step)) for step in steps]
    own = np.array([actions for (_, actions), _ in played])
    assert (own == [actions for _, actions in played]).all()
    expected = plain_utilities(policy.network, [obs for obs, _ in steps], own)
    np.testing.assert_allclose([said for (said, _), _ in played], expected, rtol=1e-5, atol=1e-5)
    assert all(
        masks[np.arange(spec.n_agents), actions].all() for (_, masks), actions in zip(steps, own, strict=True)
    )
    return own


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_and_chooses_over_an_episode_what_the_team_does(kind):
    policy, spec = policy_of(kind)
    own = check_plays_alike(policy, spec, batch=spec.n_agents)
    assert len({*map(tuple, own.tolist())}) > 10  # no dull team


@pytest.mark.parametrize("kind", ["all share", "groups", "images"])
def test_it_makes_no_difference_how_many_are_asked_at_once(kind):
    policy, spec = policy_of(kind)
    for batch in (1, 2):
        check_plays_alike(policy, spec, batch)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_networks_of_every_algorithm_can_be_written(algorithm):
    networks = get_algorithm_config(algorithm).training(agent_hidden_dim=HIDDEN).networks()
    policy = TeamPolicy(strong(new_agent(SPEC, networks)), algorithm=algorithm, agents=SPEC.agents, team=SPEC)
    check_plays_alike(policy, SPEC, batch=SPEC.n_agents)


ALWAYS = {"observation", "available_actions", "hidden"}


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("all share", {"previous_action", "agent"}),
        ("nothing beside", set()),
        ("time", {"previous_action", "agent", "time"}),
        ("own networks", {"previous_action", "agent", "time"}),  # which sees no index, but needs it
    ],
)
def test_it_has_the_inputs_that_the_network_reads_and_no_others(kind, more):
    policy, spec = policy_of(kind)
    model = agent_model(policy.network, scores="logits", obs_dtype=spec.obs_dtype, metadata={})
    assert {each.name for each in model.graph.input} == ALWAYS | more
    assert [each.name for each in model.graph.output] == ["logits", "action", "next_hidden"]
    assert {each.type.tensor_type.shape.dim[0].dim_param for each in model.graph.input} == {"batch"}


def test_images_go_in_as_bytes_where_the_network_scales_them_and_all_else_as_floats():
    for kind, expected in (("images", "UINT8"), ("images of floats", "FLOAT"), ("flat images", "FLOAT")):
        policy, spec = policy_of(kind)
        model = agent_model(policy.network, scores="utilities", obs_dtype=spec.obs_dtype, metadata={})
        (seen,) = (each for each in model.graph.input if each.name == "observation")
        assert onnx.TensorProto.DataType.Name(seen.type.tensor_type.elem_type) == expected


def test_it_is_made_of_plain_operators_of_an_old_version_that_small_runtimes_know():
    used = set()
    for kind in KINDS:
        policy, spec = policy_of(kind)
        model = agent_model(policy.network, scores="utilities", obs_dtype=spec.obs_dtype, metadata={})
        assert [(each.domain, each.version) for each in model.opset_import] == [("", 15)]
        used |= {node.op_type for node in model.graph.node}
    assert not used & {"GRU", "Loop", "If", "Scan", "SequenceAt", "OneHot"}


def test_without_an_available_action_it_takes_the_first():
    policy, spec = policy_of("all share")
    agents = OnnxAgents(policy.network, spec, batch=3)
    _, actions = agents.act(next(shown(spec, 1))[0], np.zeros((3, 4), bool))
    assert actions.tolist() == [0, 0, 0]
