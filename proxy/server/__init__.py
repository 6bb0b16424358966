"""The server: clients in front, the gateway behind.

The rooms: `server` (beginning and ending), `listening`, `reserving` and `connection` (where bytes come in), `exchange`
and `receiving` (a request and its content), `handling` (one request from end to end), `answering`, `heads` and `sent`
(where bytes go out), `replying` (what they say), `weighing` (what is not worth keeping), `incoming` and `ledger` (what
is done once for many), `switching`, `inlet`, `tunnelling` and `joining` (where they are no HTTP any more), `presence`
and `draining` (clients that leave, and our own leaving).

On short ways: `shortcutting` (when one is open), `blocks` (field lines), `brief`, `questions`, `forms`, `masking`,
`passage` and `spelling` (reads), `errand` and `orders` (writes).
"""

from proxy.server.patience import Patience
from proxy.server.server import Server

__all__ = ["Patience", "Server"]
