"""An FTP server by pyftpdlib. Arguments: host port root uid user password foreign|strict sessions"""
import logging
import os
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import ActiveDTP, FTPHandler, PassiveDTP
from pyftpdlib.servers import ThreadedFTPServer

host, port, root, uid, user, password, mode, sessions = sys.argv[1:]


class Passive(PassiveDTP):
    timeout = 5


class Active(ActiveDTP):
    timeout = 5


class Handler(FTPHandler):
    authorizer = DummyAuthorizer()
    passive_dtp = Passive
    active_dtp = Active
    permit_foreign_addresses = mode == "foreign"


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
