"""Package metadata of rllib_remix (settings of the tools are in pyproject.toml)."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
REPOSITORY = "https://github.com/OWNER/rllib_remix"  # PLACEHOLDER: where the code will be published

RUNTIME = [
    "ray[rllib]>=2.55,<2.61",
    "torch>=2.6",
    "numpy>=2.0",
    "pyyaml>=6",
    "pettingzoo>=1.24",
    "gymnasium>=1.2.2",
    "numba>=0.60",
    "llvmlite",  # as numba wants it
    "scipy>=1.15",
    "matplotlib>=3.8",
    "pillow>=10.4",
    "safetensors>=0.4",
    "pydantic>=2.12,<3",
    "typer>=0.16",
    "rich>=13",
]
RENDER = ["pygame>=2.5"]  # pictures of Gymnasium's environments
TUNE = ["optuna>=3.6"]
CLUSTER = ["ray[default]>=2.55,<2.61"]  # with the job server and the dashboard
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
DOCS = [  # for scripts/docs
    "mkdocs>=1.6,<2",
    "mkdocs-material>=9.6,<10",
    "mkdocstrings[python]>=1",
    "ruff>=0.6",  # breaks long signatures
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


def version() -> str:
    """The version that the package says of itself."""
    code = (ROOT / "rllib_remix" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"$', code, re.MULTILINE)[1]


def readme() -> str:
    """README.md for the page of a package index, which has none of the files that it links to."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    def of_repository(link: re.Match) -> str:
        return f"{link[1]}[{link[2]}]({REPOSITORY}/{'raw' if link[1] else 'blob'}/main/{link[3]})"

    return re.sub(r"(!?)\[([^\]]*)\]\((?!\w+:|#)([^()\s]+)\)", of_repository, text)


setup(
    name="rllib_remix",
    version=version(),
    description="Cooperative multi-agent reinforcement learning for RLlib: QMIX with the ReMIX and MAC-PO loss weightings, and others.",
    long_description=readme(),
    long_description_content_type="text/markdown",
    author="The rllib_remix project",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    project_urls={
        "Source": REPOSITORY,
        "Documentation": f"{REPOSITORY}/blob/main/docs/install.md",
        "Changelog": f"{REPOSITORY}/blob/main/CHANGELOG.md",
        "Issues": f"{REPOSITORY}/issues",
    },
    keywords="reinforcement-learning multi-agent cooperative rllib ray qmix remix mac-po pymarl smac pettingzoo",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Operating System :: MacOS",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
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
        "docs": DOCS,
        "dev": RENDER + TUNE + CLUSTER + ONNX + ENVS + DEV,
    },
    entry_points={"console_scripts": ["rllib = rllib_remix.cli.main:main"]},
)
