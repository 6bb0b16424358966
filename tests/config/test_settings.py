"""What a loaded configuration is to the rest of the program."""

from proxy.config import load


def test_the_tag_key_is_not_printed() -> None:
    """Settings in a log or a traceback do not give the secret away."""
    settings = load(None, flags={"upstream": "http://o", "tag_key": "very secret"}, environ={})
    assert settings.tag_key == "very secret"
    assert "very secret" not in repr(settings)
