"""tests/build/directions.cmake finds what it is there for. CS_CMAKE and CS_DIRECTIONS name cmake and the script."""
import os
import subprocess

import pytest

TABLE = "# folder  may include\nproxy/base\nproto       proxy/base\nproxy/gate  proxy/base proto\nhsm  proxy/base\n"
FILES = {
    "proxy/base/io.h": "", "proto/canonical.h": '#include "proxy/base/io.h"\n', "proxy/gate/gate.h": "",
    "proxy/gate/gate.c": '#include "proxy/gate/gate.h"\n#include <stdio.h>\n#include "proto/canonical.h"\n'
                         '#include "countersign/v1/order.pb-c.h"\n',
    "hsm/key.c": '#include "proxy/base/io.h"\n', "README.md": "",
}


def run(folder, changes):
    for name, text in {**FILES, "docs/directions.txt": TABLE, **changes}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return subprocess.run([os.environ["CS_CMAKE"], f"-DROOT={folder}", "-P", os.environ["CS_DIRECTIONS"]],
                          capture_output=True, text=True)


def test_what_the_table_allows_passes(tmp_path):
    done = run(tmp_path, {})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name,text,found", [
    ("hsm/key.c", '#include "proxy/gate/gate.h"\n', "hsm may not use proxy/gate"),
    ("hsm/key.h", '\t#  include "proto/canonical.h"\n', "hsm may not use proto"),
    ("hsm/key.c", '#include "google/rpc/status.pb-c.h"\n', "hsm may not use proto"),
    ("proxy/base/io.c", '#include "proxy/gate/gate.h"\n', "proxy/base may not use proxy/gate"),
    ("proxy/gate/near.c", '#include "gate.h"\n', "proxy/gate may not use"),  # not from the project's root
    ("proxy/gate/rules/new.c", "", "proxy/gate/rules has no row"),
    ("client/new/new.h", "", "client/new has no row"),
])
def test_a_wrong_direction_is_found(tmp_path, name, text, found):
    done = run(tmp_path, {name: text})
    assert done.returncode != 0
    assert found in " ".join(done.stderr.split()), done.stderr
