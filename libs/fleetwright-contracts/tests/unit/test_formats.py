"""Formats are told with the standard library, and not told where that is not enough."""

import pytest

from fleetwright_contracts._formats import FORMATS, has_format


@pytest.mark.parametrize("name", FORMATS)
def test_samples_have_their_format(name: str) -> None:
    """What a witness is made from is right."""
    assert all(has_format(name, sample) for sample in FORMATS[name].samples)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("uuid", "3fa85f64-5717-4562-b3fc-2c963f66afa", False),
        ("date", "2024-02-30", False),
        ("date", "2024-2-3", False),
        ("time", "23:59:60Z", True),
        ("time", "22:59:60Z", False),
        ("time", "24:00:00Z", False),
        ("time", "10:00:00+24:00", False),
        ("date-time", "2024-01-01 10:00:00Z", False),
        ("local-date-time", "2024-01-01", False),
        ("duration", "P1Y2D", False),
        ("duration", "P1Y2M3DT4H", True),
        ("ipv4", "01.2.3.4", False),
        ("ipv6", "fe80::1%eth0", False),
        ("hostname", "-a.com", False),
        ("hostname", "xn--a.com", None),
        ("email", "a", False),
        ("email", '"a b"@c.de', None),
        ("uri", "/a", False),
        ("uri", "http://[::1]/", None),
        ("uri", "http://a:b/", False),
        ("uri", "a:%zz", False),
        ("regex", "(", False),
        ("regex", "(?<=a)", None),
        ("byte", "YQ=", None),
        ("byte", "a b", None),
        ("base64", "é", False),
        ("odd", "a", None),
    ],
)
def test_texts_are_told_apart(name: str, text: str, expected: bool | None) -> None:
    """Yes, no, or not known."""
    assert has_format(name, text) is expected
