"""A fault of the store is told in words that say what to do, and what lasts is told apart from what passes."""

import ssl

import pytest
from redis import exceptions
from redis.sentinel import MasterNotFoundError

from proxy.adapters.redis.diagnosing import lasting, passing


@pytest.mark.parametrize(
    ("fault", "is_one"),
    [
        (exceptions.AuthenticationError("Authentication required."), True),
        (exceptions.AuthenticationError("WRONGPASS invalid username-password pair or user is disabled."), True),
        (exceptions.AuthenticationError("invalid password"), True),
        (exceptions.NoPermissionError("this user has no permissions to run the 'info' command"), True),
        (exceptions.ResponseError("NOPERM this user has no permissions to access one of the channels"), True),
        (exceptions.ResponseError("NOAUTH Authentication required."), True),
        (exceptions.AuthenticationWrongNumberOfArgsError("wrong number of arguments for 'auth' command"), True),
        (exceptions.ConnectionError("Error 111 connecting to 127.0.0.1:1."), False),
        (exceptions.TimeoutError("Timeout reading from 127.0.0.1:1"), False),
        (exceptions.ReadOnlyError("You can't write against a read only replica."), False),
        (PermissionError(13, "Permission denied"), False),
        (TimeoutError(), False),
        (exceptions.ConnectionError("Error -2 connecting to auth-redis.invalid:6379. NOAUTH"), False),
        (
            exceptions.ResponseError("The user executing the script can't run this command or subcommand script: 1"),
            True,
        ),
        (MasterNotFoundError("No master found for 'auth-locks' : <Redis> - ConnectionError('refused')"), False),
        (MasterNotFoundError("No master found for 'x' : <Redis> - AuthenticationError('NOAUTH required')"), True),
        (exceptions.RedisClusterException("cannot be connected: WRONGPASS invalid username-password pair"), True),
    ],
)
def test_a_denial_is_no_failure_of_the_store(fault: BaseException, is_one: bool) -> None:
    """It does not pass by itself, so it is told apart from a store that is down."""
    assert ("denies access" in (lasting(fault) or "")) is is_one


def test_a_denial_says_what_to_look_at() -> None:
    """The first line of what the store said, and where credentials and permissions stand."""
    told = lasting(exceptions.ResponseError("NOPERM no permissions\nsecond line" + "x" * 1_000))
    assert told is not None
    assert "(NOPERM no permissions)" in told
    assert "docs/operations.md" in told
    assert len(told) < 400


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        (exceptions.ResponseError("DB index is out of range"), "check the number in the store's URL"),
        (exceptions.ResponseError("unknown command 'SENTINEL', with args"), "name it as redis://host:port"),
        (exceptions.RedisClusterException("Cluster mode is not enabled on this node"), "name it as redis://host:port"),
    ],
)
def test_what_does_not_pass_by_itself(fault: Exception, advice: str) -> None:
    """It says what to do."""
    assert advice in (lasting(fault) or "")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (exceptions.ConnectionError("Error 111 connecting to 127.0.0.1:1."), "unreachable"),
        (exceptions.RedisClusterException("Redis Cluster cannot be connected."), "unreachable"),
        (TimeoutError(), "timeout"),
        (exceptions.TimeoutError(), "timeout"),
        (MasterNotFoundError("No master found for 'typo'"), "no sentinel names a primary of that service"),
        (exceptions.ResponseError("OOM command not allowed when used memory > 'maxmemory'. script: 1"), "raise its"),
        (
            exceptions.ResponseError("NOREPLICAS Not enough good replicas to write. script: 1"),
            "no replica that follows",
        ),
        (exceptions.ResponseError("LOADING it is loading script: 1"), "LOADING it is loading"),
        (
            exceptions.ConnectionError("Error 1 connecting to h:1. [SSL: CERTIFICATE_VERIFY_FAILED] Hostname mismatch"),
            "unreachable: [SSL: CERTIFICATE_VERIFY_FAILED] Hostname mismatch",
        ),
        (ssl.SSLCertVerificationError("certificate verify failed: x"), "unreachable: certificate verify failed: x"),
    ],
)
def test_what_may_pass_by_itself(fault: BaseException, said: str) -> None:
    """It is no reason not to start, and is told in a few words, the store's own where there are any."""
    assert lasting(fault) is None
    assert said in passing(fault)
    assert "script" not in passing(fault)
