import os
import signal

import pytest
from hypothesis import settings

# Two runs of the same tests try the same examples, and a busy machine is no reason to fail.
settings.register_profile("hubbub", deadline=None, derandomize=True)
settings.load_profile("hubbub")

# What a shell runs in the background ignores Ctrl-C, and hands that down to the commands which tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes run the tests: one more than there are cores, as tests often wait for a server's start.

    More than eight gain little; each may need a browser, a PostgreSQL and a Redis of its own.
    """
    return min((os.cpu_count() or 1) + 1, 8)
