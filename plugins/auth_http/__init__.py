"""Asks a backend of the deployer's who is connecting."""

from .config import AuthHttpConfig as AuthHttpConfig
from .plugin import AuthHttp as AuthHttp
