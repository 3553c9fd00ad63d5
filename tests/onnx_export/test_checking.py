"""What is checked before an ONNX file counts as written: a fault in it is found, a tie is none."""

import numpy as np
import pytest
from onnx import numpy_helper

from rllib_remix.errors import UserError
from rllib_remix.onnx_export import runners
from rllib_remix.onnx_export.checking import check_beside
from rllib_remix.onnx_export.graph import agent_model
from tests.onnx_export.teams import KINDS, policy_of

STEPS = 60


def model_of(kind):
    policy, spec = policy_of(kind)
    model = agent_model(policy.network, scores="utilities", obs_dtype=spec.obs_dtype, metadata={})
    return policy.network, model, spec.obs_dtype


def check(network, model, obs_dtype, steps=STEPS):
    return check_beside(network, model.SerializeToString(), obs_dtype=obs_dtype, steps=steps)


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_model_passes(kind):
    found = check(*model_of(kind))
    assert found.steps == STEPS
    assert found.runner.startswith("onnxruntime ")
    assert 0 < found.largest < 1e-5
    assert found.choices > 2 * STEPS  # of 6 rows some, every time
    assert found.ties <= 1


def adds(name, number):
    """A fault: a constant that is wrong in its first entry."""

    def plant(model):
        (constant,) = (each for each in model.graph.initializer if each.name == name)
        values = numpy_helper.to_array(constant).copy()
        values.flat[0] += number
        constant.CopyFrom(numpy_helper.from_array(values, name))

    return plant


def reads_instead(operator, old, new):
    """A fault: an operator that reads something else."""

    def plant(model):
        nodes = [each for each in model.graph.node if each.op_type == operator and old in each.input]
        assert nodes
        for node in nodes:
            node.input[list(node.input).index(old)] = new

    return plant


def swaps_gates(model):
    """A fault: z and r the other way round."""
    for node in model.graph.node:
        if node.op_type == "Split":
            node.output[0], node.output[1] = node.output[1], node.output[0]


def takes_the_worst(model):
    (node,) = (each for each in model.graph.node if each.op_type == "ArgMax")
    node.op_type = "ArgMin"


@pytest.mark.parametrize(
    ("kind", "plant"),
    [
        ("all share", adds("encoder.weight", 1e-2)),
        ("all share", adds("gru.bias_hh_l0", 1e-3)),
        ("all share", adds("head.bias", 1e-4)),
        ("all share", adds("every_previous_action", 1)),
        ("all share", adds("every_agent", 1)),
        ("all share", swaps_gates),
        ("all share", takes_the_worst),
        ("all share", reads_instead("Where", "least", "utilities")),  # all are allowed
        ("clamped", adds("limit_0.5", 0.01)),
        ("time", adds("episode_limit", 0.1)),
        ("normalised", adds("normalizer.mean", 0.01)),
        ("normalised", adds("limit_10.0", -0.01)),
        ("groups", adds("groups", 1)),
        ("groups", reads_instead("Gather", "agent", "previous_action")),
        ("images", adds("brightest", 1)),
        ("images", adds("image.convolutions.1.bias", 0.01)),
    ],
)
def test_a_fault_is_found(kind, plant):
    network, model, obs_dtype = model_of(kind)
    plant(model)
    with pytest.raises(
        UserError, match=r"does otherwise than the team at step \d+ of 300: .*Nothing was written"
    ):
        check(network, model, obs_dtype, steps=300)


def takes_over(network, model, *names):
    """The network's newer weights."""
    for constant in model.graph.initializer:
        if constant.name in names:
            constant.CopyFrom(
                numpy_helper.from_array(network.state_dict()[constant.name].numpy(), constant.name)
            )


def all_but_equal(network, model):
    """Utilities of which the second is better than the first by what rounding may be, and the others are worse."""
    for weight in (network.head.weight, network.head.bias):
        weight.data.zero_()
    network.head.bias.data[1] = 3e-6
    network.head.bias.data[2:] = -1.0
    takes_over(network, model, "head.weight", "head.bias")


def test_actions_that_are_equally_good_within_the_tolerance_are_counted_as_ties():
    network, model, obs_dtype = model_of("all share")
    all_but_equal(network, model)
    assert check(network, model, obs_dtype).ties == 0
    adds("head.bias", 6e-6)(model)  # the first is better now, by as little
    found = check(network, model, obs_dtype)
    assert 0 < found.ties < found.choices
    adds("head.bias", 6e-6)(model)  # and now by too much
    with pytest.raises(UserError, match=r"numbers differ by 1\.2e-05, allowed: 1\.0e-05"):
        check(network, model, obs_dtype)


def test_a_wrong_action_is_found_though_all_numbers_are_right():
    network, model, obs_dtype = model_of("all share")
    takes_the_worst(model)
    with pytest.raises(UserError, match=r"its action is worse by [^0]"):
        check(network, model, obs_dtype)


def test_numbers_that_are_none_are_found():
    network, model, obs_dtype = model_of("all share")
    adds("head.bias", np.nan)(model)
    with pytest.raises(UserError, match="numbers differ by nan"):
        check(network, model, obs_dtype)


def test_of_large_utilities_a_share_may_be_off():
    network, model, obs_dtype = model_of("all share")
    network.head.bias.data.fill_(10_000)
    takes_over(network, model, "head.bias")
    adds("head.bias", 0.05)(model)  # allowed: 1e-5 of 10,000
    assert 0.04 < check(network, model, obs_dtype).largest < 0.06
    adds("head.bias", 0.1)(model)
    with pytest.raises(UserError, match=r"numbers differ by 1\.5e-01, allowed: 1\.0e-01"):
        check(network, model, obs_dtype)


def test_networks_whose_sums_are_large_are_not_refused_for_their_rounding():
    network, model, obs_dtype = model_of("all share")
    for name in ("encoder.weight", "gru.weight_ih_l0"):
        network.state_dict()[name].mul_(30)
    takes_over(network, model, "encoder.weight", "gru.weight_ih_l0")
    assert 1e-5 < check(network, model, obs_dtype, steps=300).largest < 1e-2


def test_without_onnxruntime_the_runner_that_comes_with_onnx_checks(monkeypatch):
    found = runners.find_spec
    monkeypatch.setattr(runners, "find_spec", lambda name: None if name == "onnxruntime" else found(name))
    network, model, obs_dtype = model_of("groups")
    assert check(network, model, obs_dtype, steps=20).runner.startswith("onnx's reference evaluator ")
    adds("head.bias", 1e-3)(model)
    with pytest.raises(UserError, match="run by onnx's reference evaluator"):
        check(network, model, obs_dtype, steps=20)
