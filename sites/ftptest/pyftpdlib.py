"""An FTP server by pyftpdlib. Arguments: host port root uid user password foreign|strict sessions tls certificate

tls is clear, tls, tls-required, tls-implicit or tls-required-implicit."""
import logging
import os
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import ActiveDTP, FTPHandler, PassiveDTP, TLS_FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

host, port, root, uid, user, password, mode, sessions, tls, certificate = sys.argv[1:]


class Passive(PassiveDTP):
    timeout = 5


class Active(ActiveDTP):
    timeout = 5


class Implicit(TLS_FTPHandler):
    def handle(self):
        self.secure_connection(self.ssl_context)

    def handle_ssl_established(self):
        super().handle()


class Handler(FTPHandler if tls == "clear" else Implicit if "implicit" in tls else TLS_FTPHandler):
    authorizer = DummyAuthorizer()
    passive_dtp = Passive
    active_dtp = Active
    permit_foreign_addresses = mode == "foreign"
    certfile = certificate
    tls_control_required = tls_data_required = "required" in tls


logging.basicConfig(level=logging.DEBUG)
os.setgroups([])
os.setgid(int(uid))
os.setuid(int(uid))
os.umask(0o022)
Handler.authorizer.add_user(user, password, root, perm="elradfmwMT")
server = ThreadedFTPServer((host, int(port)), Handler)
# max_cons would let one more in: the one that is asked about does not count.
server.max_cons_per_ip = int(sessions)
server.serve_forever()
