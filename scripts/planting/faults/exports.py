"""In what acts without the team: one agent by itself, and ONNX files with their check."""

from planting.fault import Fault

_GRAPH, _CHECKING = "onnx_export/graph.py", "onnx_export/checking.py"
_EXPORTING, _ALONE, _ACTING = (
    "onnx_export/exporting.py",
    "models/groups/one_agent.py",
    "rollout/agent_acting.py",
)
_OF_GRAPH, _OF_CHECKING = ("tests/onnx_export/test_graph.py",), ("tests/onnx_export/test_checking.py",)
_OF_EXPORTING, _OF_ALONE = ("tests/onnx_export/test_exporting.py",), ("tests/test_one_agent.py",)

FAULTS = (
    Fault(
        "onnx_gates_swapped",
        "The reset gate keeps the memory in the ONNX file.",
        _GRAPH,
        'graph.add("Mul", z, graph.add("Sub"',
        'graph.add("Mul", r, graph.add("Sub"',
        _OF_GRAPH,
    ),
    Fault(
        "onnx_takes_what_is_not_available",
        "The action of the ONNX file is the best of all.",
        _GRAPH,
        'graph.add("ArgMax", allowed,',
        'graph.add("ArgMax", scores,',
        _OF_GRAPH,
    ),
    Fault(
        "onnx_images_unscaled",
        "Bytes of images are not divided by 255 in the ONNX file.",
        _GRAPH,
        "    elif dtype == np.uint8:",
        "    elif dtype == np.uint16:",
        _OF_GRAPH,
    ),
    Fault(
        "onnx_entries_that_never_varied",
        "Entries that have never varied are divided by their tiny deviation in the ONNX file.",
        _GRAPH,
        "torch.where(normalizer.varies(), normalizer.variance.rsqrt(), 0.0)",
        "(normalizer.variance + 1e-8).rsqrt()",
        _OF_GRAPH,
    ),
    Fault(
        "onnx_check_of_any_row",
        "The check passes when one row is right.",
        _CHECKING,
        "if not right.all():",
        "if not right.any():",
        _OF_CHECKING,
    ),
    Fault(
        "onnx_check_of_numbers_alone",
        "The check does not look at the action.",
        _CHECKING,
        "(found.off <= found.allowed) & (found.lost <= 2 * found.allowed)",
        "found.off <= found.allowed",
        _OF_CHECKING,
    ),
    Fault(
        "onnx_check_without_masks",
        "The check compares the action with the best of all actions.",
        _CHECKING,
        'np.where(seen.shown["available_actions"][rows], expected, -np.inf)',
        "expected",
        _OF_CHECKING,
    ),
    Fault(
        "onnx_overwrites",
        "What came into the file's place during the check is overwritten.",
        _EXPORTING,
        "    check_is_new(target)  # The check took a while.\n",
        "",
        _OF_EXPORTING,
    ),
    Fault(
        "one_agent_as_the_first",
        "An agent by itself takes itself for the first one.",
        _ALONE,
        "columns[:, own_id + index]",
        "columns[:, own_id]",
        _OF_ALONE,
    ),
    Fault(
        "one_agent_of_the_first_group",
        "An agent by itself has the network of the first group.",
        _ALONE,
        "group = network.places.groups[index]",
        "group = network.places.groups[0]",
        _OF_ALONE,
    ),
    Fault(
        "one_agent_never_forgets",
        "An agent by itself remembers earlier episodes.",
        _ACTING,
        "self._actor = TeamActor(self._network, 1)",
        'self._actor = getattr(self, "_actor", None) or TeamActor(self._network, 1)',
        _OF_ALONE,
    ),
)
