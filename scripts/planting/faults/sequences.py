"""In pieces of episodes."""

from planting.fault import Fault

_CUT, _MODULE = "learning/sequences.py", "team/rl_module.py"
_OF_CUT = ("tests/learning/test_sequences.py",)
_OF_NETWORKS = ("tests/learner_step/test_sequences.py",)

FAULTS = (
    Fault(
        "pieces_begin_with_zero_states",
        "What was read before a piece is forgotten.",
        _MODULE,
        "return agent(seen.inputs, seen.agents, seen.images, hidden)",
        "return agent(seen.inputs, seen.agents, seen.images)",
        _OF_NETWORKS,
    ),
    Fault(
        "pieces_forget_the_action_before",
        "Agents do not see the last action before a piece.",
        "models/agent.py",
        "first = begun.last_actions[packing.of_first_step()]",
        "first = -torch.ones_like(begun.last_actions[packing.of_first_step()])",
        _OF_NETWORKS,
    ),
    Fault(
        "pieces_begin_at_time_0",
        "In a piece time is counted from its own beginning.",
        "models/agent.py",
        "before = 0 if begun is None else begun.steps[packing.episode, packing.agent]",
        "before = 0",
        _OF_NETWORKS,
    ),
    Fault(
        "pieces_of_groups_mix_agents_up",
        "With several groups, agents go on from the states of others.",
        "models/groups/packing.py",
        "= hidden[self.of_first_step()]",
        "= hidden[self.of_first_step()].roll(1, 0)",
        ("tests/models/groups/test_grouped_agent.py",),
    ),
    Fault(
        "every_piece_is_an_end",
        "Targets end where a piece ends, though the episode goes on.",
        "value_based/learner.py",
        'ended=batch.get("ended"),',
        "",
        _OF_NETWORKS,
    ),
    Fault(
        "pieces_are_the_first_ones",
        "All but the first pieces of episodes are never learned from.",
        _CUT,
        "(chance * pieces).long()",
        "(0 * chance * pieces).long()",
        _OF_CUT,
    ),
    Fault(
        "a_resume_draws_the_first_pieces_again",
        "A resumed run does not go on where it stood.",
        _CUT,
        'state.get("batches", 0)',
        "0",
        _OF_CUT,
    ),
)
