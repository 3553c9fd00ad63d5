"""One policy of RLlib's own algorithms for all agents, where nobody says which agent has which."""

from __future__ import annotations

from typing import Any

POLICY = "shared"


def policy_of_agent(agent: Any, episode: Any = None, **_: Any) -> str:
    """The policy of every agent; for RLlib's `policy_mapping_fn`."""
    return POLICY


# Settings of RLlib's multi_agent().
ONE_POLICY: dict[str, Any] = {"policies": [POLICY], "policy_mapping_fn": policy_of_agent}

NOTE = (
    f"all agents share one policy, {POLICY!r}, as the settings name none; give `policies` and `policy_mapping_fn` for "
    "others."
)
