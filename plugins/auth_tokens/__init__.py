"""Static tokens: API keys and the like, of which a file holds the hashes."""

from .plugin import AuthTokens as AuthTokens
from .plugin import AuthTokensConfig as AuthTokensConfig
