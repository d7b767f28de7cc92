"""Webhooks: what happens on the server, posted to a URL in signed batches."""

from .config import WebhooksConfig as WebhooksConfig
from .plugin import Webhooks as Webhooks
