"""What the figures were measured on."""

import os
import platform
import subprocess
from pathlib import Path


def _first(path: str, key: str) -> str:
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return "unknown"


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    except OSError:
        return "unknown"


def _virtual() -> str:
    flags = _first("/proc/cpuinfo", "flags").split()
    return "yes" if "hypervisor" in flags else "no"


def _compiler() -> str:
    return subprocess.run(["cc", "--version"], capture_output=True, text=True).stdout.splitlines()[0]


def busy_ticks() -> int:
    """Ticks of 10 ms that the cores have spent neither idle nor waiting for a disk."""
    user, nice, system, _idle, _waiting, *interrupts = map(
        int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
    )
    return user + nice + system + sum(interrupts)


def describe() -> dict[str, str]:
    memory = int(_first("/proc/meminfo", "MemTotal").split()[0]) / (1 << 20)
    return {
        "processor": _first("/proc/cpuinfo", "model name"),
        "cores": str(os.cpu_count()),
        "virtual machine": _virtual(),
        "memory": f"{memory:.0f} GiB",
        "system": f"{_distribution()}, Linux {platform.release()}",
        "Python": platform.python_version(),
        "C compiler": _compiler(),
    }
