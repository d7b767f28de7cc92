from __future__ import annotations

import hubbub.plugins.auth_http.plugin
import pytest

from .fake_backend import FakeBackend


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    backend = FakeBackend()
    monkeypatch.setattr(hubbub.plugins.auth_http.plugin, "Backend", backend.make)
    return backend
