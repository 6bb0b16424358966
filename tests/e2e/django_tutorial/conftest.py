"""What lives in this folder runs as a program of its own; imported without its settings, Django refuses."""

collect_ignore_glob = ["*"]
