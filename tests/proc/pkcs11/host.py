"""A PyKCS11 host that does what the lines on its standard input say, one JSON object each."""
import json
import sys

import PyKCS11 as P


def run(session, words):
    label = words["label"]
    if words["op"] == "certificate":
        (found,) = session.findObjects([(P.CKA_CLASS, P.CKO_CERTIFICATE), (P.CKA_ID, tuple(label.encode()))])
        return bytes(session.getAttributeValue(found, [P.CKA_VALUE])[0])
    (key,) = session.findObjects([(P.CKA_CLASS, P.CKO_PRIVATE_KEY), (P.CKA_LABEL, label)])
    mechanism = P.RSA_PSS_Mechanism(words["kind"], *words["pss"]) if words["pss"] else P.Mechanism(words["kind"])
    return bytes(session.sign(key, bytes.fromhex(words["data"]), mechanism))


def main():
    lib = P.PyKCS11Lib()
    lib.load(sys.argv[1])
    session = lib.openSession(lib.getSlotList(tokenPresent=True)[0])
    session.login("1234")
    for line in sys.stdin:
        answer = {"rv": 0, "value": ""}
        try:
            answer["value"] = run(session, json.loads(line)).hex()
        except P.PyKCS11Error as error:
            answer["rv"] = error.value
        print(json.dumps(answer), flush=True)


main()
