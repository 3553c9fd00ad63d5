"""Package metadata of rllib_remix (settings of the tools are in pyproject.toml)."""

from pathlib import Path

from setuptools import find_packages, setup

RUNTIME = [
    "ray[rllib]>=2.60,<2.61",
    "torch>=2.4",
    "numpy>=1.26",
    "pyyaml>=6",
    "pettingzoo>=1.24",
    "gymnasium>=1.0",
    "numba>=0.60",
    "llvmlite",  # as numba wants it
    "scipy>=1.15",
    "matplotlib>=3.8",
    "pillow>=10.4",
    "safetensors>=0.4",
    "pydantic>=2.5,<3",
    "typer>=0.16",
    "rich>=13",
]
RENDER = ["pygame>=2.5"]  # pictures of Gymnasium's environments
TUNE = ["optuna>=3.6"]
CLUSTER = ["ray[default]>=2.60,<2.61"]  # with the job server and the dashboard
LOGGERS = ["wandb>=0.17", "mlflow-skinny>=2.14"]
ONNX = ["onnx>=1.16", "onnxruntime>=1.18"]  # teams as files for places without PyTorch
ENVS = [  # environments that others wrote, to try and to test with
    "pettingzoo[butterfly,classic]",
    "mpe2>=1.1",
    "lbforaging>=2",
    "rware>=2",
    "vmas>=1.5",
    "magent2>=0.3.4",
    "overcooked-ai>=1.1",
]
DEV = [
    "pytest>=8",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.5",
    "hypothesis>=6.100",
    "ruff>=0.6",
    "pyright>=1.1.380",
    "s2clientprotocol>=5",  # for the stand-in of StarCraft II in the tests
    "websockets>=15",
]

setup(
    name="rllib_remix",
    version="0.1.0",
    description="Cooperative multi-agent reinforcement learning for RLlib: QMIX with the ReMIX and MAC-PO loss weightings, and others.",
    long_description=(Path(__file__).parent / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=[*find_packages(include=["rllib_remix", "rllib_remix.*"]), "rllib_remix.tuned_examples"],
    # `rllib example` works without a checkout too.
    package_dir={"rllib_remix.tuned_examples": "tuned_examples"},
    package_data={
        "rllib_remix": ["py.typed", "studies/declared/*.yaml", "zoo/teams/*/*"],
        "rllib_remix.tuned_examples": ["*.yaml", "*/*.yaml"],
    },
    install_requires=RUNTIME,
    extras_require={
        "render": RENDER,
        "tune": TUNE,
        "cluster": CLUSTER,
        "loggers": LOGGERS,
        "onnx": ONNX,
        "envs": ENVS,
        "dev": RENDER + TUNE + CLUSTER + ONNX + ENVS + DEV,
    },
    entry_points={"console_scripts": ["rllib = rllib_remix.cli.main:main"]},
)
