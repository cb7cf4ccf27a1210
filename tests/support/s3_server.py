"""A small S3-compatible server for tests: PUT, GET with ranges, and HEAD of objects in memory. It checks every signature
(AWS Signature Version 4) and every digest by itself, and misbehaves on demand. Prints its URL; ends when its standard
input does. POST /control takes {"fail": N, "cut": N, "drip": N, "damage": [KEY, N]}: N requests are answered 503, cut in
mid-answer, or answered in drips; a byte of an object is turned over. GET /control tells what is there. Stands in for S3:
http://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html"""
import datetime
import hashlib
import hmac
import http.server
import json
import sys
import threading
import time
import urllib.parse

ID, SECRET, REGION = "AKIATEST", "s3cr3t/of+the+tests", "test-1"
EMPTY = hashlib.sha256(b"").hexdigest()


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature_of(secret, method, path, query, headers, signed, payload, stamp, scope):
    canonical = "\n".join([method, urllib.parse.quote(urllib.parse.unquote(path)),
                           "&".join(sorted(urllib.parse.quote(k, safe="-_.~") + "=" + urllib.parse.quote(v, safe="-_.~")
                                           for k, v in urllib.parse.parse_qsl(query, keep_blank_values=True))),
                           "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in signed), ";".join(signed), payload])
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in scope:
        key = sign(key, part)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class Refused(Exception):
    pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects, control, lock = {}, {"fail": 0, "cut": 0, "drip": 0}, threading.Lock()
    requests = 0

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def check(self, body):
        """Whether the request was signed by who knows the secret, over what was sent."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            kind, rest = headers["authorization"].split(" ", 1)
            fields = dict(part.strip().split("=", 1) for part in rest.split(","))
            access, *scope = fields["Credential"].split("/")
            signed = fields["SignedHeaders"].split(";")
            stamp = headers["x-amz-date"]
            at = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        except (KeyError, ValueError) as error:
            raise Refused("AuthorizationHeaderMalformed") from error
        if kind != "AWS4-HMAC-SHA256" or scope != [stamp[:8], REGION, "s3", "aws4_request"] or "host" not in signed:
            raise Refused("AuthorizationHeaderMalformed")
        if any(name.startswith("x-amz-") and name not in signed for name in headers):
            raise Refused("AccessDenied")
        if abs((datetime.datetime.now(datetime.timezone.utc) - at).total_seconds()) > 900:
            raise Refused("RequestTimeTooSkewed")
        payload = headers.get("x-amz-content-sha256", EMPTY)
        if self.command == "PUT" and payload != hashlib.sha256(body).hexdigest():
            raise Refused("XAmzContentSHA256Mismatch")
        path, _, query = self.path.partition("?")
        if access != ID or signature_of(SECRET, self.command, path, query, headers, signed, payload, stamp, scope) != fields["Signature"]:
            raise Refused("SignatureDoesNotMatch")

    def take(self, what):
        with self.lock:
            if self.control[what] <= 0:
                return False
            self.control[what] -= 1
            return True

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.path != "/control" and self.take("cut"):
            self.wfile.write(body[:len(body) // 2])
            self.close_connection = True
        elif self.path != "/control" and self.take("drip"):
            for at in range(0, len(body), 65536):
                self.wfile.write(body[at:at + 65536])
                self.wfile.flush()
                time.sleep(0.001)
        else:
            self.wfile.write(body)

    def error(self, status, code):
        self.answer(status, f"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>said by a test</Message></Error>".encode())

    def handle_object(self):
        body = self.body()
        with self.lock:
            Handler.requests += 1
        if self.take("fail"):
            return self.error(503, "SlowDown")
        try:
            self.check(body)
        except Refused as refused:
            return self.error(403, str(refused))
        key = urllib.parse.unquote(self.path.partition("?")[0])
        if self.command == "PUT":
            with self.lock:
                self.objects[key] = body
            if self.take("cut"):
                self.close_connection = True  # kept, but nobody hears of it
                return None
            return self.answer(200)
        content = self.objects.get(key)
        if content is None:
            return self.error(404, "NoSuchKey")
        if self.command == "HEAD":
            return self.answer(200, headers=[("Content-Length", str(len(content)))])
        first, last = (int(each) for each in self.headers["Range"].removeprefix("bytes=").split("-"))
        part = content[first:last + 1]
        return self.answer(206, part, [("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(content)}")])

    do_PUT = do_HEAD = handle_object

    def do_GET(self):
        if self.path != "/control":
            return self.handle_object()
        with self.lock:
            return self.answer(200, json.dumps({"keys": sorted(self.objects), "requests": self.requests}).encode())

    def do_POST(self):
        asked = json.loads(self.body())
        with self.lock:
            if "damage" in asked:
                key, at = asked.pop("damage")
                content = bytearray(self.objects[key])
                content[at] ^= 1
                self.objects[key] = bytes(content)
            self.control.update(asked)
        self.answer(204)


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()
