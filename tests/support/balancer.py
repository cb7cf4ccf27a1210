"""A small load balancer for tests: each request goes to the next node; one that a node did not answer, or with 503, goes to
the one after it. That is safe for what carries an Idempotency-Key, and for what changes nothing twice."""
import http.client
import http.server
import itertools
import threading
import time

LIMIT = 120  # seconds in which some node has to answer
HOP = ("connection", "transfer-encoding", "content-length", "keep-alive")


class Balancer:
    def __init__(self, nodes):
        """@param nodes  with a `port` each, which may change"""
        self.retried = 0
        turn = itertools.cycle(nodes)
        balancer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
                answer, content = balancer.answered(turn, self.command, self.path, body, headers)
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = forward

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answered(self, turn, method, path, body, headers):
        deadline = time.monotonic() + LIMIT
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", next(turn).port, timeout=LIMIT)
            try:
                connection.request(method, path, body=body or None, headers=headers)
                answer = connection.getresponse()
                content = answer.read()
                if answer.status != 503 or time.monotonic() > deadline:
                    return answer, content
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    raise
            finally:
                connection.close()
            self.retried += 1
            time.sleep(0.02)
