from collections.abc import Iterator

import pytest

from .measuring import Benchmark, ServerInMemory


@pytest.fixture
def server() -> Iterator[ServerInMemory]:
    server = ServerInMemory()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def title(request: pytest.FixtureRequest, benchmark: Benchmark) -> None:
    """A row of the table is named by the docstring, and by the parameter where there is one."""
    _, _, parameter = request.node.name.partition("[")
    words = request.function.__doc__ or request.node.name
    benchmark.extra_info["title"] = f"{words}: {parameter[:-1]}" if parameter else words
