"""The HTTP API, by which other services publish, look and intervene. It begins in `gate`, then goes by `routes`."""
