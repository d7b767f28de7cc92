"""JSON Web Tokens: who is connecting is what a signed token says."""

from .config import AuthJwtConfig as AuthJwtConfig
from .plugin import AuthJwt as AuthJwt
