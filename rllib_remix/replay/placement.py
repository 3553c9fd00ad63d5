"""Where the shards of a replay buffer run, and what they ask for."""

from __future__ import annotations

from typing import Any

import ray
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.replay.buffer import MultiAgentReplayBuffer
from rllib_remix.replay.shard import ReplayShard

CPUS_OF_SHARD = 0.1  # a shard copies arrays now and then
BYTES_OF_PROCESS = 512 * 2**20  # what a shard takes apart from its episodes


def shard_capacities(capacity: int, num_shards: int) -> list[int]:
    """Episodes of every shard: as even as can be, and `capacity` together."""
    return [len(range(shard, capacity, num_shards)) for shard in range(num_shards)]


def shard_bundle(spec: TeamSpec | None, capacity: int) -> dict[str, float]:
    """What a shard asks Ray for, as a placement group has it; without a spec its memory is not known."""
    if spec is None:
        return {"CPU": CPUS_OF_SHARD}
    memory = MultiAgentReplayBuffer.bytes_needed(spec, capacity) + BYTES_OF_PROCESS
    return {"CPU": CPUS_OF_SHARD, "memory": memory}


def start_shard(spec: TeamSpec, which: int, capacities: list[int]) -> Any:
    """Starts one shard: in its own bundle of a Tune trial's placement group, elsewhere spread over the nodes."""
    group = ray.util.get_current_placement_group()
    bundle = shard_bundle(spec, capacities[which])
    strategy: Any = "SPREAD"
    if group is not None:
        number, bundle = _bundle_in(group, which, len(capacities))
        strategy = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=number)
    options = {"num_cpus": bundle["CPU"], "scheduling_strategy": strategy, "max_restarts": 0}
    if "memory" in bundle:
        options["memory"] = int(bundle["memory"])
    return ray.remote(ReplayShard).options(**options).remote(spec, capacity=capacities[which])


def _bundle_in(group: PlacementGroup, which: int, num_shards: int) -> tuple[int, dict[str, float]]:
    """Its number and what it offers: the last bundles are the shards'; a group of another make gives any of them."""
    bundles = group.bundle_specs
    ours = bundles[-num_shards:]
    if len(bundles) > num_shards and all(bundle.get("CPU") == CPUS_OF_SHARD for bundle in ours):
        return len(bundles) - num_shards + which, ours[which]
    return -1, {"CPU": 0}
