"""Floors: the least that the work could take, measured where the work is measured.

For updates: the matrix products of the networks, each shape timed alone. Not in the list are elementwise work
(activations, gates, losses), the mixers' products of one row per env step, and the optimizer; nor what can be shared
(the mixer's gradient needs the same products as its forward pass).
"""

from __future__ import annotations

import functools
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch

from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.models.sizes import TWINS

MATRIX_PRODUCTS = "of updates: their matrix products alone, in the same shapes and dtype"


class Product(NamedTuple):
    """One of the three matrix products of a linear layer, `rows` × `inputs` × `outputs` multiply-adds each.

    "forward" x·Wᵀ, "input" dy·W (the gradient of x), "weight" dyᵀ·x (the gradient of W); x [rows, inputs],
    dy [rows, outputs], W [outputs, inputs].
    """

    kind: str
    rows: int
    inputs: int
    outputs: int

    @property
    def flop(self) -> int:
        return 2 * self.rows * self.inputs * self.outputs


class BatchSize(NamedTuple):
    """How much there is to compute in a batch of episodes.

    Attributes:
        agents_per_step: for step 0, 1, …: agents of all episodes that are there.
        env_steps: of all episodes.
        episodes: their number; each has one observation more than steps.
    """

    agents_per_step: Sequence[int]
    env_steps: int
    episodes: int


def dense(episodes: int, length: int, n_agents: int) -> BatchSize:
    """Episodes of one length in which every agent stays to the end."""
    return BatchSize([episodes * n_agents] * (length + 1), episodes * length, episodes)


def ragged(lengths: Sequence[int], lives: Sequence[Sequence[int]]) -> BatchSize:
    """Episodes of `lengths`, whose agents are there until the step before their `lives` or the end."""
    last = [[min(life, length + 1) for life in team] for length, team in zip(lengths, lives, strict=True)]
    ends = np.array([life for team in last for life in team])
    per_step = [int((ends > step).sum()) for step in range(max(lengths) + 1)]
    return BatchSize([rows for rows in per_step if rows], sum(lengths), len(lengths))


def update_products(
    networks: dict[str, Any], spec: TeamSpec, size: BatchSize, *, passes: int = 1
) -> Counter[Product]:
    """Every matrix product of one update, and how often it is computed.

    Args:
        networks: the config's `networks()`.
        spec: sizes of the team.
        size: of the batch.
        passes: over the batch, of MAPPO.
    """
    agent = functools.partial(_agent, networks, spec, _rounded(size.agents_per_step))
    mixer = functools.partial(_mixer, networks, spec)
    bootstraps = size.env_steps + size.episodes
    if (
        networks.get("central_critic") == "mappo"
    ):  # no target: before the first pass once more, without a gradient
        critic = functools.partial(_central_critic, networks, spec)
        one = agent(learns=True) + critic(size.env_steps, learns=True)
        before = agent(learns=False) + critic(bootstraps, learns=False)
        return before + Counter({product: passes * count for product, count in one.items()})
    if networks.get("central_critic"):  # COMA, DOP: critic and target on all agents, those that have left too
        critic = functools.partial(_central_critic, networks, spec)
        return agent(learns=True) + critic(size.env_steps, learns=True) + critic(bootstraps, learns=False)
    if networks.get("use_twin_critics"):  # FOP: the policies, two critics, and two targets
        products, fop = agent(learns=True), functools.partial(_fop, networks, spec)
        for _ in range(TWINS):
            products += agent(learns=True) + fop(size.env_steps, learns=True)
            products += agent(learns=False) + fop(bootstraps, learns=False)
        return products
    if networks.get("stochastic_policy"):  # VDAC: no targets, and a value of every observation
        return agent(learns=True) + mixer(bootstraps, learns=True)
    products = agent(learns=True) + mixer(size.env_steps, learns=True)
    if networks.get("use_q_jt"):
        q_jt = functools.partial(_q_jt, networks, spec)
        products += q_jt(size.env_steps, learns=True) + agent(learns=False)
        return products + q_jt(bootstraps, learns=False)
    if networks["use_q_star"]:
        q_star = functools.partial(_q_star, networks, spec)
        products += agent(learns=True) + q_star(size.env_steps, learns=True)
        return products + agent(learns=False) + q_star(bootstraps, learns=False)
    return products + agent(learns=False) + mixer(bootstraps, learns=False)


def total_flop(products: Counter[Product]) -> int:
    return sum(product.flop * count for product, count in products.items())


def seconds_of_products(products: Counter[Product], dtype: str) -> float:
    """CPU-seconds of all products, each distinct one timed a few times and taken as often as it occurs."""
    return sum(_seconds(product, dtype) * count for product, count in products.items())


def _agent(
    networks: dict[str, Any], spec: TeamSpec, rows_per_step: Sequence[int], *, learns: bool
) -> Counter[Product]:
    hidden = networks["agent_hidden_dim"]
    inputs = spec.obs_dim
    inputs += spec.n_actions * networks["observe_last_action"] + spec.n_agents * networks["observe_agent_id"]
    rows = sum(rows_per_step)
    products = _linear(rows, inputs, hidden, learns=learns, from_data=True)
    products += _linear(rows, hidden, 3 * hidden, learns=learns)
    outputs = spec.n_actions + networks.get("agent_extra_outputs", 0)
    products += _linear(rows, hidden, outputs, learns=learns)
    # The recurrent part is one product after the other; its weights' gradient can be one product in the end.
    for rows_of_step in rows_per_step:
        products[Product("forward", rows_of_step, hidden, 3 * hidden)] += 1
        products[Product("input", rows_of_step, hidden, 3 * hidden)] += learns
    products[Product("weight", rows, hidden, 3 * hidden)] += learns
    return +products


def _mixer(networks: dict[str, Any], spec: TeamSpec, rows: int, *, learns: bool) -> Counter[Product]:
    of_mixer = {"qmix": _qmix, "qatten": _qatten, "qplex": _qplex}.get(networks["mixer"] or "")
    return of_mixer(networks, spec, rows, learns=learns) if of_mixer else Counter()


def _qmix(networks: dict[str, Any], spec: TeamSpec, rows: int, *, learns: bool) -> Counter[Product]:
    embed, hypernet = networks["mixer_embed_dim"], networks["hypernet_hidden_dim"]
    products: Counter[Product] = Counter()
    for hidden, outputs in ((hypernet, spec.n_agents * embed), (hypernet, embed), (embed, 1)):
        products += _linear(rows, spec.state_dim, hidden, learns=learns, from_data=True)
        products += _linear(rows, hidden, outputs, learns=learns)
    return products + _linear(rows, spec.state_dim, embed, learns=learns, from_data=True)


def _qatten(networks: dict[str, Any], spec: TeamSpec, rows: int, *, learns: bool) -> Counter[Product]:
    embed, hypernet = networks["mixer_embed_dim"], networks["hypernet_hidden_dim"]
    products = _head_nets(networks, rows, spec.state_dim, [hypernet, embed], learns=learns)
    products += _linear(
        rows * spec.n_agents,
        spec.obs_dim + spec.n_agents,
        networks["mixer_heads"] * embed,
        learns=learns,
        from_data=True,
    )
    for hidden, outputs in ((hypernet, networks["mixer_heads"]), (embed, 1)):
        products += _linear(rows, spec.state_dim, hidden, learns=learns, from_data=True)
        products += _linear(rows, hidden, outputs, learns=learns)
    return products


def _qplex(networks: dict[str, Any], spec: TeamSpec, rows: int, *, learns: bool) -> Counter[Product]:
    hypernet, state, agents = networks["hypernet_hidden_dim"], spec.state_dim, spec.n_agents
    products: Counter[Product] = Counter()
    for _ in ("w", "b"):
        products += _linear(rows, state, hypernet, learns=learns, from_data=True)
        products += _linear(rows, hypernet, agents, learns=learns)
    return products + _importances(networks, spec, rows, learns=learns)


def _importances(networks: dict[str, Any], spec: TeamSpec, rows: int, *, learns: bool) -> Counter[Product]:
    state, agents = spec.state_dim, spec.n_agents
    hidden = [networks["hypernet_hidden_dim"]] * (networks["importance_layers"] - 1)
    products: Counter[Product] = Counter()
    for inputs, outputs in ((state, 1), (state, agents), (state + agents * spec.n_actions, agents)):
        products += _head_nets(networks, rows, inputs, [*hidden, outputs], learns=learns)
    return products


def _fop(networks: dict[str, Any], spec: TeamSpec, rows: int, *, learns: bool) -> Counter[Product]:
    embed = networks["mixer_embed_dim"]
    products = _linear(rows, spec.state_dim, embed, learns=learns, from_data=True)
    products += _linear(rows, embed, 1, learns=learns)
    return products + _importances(networks, spec, rows, learns=learns)


def _head_nets(
    networks: dict[str, Any], rows: int, inputs: int, widths: list[int], *, learns: bool
) -> Counter[Product]:
    """Nets of these layers for every head: the first layers are one product, the others one for each head."""
    heads = networks["mixer_heads"]
    products = _linear(rows, inputs, heads * widths[0], learns=learns, from_data=True)
    for before, after in pairwise(widths):
        for product, count in _linear(rows, before, after, learns=learns).items():
            products[product] += heads * count
    return products


def _q_jt(networks: dict[str, Any], spec: TeamSpec, rows: int, *, learns: bool) -> Counter[Product]:
    """Of QTRAN's Q_jt; where it learns, also of the greedy joint action, without a gradient, and of V."""
    hidden, state, features = networks["q_jt_hidden_dim"], spec.state_dim, networks["agent_extra_outputs"]
    width = features + spec.n_actions
    products = _linear(rows * spec.n_agents, features, width, learns=learns)

    def of_actions(learns: bool) -> Counter[Product]:
        found = _linear(rows, width, width, learns=learns)
        found += _linear(rows, state + width, hidden, learns=learns, from_data=True)
        if learns:  # Of the input only what comes from the agents, not the state.
            found[Product("input", rows, width, hidden)] += 1
        return found + _linear(rows, hidden, hidden, learns=learns) + _linear(rows, hidden, 1, learns=learns)

    products += of_actions(learns)
    if learns:
        products += of_actions(False)
        products += _linear(rows, state, hidden, learns=True, from_data=True)
        products += _linear(rows, hidden, hidden, learns=True) + _linear(rows, hidden, 1, learns=True)
    return products


def _q_star(networks: dict[str, Any], spec: TeamSpec, rows: int, *, learns: bool) -> Counter[Product]:
    hidden, state = networks["q_star_hidden_dim"], spec.state_dim
    products = _linear(rows, state + spec.n_agents, hidden, learns=learns, from_data=True)
    if learns:  # Only the chosen values, not the state, need the gradient of the input.
        products[Product("input", rows, spec.n_agents, hidden)] += 1
    for inputs, outputs in ((hidden, hidden), (hidden, hidden), (hidden, 1)):
        products += _linear(rows, inputs, outputs, learns=learns)
    products += _linear(rows, state, hidden, learns=learns, from_data=True)
    return products + _linear(rows, hidden, 1, learns=learns)


def _central_critic(networks: dict[str, Any], spec: TeamSpec, rows: int, *, learns: bool) -> Counter[Product]:
    """Q^a, or V, of all agents at so many steps; the parts of its first layer each where they can be shared."""
    hidden, agents, actions = networks["critic_hidden_dim"], spec.n_agents, spec.n_actions
    of_agents = rows * agents
    first = functools.partial(_linear, learns=learns, from_data=True)
    products = first(rows, spec.state_dim, hidden) + first(of_agents, spec.obs_dim, hidden)
    outputs = actions + 1  # DOP's advantages and value
    if networks["central_critic"] == "coma":
        outputs = actions
        products += first(rows, agents * actions, hidden)  # the last joint action
        for _ in range(agents):  # what each action adds, and for each agent the sum over the others
            products += first(rows, actions, hidden)
        products[Product("forward", agents, agents, rows * hidden)] += 1
        products[Product("input", agents, agents, rows * hidden)] += learns
    elif networks["central_critic"] == "mappo":
        outputs = 1
    else:
        embed = networks["mixer_embed_dim"]
        products += first(rows, spec.state_dim, agents * embed) + first(rows, spec.state_dim, embed)
    products += _linear(of_agents, hidden, hidden, learns=learns)
    return +(products + _linear(of_agents, hidden, outputs, learns=learns))


def _linear(
    rows: int, inputs: int, outputs: int, *, learns: bool, from_data: bool = False
) -> Counter[Product]:
    """A linear layer's products; what comes from data needs no gradient."""
    kinds: Iterable[str] = ("forward",)
    if learns:
        kinds = ("forward", "weight") if from_data else ("forward", "input", "weight")
    return Counter(Product(kind, rows, inputs, outputs) for kind in kinds)


def _rounded(rows_per_step: Sequence[int], shapes: int = 16) -> list[int]:
    """Rounded up to few different numbers, so that timing them does not take longer than the update."""
    grain = math.ceil(max(rows_per_step) / shapes)
    return [grain * math.ceil(rows / grain) for rows in rows_per_step]


@functools.cache
def _seconds(product: Product, dtype: str) -> float:
    kind, rows, inputs, outputs = product
    number = getattr(torch, dtype)
    x, dy = torch.rand(rows, inputs).to(number), torch.rand(rows, outputs).to(number)
    w = torch.rand(outputs, inputs).to(number)
    left, right = {"forward": (x, w.t()), "input": (dy, w), "weight": (dy.t(), x)}[kind]
    out = torch.empty(left.shape[0], right.shape[1], dtype=number)
    return _median_seconds(lambda: torch.mm(left, right, out=out))


def copy_seconds(arrays: Iterable[np.ndarray]) -> float:
    """CPU-seconds of copying the arrays' bytes into memory that is already there."""
    sources = [np.ascontiguousarray(array) for array in arrays]
    targets = [source.copy() for source in sources]

    def copy() -> None:
        for target, source in zip(targets, sources, strict=True):
            np.copyto(target, source)

    return _median_seconds(copy)


def _median_seconds(work: Callable[[], object], repeats: int = 5, least: float = 0.003) -> float:
    """CPU-seconds of one call; short ones are called in a row until `least` seconds have passed."""
    work()
    start = time.process_time()
    work()
    loops = max(1, min(1000, math.ceil(least / max(time.process_time() - start, 1e-6))))
    times = []
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(loops):
            work()
        times.append((time.process_time() - start) / loops)
    return sorted(times)[repeats // 2]
