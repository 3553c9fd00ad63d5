"""Weights & Biases and MLflow: what is asked of them, and Tune's callbacks for them."""

from __future__ import annotations

import netrc
import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from rllib_remix.errors import UserError

DEFAULT_PROJECT = "rllib_remix"
WANDB_HOST = "api.wandb.ai"


@dataclass(frozen=True)
class Loggers:
    """Where results go beside the files of Tune; None throughout is nowhere."""

    wandb_key: str | None = None
    wandb_project: str | None = None
    wandb_run_name: str | None = None
    mlflow_tracking_uri: str | None = None
    mlflow_experiment: str | None = None

    @property
    def use_wandb(self) -> bool:
        """Whether any option of Weights & Biases was given."""
        return any(each is not None for each in (self.wandb_key, self.wandb_project, self.wandb_run_name))

    @property
    def use_mlflow(self) -> bool:
        """Whether any option of MLflow was given."""
        return self.mlflow_tracking_uri is not None or self.mlflow_experiment is not None

    def check(self) -> None:
        """Raises UserError if a library is not installed, or Weights & Biases knows no key."""
        for used, library, option in (
            (self.use_wandb, "wandb", "--wandb-…"),
            (self.use_mlflow, "mlflow", "--mlflow-…"),
        ):
            if used and find_spec(library) is None:
                raise UserError(f"{option}: {library} is not installed; pip install rllib_remix[loggers].")
        if self.use_wandb and not (self.wandb_key or _knows_wandb_key()):
            raise UserError("--wandb-key: no key given; give one, set WANDB_API_KEY, or run `wandb login`.")

    def callbacks(self, default_run_name: str) -> list[Any]:
        """Tune's callbacks; `default_run_name` names the experiment in MLflow where no option does.

        Raises:
            UserError: a logger's package is there, but cannot be imported.
        """
        try:
            return self._callbacks(default_run_name)
        except ImportError as error:
            raise UserError(
                f"--wandb-…, --mlflow-…: a package cannot be imported ({error}); pip install rllib_remix[loggers]."
            ) from error

    def _callbacks(self, default_run_name: str) -> list[Any]:
        callbacks: list[Any] = []
        if self.use_wandb:
            from ray.air.integrations.wandb import WandbLoggerCallback

            name: dict[str, Any] = {"name": self.wandb_run_name} if self.wandb_run_name else {}
            callbacks.append(
                WandbLoggerCallback(
                    project=self.wandb_project or DEFAULT_PROJECT, api_key=self.wandb_key, **name
                )
            )
        if self.use_mlflow:
            from ray.air.integrations.mlflow import MLflowLoggerCallback

            callbacks.append(
                MLflowLoggerCallback(
                    tracking_uri=self.mlflow_tracking_uri,
                    experiment_name=self.mlflow_experiment or default_run_name,
                )
            )
        return callbacks


def _knows_wandb_key() -> bool:
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_MODE") in ("offline", "disabled"):
        return True
    try:
        return netrc.netrc().authenticators(os.environ.get("WANDB_HOST", WANDB_HOST)) is not None
    except (OSError, netrc.NetrcParseError):
        return False
