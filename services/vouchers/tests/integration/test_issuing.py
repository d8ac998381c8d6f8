"""Issuing vouchers and looking them up."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx2 import AsyncClient

Issue = Callable[..., Awaitable[str]]


async def test_an_issued_voucher_can_be_looked_up(
    vouchers: AsyncClient, issue: Issue
) -> None:
    """It is unspent, and found however its code is typed."""
    code = await issue()

    found = await vouchers.get(f"/v1/vouchers/{code.lower().replace('-', '')}")

    assert found.status_code == 200
    voucher = found.json()
    assert (voucher["code"], voucher["amount_pence"]) == (code, 500)
    assert (voucher["status"], voucher["redemption"]) == ("unspent", None)


async def test_a_repeated_request_issues_one_voucher(vouchers: AsyncClient) -> None:
    """The same key gets the same voucher; another request under it is refused."""
    headers = {"Idempotency-Key": "k-1"}

    first = await vouchers.post(
        "/v1/vouchers", json={"amount_pence": 500}, headers=headers
    )
    again = await vouchers.post(
        "/v1/vouchers", json={"amount_pence": 500}, headers=headers
    )
    other = await vouchers.post(
        "/v1/vouchers", json={"amount_pence": 900}, headers=headers
    )

    assert (first.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["kind"]) == (422, "idempotency_key_reused")


async def test_a_request_without_a_key_is_refused(vouchers: AsyncClient) -> None:
    """Money is issued only where a repetition can be told."""
    answer = await vouchers.post("/v1/vouchers", json={"amount_pence": 500})

    assert (answer.status_code, answer.json()["kind"]) == (
        400,
        "missing_idempotency_key",
    )


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ({"amount_pence": 0}, "body.amount_pence"),
        ({"amount_pence": "500"}, "body.amount_pence"),
        ({"amount_pence": 5, "color": "red"}, "body.color"),
        ({"amount_pence": 5, "expires_at": "2030-01-01T00:00:00"}, "body.expires_at"),
        ({"amount_pence": 5, "expires_at": 0}, "body.expires_at"),
        ({}, "body.amount_pence"),
    ],
)
async def test_what_cannot_be_read_is_named(
    vouchers: AsyncClient, body: dict[str, Any], at: str
) -> None:
    """A 422 says which field is wrong."""
    answer = await vouchers.post(
        "/v1/vouchers", json=body, headers={"Idempotency-Key": "k-1"}
    )

    assert (answer.status_code, answer.json()["kind"]) == (422, "invalid_request")
    assert [error["at"] for error in answer.json()["errors"]] == [at]


async def test_an_unknown_voucher_is_not_found(vouchers: AsyncClient) -> None:
    """The answer names what was asked for."""
    answer = await vouchers.get("/v1/vouchers/NOPE")

    assert (answer.status_code, answer.json()["kind"]) == (404, "unknown_voucher")
