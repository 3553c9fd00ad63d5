"""What the shell offers after Tab. Nothing here loads Ray: Tab must answer at once."""

from __future__ import annotations


def complete_algorithms(incomplete: str) -> list[tuple[str, str]]:
    """Algorithms whose name begins so, with what they are."""
    from rllib_remix.algorithms.table import RLLIB_ALGORITHMS, team_texts

    texts = team_texts() | RLLIB_ALGORITHMS
    return [(name, text) for name, text in texts.items() if name.startswith(incomplete)]


def complete_environments(incomplete: str) -> list[str]:
    """Environments of ours, and Gymnasium's ids once a letter is there."""
    from rllib_remix.envs.registry import TEAM_ENVS

    names = list(TEAM_ENVS)
    if incomplete:
        import gymnasium

        names += sorted(gymnasium.registry)
    return [name for name in names if name.startswith(incomplete)]


def complete_examples(incomplete: str) -> list[str]:
    """Ids of the tuned examples."""
    from rllib_remix.experiments.examples import example_ids

    return [name for name in example_ids() if name.startswith(incomplete)]
