"""Addresses of models on a server."""

from __future__ import annotations

import pytest

from tfkd.serving import Annotator
from tfkd.serving.client import Address
from tfkd_base.errors import TfkdError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("grpc://localhost:8500/disease", Address("grpc", "localhost:8500", "disease")),
        ("http://10.0.0.1:8501/a-b_c.d/", Address("http", "10.0.0.1:8501", "a-b_c.d")),
        ("https://[::1]:443/x/versions/12", Address("https", "[::1]:443", "x", 12)),
        ("http://host:8501/v1/models/x/versions/3", Address("http", "host:8501", "x", 3)),
    ],
)
def test_addresses_are_read(text: str, address: Address) -> None:
    assert Address.parse(text) == address
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ftp://host:21/x", "expected a protocol of grpc, http, https, got 'ftp'"),
        ("grpc://:8500/x", "the host is missing"),
        ("grpc://host/x", "the port is missing"),
        ("grpc://host:99999/x", "Port out of range"),
        ("http://host:8501", "after the port, expected the name of a model"),
        ("http://host:8501/x/versions/0", "a version above 0"),
        ("http://host:8501/x/versions/a", "a version above 0"),
        ("http://host:8501/x:predict", "after the port, expected the name of a model"),
        ("http://me:secret@host:8501/x", "a user name, a query and a fragment are not allowed"),
        ("http://host:8501/x?a=b", "a user name, a query and a fragment are not allowed"),
    ],
)
def test_what_is_no_address_is_refused(text: str, reason: str) -> None:
    with pytest.raises(TfkdError, match=reason) as refused:
        Annotator(text)
    assert "expected such as grpc://localhost:8500/disease" in str(refused.value)
