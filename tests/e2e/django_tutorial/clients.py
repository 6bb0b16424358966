"""Who uses the tutorials' API, and where they find a snippet."""

import httpx

from tests.e2e.django_tutorial.running import Snippet
from tests.support.child import PATIENCE

User = tuple[str, str]
"""A name and a password."""

ADA, GRACE = ("ada", "ada"), ("grace", "grace")


def client(url: str, who: User | None = ADA) -> httpx.Client:
    """Return a client that is somebody, or with None nobody."""
    return httpx.Client(base_url=url, auth=who, timeout=PATIENCE, trust_env=False)


def path_of(snippet: Snippet) -> str:
    """Return where a snippet is."""
    return f"/snippets/{snippet['id']}/"
