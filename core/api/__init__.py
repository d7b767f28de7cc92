"""The HTTP API, by which other services publish, look and intervene: in through `gate`, on by `routes`."""
