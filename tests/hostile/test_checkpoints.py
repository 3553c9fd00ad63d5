"""Checkpoints and exports of strangers: each is refused with one message that names the field, and nothing is written."""

from __future__ import annotations

import json
import math
import os
import pickle
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from rllib_remix.checkpoints.manifest import MANIFEST, METADATA, write_manifest
from rllib_remix.checkpoints.portable import PORTABLE, SETTINGS_FILE, WEIGHTS_FILE
from rllib_remix.checkpoints.reading import CheckpointError
from rllib_remix.models.sizes import network_shapes
from rllib_remix.policy import TeamPolicy
from tests.hostile import good_checkpoint as good
from tests.hostile.limits import MAX_MESSAGE, PYTHON_WORDS, limited

pytestmark = pytest.mark.battery

Change = Callable[[Path], object]


class _Missing:
    """Stands for a part that is left out."""

    def __repr__(self) -> str:
        return "missing"


MISSING = _Missing()
COUNTS = [None, True, 1.5, 2.0, "2", [2], {"a": 2}, -1, 0, 2**31, 2**63, 10**19, MISSING]
FLAGS = [None, 0, 1, "true", [], MISSING]
DTYPES = [None, 1, "object", "float128", "datetime64[s]", "\x1b[31m", ["uint8"], MISSING]
NAMES = [
    1,
    True,
    "",
    " ",
    "\x1b[31mred\x1b[0m",
    "a\nb",
    "a\rb",
    "\x00",
    "\u202eabc",
    "\ud800",
    "x" * 201,
    [],
    {},
]
OPTIONAL = ("mixer_embed_dim", "hypernet_hidden_dim", "q_star_hidden_dim")

# (path of the field, value)
FIELDS: list[tuple[str, Any]] = [
    *((f"team.{name}", value) for name in ("n_agents", "n_actions", "obs_dim", "state_dim") for value in COUNTS),
    *(("team.episode_limit", value) for value in COUNTS if value != 2**31),
    *((f"team.{name}", value) for name in ("obs_dtype", "state_dtype") for value in DTYPES),
    *(("team.agents", value) for value in (1, "ab", ["a"], ["a", "a"], ["a", 2], ["a", "\x1b"], {"a": 1}, None)),
    *(("team.obs_shape", value) for value in (1, "abc", [1], [1, 1], [1, 1, 2], ["a", 1, 1], [0, 1, 1], [-1, -1, 1], [True] * 3, [1, 1, 1], None)),
    *(("team", value) for value in (None, 1, "x", [], {}, [1, 2])),
    ("team.n_agnts", 2),
    ("team.\x1b[31m", 2),
    ("team." + "x" * 5000, 2),
    *(("networks.agent_hidden_dim", value) for value in (*COUNTS, 3, 60_000)),
    *((f"networks.{name}", value) for name in OPTIONAL for value in (True, "3", -1, 0, 10**9, 7, None)),
    *((f"networks.observe_{name}", value) for name in ("last_action", "agent_id") for value in FLAGS),
    *((f"networks.{name}", value) for name in ("observe_time", "normalize_observations") for value in (1, "yes", None, True)),
    *(("networks.encoder", value) for value in ("rnn", 1, None, ["cnn"], "cnn")),
    *(("networks.agent_extra_outputs", value) for value in (-1, 1.0, "1", True, None, 1, 2**17)),
    *(("networks.stochastic_policy", value) for value in (1, "yes", None)),
    *(("networks.use_q_star", value) for value in (1, "yes", None, False)),
    *(
        ("networks.utility_clamp", value)
        for value in ("x", [1], [2, 1], [1, 1], [1, 2, 3], {"a": 1}, True, 5, [None, 1], ["a", "b"], MISSING)
    ),
    *(("networks.mixer", value) for value in ("qplex", "\x1b", 1, ["qmix"], "vdn", None)),
    *(("networks.mixer_heads", value) for value in (0, -1, 65, 10**9, "4", True, 1.5)),
    *(("networks.importance_layers", value) for value in (0, -1, 9, 10**9, "2", True, 1.5)),
    *(("networks.agent_extra_outputs", value) for value in (-1, 10**9, "4", True, 1.5, None, 3)),
    *(("networks.use_q_jt", value) for value in (1, "yes", None, True)),
    *(("networks.central_critic", value) for value in ("qmix", "\x1b", 1, ["coma"], "coma", "dop", "mappo")),
    *(("networks.normalize_values", value) for value in (1, "yes", None)),
    *(("networks.critic_hidden_dim", value) for value in (True, "3", -1, 0, 10**9)),
    *(("networks.compute_dtype", value) for value in ("float16", 1, None)),
    *(("networks.share_parameters", value) for value in (True, 1, "x", [], [1, 0], [0, 2], [0] * 70_000, [0, 1], {"a": [0]})),
    *(("networks", value) for value in (None, 1, "x", [], {})),
    *(("networks.hidden_dim", value) for value in ({}, {"a": 1}, [[1]], [{}], [1] * 65, ["\x1b"], "\x1b[31m", "x" * 201)),
    ("networks.\x1b[31m", 2),
    ("networks." + "x" * 5000, 2),
    *(("algorithm", value) for value in (*NAMES, None, MISSING)),
    *(("environment", value) for value in NAMES),
    *(("env_config", value) for value in (1, "x", [], [["a", 1]], True)),
    *(("config", value) for value in (None, 1, "x", [])),
    *(("config.epsilon", value) for value in ("x", None, 2, -1, [], [[0]], [[5, 1], [0, 1]], {"a": 1}, [[0, "x"], [1, 1]])),
    *(("config.num_envs_per_env_runner", value) for value in ("x", 0, -1, 1.5, True, 10**9)),
    *(("config.evaluation_config", value) for value in (1, "x", [], True)),
    *(("config.evaluation_config.explore", value) for value in (1, "yes", [])),
    *(("config.evaluation_config.epsilon", value) for value in ("x", 7)),
    *(("config.evaluation_config.num_envs_per_env_runner", value) for value in ("x", 0, 10**9)),
    *(("config.evaluation_config.env", value) for value in (1, "\x1b[2J", [])),
    *(("config.evaluation_config.env_config", value) for value in (1, "x", [])),
    ("training_iteration", -1),
    ("training_iteration", "3"),
]  # fmt: skip


def set_field(path: str, value: Any) -> Change:
    def change(content: dict[str, Any]) -> None:
        *parents, name = path.split(".", path.count(".") if len(path) < 100 and "\x1b" not in path else 1)
        for parent in parents:
            content = content[parent]
        if value is MISSING:
            del content[name]
        else:
            content[name] = value

    return lambda folder: good.change_settings(folder, change)


def put(name: str, content: bytes) -> Change:
    return lambda folder: (folder / name).write_bytes(content)


def settings_text(old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        text = json.dumps(good.settings())
        assert old in text
        (folder / SETTINGS_FILE).write_text(text.replace(old, new, 1))

    return change


def sparse(name: str, size: int) -> Change:
    def change(folder: Path) -> None:
        with open(folder / name, "r+b") as file:
            file.truncate(size)

    return change


ENV_CONFIG = '"env_config": {}'
TEXTS: dict[str, Change] = {
    "empty": put(SETTINGS_FILE, b""),
    "null": put(SETTINGS_FILE, b"null"),
    "list": put(SETTINGS_FILE, b"[1]"),
    "number": put(SETTINGS_FILE, b"1"),
    "text": put(SETTINGS_FILE, b'"team"'),
    "no JSON": put(SETTINGS_FILE, b"{'team': 1}"),
    "truncated": settings_text('"networks"', '"'),
    "garbage behind": lambda folder: (folder / SETTINGS_FILE).open("a").write("}"),
    "no UTF-8": put(SETTINGS_FILE, b"\xff\xfe\x00"),
    "UTF-16": put(SETTINGS_FILE, json.dumps(good.settings()).encode("utf-16")),
    "byte order mark": put(SETTINGS_FILE, b"\xef\xbb\xbf" + json.dumps(good.settings()).encode()),
    "NUL": put(SETTINGS_FILE, b"\x00" * 100),
    "deep lists": put(SETTINGS_FILE, b"[" * 100_000 + b"]" * 100_000),
    "deep objects": put(SETTINGS_FILE, b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "deep env_config": settings_text(ENV_CONFIG, f'"env_config": {{"a": {"[" * 70}{"]" * 70}}}'),
    "NaN": settings_text('"training_iteration": 3', '"training_iteration": NaN'),
    "NaN in env_config": settings_text(ENV_CONFIG, '"env_config": {"a": NaN}'),
    "Infinity in env_config": settings_text(ENV_CONFIG, '"env_config": {"a": [Infinity]}'),
    "-Infinity ignored field": settings_text('"time_total_s": 1.5', '"time_total_s": -Infinity'),
    "1e999": settings_text('"time_total_s": 1.5', '"time_total_s": 1e999'),
    "long float": settings_text('"time_total_s": 1.5', f'"time_total_s": 1.{"5" * 1_000_000}'),
    "integer of 5000 digits": settings_text('"training_iteration": 3', f'"x": {"9" * 5000}'),
    "integer of a million digits": settings_text('"training_iteration": 3', f'"x": {"9" * 1_000_000}'),
    "integer of 65 bits": settings_text(ENV_CONFIG, f'"env_config": {{"seed": {2**64}}}'),
    "key twice": settings_text('"algorithm"', '"algorithm": "VDN", "algorithm"'),
    "key of team twice": settings_text('"n_agents"', '"n_agents": 200, "n_agents"'),
    "escape sequence as key twice": settings_text('"algorithm"', '"\\u001b[31m": 1, "\\u001b[31m": 2, "algorithm"'),
    "5 MB of spaces": put(SETTINGS_FILE, b" " * 5_000_000 + json.dumps(good.settings()).encode()),
    "5 MB in env_config": settings_text(ENV_CONFIG, f'"env_config": {{"a": "{"x" * 5_000_000}"}}'),
    "100 GB sparse": sparse(SETTINGS_FILE, 100 * 10**9),
    "100,000 names of agents": set_field("team.agents", [1] * 100_000),
    "50,000 unknown keys": set_field("networks", {f"{number:x}": 1 for number in range(50_000)}),
    "65 keys beside": set_field("networks", good.NETWORKS | {f"k{number}": 1 for number in range(65)}),
    "a key without a name": set_field("networks", good.NETWORKS | {" ": 1}),
    "50,000 keys, the last twice": settings_text(
        ENV_CONFIG, f'"env_config": {{{", ".join(f"{chr(34)}{number:x}{chr(34)}: 1" for number in range(50_000))}, "0": 1}}'
    ),
    "50,000 lists": settings_text(ENV_CONFIG, f'"env_config": [{", ".join(["[[[]]]"] * 50_000)}]'),
    "env_config unknown key": settings_text(ENV_CONFIG, '"env_config": {"\\u001b[31m": 1}'),
}  # fmt: skip


def edit(name: str, **values: Any) -> Change:
    """Changes an entry of the weights' header; MISSING removes."""

    def change(header: dict[str, Any]) -> None:
        for key, value in values.items():
            if value is MISSING:
                del header[name][key]
            else:
                header[name][key] = value

    return lambda folder: good.change_header(folder, change)


def spoil(name: str, value: float) -> Change:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays[name].flat[-1] = value

    return lambda folder: good.change_weights(folder, change)


def without(*names: str) -> Change:
    return lambda folder: good.change_weights(folder, lambda arrays: [arrays.pop(name) for name in names])


def with_array(name: str, array: np.ndarray) -> Change:
    return lambda folder: good.change_weights(folder, lambda arrays: arrays.update({name: array}))


def move_offsets(begin: int, end: int) -> Change:
    def change(header: dict[str, Any]) -> None:
        first, last = header["agent.head.bias"]["data_offsets"]
        header["agent.head.bias"]["data_offsets"] = [first + begin, last + end]

    return lambda folder: good.change_header(folder, change)


def exchange_dtype(dtype: str) -> Change:
    """Another dtype of half the size, with a file that is as long as it says."""

    def change(folder: Path) -> None:
        tensors = {name: torch.from_numpy(array) for name, array in good.weights().items()}
        tensors["agent.head.bias"] = tensors["agent.head.bias"].to(getattr(torch, dtype))
        (folder / WEIGHTS_FILE).write_bytes(safetensors.torch.save(tensors))

    return change


def one_float64_too_large(folder: Path) -> None:
    good.change_weights(folder, lambda arrays: arrays.update({"agent.head.bias": np.full(3, 1e300)}))


UNPICKLED = Path(tempfile.gettempdir(), f"rllib_remix_unpickled_{os.getpid()}")


def large_team(hidden_dim: int = 1, **sizes: int) -> Change:
    """Agents for which there is not enough memory, with weights that fit them and take no room on the disk."""
    networks = good.NETWORKS | {"agent_hidden_dim": hidden_dim, "mixer": None, "use_q_star": False}

    def change(folder: Path) -> None:
        good.change_settings(
            folder, lambda content: (content["networks"].update(networks), content["team"].update(sizes))
        )
        header, end = {}, 0
        for name, shape in network_shapes(good.SPEC._replace(**sizes), networks).items():
            if name.startswith("agent."):
                begin, end = end, end + 4 * math.prod(shape)
                header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
        good.write_header(folder, json.dumps(header).encode())
        sparse(WEIGHTS_FILE, (folder / WEIGHTS_FILE).stat().st_size + end)(folder)

    return change


class Evil:
    """Unpickled, it leaves a file behind."""

    def __reduce__(self) -> Any:
        return os.mkdir, (str(UNPICKLED),)


HEAD = "agent.head.bias"
SHAPES = [
    None,
    [],
    [4],
    [3, 1],
    [-3],
    ["3"],
    [3.0],
    [True] * 3,
    [2**63],
    [2**32] * 4,
    [10**9, 10**9],
    "3",
    [3] * 10_000,
]
OFFSETS = [None, [], [0], [0, 1, 2], [5, 2], [-4, 8], ["0", "4"], [0.0, 4.0], [0, 2**63], [2**64 - 4, 4]]
WEIGHTS: dict[str, Change] = {
    "empty": put(WEIGHTS_FILE, b""),
    "seven bytes": put(WEIGHTS_FILE, b"\x01" * 7),
    "zeros": put(WEIGHTS_FILE, bytes(1000)),
    "pickle": put(WEIGHTS_FILE, pickle.dumps(Evil())),
    "zip": put(WEIGHTS_FILE, b"PK\x03\x04" + bytes(100)),
    "100 GB sparse": sparse(WEIGHTS_FILE, 100 * 10**9),
    "one byte more": lambda folder: (folder / WEIGHTS_FILE).open("ab").write(b"x"),
    "one byte less": lambda folder: (folder / WEIGHTS_FILE).write_bytes(
        (folder / WEIGHTS_FILE).read_bytes()[:-1]
    ),
    "header of 2**63": lambda folder: good.write_header(folder, b"{}", length=2**63),
    "header of 2**64-1": lambda folder: good.write_header(folder, b"{}", length=2**64 - 1),
    "header of 60 MB": lambda folder: good.write_header(folder, b"{}" + b" " * 60_000_000),
    "header of 60 MB, sparse": lambda folder: (
        good.write_header(folder, b"{}", length=60_000_000),
        sparse(WEIGHTS_FILE, 60_000_008)(folder),
    ),
    "header longer than the file": lambda folder: good.write_header(folder, b"{}", length=3),
    "header no JSON": lambda folder: good.write_header(folder, b"{'a'}"),
    "header a list": lambda folder: good.write_header(folder, b"[1]"),
    "header deep": lambda folder: good.write_header(folder, b"[" * 100_000 + b"]" * 100_000),
    "header no UTF-8": lambda folder: good.write_header(folder, b"\xff\xfe"),
    "header empty": lambda folder: good.write_header(folder, b"{}"),
    "header with a key twice": lambda folder: good.write_header(folder, b'{"a": 1, "a": 2}'),
    "header with 60,000 names": lambda folder: good.write_header(
        folder, json.dumps({f"a{i}": {} for i in range(60_000)}).encode()
    ),
    "header with an escape sequence": with_array("\x1b[31m", np.zeros(3, np.float32)),
    "entry a list": lambda folder: good.change_header(folder, lambda header: header.update({HEAD: []})),
    "entry null": lambda folder: good.change_header(folder, lambda header: header.update({HEAD: None})),
    **{
        f"dtype {dtype!r}": edit(HEAD, dtype=dtype)
        for dtype in ("F33", "\x1b", None, 1, [], "I32", "BOOL", "F16", "F64", "x" * 5000, MISSING)
    },
    **{
        f"exchanged {dtype}": exchange_dtype(dtype)
        for dtype in ("float8_e4m3fn", "float8_e5m2", "int64", "int8", "uint8", "bool")
    },
    **{f"shape {number}": edit(HEAD, shape=shape) for number, shape in enumerate([*SHAPES, MISSING])},
    **{
        f"offsets {number}": edit(HEAD, data_offsets=offsets)
        for number, offsets in enumerate([*OFFSETS, MISSING])
    },
    "offsets overlap": move_offsets(-4, -4),
    "offsets leave a gap": move_offsets(4, 4),
    "offsets too long": move_offsets(0, 4),
    "no weights of the agent": without(*(name for name in good.weights() if name.startswith("agent."))),
    **{f"{name} is missing": without(name) for name in (HEAD, "agent.gru.weight_hh_l0", "mixer.w1.0.bias", "q_star.net.0.bias", "target_mixer.b1.bias")},
    **{
        f"{name} beside": with_array(name, np.zeros(3, np.float32))
        for name in ("agent.x", "agent.gru.weight_ih_l1", "x", "", "agent", "agent.", "mixer.w9", "../x", "target_agent.x", "critic.", "critic..x", "critic/.x", "critic." + "x" * 5000)
    },
    "an array of 3 GB beside": lambda folder: good.change_header(
        folder, lambda header: header.update({"big": {"dtype": "F32", "shape": [750_000_000], "data_offsets": [0, 3 * 10**9]}})
    ),
    **{
        f"{value} in {name}": spoil(name, value)
        for value in (np.nan, np.inf, -np.inf)
        for name in (HEAD, "agent.gru.weight_hh_l0", "agent.encoder.weight", "mixer.w1.0.weight", "q_star.net.0.weight", "target_q_star_agent.head.weight")
    },
    **{f"large networks of {units} units": large_team(units) for units in (5200, 9000, 16_000, 60_000)},
    "60,000 actions": large_team(n_actions=60_000),
    "60,000 agents": large_team(n_agents=60_000),
    "observations of 1 GB": large_team(obs_dim=2**28),
    "too large for float32": one_float64_too_large,
    "NaN in bfloat16": lambda folder: (folder / WEIGHTS_FILE).write_bytes(
        safetensors.torch.save(
            {name: torch.from_numpy(array * np.nan).bfloat16() for name, array in good.weights().items()}
        )
    ),
}  # fmt: skip


# What is no regular file inside the folder; each is put in the place of one.


def _replace(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def change(file: Path) -> None:
        file.unlink()
        make(file)

    return change


def _outside(file: Path) -> None:
    """A link to a good file that lies outside."""
    kept = file.parents[len(file.relative_to(_root(file)).parts)] / f"outside_{file.name}"
    shutil.move(file, kept)
    file.symlink_to(kept)


def _root(file: Path) -> Path:
    return next(parent for parent in file.parents if parent.name in ("export", "checkpoint"))


def _socket(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(file.parent)  # the address of a socket is short
        try:
            listener.bind(file.name)
        finally:
            os.chdir(here)


KINDS: dict[str, Callable[[Path], object]] = {
    "FIFO": _replace(os.mkfifo),
    "socket": _replace(_socket),
    "folder": _replace(lambda file: file.mkdir()),
    "link outside": _outside,
    "link to /dev/zero": _replace(lambda file: file.symlink_to("/dev/zero")),
    "link to /dev/null": _replace(lambda file: file.symlink_to("/dev/null")),
    "link to /dev/stdin": _replace(lambda file: file.symlink_to("/dev/stdin")),
    "link to /etc/passwd": _replace(lambda file: file.symlink_to("/etc/passwd")),
    "link to /proc": _replace(lambda file: file.symlink_to("/proc/self/environ")),
    "link to nothing": _replace(lambda file: file.symlink_to("nothing")),
    "link to itself": _replace(lambda file: file.symlink_to(file.name)),
    "nothing": _replace(lambda file: None),
}


def kind_in_place_of(name: str, kind: str) -> Change:
    return lambda folder: KINDS[kind](folder / name)


EXPORTS: dict[str, Change] = {
    **{f"text: {name}": change for name, change in TEXTS.items()},
    **{f"weights: {name}": change for name, change in WEIGHTS.items()},
    **{
        f"{kind} for {name}": kind_in_place_of(name, kind)
        for kind in KINDS
        for name in (SETTINGS_FILE, WEIGHTS_FILE)
    },
}
# How fields are refused that could be, but not with these weights.
OTHER_SIZES = ("team and networks say", "is no weight of a team", "is missing", "to act; allowed")


def manifest(change: Callable[[dict[str, Any]], object]) -> Change:
    def apply(folder: Path) -> None:
        files = json.loads((folder / MANIFEST).read_text())
        change(files)
        (folder / MANIFEST).write_text(json.dumps(files))

    return apply


def listed(name: str, entry: Any) -> Change:
    return manifest(lambda files: files.update({name: entry}))


def relisted(change: Change) -> Change:
    """A change by somebody who brings the list of files up to date."""

    def apply(folder: Path) -> None:
        change(folder)
        write_manifest(folder)

    return apply


def said(change: Callable[[dict[str, Any]], object], file: str = METADATA) -> Change:
    """A change of what a checkpoint says of itself."""

    def apply(folder: Path) -> None:
        content = json.loads((folder / file).read_text())
        change(content)
        (folder / file).write_text(json.dumps(content))
        write_manifest(folder)

    return apply


def _portable_elsewhere(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    shutil.move(folder / PORTABLE, elsewhere)
    (folder / PORTABLE).symlink_to(elsewhere)


PASSWD = Path("/etc/passwd").read_bytes()
ENTRIES = [
    None,
    1,
    "x",
    [],
    [1],
    [1, 2, 3],
    ["1", "2"],
    [-1, 0],
    [1.0, 2],
    [True, False],
    {"a": 1},
    [10**19, 10**19],
]
CHECKPOINTS: dict[str, Change] = {
    **{f"manifest entry {number}": listed("x", entry) for number, entry in enumerate(ENTRIES)},
    **{
        f"manifest name {name!a}": listed(name, [len(PASSWD), 0])
        for name in ("/etc/passwd", "../" * 30 + "etc/passwd", "../x", "portable/../../x", "", ".", "..", "/", "portable", "x\x00y", "\x1b[31m", "missing", "x" * 5000, "/dev/zero", "/proc/self/mem")
    },
    "manifest of 20,000 names": manifest(
        lambda files: files.update({f"{number:x}": [0, 0] for number in range(20_000)})
    ),
    "manifest empty": put(MANIFEST, b"{}"),
    "manifest a list": put(MANIFEST, b"[]"),
    "manifest no JSON": put(MANIFEST, b"x"),
    "manifest sparse": sparse(MANIFEST, 100 * 10**9),
    "manifest deep": put(MANIFEST, b"[" * 100_000),
    "manifest key twice": put(MANIFEST, b'{"a": [1, 2], "a": [1, 2]}'),
    "manifest without weights": manifest(lambda files: files.pop(f"{PORTABLE}/{WEIGHTS_FILE}")),
    "manifest without settings": manifest(lambda files: files.pop(f"{PORTABLE}/{SETTINGS_FILE}")),
    "manifest without metadata": manifest(lambda files: files.pop(METADATA)),
    "other content": lambda folder: (folder / PORTABLE / WEIGHTS_FILE).write_bytes(
        (folder / PORTABLE / WEIGHTS_FILE).read_bytes()[:-4] + b"\x00\x00\x00\x00"
    ),
    "other size": lambda folder: (folder / METADATA).open("a").write(" "),
    **{
        f"{kind} for {name}": kind_in_place_of(name, kind)
        for kind in KINDS
        for name in (METADATA, MANIFEST, f"{PORTABLE}/{SETTINGS_FILE}", f"{PORTABLE}/{WEIGHTS_FILE}")
    },
    "portable elsewhere": _portable_elsewhere,
    "no portable": lambda folder: shutil.rmtree(folder / PORTABLE),
    **{
        f"contradiction of {name}": said(lambda content, name=name, value=value: content.update({name: value}))
        for name, value in {"algorithm": "VDN", "environment": "two_step_game", "env_config": {"payoff": [1, 2]}}.items()
    },
    "contradiction of team": said(lambda content: content["team"].update(state_dim=2), f"{PORTABLE}/{SETTINGS_FILE}"),
    "weights not finite": relisted(lambda folder: spoil(HEAD, np.nan)(folder / PORTABLE)),
    "team null": said(lambda content: content.update(team=None)),
    "no team": said(lambda content: content.pop("team")),
    "old stack": said(lambda content: (content.pop("team"), content.update(checkpoint_version="1.2"))),
    **{
        f"version {value!a}": said(
            lambda content, value=value: (content.pop("team"), content.update(checkpoint_version=value))
        )
        for value in (None, [], {}, "x", "", "\x1b[31m", True, "9" * 5000, -1, "1" * 5 + ".0")
    },
}  # fmt: skip
# What only the command looks at: Python reads no list of RLlib's own files, nor the settings of a run.
OF_THE_COMMAND = {name for name in CHECKPOINTS if name.startswith("contradiction")}


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    good.write_export(folder / "export")
    good.write_checkpoint(folder / "checkpoint")
    return folder


def refused_by_python(folder: Path) -> str:
    """The message of the CheckpointError that loading it in Python raises."""
    with limited(), pytest.raises(CheckpointError) as caught:
        TeamPolicy.from_checkpoint(folder)
    message = str(caught.value)
    assert message.isprintable(), repr(message)
    assert len(message) <= MAX_MESSAGE, len(message)
    assert not any(words in message for words in PYTHON_WORDS), message
    return message


@pytest.mark.parametrize(
    ("path", "value"), FIELDS, ids=[f"{number} {path[:40]!a}" for number, (path, _) in enumerate(FIELDS)]
)
def test_a_wrong_field_is_named_by_evaluate_export_and_python(refused, originals, tmp_path, path, value):
    folder = tmp_path / "export"
    shutil.copytree(originals / "export", folder)
    set_field(path, value)(folder)
    message = refused_by_python(folder)
    name = ascii(path.partition(".")[2] or path).strip("'")[:40].rpartition(".")[2]
    assert name in message or any(words in message for words in OTHER_SIZES), message
    assert message[:300] in refused("evaluate", folder, "--episodes", 1)
    assert message[:300] in refused("export", folder, "--out", tmp_path / "out")


@pytest.mark.parametrize("change", EXPORTS.values(), ids=EXPORTS)
def test_a_hostile_export_is_refused_by_evaluate_export_and_python(refused, originals, tmp_path, change):
    folder = tmp_path / "export"
    shutil.copytree(originals / "export", folder)
    change(folder)
    if change is not TEXTS["env_config unknown key"]:  # of the environment, which only evaluate makes
        refused_by_python(folder)
        refused("export", folder, "--out", tmp_path / "out")
    refused("evaluate", folder, "--episodes", 1)
    assert not UNPICKLED.exists()


@pytest.mark.parametrize("name", CHECKPOINTS, ids=[ascii(name)[:60] for name in CHECKPOINTS])
def test_a_hostile_checkpoint_is_refused_by_evaluate_export_and_python(refused, originals, tmp_path, name):
    folder = tmp_path / "checkpoint"
    shutil.copytree(originals / "checkpoint", folder)
    CHECKPOINTS[name](folder)
    if name not in OF_THE_COMMAND:
        refused_by_python(folder)
    refused("evaluate", folder, "--episodes", 1)
    refused("export", folder, "--out", tmp_path / "out")
