"""Options of `rllib train` that are gone from Ray: each is answered with what replaces it."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from rllib_remix.errors import UserError

REMOVED_OPTIONS = {
    "--trace": "it traced TensorFlow's eager mode, which is gone; leave it out",
    "--eager": "it was TensorFlow's, which RLlib's new API stack has not; leave it out",
    "--torch": "PyTorch is what always runs; leave it out",
    "--local-mode": (
        "Ray has no local mode any more; to debug in one process use --config '{\"num_env_runners\": 0}' "
        "and build the algorithm in Python"
    ),
    "--local-dir": "use --storage-path",
    "--upload-dir": "use --storage-path, which takes s3://… and other addresses too",
    "--config-file": "use `rllib train file FILE`",
    "-f": "use `rllib train file FILE`",
    "--queue-trials": "trials always wait for free resources; leave it out",
    "--ray-redis-max-memory": "Ray runs without Redis; leave it out",
    "--redis-address": "use --ray-address",
    "--no-ray-ui": "the dashboard is off unless --ray-ui is given; leave it out",
}


class GroupThatAnswers(TyperGroup):
    """A group of commands that says what replaces a removed option, instead of that it is unknown."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Raises UserError for the first removed option among the words."""
        for word in args:
            name = word.partition("=")[0]
            if name in REMOVED_OPTIONS:
                raise UserError(f"{name}: gone from RLlib: {REMOVED_OPTIONS[name]}.")
        return super().parse_args(ctx, args)
