"""All networks in float64, step by step, from their parameters as a checkpoint names them. Nothing of the package.

Parameters are a dict of arrays: `agent.encoder.weight`, `mixer.w1.0.bias`, …. B episodes, T steps, n agents, U actions,
O and S entries of an observation and of a state. Padding is computed like anything else and means nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def agent_inputs(obs, actions, n_actions, *, observe_last_action, observe_agent_id, time=None):
    """What the agents see: [B, T+1, n, O], the actions taken [B, T, n] and maybe the time [T+1] → [B, T+1, n, I]."""
    episodes, steps, agents, _ = obs.shape
    parts = [obs]
    if observe_last_action:
        last_action = np.zeros((episodes, steps, agents, n_actions))  # stays 0 at the first step
        for episode, step, agent in np.ndindex(actions.shape):
            last_action[episode, step + 1, agent, actions[episode, step, agent]] = 1
        parts.append(last_action)
    if observe_agent_id:
        parts.append(np.broadcast_to(np.eye(agents), (episodes, steps, agents, agents)))
    if time is not None:
        parts.append(np.broadcast_to(time[:, None, None], (episodes, steps, agents, 1)))
    return np.concatenate(parts, axis=-1)


def agent_outputs(parameters, name, inputs, lives, n_actions, clamp=None):
    """What the recurrent agents' head gives [B, T+1, n, U + K]; that of an agent that has left stays as it was.

    Args:
        parameters, name: the network is `name`, such as "agent" or "target_q_star_agent".
        inputs: [B, T+1, n, I].
        lives: [B, n], how many steps of each agent are computed.
        n_actions: U, of the utilities, which come first.
        clamp: (low, high) or None.
    """
    encoder, bias = parameters[f"{name}.encoder.weight"], parameters[f"{name}.encoder.bias"]
    head, head_bias = parameters[f"{name}.head.weight"], parameters[f"{name}.head.bias"]
    hidden = np.zeros((*lives.shape, len(encoder)))
    utilities = np.zeros((*inputs.shape[:3], len(head)))
    for step in range(inputs.shape[1]):
        encoded = np.maximum(inputs[:, step] @ encoder.T + bias, 0)
        hidden = gru_cell(parameters, f"{name}.gru", encoded, hidden)
        computed = hidden @ head.T + head_bias
        if clamp is not None:
            computed[..., :n_actions] = np.clip(computed[..., :n_actions], *clamp)
        has_left = (step >= lives)[..., None]
        utilities[:, step] = np.where(has_left, utilities[:, step - 1], computed)
    return utilities


def own_outputs(parameters, name, inputs, lives, n_actions, clamp=None):
    """The same where every agent has parameters of its own, [n, …] of each."""
    agents = []
    for agent in range(lives.shape[1]):
        own = {key: array[agent] for key, array in parameters.items() if key.startswith(f"{name}.")}
        its = slice(agent, agent + 1)
        agents.append(agent_outputs(own, name, inputs[:, :, its], lives[:, its], n_actions, clamp))
    return np.concatenate(agents, axis=2)


def gru_cell(parameters, name, x, h):
    """One step of a gated recurrent unit, as PyTorch documents it: r and z gate, n is new."""
    from_x = x @ parameters[f"{name}.weight_ih_l0"].T + parameters[f"{name}.bias_ih_l0"]
    from_h = h @ parameters[f"{name}.weight_hh_l0"].T + parameters[f"{name}.bias_hh_l0"]
    x_r, x_z, x_n = np.split(from_x, 3, axis=-1)
    h_r, h_z, h_n = np.split(from_h, 3, axis=-1)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    n = np.tanh(x_n + r * h_n)
    return (1 - z) * n + z * h


def normalised(rows, is_seen):
    """Rows [..., X] by the mean and deviation of each entry over those that are seen [...], within ±10."""
    seen = rows[is_seen]
    deviation = np.sqrt(((seen - seen.mean(0)) ** 2).mean(0))
    return np.clip((rows - seen.mean(0)) / deviation, -10, 10)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@dataclass(frozen=True)
class Team:
    """What mixers know of N steps beside the chosen utilities [..., n].

    Args:
        state [..., S]. agents: [..., n, O + n], what each observes, and which it is. actions: [..., n].
        fixed: parameters, chosen and best utilities [..., n] that duplex dueling takes advantages of, without gradient.
    """

    state: np.ndarray
    agents: np.ndarray
    actions: np.ndarray
    fixed: tuple


def vdn(parameters, name, chosen, team):
    """Q_tot [...] = Σ_a Q^a of the utilities chosen [..., n]."""
    return chosen.sum(-1)


def qmix(parameters, name, chosen, team):
    """Q_tot [...] = ELU(q·|W1(s)| + b1(s))·|w2(s)| + b2(s) of the utilities chosen [..., n] and the state [..., S]."""
    state = team.state
    w1 = np.abs(feed_forward(parameters, f"{name}.w1", [0, 2], state))
    w1 = w1.reshape(*chosen.shape, -1)  # [..., n, m]
    w2 = np.abs(feed_forward(parameters, f"{name}.w2", [0, 2], state))
    b1 = state @ parameters[f"{name}.b1.weight"].T + parameters[f"{name}.b1.bias"]
    b2 = feed_forward(parameters, f"{name}.b2", [0, 2], state)[..., 0]
    z = np.einsum("...n,...nm->...m", chosen, w1) + b1
    elu = np.where(z > 0, z, np.expm1(np.minimum(z, 0)))
    return (elu * w2).sum(-1) + b2


def qatten(parameters, name, chosen, team):
    """Q_tot [...] = c(s) + Σ_h |w_h(s)| Σ_a softmax_a(e_h(s)·k_{h,a} / √d) Q^a, head by head and agent by agent."""
    queries = head_nets(parameters, f"{name}.queries", team.state)
    head_weights = np.abs(feed_forward(parameters, f"{name}.head_weights", [0, 2], team.state))
    q_tot = feed_forward(parameters, f"{name}.offset", [0, 2], team.state)[..., 0]
    keys = np.split(parameters[f"{name}.keys.weight"], len(queries))
    for head, (query, key) in enumerate(zip(queries, keys, strict=True)):
        logits = [
            (query * (team.agents[..., agent, :] @ key.T)).sum(-1) / np.sqrt(len(key))
            for agent in range(chosen.shape[-1])
        ]
        whole = sum(np.exp(logit) for logit in logits)
        for agent, logit in enumerate(logits):
            q_tot = q_tot + head_weights[..., head] * np.exp(logit) / whole * chosen[..., agent]
    return q_tot


def qplex(parameters, name, chosen, team):
    """Q_tot [...] = Σ_a (w_a Q^a + b_a) + Σ_a (λ_a - 1)·sg(w_a (Q^a - M^a)), M^a the best of the agent's utilities."""
    fixed, of_fixed, best = team.fixed
    weight, offset = (
        feed_forward(parameters, f"{name}.{part}", [0, 2], team.state) for part in ("weight", "offset")
    )
    fixed_weight = np.abs(feed_forward(fixed, f"{name}.weight", [0, 2], team.state))
    advantages = fixed_weight * (of_fixed - best)
    importance = joint_importance(parameters, f"{name}.importance", team.state, team.actions)
    return (np.abs(weight) * chosen + offset).sum(-1) + ((importance - 1) * advantages).sum(-1)


def joint_importance(parameters, name, state, actions):
    """λ_a [..., n] = Σ_k |key_k(s)|·σ(agent_k(s))_a·σ(action_k(s, u))_a."""
    n_inputs = parameters[f"{name}.actions.first.weight"].shape[1]
    n_actions = (n_inputs - state.shape[-1]) // actions.shape[-1]
    one_hots = np.eye(n_actions)[actions].reshape(*actions.shape[:-1], -1)
    joint = np.concatenate([state, one_hots], axis=-1)
    nets = (("keys", state), ("agents", state), ("actions", joint))
    of_heads = zip(*(head_nets(parameters, f"{name}.{net}", x) for net, x in nets), strict=True)
    return sum(np.abs(key) * sigmoid(agent) * sigmoid(action) for key, agent, action in of_heads)


def head_nets(parameters, name, x):
    """The outputs of K nets, a list, each with a ReLU between its layers."""
    first, bias = parameters[f"{name}.first.weight"], parameters[f"{name}.first.bias"]
    later = sorted(key for key in parameters if key.startswith(f"{name}.weights."))
    heads = len(parameters[later[0]])
    outputs = []
    for head, (weight, offset) in enumerate(zip(np.split(first, heads), np.split(bias, heads), strict=True)):
        out = x @ weight.T + offset
        for layer in later:
            biases = parameters[layer.replace(".weights.", ".biases.")]
            out = np.maximum(out, 0) @ parameters[layer][head] + biases[head]
        outputs.append(out)
    return outputs


def q_jt(parameters, name, features, actions, state):
    """QTRAN's Q_jt [...] = net(s, Σ_a enc(h_a, u_a)), agent by agent, of features h [..., n, K]."""
    n_actions = len(parameters[f"{name}.encoder.0.bias"]) - features.shape[-1]
    z = 0
    for agent in range(actions.shape[-1]):
        one_hot = np.eye(n_actions)[actions[..., agent]]
        both = np.concatenate([features[..., agent, :], one_hot], axis=-1)
        z = z + feed_forward(parameters, f"{name}.encoder", [0, 2], both)
    return feed_forward(parameters, f"{name}.net", [0, 2, 4], np.concatenate([state, z], axis=-1))[..., 0]


MIXERS = {"vdn": vdn, "qmix": qmix, "qatten": qatten, "qplex": qplex}


def mixer_gradient(mixer, parameters, chosen, team, *, h=1e-5):
    """∂Q_tot/∂Q^j [..., n], by central differences."""
    gradient = np.zeros_like(chosen)
    for agent in range(chosen.shape[-1]):
        move = np.zeros(chosen.shape[-1])
        move[agent] = h
        up, down = (mixer(parameters, "mixer", chosen + sign * move, team) for sign in (1, -1))
        gradient[..., agent] = (up - down) / (2 * h)
    return gradient


def joint_q(parameters, name, chosen, state):
    """Q* [...] = net(s, chosen values) + V(s), of the values chosen [..., n] and the state [..., S]."""
    both = np.concatenate([state, chosen], axis=-1)
    advantage = feed_forward(parameters, f"{name}.net", [0, 2, 4, 6], both)
    return (advantage + feed_forward(parameters, f"{name}.value", [0, 2], state))[..., 0]


def feed_forward(parameters, name, layers, x):
    """Linear layers of these numbers, with a ReLU between two."""
    for layer in layers:
        if layer != layers[0]:
            x = np.maximum(x, 0)
        x = x @ parameters[f"{name}.{layer}.weight"].T + parameters[f"{name}.{layer}.bias"]
    return x


def of_actions(utilities, actions):
    """The utilities [..., n] of given actions [..., n], out of [..., n, U]."""
    return np.take_along_axis(utilities, actions[..., None], axis=-1)[..., 0]
