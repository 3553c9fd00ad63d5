"""One step of one agent as an ONNX graph, of plain operators that small runtimes know.

PyTorch's own exporters need further packages, write paths of this machine into the file, and make GRU nodes, or loops and
sequences, of these networks. The graph is small, and `checking` runs it beside the network that it is of.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from onnx import ModelProto, TensorProto
from torch import Tensor, nn

from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.groups.agent import GroupedAgent
from rllib_remix.models.image_encoder import ImageEncoder, channels_are_first
from rllib_remix.models.normalizer import LIMIT, RunningNormalizer
from rllib_remix.onnx_export.nodes import GraphInTheMaking

ACTION, NEXT_HIDDEN = "action", "next_hidden"

_LEAST = np.finfo(np.float32).min  # below all that a network says of an action


def observation_dtype(network: RecurrentAgent, obs_dtype: str) -> np.dtype:
    """The dtype of the input `observation`: uint8 for images that a network scales by 255, else float32.

    Args:
        obs_dtype: NumPy's name of the dtype in which the team was shown observations.
    """
    return np.dtype(np.uint8 if network.image is not None and obs_dtype == "uint8" else np.float32)


def agent_model(
    network: RecurrentAgent, *, scores: str, obs_dtype: str, metadata: dict[str, str]
) -> ModelProto:
    """What `RecurrentAgent.step` does for one agent, and its greedy choice, as an ONNX model; rows are independent.

    Inputs, of which those are left out that the network does not read:

    ================= ============ ================== ==================================
    observation       [batch, O]   float32 or uint8   see `observation_dtype`
    available_actions [batch, U]   bool
    hidden            [batch, H]   float32            zeros at the first step
    previous_action   [batch]      int64              -1 at the first step
    agent             [batch]      int64              the agent's index in the team
    time              [batch]      int64              steps since the episode began
    ================= ============ ================== ==================================

    Outputs:

    ================= ============ ================== ==================================
    `scores`          [batch, U]   float32            of all actions
    action            [batch]      int64              the best that is available, the first of equal ones
    next_hidden       [batch, H]   float32            `hidden` of the next step
    ================= ============ ================== ==================================

    Args:
        network: of the team.
        scores: the name of the first output.
        obs_dtype: NumPy's name of the dtype in which the team was shown observations.
        metadata: what the file says about itself.
    """
    graph, actions, hidden_dim = GraphInTheMaking(), network.n_actions, network.hidden_dim
    _declare_inputs(graph, network, observation_dtype(network, obs_dtype))
    layers = _Layers(graph, network)
    encoded = graph.add(
        "Relu", layers.linear("encoder.weight", "encoder.bias", _inputs(graph, network, obs_dtype))
    )
    _gru(graph, layers, encoded)
    said = layers.linear("head.weight", "head.bias", NEXT_HIDDEN, rows=actions)
    _clamp(graph, said, network.utility_clamp, output=scores)
    allowed = graph.add("Where", "available_actions", scores, graph.constant("least", _LEAST))
    graph.add("ArgMax", allowed, output=ACTION, axis=1, keepdims=0)
    outputs = {
        scores: (np.float32, (actions,), "of all actions, available or not"),
        ACTION: (np.int64, (), "the best available action"),
        NEXT_HIDDEN: (np.float32, (hidden_dim,), "hidden of the next step"),
    }
    return graph.model("one_step_of_one_agent", outputs, metadata)


def _declare_inputs(graph: GraphInTheMaking, network: RecurrentAgent, dtype: np.dtype) -> None:
    graph.input("observation", dtype, network.obs_dim, says="what the agent sees")
    graph.input("available_actions", np.bool_, network.n_actions, says="what the agent may do now")
    graph.input(
        "hidden", np.float32, network.hidden_dim, says="next_hidden of the step before; zeros at first"
    )
    if network.observe_last_action:
        graph.input("previous_action", np.int64, says="the action of the step before; -1 at first")
    if network.observe_agent_id or isinstance(network, GroupedAgent):
        graph.input("agent", np.int64, says="the agent's index in the team")
    if network.episode_limit is not None:
        graph.input("time", np.int64, says="steps since the episode began; 0 at first")


def _inputs(graph: GraphInTheMaking, network: RecurrentAgent, obs_dtype: str) -> str:
    """[batch, I], what the first layer reads, in the order of `RecurrentAgent`."""
    parts = [_looked_at(graph, network, observation_dtype(network, obs_dtype))]
    if network.observe_last_action:
        parts.append(_one_hot(graph, "previous_action", network.n_actions))
    if network.observe_agent_id:
        parts.append(_one_hot(graph, "agent", network.n_agents))
    if network.episode_limit is not None:
        passed = graph.add("Cast", "time", to=TensorProto.FLOAT)
        limit = graph.constant("episode_limit", np.float32(network.episode_limit))
        parts.append(graph.column(graph.add("Div", passed, limit)))
    return graph.add("Concat", *parts, axis=1)


def _looked_at(graph: GraphInTheMaking, network: RecurrentAgent, dtype: np.dtype) -> str:
    """The observation as `RecurrentAgent.look` makes it."""
    seen = "observation"
    if dtype == np.uint8:
        seen = graph.add("Cast", seen, to=TensorProto.FLOAT)
    if network.normalizer is not None:
        seen = _normalized(graph, network.normalizer, seen)
    elif dtype == np.uint8:
        seen = graph.add("Div", seen, graph.constant("brightest", np.float32(255)))
    return seen if network.image is None else _features(graph, network.image, seen)


def _normalized(graph: GraphInTheMaking, normalizer: RunningNormalizer, seen: str) -> str:
    scale = torch.where(normalizer.varies(), normalizer.variance.rsqrt(), 0.0)
    centred = graph.add("Sub", seen, graph.constant("normalizer.mean", _array(normalizer.mean)))
    scaled = graph.add("Mul", centred, graph.constant("normalizer.scale", _array(scale)))
    return _clamp(graph, scaled, (-LIMIT, LIMIT))


def _features(graph: GraphInTheMaking, encoder: ImageEncoder, pixels: str) -> str:
    """Rows of pixels through the convolutions, flat."""
    shape = graph.constant("image_shape", np.array([0, *encoder.shape]))  # 0 is the batch
    images = graph.add("Reshape", pixels, shape)
    if not channels_are_first(encoder.shape):
        images = graph.add("Transpose", images, perm=[0, 3, 1, 2])
    for number, layer in enumerate(cast("list[nn.Conv2d]", encoder.convolutions)):
        name = f"image.convolutions.{number}"
        weight = graph.constant(f"{name}.weight", _array(layer.weight))
        bias = graph.constant(f"{name}.bias", _array(cast(Tensor, layer.bias)))
        down, right = cast("tuple[int, int]", layer.padding)
        convolved = graph.add(
            "Conv", images, weight, bias, strides=list(layer.stride), pads=[down, right, down, right]
        )
        images = graph.add("Relu", convolved)
    return graph.add("Flatten", images, axis=1)


def _one_hot(graph: GraphInTheMaking, indices: str, size: int) -> str:
    """[batch] → [batch, size]; zeros for -1."""
    columns = graph.constant(f"every_{indices}", np.arange(size))
    return graph.add("Cast", graph.add("Equal", graph.column(indices), columns), to=TensorProto.FLOAT)


def _clamp(graph: GraphInTheMaking, values: str, limits: tuple[float, float] | None, output: str = "") -> str:
    if limits is None:
        return graph.add("Identity", values, output=output)
    low, high = (graph.constant(f"limit_{float(limit)!r}", np.float32(limit)) for limit in limits)
    return graph.add("Clip", values, low, high, output=output)


def _gru(graph: GraphInTheMaking, layers: _Layers, encoded: str) -> None:
    """From `hidden` to `next_hidden`: h' = n + z·(h - n) with n = tanh(x_n + r·h_n), and r and z = σ(x + h)."""
    x_r, x_z, x_n = graph.split(layers.linear("gru.weight_ih_l0", "gru.bias_ih_l0", encoded), 3)
    h_r, h_z, h_n = graph.split(layers.linear("gru.weight_hh_l0", "gru.bias_hh_l0", "hidden"), 3)
    r = graph.add("Sigmoid", graph.add("Add", x_r, h_r))
    z = graph.add("Sigmoid", graph.add("Add", x_z, h_z))
    n = graph.add("Tanh", graph.add("Add", x_n, graph.add("Mul", r, h_n)))
    kept = graph.add("Mul", z, graph.add("Sub", "hidden", n))
    graph.add("Add", n, kept, output=NEXT_HIDDEN)


class _Layers:
    """The linear layers of an agent network; where agents are in groups, every row has the weights of its agent's group."""

    def __init__(self, graph: GraphInTheMaking, network: RecurrentAgent):
        self._graph, self._weights = graph, network.state_dict()
        self._group = ""
        if isinstance(network, GroupedAgent):
            groups = graph.constant("groups", np.array(network.places.groups))
            self._group = graph.add("Gather", groups, "agent")

    def linear(self, weight: str, bias: str, x: str, rows: int | None = None) -> str:
        """[batch, I] → [batch, O], by weights of these names; O is `rows` if only the first ones are needed."""
        of_weight = _array(self._weights[weight])[..., :rows, :]
        of_bias = self._graph.constant(bias, _array(self._weights[bias])[..., :rows])
        if not self._group:
            return self._graph.add("Gemm", x, self._graph.constant(weight, of_weight), of_bias, transB=1)
        turned = self._graph.constant(weight, of_weight.swapaxes(1, 2))
        product = self._graph.add(
            "MatMul", self._graph.column(x), self._graph.add("Gather", turned, self._group)
        )
        product = self._graph.add("Squeeze", product, self._graph.constant("axis_1", np.array([1])))
        return self._graph.add("Add", product, self._graph.add("Gather", of_bias, self._group))


def _array(weights: Any) -> np.ndarray:
    return weights.detach().numpy()
