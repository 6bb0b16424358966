"""What lives in this folder runs as a program of its own, as uvicorn starts it."""

collect_ignore_glob = ["*"]
