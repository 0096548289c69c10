"""serve.py FOLDER PORTFILE: serves FOLDER on a free port of the loopback, whose number it writes down."""
import functools
import http.server
import sys


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=sys.argv[1]))
with open(sys.argv[2], "w", encoding="ascii") as file:
    file.write(str(server.server_address[1]))
server.serve_forever()
