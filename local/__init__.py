"""The local run: a local AWS, the deployed template on it, simulated providers, and the stories that are played there."""

import sys
from pathlib import Path

# The package that the functions get as a layer; here it is read from its source folder.
sys.path.append(str(Path(__file__).resolve().parent.parent / "layers" / "core"))
