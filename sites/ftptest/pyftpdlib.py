"""An FTP server by pyftpdlib. Arguments: host port root uid user password foreign|strict"""
import logging
import os
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import ActiveDTP, FTPHandler, PassiveDTP
from pyftpdlib.servers import ThreadedFTPServer

host, port, root, uid, user, password, mode = sys.argv[1:]


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
ThreadedFTPServer((host, int(port)), Handler).serve_forever()
