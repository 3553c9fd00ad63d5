"""The pages of README.md and docs/: what stands in blocks of code is run, and the site that is made of them is checked."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

sys.path.insert(0, str(ROOT / "scripts"))
