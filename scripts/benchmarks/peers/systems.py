"""What is compared: each system, its driver, and what it takes to run it beside ours."""

from __future__ import annotations

from dataclasses import dataclass

OURS = "ours"
BATCHES = (32, 128)  # episodes


@dataclass(frozen=True)
class System:
    """A system that trains QMIX.

    Attributes:
        title: name and version in tables.
        driver: module of `drivers`, which runs in its environment.
        shims: what the driver hands it that it does not find, and which of its settings are not its own.
    """

    title: str
    driver: str
    shims: tuple[str, ...] = ()


PEERS = {
    "xuance": System(
        "XuanCe 1.4.4",
        "xuance_driver",
        (
            "pettingzoo.mpe, which PettingZoo 1.27 has given away, is mpe2",
            "wandb, which it imports and does not use here, is empty",
            "logs to TensorBoard, which cannot be switched off",
        ),
    ),
    "pymarlzooplus": System(
        "PyMARLzoo+ 1.1.0",
        "pymarlzooplus_driver",
        (
            "cv2, albumentations, transformers, torchvision, and its own modules of plots, episodic memory and old MPE games, "
            "none of which is used here, are empty",
            "setuptools below 81, for sacred's pkg_resources; no Python above 3.11, which has no imp",
            "8 processes with one copy each are forked: its own choice, spawn, takes 12 CPU-seconds more to start; one copy "
            "in the process itself is slower",
        ),
    ),
    "benchmarl": System(
        "BenchMARL 1.5.2",
        "benchmarl_driver",
        (
            "pettingzoo.mpe, which PettingZoo 1.27 has given away, is mpe2",
            "a batch is as many frames as episodes of full length have",
            "its mixer's weights come from one layer, those of the others from two",
        ),
    ),
}
SYSTEMS = {OURS: System("ours", "ours_driver"), **PEERS}


@dataclass(frozen=True)
class Amount:
    """How much is measured: rounds of 8 episodes of each part, and timed updates."""

    rounds: int
    updates: int


GAMES = {
    "simple_spread": Amount(rounds=12, updates=20),
    "foraging": Amount(rounds=16, updates=20),
    "null": Amount(rounds=3, updates=4),
}
GAME_TITLES = {
    "simple_spread": "simple_spread (mpe2): 3 agents, 25 steps",
    "foraging": "Level-Based Foraging 8x8-2p-2f-coop: 2 agents, 50 steps",
    "null": "no game, in the full Predator-Prey's shape: 8 agents, 200 steps",
}
