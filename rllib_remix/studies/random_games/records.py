"""What was found on random games, as files: one for each kind of games, filled weighting by weighting."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rllib_remix.errors import UserError, shown
from rllib_remix.files.durable import write_whole
from rllib_remix.files.text_files import read_text
from rllib_remix.reporting.statistics import mean, standard_error
from rllib_remix.studies.random_games.games import draw_games
from rllib_remix.studies.random_games.learning import Learned, learn
from rllib_remix.studies.random_games.readings import Weigh

CHECKS = (100, 300, 1000, 3000)  # updates
GAMES, SEED, LR = 1000, 0, 1e-3
_Z = 1.96  # of a 95 % interval of a mean over a thousand games


@dataclass(frozen=True)
class Kind:
    """Games of one shape; payoffs are independent normal numbers of this deviation."""

    n_agents: int
    n_actions: int
    scale: float = 1.0

    @property
    def name(self) -> str:
        """As files and tables call it."""
        unit = "" if self.scale == 1 else f", payoffs × {self.scale:g}"
        return f"{self.n_agents} agents × {self.n_actions} actions{unit}"

    @property
    def file(self) -> str:
        return f"random_games_{self.n_agents}x{self.n_actions}_scale{self.scale:g}.json"

    def payoffs(self, games: int = GAMES) -> torch.Tensor:
        """[G, K] float32."""
        return self.scale * draw_games(games, self.n_agents, self.n_actions, seed=SEED)


KINDS = (Kind(2, 3), Kind(2, 3, scale=5.0), Kind(2, 5), Kind(3, 3))


def fill(
    file: Path,
    kind: Kind,
    weightings: Mapping[str, Weigh],
    say: Callable[[str], object],
    *,
    games: int = GAMES,
) -> None:
    """Learns what a file lacks, and writes it after each weighting; what is there stays.

    Raises:
        UserError: the file holds something else.
    """
    about: dict[str, Any] = {
        "kind": kind.name,
        "games": games,
        "seed": SEED,
        "lr": LR,
        "updates": list(CHECKS),
    }
    content = read(file) if file.exists() else about | {"found": {}}
    if {name: content.get(name) for name in about} != about:
        raise UserError(
            f"{shown(str(file))} holds other games or updates; move it, or give another --storage-path."
        )
    payoffs = kind.payoffs(games)
    for name, weigh in weightings.items():
        if name in content["found"]:
            continue
        learned = learn(payoffs, kind.n_agents, kind.n_actions, weigh, checks=CHECKS, lr=LR, seed=SEED)
        content["found"][name] = as_json(learned, kind.scale)
        lines = ",\n".join(
            f"{json.dumps(key, ensure_ascii=False)}: {json.dumps(value)}"
            for key, value in content["found"].items()
        )
        text = json.dumps(about, ensure_ascii=False)[:-1] + f', "found": {{\n{lines}\n}}}}\n'
        write_whole(file, text.encode())
        solved, regret = content["found"][name]["solved"][-1], content["found"][name]["regret"][-1]
        say(f"{kind.name}: {name}: {solved[0]:.0%} solved, regret {regret[0]:.3f} ± {regret[1]:.3f}")


def as_json(learned: list[Learned], scale: float) -> dict[str, Any]:
    """Means over games with half of their 95 % intervals, in units of the payoffs' deviation; the last regrets in hundredths."""
    regrets = [each.regret.double().numpy() / scale for each in learned]
    agreements = [each.agreement.double().numpy() for each in learned]
    return {
        "solved": [_interval(regret == 0) for regret in regrets],
        "regret": [_interval(regret) for regret in regrets],
        "agreement": [_interval(known[~np.isnan(known)]) for known in agreements],
        "last_regret": [round(100 * float(value)) for value in regrets[-1]],
    }


def _interval(values: np.ndarray) -> list[float | None]:
    if not len(values):
        return [None, None]
    return [round(mean(values), 4), round(_Z * standard_error(values), 4)]


def read(file: Path) -> dict[str, Any]:
    """What `fill` wrote.

    Raises:
        UserError: it is something else.
    """
    try:
        content = json.loads(read_text(file, what="results"))
        if not isinstance(content["found"], dict):
            raise TypeError("found is no object")
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{shown(str(file))} holds no results on random games.") from None
    return content
