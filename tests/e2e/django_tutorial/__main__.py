"""Make the tables and two users, then serve until told to end: what `manage.py` would be asked for."""

import os
import signal
import sys

import django
from django.core.management import call_command


def main() -> None:
    """Serve on a free loopback port; the line that says which is Django's own."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.e2e.django_tutorial.settings"
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    from django.contrib.auth.models import User  # noqa: PLC0415 - models exist once Django is set up

    for name in ("ada", "grace"):
        User.objects.create_user(name, password=name)
    call_command("runserver", "127.0.0.1:0", use_reloader=False, stdout=sys.stdout)


if __name__ == "__main__":
    main()
