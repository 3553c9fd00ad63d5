"""All planted faults."""

from planting.fault import Fault
from planting.faults import (
    actor_critics,
    environments,
    formulas,
    joint_values,
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
    *joint_values.FAULTS,
    *rollout.FAULTS,
    *loop.FAULTS,
    *replay.FAULTS,
    *environments.FAULTS,
    *names.FAULTS,
    *simulator.FAULTS,
    *reports.FAULTS,
)
