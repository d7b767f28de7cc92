"""Any sequence of calls on the store in JetStream, by two servers in turns, against the model."""

from __future__ import annotations

from itertools import count

import pytest
from hubbub.plugins.history.jetstream import JetStreamStore
from hubbub.plugins.history.store import Store
from hypothesis import settings
from hypothesis.stateful import rule, run_state_machine_as_test

from .servers import JetStream
from .test_store_model import StoreMachine

streams = count(1)


@pytest.mark.timeout(180)
def test_a_stream_is_what_the_model_is_whichever_server_writes_to_it(jetstream: JetStream) -> None:
    class JetStreamMachine(StoreMachine):
        def __init__(self) -> None:
            self.stream = f"model-{next(streams)}"
            super().__init__()
            self.other = self.new_store()
            self.run(self.other.start())

        def new_store(self) -> Store:
            return JetStreamStore(jetstream.url, stream=self.stream)

        @rule()
        def let_the_other_server_go_on(self) -> None:
            self.store, self.other = self.other, self.store

        @rule()
        def restart(self) -> None:
            self.run(self.store.stop())
            self.store = self.new_store()
            self.run(self.store.start())

        def teardown(self) -> None:
            self.run(self.other.stop())
            super().teardown()

    run_state_machine_as_test(  # pyright: ignore[reportUnknownMemberType]
        JetStreamMachine, settings=settings(max_examples=25, stateful_step_count=30, deadline=None)
    )
