"""ifmatch: optimistic concurrency for an HTTP API that has none, as a sidecar reverse proxy."""

__version__ = "0.1.0"
