"""What callers can look at: rooms, their members, users and connections of this server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from heapq import nsmallest
from typing import NamedTuple

from ..connection import Connection
from ..room import Room
from .caller import Caller
from .models import ConnectionInfo, ConnectionPage, Member, MemberPage, RoomInfo, RoomPage, UserInfo
from .publishing import user_offline

NAMES_AT_ONCE = 5_000
"""Names that are looked at before others get their turn."""


class _Page(NamedTuple):
    names: list[str]
    next: str | None


async def list_rooms(caller: Caller, prefix: str, after: str | None, limit: int) -> RoomPage:
    """The rooms with somebody in them that the caller may see, by name."""
    caller.require("read")
    rooms = caller.hub.manager.rooms
    page = await _page(rooms, lambda name: name.startswith(prefix) and caller.may_see(name), after, limit)
    return RoomPage(rooms=[_room_info(name, rooms) for name in page.names], next=page.next)


def describe_room(caller: Caller, room: str) -> RoomInfo:
    """How many are in a room."""
    caller.require_in(room, "read")
    return _room_info(room, caller.hub.manager.rooms)


async def list_members(caller: Caller, room: str, after: str | None, limit: int) -> MemberPage:
    """Who is in a room, by name."""
    caller.require_in(room, "read")
    there = caller.hub.manager.rooms.get(room)
    if there is None:
        return MemberPage(room=room, online=0, members=[])
    page = await _page(there.users, _anything, after, limit)
    members = [_member(user, there.users[user]) for user in page.names if user in there.users]
    return MemberPage(room=room, online=there.online, members=members, next=page.next)


async def list_connections(caller: Caller, after: str | None, limit: int) -> ConnectionPage:
    """Every connection, by id."""
    caller.require_everywhere("read")
    connections = caller.hub.manager.connections
    page = await _page(connections, _anything, after, limit)
    listed = [_connection_info(connections[id_]) for id_ in page.names if id_ in connections]
    return ConnectionPage(online=len(connections), connections=listed, next=page.next)


def describe_user(caller: Caller, user: str) -> UserInfo:
    """Where a user is. Raise `Rejected` ``user_offline`` where that is nowhere."""
    caller.require_everywhere("read")
    connections = caller.hub.manager.users.get(user)
    if connections is None:
        raise user_offline(user)
    rooms = sorted({room for each in connections.values() for room in each.rooms})
    return UserInfo(user=user, rooms=rooms, connections=[_connection_info(each) for each in connections.values()])


async def _page(names: Iterable[str], wanted: Callable[[str], bool], after: str | None, limit: int) -> _Page:
    """The first of ``names`` that are wanted and follow on ``after``; others get their turn in between."""
    remaining, page = list(names), list[str]()
    for start in range(0, len(remaining), NAMES_AT_ONCE):
        if start:
            await asyncio.sleep(0)
        some = remaining[start : start + NAMES_AT_ONCE]
        found = [name for name in some if (after is None or name > after) and wanted(name)]
        page = nsmallest(limit + 1, page + found)
    return _Page(page[:limit], page[limit - 1] if len(page) > limit else None)


def _anything(_: str) -> bool:
    return True


def _room_info(name: str, rooms: Mapping[str, Room]) -> RoomInfo:
    room = rooms.get(name)
    return RoomInfo(room=name, online=room.online if room else 0, connections=len(room) if room else 0)


def _member(user: str, connections: Mapping[Connection, datetime]) -> Member:
    return Member(user=user, since=min(connections.values()), connections=[each.id for each in connections])


def _connection_info(connection: Connection) -> ConnectionInfo:
    return ConnectionInfo(
        id=connection.id,
        user=connection.user,
        kind=connection.identity.kind,
        address=connection.address,
        since=connection.opened_at,
        rooms=sorted(connection.rooms),
    )
