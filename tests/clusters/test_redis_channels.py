"""Channels: no two names share one, and none is a pattern or has a slot of its own making."""

from __future__ import annotations

import re

from hubbub.plugins.redis.channels import Channels
from hypothesis import given
from hypothesis import strategies as st

CHANNELS = Channels("hubbub")
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20) | st.text("{}*?[]%:/\\a7D")


@given(NAMES, NAMES)
def test_each_name_has_a_channel_of_its_own(one: str, other: str) -> None:
    channels = {CHANNELS.room(one), CHANNELS.room(other), CHANNELS.node(one), CHANNELS.node(other), CHANNELS.nodes}
    assert len(channels) == (3 if one == other else 5)


@given(NAMES)
def test_the_name_alone_is_between_the_only_braces_and_has_nothing_of_a_pattern(name: str) -> None:
    assert re.fullmatch(rb"hubbub:room:\{[A-Za-z0-9_.~%-]*\}", CHANNELS.room(name))
