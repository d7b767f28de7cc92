"""What callers can look at: rooms, their members and users, on all servers, and the connections of this one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from heapq import nsmallest
from itertools import chain
from typing import NamedTuple

from ..connection import Connection
from ..connection_manager import ConnectionManager
from ..roster import ONLINE, Stay
from .caller import Caller
from .models import ConnectionInfo, ConnectionPage, Elsewhere, Member, MemberPage, RoomInfo, RoomPage, UserInfo
from .publishing import user_offline

NAMES_AT_ONCE = 5_000
"""Names that are looked at before others get their turn."""


class _Page(NamedTuple):
    names: list[str]
    next: str | None


async def list_rooms(caller: Caller, prefix: str, after: str | None, limit: int) -> RoomPage:
    """The rooms with somebody in them that the caller may see, by name."""
    caller.require("read")
    manager = caller.hub.manager
    rooms = {*manager.rooms, *manager.cluster.roster.rooms()}
    page = await _page(rooms, lambda name: name.startswith(prefix) and caller.may_see(name), after, limit)
    return RoomPage(rooms=[_room_info(name, manager) for name in page.names], next=page.next)


def describe_room(caller: Caller, room: str) -> RoomInfo:
    """How many are in a room."""
    caller.require_in(room, "read")
    return _room_info(room, caller.hub.manager)


async def list_members(caller: Caller, room: str, after: str | None, limit: int) -> MemberPage:
    """Who is in a room, by name."""
    caller.require_in(room, "read")
    manager = caller.hub.manager
    here, elsewhere = _members(room, manager)
    page = await _page({*here, *elsewhere}, _anything, after, limit)
    here, elsewhere = _members(room, manager)  # They may have changed meanwhile.
    members = [
        _member(user, here.get(user, {}), elsewhere.get(user, {}))
        for user in page.names
        if user in here or user in elsewhere
    ]
    return MemberPage(room=room, online=manager.online(room), members=members, next=page.next)


async def list_connections(caller: Caller, after: str | None, limit: int) -> ConnectionPage:
    """Every connection of this server, by id."""
    caller.require_everywhere("read")
    manager = caller.hub.manager
    connections = manager.connections
    page = await _page(connections, _anything, after, limit)
    listed = [_connection_info(connections[id_]) for id_ in page.names if id_ in connections]
    return ConnectionPage(node=manager.cluster.node, online=len(connections), connections=listed, next=page.next)


async def describe_user(caller: Caller, user: str) -> UserInfo:
    """Where a user is. Raise `Rejected` ``user_offline`` where that is nowhere."""
    caller.require_everywhere("read")
    manager = caller.hub.manager
    roster = manager.cluster.roster
    others = await _page(roster.rooms(), lambda room: user in roster.users(room), None, None)
    connections = manager.users.get(user, {}).values()
    stays = roster.users(ONLINE).get(user, {})
    if not connections and not stays:
        raise user_offline(user)
    rooms = sorted({*others.names, *(room for each in connections for room in each.rooms)})
    elsewhere = [
        Elsewhere(node=node, connections=stay.connections, since=_date(stay)) for node, stay in stays.items()
    ]
    listed = [_connection_info(each) for each in connections]
    return UserInfo(user=user, rooms=rooms, connections=listed, elsewhere=elsewhere)


async def _page(
    names: Iterable[str], wanted: Callable[[str], bool], after: str | None, limit: int | None
) -> _Page:
    """The first of ``names`` that are wanted and follow on ``after``; others get their turn in between."""
    remaining, page = list(names), list[str]()
    for start in range(0, len(remaining), NAMES_AT_ONCE):
        if start:
            await asyncio.sleep(0)
        some = remaining[start : start + NAMES_AT_ONCE]
        found = [name for name in some if (after is None or name > after) and wanted(name)]
        page = nsmallest(limit + 1, page + found) if limit is not None else page + found
    if limit is None or len(page) <= limit:
        return _Page(page, None)
    return _Page(page[:limit], page[limit - 1])


def _anything(_: str) -> bool:
    return True


def _members(
    room: str, manager: ConnectionManager
) -> tuple[Mapping[str, Mapping[Connection, datetime]], Mapping[str, Mapping[str, Stay]]]:
    """The users in a room with their connections here, and those elsewhere with the servers."""
    there = manager.rooms.get(room)
    return there.users if there is not None else {}, manager.cluster.roster.users(room)


def _room_info(name: str, manager: ConnectionManager) -> RoomInfo:
    room = manager.rooms.get(name)
    connections = (len(room) if room is not None else 0) + manager.cluster.roster.connections(name)
    return RoomInfo(room=name, online=manager.online(name), connections=connections)


def _member(user: str, here: Mapping[Connection, datetime], stays: Mapping[str, Stay]) -> Member:
    return Member(
        user=user,
        since=min(chain(here.values(), map(_date, stays.values()))),
        connections=[each.id for each in here],
        elsewhere=sum(stay.connections for stay in stays.values()),
    )


def _date(stay: Stay) -> datetime:
    return datetime.fromtimestamp(stay.since, UTC)


def _connection_info(connection: Connection) -> ConnectionInfo:
    return ConnectionInfo(
        id=connection.id,
        user=connection.user,
        kind=connection.identity.kind,
        address=connection.address,
        since=connection.opened_at,
        rooms=sorted(connection.rooms),
    )
