"""All planted faults."""

from planting.fault import Fault
from planting.faults import (
    actor_critics,
    environments,
    exports,
    fop,
    formulas,
    joint_values,
    learner,
    loop,
    mappo,
    names,
    networks,
    replay,
    reports,
    rollout,
    sequences,
    simulator,
    studies,
    threads,
)

FAULTS: tuple[Fault, ...] = (
    *learner.FAULTS,
    *formulas.FAULTS,
    *actor_critics.FAULTS,
    *fop.FAULTS,
    *mappo.FAULTS,
    *networks.FAULTS,
    *joint_values.FAULTS,
    *rollout.FAULTS,
    *exports.FAULTS,
    *loop.FAULTS,
    *replay.FAULTS,
    *environments.FAULTS,
    *names.FAULTS,
    *simulator.FAULTS,
    *reports.FAULTS,
    *studies.FAULTS,
    *threads.FAULTS,
    *sequences.FAULTS,
)
