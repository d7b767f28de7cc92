"""The wire: event types, the codec, error and close codes. Pure: no asyncio, no I/O."""

from .codec import Codec as Codec
from .codec import Format as Format
from .codec import tag_of as tag_of
from .encoded import Encoded as Encoded
from .errors import CLOSE_CODES as CLOSE_CODES
from .errors import ERROR_CODES as ERROR_CODES
from .errors import CloseCode as CloseCode
from .errors import Rejected as Rejected
from .events import CORE_EVENTS as CORE_EVENTS
from .events import Ack as Ack
from .events import Error as Error
from .events import Event as Event
from .events import Gap as Gap
from .events import Help as Help
from .events import HelpReply as HelpReply
from .events import Join as Join
from .events import Json as Json
from .events import Leave as Leave
from .events import Message as Message
from .events import Ping as Ping
from .events import Pong as Pong
from .events import Private as Private
from .events import RoomEvent as RoomEvent
from .events import Stamped as Stamped
from .events import System as System
from .events import TypeHelp as TypeHelp
