"""Make the tables and two users, then serve until told to end: what `manage.py` would be asked for."""

import os
import signal
import sys

import django
from django.core.management import call_command
from django.core.servers.basehttp import WSGIRequestHandler


def main() -> None:
    """Serve on a free loopback port; the line that says which is Django's own."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.e2e.django_tutorial.settings"
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    create_users()
    # The head and the content are two writes; Nagle's algorithm would keep the second back for 40 ms.
    WSGIRequestHandler.disable_nagle_algorithm = True
    call_command("runserver", "127.0.0.1:0", use_reloader=False, stdout=sys.stdout)


def create_users() -> None:
    """Create the two who may write, each with their name for a password."""
    from django.contrib.auth.models import User  # noqa: PLC0415 - models exist once Django is set up

    for name in ("ada", "grace"):
        User.objects.create_user(name, password=name)


if __name__ == "__main__":
    main()
