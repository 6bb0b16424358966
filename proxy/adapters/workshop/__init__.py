"""Work beside the event loop: in threads where these let others go on, else in processes of its own.

The rooms: `shop` (the port's `Workshop`), `bench` (a process as the shop has it), `hand` (that process from within),
`line` (what passes between them), `pause` (for who hashes in a thread). Nothing is imported here: a hand shall load no
more than it needs.
"""
