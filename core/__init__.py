"""What a plugin author imports. Everything else in this package may change without notice."""

from ..protocol import Ack as Ack
from ..protocol import Error as Error
from ..protocol import Event as Event
from ..protocol import Message as Message
from ..protocol import Private as Private
from ..protocol import Rejected as Rejected
from ..protocol import RoomEvent as RoomEvent
from ..protocol import Stamped as Stamped
from ..protocol import System as System
from .broker import Broker as Broker
from .connection import Connection as Connection
from .connection_manager import ConnectionManager as ConnectionManager
from .eager import DONE as DONE
from .eager import start as start
from .handshake import Handshake as Handshake
from .identity import Identity as Identity
from .implementations import PluginError as PluginError
from .plugin import Plugin as Plugin
from .plugin import PluginConfig as PluginConfig
from .plugin import StateKey as StateKey
from .plugin import hookimpl as hookimpl
from .publication import Publication as Publication
from .recorder import Recorder as Recorder
from .recorder import Recovery as Recovery
from .rights import RoomRights as RoomRights
from .room import Room as Room
