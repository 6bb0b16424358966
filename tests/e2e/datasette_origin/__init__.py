"""Datasette as it comes, in front of a small database: `running` starts it, and looks at its rows past everyone."""
