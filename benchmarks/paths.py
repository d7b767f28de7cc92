"""Where things are."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE / "peers"
BUILD = HERE / "build"
PEERS_VENV = HERE / ".venv-peers"
PEERS_PYTHON = PEERS_VENV / "bin" / "python"
REQUIREMENTS = HERE / "requirements.txt"
NODE_MODULES = HERE / "node_modules"
README = HERE / "README.md"
CHART = HERE / "chart.svg"
RESULTS = HERE / "results.json"
REDIS_RESULTS = HERE / "redis.json"
HUBBUB = Path(sys.executable).parent / "hubbub"
HUBBUB_CONFIG = HERE / "config.yaml"
MICRO = HERE / "micro"
MICRO_PACKAGES = HERE / ".micro-packages"
