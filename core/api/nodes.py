"""The servers of the cluster, as one of them sees it."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, Field

from ..connection_manager import ConnectionManager
from ..peer import Peer
from .caller import Caller


class NodeInfo(BaseModel):
    """One server."""

    node: str = Field(description="The name of this run of the server.", examples=["eu1-3f9a02c1"])
    since: datetime | None = Field(description="When it was started; null where it has not said so yet.")
    connections: int
    rooms: int = Field(description="Rooms with somebody on this server in them.")
    heard_ago: float = Field(description="Seconds since it was last heard of; 0 for the one that answers.")
    unconfirmed: bool = Field(
        default=False, description="Whether that is so long ago, or the broker is away, that it may be gone."
    )


class NodeList(BaseModel):
    """The servers: the one that answers, then the others by name."""

    nodes: list[NodeInfo]


def list_nodes(caller: Caller) -> NodeList:
    """The servers that this one knows of."""
    caller.require_everywhere("read")
    manager = caller.hub.manager
    others = sorted(manager.cluster.peers.values(), key=lambda peer: peer.node)
    return NodeList(nodes=[_this(manager), *(_other(manager, peer) for peer in others)])


def _this(manager: ConnectionManager) -> NodeInfo:
    return NodeInfo(
        node=manager.cluster.node,
        since=_date(manager.cluster.started),
        connections=len(manager.connections),
        rooms=len(manager.rooms),
        heard_ago=0,
    )


def _other(manager: ConnectionManager, peer: Peer) -> NodeInfo:
    alive = peer.alive
    return NodeInfo(
        node=peer.node,
        since=_date(alive.started) if alive is not None else None,
        connections=alive.connections if alive is not None else 0,
        rooms=alive.rooms if alive is not None else 0,
        heard_ago=round(manager.now() - peer.heard_at, 3),
        unconfirmed=not manager.cluster.is_confirmed(peer.node),
    )


def _date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
