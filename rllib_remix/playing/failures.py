"""Failures of what others wrote (environments, models), told in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rllib_remix.errors import SettingError, UserError


@contextmanager
def one_line_failures(what: str) -> Iterator[None]:
    """Turns any exception of the block into a UserError; -vv still shows where it came from."""
    from rllib_remix.envs.smac.game import SmacError
    from rllib_remix.envs.team_env import BrokenEnvironment

    try:
        yield
    except (UserError, SettingError):
        raise
    except (SmacError, BrokenEnvironment) as error:
        raise UserError(f"{what}: {error}") from error
    except Exception as error:
        raise UserError(f"{what} failed: {type(error).__name__}: {error} (-vv shows where)") from error
