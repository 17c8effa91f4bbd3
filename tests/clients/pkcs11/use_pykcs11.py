"""use_pykcs11.py MODULE LABEL MECHANISM IN OUT: one signature with PyKCS11."""
import pathlib
import sys

import PyKCS11 as P

module, label, mechanism, source, out = sys.argv[1:]
lib = P.PyKCS11Lib()
lib.load(module)
session = lib.openSession(lib.getSlotList(tokenPresent=True)[0])
(key,) = session.findObjects([(P.CKA_CLASS, P.CKO_PRIVATE_KEY), (P.CKA_LABEL, label)])
data = pathlib.Path(source).read_bytes()
pathlib.Path(out).write_bytes(bytes(session.sign(key, data, P.Mechanism(getattr(P, mechanism)))))
