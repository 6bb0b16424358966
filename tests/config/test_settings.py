"""What a loaded configuration is to the rest of the program."""

from proxy.config import load


def test_the_tag_key_is_not_printed() -> None:
    """Settings in a log or a traceback do not give the secret away."""
    settings = load(None, flags={"upstream": "http://o", "tag_key": "very secret"}, environ={})
    assert settings.tag_key == "very secret"
    assert "very secret" not in repr(settings)


def test_the_passwords_of_the_store_are_not_printed() -> None:
    """Nor do they give the store away, which the process needs them for."""
    flags = {"upstream": "http://o", "store": "redis+sentinel://u:very@h/s?sentinel_password=secret"}
    settings = load(None, flags=flags, environ={})
    assert (settings.store.password, settings.store.sentinel_password) == ("very", "secret")
    assert "very" not in f"{settings} {settings.store}"
    assert "secret" not in f"{settings} {settings.store}"
