"""client/lib against the real front: the rows are in client_calls.c."""
import os
import subprocess


def test_client_calls(house):
    p = subprocess.Popen([os.environ["CS_CLIENT_CALLS"], house.path], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    for line in p.stdout:
        if line.strip() == "CUT":
            house.say("cut")
    err = p.stderr.read()
    assert p.wait(timeout=30) == 0, err
    assert house.exit_code() == 0
