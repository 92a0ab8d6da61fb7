"""Performs the steps of a job, JSON on standard input, with Python's ftplib."""

import ftplib
import json
import os
import ssl
import sys

job = json.load(sys.stdin)
if job["tls"]:
    ftp = ftplib.FTP_TLS(context=ssl.create_default_context(cafile=job["trusted"]), timeout=20)
else:
    ftp = ftplib.FTP(timeout=20)
ftp.connect(job["host"], int(job["port"]))
ftp.login("u", "p")
if job["tls"]:
    ftp.prot_p()
ftp.voidcmd("TYPE I")


def names(directory):
    """The names in a directory, which both kinds of listing tell alike."""
    home = ftp.pwd()
    ftp.cwd(directory)
    short, facts = ftp.nlst(), dict(ftp.mlsd(facts=["type", "size", "modify"]))
    ftp.voidcmd("TYPE I")
    assert sorted(short) == sorted(facts), (short, facts)
    for name, fact in facts.items():
        assert fact["type"] == "file", fact
        assert ftp.size(name) == int(fact["size"]), (name, fact)
        assert ftp.voidcmd("MDTM " + name) == "213 " + fact["modify"], (name, fact)
    ftp.cwd("..")
    assert ftp.pwd() == home
    print(json.dumps(short))


for s in job["steps"]:
    here, there, task = s["Here"], s["There"], s["Task"]
    if task == "put":
        with open(here, "rb") as f:
            ftp.storbinary("STOR " + there, f)
    elif task == "reput":
        with open(here, "rb") as f:
            at = ftp.size(there)
            f.seek(at)
            ftp.storbinary("STOR " + there, f, rest=at)
    elif task == "get":
        with open(here, "wb") as f:
            ftp.retrbinary("RETR " + there, f.write)
    elif task == "reget":
        with open(here, "ab") as f:
            with ftp.transfercmd("RETR " + there, rest=os.path.getsize(here)) as conn:
                while piece := conn.recv(8192):
                    f.write(piece)
                if job["tls"]:
                    conn.unwrap()
            ftp.voidresp()
    elif task == "rename":
        ftp.rename(there, s["To"])
    elif task == "remove":
        ftp.delete(there)
    elif task == "mkdir":
        assert ftp.mkd(there) == "/" + there
    elif task == "rmdir":
        ftp.rmd(there)
    elif task == "names":
        names(there)
ftp.quit()
