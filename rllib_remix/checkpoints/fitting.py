"""Whether a checkpoint may be loaded into an algorithm: whole, of the same algorithm, team and networks."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rllib_remix.checkpoints.manifest import check_files, damaged
from rllib_remix.checkpoints.reading import CheckpointError
from rllib_remix.checkpoints.team import read_metadata
from rllib_remix.envs.team_env import TeamSpec, other_agents, other_images
from rllib_remix.errors import shown
from rllib_remix.models.groups.assignment import agent_groups
from rllib_remix.models.image_encoder import encoded_shape
from rllib_remix.models.normalizer import normalizes


def local_folder(path: Any) -> Path:
    """The absolute folder behind a path or file:// address.

    Raises:
        CheckpointError: an address of another kind. Tune uploads and downloads checkpoints; by hand, copy them.
    """
    text = str(path).removeprefix("file://")
    if "://" in text:
        raise CheckpointError(
            f"checkpoint {text!r}: only local folders can be written and read directly; allowed: a path such as "
            "'my_checkpoint'. Through Tune's `storage_path` checkpoints go to remote storage."
        )
    return Path(text).expanduser().absolute()


# Settings of the networks that a checkpoint's weights depend on.
_SHAPING = (
    "mixer",
    "use_q_star",
    "use_q_jt",
    "agent_hidden_dim",
    "agent_extra_outputs",
    "mixer_embed_dim",
    "hypernet_hidden_dim",
    "q_star_hidden_dim",
    "q_jt_hidden_dim",
    "mixer_heads",
    "importance_layers",
    "central_critic",
    "critic_hidden_dim",
    "observe_last_action",
    "observe_agent_id",
    "observe_time",
)
# What older checkpoints, which do not have it, were trained with.
_UNSAID = {"observe_time": False, "agent_extra_outputs": 0}


def check_networks(path: Path, networks: dict[str, Any], spec: TeamSpec) -> None:
    """Raises CheckpointError unless the checkpoint's networks have the shapes of these.

    Args:
        path: of the checkpoint.
        networks: a config's `networks()`.
        spec: of the team here.
    """
    metadata = read_metadata(path)
    saved, team = metadata["networks"], TeamSpec.from_saved(metadata["team"])
    there = encoded_shape(saved.get("encoder", "auto"), team.obs_shape)
    here = encoded_shape(networks.get("encoder", "auto"), spec.obs_shape)
    if bool(there) != bool(here):
        raise CheckpointError(
            f"checkpoint {str(path)!r} has agents that {'see images' if there else 'read flat vectors'}, here it is the "
            f"other way round; load it with encoder={'cnn' if there else 'mlp'!r}."
        )
    values = {
        name: (saved.get(name, _UNSAID.get(name)), networks.get(name, _UNSAID.get(name))) for name in _SHAPING
    }
    values["normalize_observations"] = normalizes(saved, there), normalizes(networks, here)
    for name, (theirs, ours) in values.items():
        if theirs != ours:
            setting = "weighting (whether it needs Q*)" if name == "use_q_star" else name
            raise CheckpointError(
                f"checkpoint {str(path)!r} has networks of another shape: {setting} is {theirs!r} there and {ours!r} here; "
                "load it with the settings that it was trained with."
            )

    _check_groups(
        path, agent_groups(saved, team.n_agents), agent_groups(networks, spec.n_agents, spec.agents), spec
    )


def _check_groups(path: Path, there: tuple[int, ...], here: tuple[int, ...], spec: TeamSpec) -> None:
    """Raises CheckpointError unless the same agents share their parameters."""
    if there != here:
        raise CheckpointError(
            f"checkpoint {str(path)!r} has agents that share parameters otherwise: {_shown_groups(there, spec)} there, "
            f"{_shown_groups(here, spec)} here; load it with the share_parameters that it was trained with."
        )


def _shown_groups(groups: tuple[int, ...], spec: TeamSpec) -> str:
    if not any(groups):
        return "all share them"
    if len(set(groups)) == len(groups):
        return "every agent has its own"
    names = spec.agents or [str(agent) for agent in range(len(groups))]
    of_groups = [
        [name for name, its in zip(names, groups, strict=True) if its == group]
        for group in range(max(groups) + 1)
    ]
    return shown(of_groups)


def check_checkpoint(path: Path, algorithm: str, spec: TeamSpec) -> None:
    """Raises CheckpointError unless the checkpoint is whole, of this algorithm, and of this team."""
    metadata = read_metadata(path)
    check_files(path)
    if metadata["algorithm"] != algorithm:
        raise CheckpointError(
            f"checkpoint {str(path)!r} was made by {metadata['algorithm']}, not by {algorithm}; allowed: a "
            f"checkpoint of {algorithm}."
        )
    for name, here in spec._asdict().items():
        there = metadata["team"].get(name)
        if name not in ("agents", "obs_shape") and there != here:
            raise CheckpointError(
                f"checkpoint {str(path)!r} is of a team with {name} = {there}, this environment has {here}; "
                "load it with the environment settings that it was trained with."
            )
    saved = TeamSpec.from_saved(metadata["team"])
    if difference := other_agents(saved.agents, spec.agents) or other_images(saved.obs_shape, spec.obs_shape):
        raise CheckpointError(
            f"checkpoint {str(path)!r} is of {difference}; load it with the environment that it was trained with."
        )


@contextmanager
def explain_damage(path: Any) -> Iterator[None]:
    """Turns the errors of unreadable files into a CheckpointError that says what to do."""
    try:
        yield
    except CheckpointError:
        raise
    except (
        EOFError,
        OSError,
        KeyError,
        ValueError,
        RuntimeError,
        IndexError,
        TypeError,
        AttributeError,
        ImportError,
        pickle.UnpicklingError,
    ) as error:
        raise CheckpointError(damaged(path, f"{type(error).__name__}: {error}")) from error
