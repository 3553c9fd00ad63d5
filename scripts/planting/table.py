"""All planted faults."""

from planting.fault import Fault
from planting.faults import (
    actor_critics,
    environments,
    formulas,
    learner,
    loop,
    names,
    networks,
    replay,
    reports,
    rollout,
    simulator,
)

FAULTS: tuple[Fault, ...] = (
    *learner.FAULTS,
    *formulas.FAULTS,
    *actor_critics.FAULTS,
    *networks.FAULTS,
    *rollout.FAULTS,
    *loop.FAULTS,
    *replay.FAULTS,
    *environments.FAULTS,
    *names.FAULTS,
    *simulator.FAULTS,
    *reports.FAULTS,
)
