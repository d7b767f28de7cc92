"""Errors as problem details."""

from __future__ import annotations

import pytest
from fastapi.exceptions import RequestValidationError
from hubbub.core import Rejected
from hubbub.core.api.problems import STATUS, Problem, as_api_error
from hubbub.protocol import ERROR_CODES
from starlette.exceptions import HTTPException


def test_every_error_code_of_the_wire_has_a_status() -> None:
    assert STATUS.keys() == ERROR_CODES.keys()


@pytest.mark.parametrize(("code", "status"), STATUS.items())
def test_a_refusal_keeps_its_code_and_its_words(code: str, status: int) -> None:
    rejected = Rejected(code, "Not so.", path="room", expected="a name", example={"type": "join", "room": "x"})
    error = as_api_error(rejected)
    problem = Problem.model_validate(error.problem)
    assert (problem.status, problem.code, problem.detail) == (status, code, "Not so.")
    assert (problem.path, problem.expected, problem.example) == ("room", "a name", {"type": "join", "room": "x"})
    assert problem.retryable is ERROR_CODES[code]
    assert ("Retry-After" in error.headers) is ERROR_CODES[code]


@pytest.mark.parametrize(("retryable", "status"), [(True, 503), (False, 422)])
def test_a_code_of_a_plugin_has_the_status_that_fits_whether_it_is_retryable(retryable: bool, status: int) -> None:
    assert as_api_error(Rejected("too_many_hands", "No.", retryable=retryable)).status == status


@pytest.mark.parametrize(("seconds", "told"), [(0.001, "1"), (1.0, "1"), (2.1, "3"), (None, "1")])
def test_seconds_to_wait_are_whole_in_the_header_and_never_too_few(seconds: float | None, told: str) -> None:
    error = as_api_error(Rejected("rate_limited", "Slow down.", retry_after=seconds))
    assert error.headers["Retry-After"] == told
    assert error.problem["retry_after"] == (seconds or 1.0)


def test_many_mistakes_are_all_listed_without_what_was_sent() -> None:
    details = [{"type": "x", "loc": ("body", n), "msg": "Wrong", "input": "a secret"} for n in range(5)]
    error = as_api_error(RequestValidationError(details))
    assert error.detail == "body.0: Wrong; body.1: Wrong; body.2: Wrong; and 2 more. Nothing was done."
    problem = Problem.model_validate(error.problem)
    assert [each.path for each in problem.errors or ()] == [f"body.{n}" for n in range(5)]
    assert "secret" not in str(error.problem)


def test_errors_of_the_framework_and_of_our_own_are_problems_as_well() -> None:
    assert as_api_error(HTTPException(404)).problem["code"] == "not_found"
    assert as_api_error(HTTPException(405, headers={"Allow": "GET"})).headers == {"Allow": "GET"}
    assert as_api_error(HTTPException(400, "Not parsed")).problem["detail"] == "Not parsed"
    broken = as_api_error(ZeroDivisionError("a secret"))
    assert (broken.status, broken.problem["code"]) == (500, "internal")
    assert "secret" not in str(broken.problem)
