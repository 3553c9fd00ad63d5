"""Checkpoints of RLlib's own algorithms. They are pickles: nothing here may be called unless the user trusts them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rllib_remix.checkpoints.finding import told_to_user
from rllib_remix.checkpoints.portable import check_finite
from rllib_remix.checkpoints.reading import CheckpointError, opened
from rllib_remix.errors import UserError

if TYPE_CHECKING:
    from ray.rllib.algorithms.algorithm import Algorithm
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig

_CONSTRUCTION = "class_and_ctor_args.pkl"
_MODULE_STATE = "module_state.pkl"
_MODULES = Path("learner_group", "learner", "rl_module")


@dataclass
class TrustedCheckpoint:
    """What a checkpoint says of the algorithm that made it."""

    folder: Path
    algorithm_class: type[Algorithm]
    config: AlgorithmConfig  # of the run

    @property
    def modules(self) -> Path:
        """The folder with one folder for each RLModule."""
        return self.folder / _MODULES


def read_trusted(folder: Path) -> TrustedCheckpoint:
    """Unpickles the algorithm's class and settings.

    Raises:
        UserError: the checkpoint is damaged, or needs code that cannot be imported here.
    """
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig

    with explained(folder, _CONSTRUCTION):
        with opened(folder, _CONSTRUCTION) as file:
            content = pickle.load(file)
        algorithm_class = content["class"]
        positional, named = content["ctor_args_and_kwargs"]
        given = positional[0] if positional else named["config"]
        config = algorithm_class.get_default_config()
        if isinstance(given, AlgorithmConfig):
            config = given.copy(copy_frozen=False)
        elif "class" in given:
            config = config.from_state(given).copy(copy_frozen=False)
        else:
            config = config.update_from_dict(given)
    return TrustedCheckpoint(folder, algorithm_class, config)


def read_weights(checkpoint: TrustedCheckpoint) -> dict[str, np.ndarray]:
    """All RLModules' weights as `module/name` → array.

    Raises:
        UserError: the checkpoint is damaged, or a weight is not finite.
    """
    weights: dict[str, np.ndarray] = {}
    files = sorted(checkpoint.modules.glob(f"*/{_MODULE_STATE}"))
    for file in files:
        name = str(file.relative_to(checkpoint.folder))
        with explained(checkpoint.folder, name):
            with opened(checkpoint.folder, name) as content:
                state = pickle.load(content)
            weights |= {f"{file.parent.name}/{name}": np.asarray(value) for name, value in state.items()}
    if not weights:
        raise UserError(f"checkpoint {str(checkpoint.folder)!r}: there are no weights in {str(_MODULES)!r}.")
    with told_to_user():
        check_finite(checkpoint.folder, str(_MODULES), weights)
    return weights


@contextmanager
def explained(folder: Path, name: str) -> Iterator[None]:
    """Tells in one line why a file of a checkpoint cannot be used; unpickling may raise anything."""
    try:
        yield
    except CheckpointError as error:
        raise UserError(str(error)) from error
    except Exception as error:
        raise UserError(
            f"checkpoint {str(folder)!r}: {name} cannot be read ({type(error).__name__}: {error})."
        ) from error
