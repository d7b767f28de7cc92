"""The options of webhooks: what is refused, and that nothing shows the secret."""

from pathlib import Path

import pytest
from hubbub.core.cli import main
from hubbub.plugins.webhooks import WebhooksConfig

from .receivers import SECRET

PASSWORD = "pass-phrase-of-the-url"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(  # pyright: ignore[reportUnusedFunction]
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEBHOOKS_SECRET", SECRET)


def said(capsys: pytest.CaptureFixture[str], command: str, options: str, status: int = 0) -> str:
    """What a command says of a config with these options of webhooks, indented by four spaces."""
    Path("config.yaml").write_text(f"plugins:\n  chat:\n  webhooks:\n{options}")
    assert main([command]) == status
    output, errors = capsys.readouterr()
    return output + errors


@pytest.mark.parametrize("command", ["check", "plugins"])
@pytest.mark.parametrize("secret", ["!env WEBHOOKS_SECRET", SECRET])
def test_no_command_shows_a_secret(command: str, secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = (
        f"    url: https://hub:{PASSWORD}@example.com/\n    secret: {secret}\n    previous_secret: {secret}\n"
    )
    text = said(capsys, command, options)
    assert "webhooks" in text
    assert SECRET.removeprefix("whsec_") not in text
    assert PASSWORD not in text


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("    secret: !env WEBHOOKS_SECRET\n", "config.yaml:3: plugins.webhooks.url: is missing"),
        ("    url: https://example.com/\n", "config.yaml:3: plugins.webhooks.secret: is missing"),
        (
            "    url: example.com/hooks\n    secret: !env WEBHOOKS_SECRET\n",
            "config.yaml:4: plugins.webhooks.url: not a URL to post to",
        ),
        (
            "    url: https://example.com/\n    secret: too-short-a-word\n",
            "config.yaml:5: plugins.webhooks.secret: not a key for signatures: expected 24 to 64 random bytes",
        ),
        (
            "    url: https://example.com/\n    secret: !env WEBHOOKS_SECRET\n    events: [publish]\n",
            "config.yaml:6: plugins.webhooks.events[0]: expected one of connected, disconnected, joined, left, "
            "occupied, vacated, published, got 'publish'. Did you mean 'published'?",
        ),
    ],
)
def test_a_mistake_names_its_place_and_its_remedy(
    options: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, "check", options, status=1)
    assert problem in text
    assert "too-short-a-word" not in text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.com/",
        "https://",
        "https:///hooks",
        "https://[::1/",
        "https://example.com:99999/",
        "https://example.com/a b",
        "https://example.com/#part",
        "javascript:alert(1)",
        "/hooks",
    ],
)
def test_what_cannot_be_posted_to_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not a URL to post to"):
        WebhooksConfig.model_validate({"url": url, "secret": SECRET})


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "https://[::1]/hooks", "https://bücher.example/?a=b", "http://receiver:80/x"]
)
def test_any_http_url_is_taken_also_one_of_the_deployers_own_network(url: str) -> None:
    assert WebhooksConfig.model_validate({"url": url, "secret": SECRET}).url == url
