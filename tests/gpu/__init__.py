"""What `scripts/gpu_check` is made of, on the CPU; and what needs a GPU."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
