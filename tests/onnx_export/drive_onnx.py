"""Drives a team from its ONNX file with the example of docs/export.md, where PyTorch and the package cannot be imported.

    python drive_onnx.py team.onnx STEPS.npz

prints the actions of every step as JSON. The file has obs [T, n, O] and masks [T, n, U] of one episode.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np

PAGE = Path(__file__).parents[2] / "docs" / "export.md"

for package in ("torch", "ray", "onnx", "rllib_remix"):
    sys.modules[package] = None

file, steps = sys.argv[1:]
(example,) = (
    text
    for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    if "onnxruntime" in text
)
assert file == "team.onnx"  # as the example has it
names = {}
exec(example, names)
memory, shown = names["begin"](), np.load(steps)
actions = [
    names["act"](memory, obs, masks).tolist() for obs, masks in zip(shown["obs"], shown["masks"], strict=True)
]
print(json.dumps(actions))
