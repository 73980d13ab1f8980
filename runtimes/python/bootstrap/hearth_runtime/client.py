"""The runtime's side of the Runtime API over one keep-alive connection.

Uses the C module behind `socket`: nothing has to be imported that a function does not need itself, and libraries that
replace `socket`'s functions do not reach in here. Answers come back in the order of the requests.
"""

import sys

import _socket

# One read takes at most this much, in bytes.
_READ_BYTES = 65536

# A connection that the server closed while it was idle is opened again, once.
_ATTEMPTS_MAX = 2


class Answer:
    """Status, headers (names in lower case) and body of one answer."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body


class RuntimeApiClient:
    def __init__(self, address):
        """address is `host:port`, as in AWS_LAMBDA_RUNTIME_API."""
        host, _, port = address.rpartition(":")
        self._address = (host, int(port))
        self._host = host.encode()
        self._connection = None
        self._received = bytearray()

    def get(self, path):
        return self._exchange(self._get_request(path))

    def post(self, path, body, content_type="application/json", extra_headers=b""):
        return self._exchange(self._post_request(path, body, content_type, extra_headers))

    def post_then_get(self, path, body, content_type, next_path):
        """Sends a response that asks for the next invocation too; the worker answers with that, and with nothing before."""
        answer = self._exchange(self._post_request(path, body, content_type, b"Hearth-Then: next\r\n"))
        return answer if answer.status == 200 else self.get(next_path)

    def _get_request(self, path):
        return b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (path.encode(), self._host)

    def _post_request(self, path, body, content_type, extra_headers):
        head = b"POST %b HTTP/1.1\r\nHost: %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n" % (
            path.encode(),
            self._host,
            content_type.encode(),
            len(body),
            extra_headers,
        )
        return head + body

    def _exchange(self, request):
        """Sends the request and returns its answer. Ends the process when the server is gone."""
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            try:
                connection = self._connected()
                connection.sendall(request)
                return self._read_answer(connection)
            except OSError as error:
                self._close()
                if attempt == _ATTEMPTS_MAX:
                    sys.exit("the runtime API is gone: %s" % error)
        raise AssertionError("unreachable")

    def _connected(self):
        if self._connection is None:
            connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
            # A default timeout that the function set is not meant for this connection.
            connection.settimeout(None)
            connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            connection.connect(self._address)
            self._connection = connection
        return self._connection

    def _close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._received.clear()

    def _read_answer(self, connection):
        received = self._received
        while True:
            head_end = received.find(b"\r\n\r\n")
            if head_end >= 0:
                break
            self._read_more(connection)
        lines = received[:head_end].decode("utf-8", "replace").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        del received[: head_end + 4]
        if headers.get("transfer-encoding") == "chunked":
            body = self._read_chunks(connection)
        else:
            body = self._take(connection, int(headers.get("content-length", 0)))
        # "HTTP/1.1 200 OK": the status stands at a fixed place.
        return Answer(int(lines[0][9:12]), headers, body)

    def _read_chunks(self, connection):
        body = bytearray()
        while True:
            while self._received.find(b"\r\n") < 0:
                self._read_more(connection)
            line_end = self._received.find(b"\r\n")
            length = int(self._received[:line_end], 16)
            del self._received[: line_end + 2]
            body += self._take(connection, length)
            self._take(connection, 2)
            if length == 0:
                return bytes(body)

    def _take(self, connection, length):
        received = self._received
        while len(received) < length:
            self._read_more(connection)
        taken = bytes(received[:length])
        del received[:length]
        return taken

    def _read_more(self, connection):
        segment = connection.recv(_READ_BYTES)
        if not segment:
            raise OSError("the connection was closed")
        self._received += segment
