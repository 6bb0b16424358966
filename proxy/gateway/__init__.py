"""The gateway: `reading` and `writing` are the life of a request, `exchange` its values."""

from proxy.gateway.exchange import Answer, Kind, Plan
from proxy.gateway.writing import Gateway

__all__ = ["Answer", "Gateway", "Kind", "Plan"]
