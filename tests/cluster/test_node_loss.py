"""Training goes on when a machine with env runners is gone."""

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import fork_server
import forked
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "scripts"))

from benchmarks import node_loss

pytestmark = pytest.mark.slow


def test_training_goes_on_without_the_env_runners_of_a_lost_node():
    plan = node_loss.Plan(warm_up=3, rounds=5, replace=False, patience=150)
    forked.server()
    # In a process of its own: this one may be connected to another Ray.
    own = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=fork_server.forked_workers)
    with own as process:
        rounds = process.submit(node_loss.run, "QMIX", plan).result()
    phases = node_loss.summary(rounds)
    assert phases["before"]["env_runners_at_end"] == node_loss.ENV_RUNNERS
    assert phases["after the loss"]["rounds"] >= plan.rounds
    assert 0 < phases["after the loss"]["env_runners_at_end"] < node_loss.ENV_RUNNERS
    assert phases["after the loss"]["median_env_steps_per_round"] > 0
