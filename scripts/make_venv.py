"""Makes a virtual environment with a pip of known version, also where Python comes without ensurepip.

Debian splits ensurepip off into python3-venv. Where PIP_INDEX_URL names a package index, pip's wheel is fetched
from there instead, and taken only if it has the hash below; otherwise root gets python3-venv installed.

Usage: python3 scripts/make_venv.py FOLDER
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import venv
from pathlib import Path

PIP_VERSION = "26.3"
PIP_WHEEL = f"pip-{PIP_VERSION}-py3-none-any.whl"
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"


def main(folder: Path) -> None:
    """Make ``folder`` a virtual environment, or repair one; its installed packages go."""
    index = os.environ.get("PIP_INDEX_URL")
    has_ensurepip = find_ensurepip() or (index is None and install_ensurepip())
    if not has_ensurepip and index is None:
        sys.exit(f"This Python has no ensurepip, which makes virtual environments. {_REMEDY}")
    venv.create(folder, clear=True, with_pip=has_ensurepip, symlinks=os.name != "nt")
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if has_ensurepip:
        install = ["-m", "pip", "install", f"pip=={PIP_VERSION}"]
        subprocess.run([python, *install, "--quiet", "--disable-pip-version-check"], check=True)  # noqa: S603
        return
    with tempfile.TemporaryDirectory() as temporary:
        wheel = Path(temporary) / PIP_WHEEL
        wheel.write_bytes(fetch_pip(index or ""))
        subprocess.run([python, wheel / "pip", "install", "--quiet", "--no-index", wheel], check=True)  # noqa: S603


def find_ensurepip() -> bool:
    """Whether this Python can put pip into an environment by itself."""
    importlib.invalidate_caches()
    return importlib.util.find_spec("ensurepip") is not None


def install_ensurepip() -> bool:
    """Install Debian's package with ensurepip, if we are root there; return whether it is there now."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    sys.stdout.write("Installing python3-venv, which Debian keeps apart from Python.\n")
    sys.stdout.flush()
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        "update --quiet",
        "install --yes --quiet --no-install-recommends python3-venv ca-certificates",
    ):
        subprocess.run(["apt-get", *command.split()], env=environment, stdout=subprocess.DEVNULL, check=False)  # noqa: S603, S607
    return find_ensurepip()


def fetch_pip(index: str) -> bytes:
    """The wheel of pip from a package index (PEP 503). Exits with a remedy where it cannot be had."""
    page = f"{index.rstrip('/')}/pip/"
    try:
        link = re.search(rf'href="([^"]*{re.escape(PIP_WHEEL)}[^"]*)"', _get(page).decode())
        if link is None:
            sys.exit(f"{PIP_WHEEL} is not in the package index. {_REMEDY}")
        wheel = _get(urllib.parse.urljoin(page, link[1].replace("&amp;", "&")))
    except (urllib.error.URLError, OSError) as error:
        sys.exit(f"pip could not be fetched from the package index: {error}. {_REMEDY}")
    if hashlib.sha256(wheel).hexdigest() != PIP_SHA256:
        sys.exit(f"what the package index gave for {PIP_WHEEL} has another hash than expected. {_REMEDY}")
    return wheel


_REMEDY = "On Debian or Ubuntu, `apt-get install python3-venv ca-certificates` helps; then try again."


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 # the user's own index
        return response.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
