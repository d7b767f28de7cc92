"""What the options of `redis` may be, and that none of them shows a secret."""

from __future__ import annotations

import pytest
from hubbub.plugins.redis.config import RedisConfig
from hubbub.plugins.redis.link import explain
from pydantic import ValidationError


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://user:pass@10.0.0.1:6380/3",
        "rediss://[::1]:6379",
        "rediss://host?ssl_ca_certs=/etc/ca.pem",
        "unix:///run/redis/socket",
        "unix://user:pass@/run/redis/socket?db=2",
    ],
)
def test_urls_of_a_redis_are_taken(url: str) -> None:
    assert RedisConfig.model_validate({"url": url}).url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://:s3cret@host",
        "redis://:s3cret@host:port",
        "redis://:s3cret@host?a=1",
        "unix://",
    ],
)
def test_what_is_no_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        RedisConfig.model_validate({"url": url})
    told = refusal.value.errors()[0]["msg"]
    assert "expected one such as redis://user:password@host:6379/0" in told
    assert "s3cret" not in told


def test_a_password_is_in_no_text_of_the_config() -> None:
    config = RedisConfig.model_validate(
        {
            "url": "redis://user:s3cret@host",
            "sentinel": {"hosts": ["a:1"], "master": "main", "password": "s3cret"},
        }
    )
    assert "s3cret" not in repr(config) + str(config.model_dump())


@pytest.mark.parametrize("host", ["10.0.0.1", "host:", ":26379", "host:0", "host:70000", "host:x"])
def test_a_sentinel_needs_host_and_port(host: str) -> None:
    with pytest.raises(ValidationError, match="expected host:port"):
        RedisConfig.model_validate({"sentinel": {"hosts": [host], "master": "main"}})


@pytest.mark.parametrize(
    "options",
    [
        {"cluster": True, "sentinel": {"hosts": ["a:1"], "master": "main"}},
        {"cluster": True, "url": "unix:///run/redis/socket"},
        {"cluster": True, "url": "redis://host:6379/1"},
        {"prefix": "a:b"},
        {"prefix": "a*"},
        {"timeout": 0},
    ],
)
def test_what_does_not_fit_together_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RedisConfig.model_validate(options)


@pytest.mark.parametrize(
    "reason",
    ["Error 111 connecting to a:1. Connection refused.", "Error -2 connecting to a:1. Name or service not known."],
)
def test_a_redis_that_is_not_there_is_answered_with_where_to_look(reason: str) -> None:
    assert explain(ConnectionError(reason)) == f"{reason[:-1]}; look whether it runs, and at host and port in url"
