"""A stand-in for the vendor whose throttle, authentication, renderers and error bodies are Django REST Framework's own.

Only the data, the key table and the rates are ours (bars.py, and the few lines below), so that what chainfill learns
from this peer is what DRF does and not what we believe that it does. `server.py --help` names the options.
"""

import argparse
import ctypes
import http.server
import json
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time

import django
from django.conf import settings

import bars

KEY = "rig-key-0123456789abcdef"


def read_arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--port", type=int, default=0, help="0 takes a free one")
    p.add_argument("--face", choices=["symbol", "expiry"], default="symbol",
                   help="the API of 2025 (one option a request) or of 2026 (a whole expiry)")
    p.add_argument("--options", type=int, default=60, help="how many options are listed")
    p.add_argument("--expiries", type=int, default=6, help="on how many expiries they are spread")
    p.add_argument("--listing", metavar="FILE", help="the listed names, one a line, instead")
    p.add_argument("--until", metavar="DATE", default="9999-12-31", help="no bar is dated after this day")
    p.add_argument("--listing-by-year", action="store_true", help="the listing is refused without ?year=")
    p.add_argument("--public-listing", action="store_true", help="the listing needs no key")
    p.add_argument("--page-cap", type=int, default=5000, help="most rows a page, whatever is asked for")
    p.add_argument("--throttle", metavar="N/W", action="append", default=[],
                   help="20/min, or 20/3s for a scaled window; given twice: both hold")
    p.add_argument("--key", default=os.environ.get("RIG_KEY", KEY))
    p.add_argument("--language", help="the language of the server's own words, such as de")
    p.add_argument("--gzip", action="store_true", help="compress answers where the client takes that")
    p.add_argument("--threads", type=int, default=8,
                   help="DRF's counters race between threads, as they do in the field; 1 makes them exact")
    p.add_argument("--processes", type=int, default=1,
                   help="so many serve one port, beside this one; each counts for itself, as with Django's own "
                        "local cache")
    p.add_argument("--access", metavar="FILE", help="one JSON line a request")
    p.add_argument("--truth", metavar="FILE", help="one JSON line an option: its name and its bars, oldest first")
    p.add_argument("--leash", metavar="DIR", help="end when standard input ends, and remove DIR then")
    return p.parse_args()


ARGS = read_arguments()

settings.configure(
    DEBUG=False,
    SECRET_KEY="of-no-use-here",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
    MIDDLEWARE=(["django.middleware.gzip.GZipMiddleware"] if ARGS.gzip else [])
    + (["django.middleware.locale.LocaleMiddleware"] if ARGS.language else [])
    + ["django.middleware.common.CommonMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    STATIC_URL="/static/",
    LANGUAGE_CODE=ARGS.language or "en-us",
    USE_TZ=True,
    LOGGING_CONFIG=None,
)
django.setup()
# Refusals are this server's trade; only its own faults are worth a line.
logging.getLogger("django.request").setLevel(logging.ERROR)
logging.getLogger("waitress.queue").setLevel(logging.ERROR)

# These read the settings when they are imported.
from django.contrib.auth.models import User  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.authentication import TokenAuthentication  # noqa: E402
from rest_framework.permissions import AllowAny, IsAuthenticated  # noqa: E402
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.throttling import UserRateThrottle  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
import waitress  # noqa: E402

ARCHIVE = bars.Archive(
    bars.read_listing(ARGS.listing) if ARGS.listing else bars.make_listing(ARGS.options, ARGS.expiries), ARGS.until)


class Keys:
    """The key table: what TokenAuthentication asks of its model, in memory."""

    state = "good"
    user = User(pk=1, username="rig")

    class DoesNotExist(Exception):
        pass

    class objects:  # noqa: N801, the name that Django gives it
        @staticmethod
        def select_related(_):
            return Keys.objects

        @staticmethod
        def get(key):
            if key != ARGS.key or Keys.state == "unknown":
                raise Keys.DoesNotExist
            Keys.user.is_active = Keys.state != "inactive"
            token = Keys()
            token.key = key
            return token


class KeyAuthentication(TokenAuthentication):
    model = Keys


def throttle_class(scope_name, its_rate):
    class Throttle(UserRateThrottle):
        scope = scope_name
        rate = its_rate

        def parse_rate(self, rate):
            """DRF knows windows of 1, 60, 3600 and 86400 s; `20/3s` is a scaled one."""
            count, window = rate.split("/")
            if window[0].isdigit():
                return int(count), float(window.removesuffix("s"))
            return super().parse_rate(rate)

    Throttle(), Throttle().parse_rate(its_rate)  # a rate that cannot be read is refused here, not at a request
    return Throttle


def throttle_classes(rates):
    return [throttle_class(f"rig{i}", rate) for i, rate in enumerate(rates)]


THROTTLES = throttle_classes(ARGS.throttle)


class VendorView(APIView):
    authentication_classes = [KeyAuthentication]
    permission_classes = [IsAuthenticated]
    renderer_classes = [JSONRenderer, BrowsableAPIRenderer]

    def perform_authentication(self, request):
        super().perform_authentication(request)
        request._request.environ["rig.key_ok"] = request.auth is not None

    def get_throttles(self):
        return [throttle() for throttle in THROTTLES]


def refused():
    return Response({"result": "Unable to pull data"}, status=400)


class Listing(VendorView):
    """Deribit options available."""

    permission_classes = [AllowAny] if ARGS.public_listing else [IsAuthenticated]

    def get(self, request):
        year = request.query_params.get("year")
        if ARGS.face == "symbol":
            year = None  # the API of 2025 ignores what it does not know
        elif year is None and ARGS.listing_by_year:
            return refused()
        return Response({"result": ARCHIVE.names(year)})


class Options(VendorView):
    """Deribit options, daily."""

    def get(self, request):
        asked = request.query_params
        if ARGS.face == "symbol":
            # The API of 2025 knows `symbol` only, and answers a request without it with its default option.
            rows = ARCHIVE.of_symbol(asked.get("symbol", ARCHIVE.default))
            return refused() if rows is None else Response({"result": rows})
        if "symbol" in asked:
            rows = ARCHIVE.of_symbol(asked["symbol"])
        elif "currency" in asked and "expiry" in asked:
            rows = ARCHIVE.of_expiry(asked["currency"], asked["expiry"])
        elif "currency" in asked and "date" in asked:
            rows = ARCHIVE.of_date(asked["currency"], asked["date"])
        else:
            rows = None
        try:
            limit = min(int(asked.get("limit", 25)), ARGS.page_cap)
            offset = int(asked.get("offset", 0))
        except ValueError:
            rows = None
        if rows is None or limit < 1 or offset < 0:
            return refused()
        end = offset + limit
        more = end < len(rows)
        return Response({"result": rows[offset:end],
                         "pagination": {"has_more": more, "next_offset": end if more else None}})


urlpatterns = [
    path("v1/data/ohlc/deribit/options/available/", Listing.as_view()),
    path("v1/data/ohlc/deribit/options/", Options.as_view()),
]


class AccessLog:
    """One line a request, written before its answer leaves: who has the answer can rely on the line."""

    def __init__(self, app, file_name):
        self.app = app
        self.file = open(file_name or os.devnull, "a", encoding="utf-8")
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        at = time.time()
        query = environ.get("QUERY_STRING")

        def write_line_and_start(status, headers, *rest):
            line = json.dumps({
                "t": at,
                "path": environ["PATH_INFO"] + (f"?{query}" if query else ""),
                "status": int(status.split()[0]),
                "retry_after": dict(headers).get("Retry-After"),
                "key_ok": environ.get("rig.key_ok", False),
                "pid": os.getpid(),
            })
            with self.lock:
                self.file.write(line + "\n")
                self.file.flush()
            return start_response(status, headers, *rest)

        return self.app(environ, write_line_and_start)


class Control(http.server.BaseHTTPRequestHandler):
    """What an operator does while it runs. The body of the request is the new value."""

    def do_POST(self):
        global THROTTLES
        value = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode().strip()
        try:
            if self.path == "/control/rate":  # `20/3s`, `20/3s,100/min`, or nothing for none
                THROTTLES = throttle_classes(value.split(",") if value else [])
            elif self.path == "/control/key" and value in ("good", "inactive", "unknown"):
                Keys.state = value
            elif self.path == "/control/forget":  # what a restart of the server does to its counters
                cache.clear()
            else:
                raise ValueError(f"{self.path} {value!r}: not understood")
        except Exception as e:  # told to the one who asked
            self.send_error(400, explain=str(e))
            return
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def follow_leash(folder):
    """Ends with the process that holds the other end of standard input, however that one ends."""
    while os.read(0, 4096):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def listen(others_too):
    return socket.create_server(("127.0.0.1", ARGS.port), backlog=1024, reuse_port=others_too)


def serve(listener):
    app = AccessLog(get_wsgi_application(), ARGS.access)
    waitress.create_server(app, sockets=[listener], threads=ARGS.threads, connection_limit=1000,
                           channel_timeout=3600).run()


def fork_one(listeners, mine):
    """A process that serves one of the sockets and ends with this one; where it ends, the kernel deals its connections
    out to the others."""
    parent = os.getpid()
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(0)
        for other in listeners:
            if other is not mine:
                other.close()
        serve(mine)


def main():
    if ARGS.truth:
        ARCHIVE.write_truth(ARGS.truth)
    listeners = [listen(ARGS.processes > 1)]
    ARGS.port = listeners[0].getsockname()[1]
    if ARGS.processes > 1:
        listeners += [listen(True) for _ in range(ARGS.processes - 1)]
        for listener in listeners:
            fork_one(listeners, listener)
        for listener in listeners:
            listener.close()
    if ARGS.leash:
        threading.Thread(target=follow_leash, args=[ARGS.leash], daemon=True).start()
    control = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Control)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    print(f"control {control.server_port}", flush=True)
    print(f"listening {ARGS.port}", flush=True)
    if ARGS.processes > 1:
        signal.pause()
    else:
        serve(listeners[0])


if __name__ == "__main__":
    sys.exit(main())
