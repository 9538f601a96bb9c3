"""Ports for services of tests and benches: nobody else gets one between its choice and its use."""

import socket
import sys

import pytest

from pipelines.bench.running import free_port


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a bound port cannot be listened on by another")
def test_a_port_is_kept_until_a_service_listens_on_it() -> None:
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    with (
        socket.create_server(("127.0.0.1", port)),
        socket.create_connection(("127.0.0.1", port)) as caller,
    ):
        assert caller.getpeername()[1] == port


def test_no_two_services_are_given_one_port() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == len(ports)
