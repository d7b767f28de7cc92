"""The OpenAPI document, and the page that shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hubbub.core.api.config import Scope
from hubbub.core.api.problems import STATUS

from .calling import ApiForTests


@pytest.fixture(scope="module")
def api() -> Iterator[ApiForTests]:
    with ApiForTests() as running:
        yield running


@pytest.fixture(scope="module")
def document(api: ApiForTests) -> dict[str, Any]:
    answer = api.get("/openapi.json", key=None)
    assert answer.status == 200
    return answer.body


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    found = [
        (method, path, each) for path, methods in document["paths"].items() for method, each in methods.items()
    ]
    assert len(found) == 18
    return found


def test_only_the_api_is_in_it(operations: list[tuple[str, str, dict[str, Any]]]) -> None:
    assert all(path.startswith(("/api/", "/notify/")) for _, path, _ in operations)


def test_every_operation_says_what_it_does_and_what_scope_it_takes(
    document: dict[str, Any], operations: list[tuple[str, str, dict[str, Any]]]
) -> None:
    scheme = document["components"]["securitySchemes"]["API key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    tags = {tag["name"] for tag in document["tags"]}
    ids = [each["operationId"] for _, _, each in operations]
    assert len(set(ids)) == len(ids)
    for _, path, each in operations:
        assert each["summary"], path
        assert each["description"].endswith("."), path
        assert set(each["tags"]) <= tags, path
        (scopes,) = each["security"][0].values()
        assert scopes or path == "/api/batch"


def test_every_error_is_a_problem(operations: list[tuple[str, str, dict[str, Any]]]) -> None:
    for method, path, each in operations:
        errors = {status: told for status, told in each["responses"].items() if not status.startswith("2")}
        assert {"400", "401", "403", "422", "429", "500", "503"} <= errors.keys(), path
        assert ({"413", "415"} <= errors.keys()) is (method == "post"), path
        for told in errors.values():
            assert told["description"]
            (media_type,) = told["content"]
            assert media_type == "application/problem+json"


def test_what_changes_something_takes_an_idempotency_key(
    operations: list[tuple[str, str, dict[str, Any]]],
) -> None:
    for method, path, each in operations:
        names = [parameter["name"] for parameter in each.get("parameters", ())]
        assert ("Idempotency-Key" in names) is (method != "get"), path


def test_every_parameter_is_described_and_every_body_has_an_example(
    document: dict[str, Any], operations: list[tuple[str, str, dict[str, Any]]]
) -> None:
    def resolve(schema: dict[str, Any]) -> dict[str, Any]:
        name = schema.get("$ref", "").rpartition("/")[2]
        return document["components"]["schemas"][name] if name else schema

    for _, path, each in operations:
        assert all(parameter["description"] for parameter in each.get("parameters", ())), path
        content = each.get("requestBody", {}).get("content", {}).get("application/json")
        if content is not None:
            schema = resolve(content["schema"])
            required = [resolve(schema["properties"][name]) for name in schema.get("required", ())]
            assert content.get("examples") or schema.get("examples") or all(one["examples"] for one in required), (
                path
            )


def test_it_says_whether_the_api_is_off() -> None:
    with ApiForTests(keys=[]) as api:
        assert "off on this server" in api.get("/openapi.json", key=None).body["info"]["description"]


def test_it_says_nothing_of_the_keys(document: dict[str, Any]) -> None:
    assert "off on this server" not in document["info"]["description"]
    assert "backend" not in document["info"]["description"]


def test_the_page_and_its_parts_come_from_here_alone(api: ApiForTests) -> None:
    page = api.get("/docs", key=None)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.findall(r'(?:href|src)="(?:https?:|//)', page.text)
    parts = re.findall(r'(?:href|src)="(docs/[^"]+)"', page.text)
    assert parts == ["docs/docs.css", "docs/docs.js"]
    for part in (*parts, "docs/operation.js", "docs/schema.js", "docs/prose.js"):
        answer = api.get(f"/{part}", key=None)
        assert answer.status == 200, part
        assert answer.headers["content-type"].startswith("text/"), part
        assert answer.headers["x-content-type-options"] == "nosniff", part


@pytest.mark.parametrize("name", ["docs.html", "nothing.js", "..%2Fconfig.py", "%00"])
def test_what_is_no_part_of_the_page_is_not_found(api: ApiForTests, name: str) -> None:
    assert api.get(f"/docs/{name}", key=None).status == 404


def test_the_guide_lists_every_address_and_every_error_that_can_come(
    operations: list[tuple[str, str, dict[str, Any]]],
) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "http-api.md").read_text()
    listed = re.findall(r"^\| `([A-Z]+) (/\S+)` \|", guide, re.MULTILINE)
    assert set(listed) == {(method.upper(), path) for method, path, _ in operations}
    statuses = {int(status) for status in re.findall(r"^\| (\d+) \|", guide, re.MULTILINE)}
    documented = {int(status) for _, _, each in operations for status in each["responses"]}
    assert statuses == (documented - {200}) | {405}
    told = {code for row in re.findall(r"^\| \d+ \| (.+?) \|", guide, re.MULTILINE) for code in row.split(", ")}
    known = {f"`{code}`" for code in STATUS} - {"`unauthorized`", "`expired`"}
    own = {"api_off", "unauthorized", "not_found", "method_not_allowed", "unsupported_media_type", "plugin_off"}
    own |= {"idempotency_key_reused", "idempotency_key_under_way"}
    assert told == known | {f"`{code}`" for code in own}
    scopes = re.findall(r"^\| `(\w+)` \| (?!`)", guide[: guide.index("## Addresses")], re.MULTILINE)
    assert scopes == list(get_args(Scope))
