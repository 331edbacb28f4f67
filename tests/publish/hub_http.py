"""An HTTP server with routes, which does what the Hub's faults say to requests."""

import contextlib
import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from hub_state import HubError, State


class Server(ThreadingHTTPServer):
    """Serves from threads of its own until `close`; `address` is where.

    Args:
      hub: what is served; it also takes down the requests.
      handler: a `Handler`.
    """

    daemon_threads = True

    def __init__(self, hub: State, handler: type):
        super().__init__(("127.0.0.1", 0), handler)
        self.hub = hub
        self.address = f"http://127.0.0.1:{self.server_port}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request, client_address):
        pass  # a client that was killed, or a connection that a fault has cut


class Handler(BaseHTTPRequestHandler):
    """Answers by the first of `ROUTES` that fits: methods, pattern of the path, name of a method.

    That gets the body and the pattern's groups, and returns status, body and headers, or raises
    HubError.
    """

    protocol_version = "HTTP/1.1"
    ROUTES: tuple = ()

    def handle_one_request(self):
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def _respond(self) -> None:
        hub = self.server.hub
        path = unquote(urlsplit(self.path).path)
        request = f"{self.command} {path}"
        with hub.lock:
            hub.requests.append(request)
        fault = hub.fault_for(request)
        if fault and fault.before:
            fault.before()
        length = int(self.headers.get("Content-Length") or 0)
        if fault and fault.drop is not None:
            self.rfile.read(min(fault.drop, length))
            return self._cut()
        body = self.rfile.read(length)
        if fault and fault.status:
            return self._send(fault.status, fault.body, fault.headers)
        try:
            answer = self._route(path, body)
        except HubError as error:
            text = json.dumps({"error": str(error)}).encode()
            answer = error.status, text, error.headers
        if fault and fault.lose_answer:
            return self._cut()
        self._send(*answer)

    do_GET = do_HEAD = do_POST = do_PUT = _respond

    def _route(self, path: str, body: bytes):
        for method, pattern, name in self.ROUTES:
            if self.command in method.split() and (found := re.fullmatch(pattern, path)):
                return getattr(self, name)(body, **found.groupdict())
        raise HubError(404, f"no such endpoint: {self.command} {path}")

    def _send(self, status: int, body: bytes, headers: dict) -> None:
        if status == 200 and (wanted := self.headers.get("Range")):
            first, last = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted).groups()
            start, stop = int(first), min(int(last or len(body) - 1) + 1, len(body))
            headers = headers | {"Content-Range": f"bytes {start}-{stop - 1}/{len(body)}"}
            status, body = 206, body[start:stop]
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_):
        pass
