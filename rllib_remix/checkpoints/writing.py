"""What an algorithm says about itself in its checkpoint, and whether its learner wrote all of its own."""

from __future__ import annotations

import errno
import pickle
from pathlib import Path
from typing import Any

from rllib_remix.checkpoints.portable import as_json
from rllib_remix.checkpoints.reading import is_json
from rllib_remix.envs.naming.spelling import name_of_code
from rllib_remix.models.groups.assignment import SETTING, agent_groups
from rllib_remix.models.image_encoder import encoded_shape
from rllib_remix.models.normalizer import normalizes


def checkpoint_metadata(algorithm: Any) -> dict[str, Any]:
    """Readable facts for the checkpoint's metadata file, from which a policy can be built without RLlib."""
    config = algorithm.config
    env_config = dict(config.env_config)
    networks = config.networks()
    spec = algorithm.team_spec
    image = encoded_shape(networks.get("encoder", "auto"), spec.obs_shape)
    resolved = {
        "normalize_observations": normalizes(networks, image),
        SETTING: list(agent_groups(networks, spec.n_agents, spec.agents)),
    }
    return {
        "algorithm": type(algorithm).__name__,
        "environment": config.env if isinstance(config.env, str) else name_of_code(config.env),
        "env_config": env_config if is_json(env_config) else None,
        "team": spec._asdict(),
        "agent_layout": algorithm.agent_layout,
        "networks": networks | resolved,
        "training_iteration": algorithm.training_iteration,
        "time_total_s": algorithm._time_total,
    }


def settings_as_json(config: Any) -> dict[str, Any]:
    """All settings of an algorithm that JSON can hold, under "config"."""
    return {"config": as_json(config.to_dict())}


def check_learner_files(folder: Path) -> None:
    """Raises OSError unless the learner's files can be read back.

    RLlib has a remote learner write them, and does not look whether it could.
    """
    for file in (folder / "learner_group").rglob("*.pkl"):
        try:
            pickle.loads(file.read_bytes())
        except (EOFError, pickle.UnpicklingError) as error:
            raise OSError(errno.EIO, f"the learner could not write it ({error})", str(file)) from error
    if not (folder / "learner_group" / "learner" / "state.pkl").is_file():
        raise OSError(errno.EIO, "the learner wrote no state", str(folder))
