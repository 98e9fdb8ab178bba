"""Exit with 0 where the torch that is installed needs the packages of CUDA, else with 1."""

import sys
from importlib.metadata import requires

from packaging.requirements import Requirement

needed = [Requirement(line) for line in requires("torch") or []]
here = {need.name for need in needed if need.marker is None or need.marker.evaluate()}
sys.exit(not any(name.startswith(("nvidia-", "cuda-")) for name in here))
