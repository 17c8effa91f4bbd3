"""Incidents of one API among several that did not check: every door to the key is tried with the same request."""
import os
import secrets

import pytest

import audit
import doors
import house as h
import past
from doors import Told
from past import signed, without
from test_envelopes import a_ca, another_profile

ALL = doors.all_doors()


@pytest.fixture(scope="module")
def house():
    with doors.DoorHouse() as made:
        made.start()
        yield made
        made.audit()


def told(house, door, tbs, evidence):
    """The reasons with which the door refuses; nothing was asked of the HSM."""
    before = audit.Books(house)
    with pytest.raises(Told) as caught:
        door.ask(house, tbs, evidence)
    after = audit.Books(house)
    assert (len(after.intents), len(after.witness)) == (len(before.intents), len(before.witness)), door.name
    return caught.value.reasons


def approvals_only(house, name):
    tbs, order_id = house.tbs([name]), secrets.token_bytes(16)
    return tbs, [*house.around(tbs, order_id=order_id), house.approval(order_id),
                 house.approval(order_id, attester="ra-2")], "V01"


def nothing(house, name):
    return house.tbs([name]), [], "B01"


def too_old(house, name):
    tbs = house.tbs([name])
    return tbs, [*house.around(tbs), house.domain(name, age_s=399 * past.DAY)], "V03"


@pytest.mark.parametrize("bad", [nothing, approvals_only, too_old, another_profile, a_ca])
def test_h24_every_door(house, bad):
    """One protocol lacked the restriction that the others enforced (CVE-2020-28942): the same bad request at every RPC, as
    every client, over both transports and through the module gets the same reasons, or there is nothing to find by a
    digest."""
    tbs, evidence, rule = bad(house, f"{bad.__name__.replace('_', '-')}.example.org")
    first = told(house, ALL[0], tbs, evidence)
    assert rule in {r for r, _ in first}
    inline = [d for d in ALL if d.takes_evidence]
    for door in inline:
        assert told(house, door, tbs, evidence) == first, door.name
    if evidence:
        house.deposit(evidence)
    for door in ALL:
        reasons = told(house, door, tbs, [])
        assert reasons == first or (door.by_digest and {r for r, _ in reasons} == {"N05"}), (door.name, reasons)
    assert len(ALL) >= 4 * 4 and len(inline) == 3 * 4


@pytest.mark.parametrize("door", [d for d in ALL if d.signs], ids=lambda d: d.name)
def test_h24_opens_with_evidence(house, door):
    """The doors of the incident before are none that is always shut: each opens for the same kind of request when the
    evidence was deposited, or the TBS was authorised for the client who asks."""
    tbs = house.tbs([f"opens-{ALL.index(door)}.example.org"])
    if door.by_digest:
        client = door.name.split()[1]
        if client == "partner":
            doors.authorize(client)(house, tbs, house.complete(tbs))
        else:
            house.authorize(tbs, house.complete(tbs), for_client=client.encode() if os.getuid() == 0 else b"")
    else:
        house.deposit(house.complete(tbs))
    door.ask(house, tbs, [])
    with pytest.raises(Told):
        door.ask(house, tbs, [])


def versions():
    """The three API versions of the story: what each can send, and by whom."""
    out = {"new gRPC": doors.sign("ra"), "old gRPC without evidence": doors.sign("api-v1")}
    if doors.MODULE:
        out["legacy PKCS#11"] = doors.module("legacy", "ECDSA-SHA256")
        out["legacy PKCS#11, digests"] = doors.module("legacy", "ECDSA")
    return out


def test_h01_every_api_version(house):
    """The agent approved, and whichever API version the customer's automation uses next, it is refused: the new gRPC,
    which sends the approval along, the old one that can send nothing but a TBS, the PKCS#11 module with the TBS and with
    its digest. The validation comes later: then each of them, with an order of its own, gets the certificate."""
    name, order_id = "renewal.example.org", secrets.token_bytes(16)
    tbs = house.tbs([name])
    approved = [*house.around(tbs, order_id=order_id), *(house.approval(order_id, attester=a) for a in ("ra-1", "ra-2"))]
    house.deposit(approved)
    for version, ask in versions().items():
        reasons = told(house, doors.Door(version, ask), tbs, approved if version == "new gRPC" else [])
        assert ("V01", f"dns:{name}") in reasons or (version.endswith("digests") and reasons[0][0] == "N05"), version
    with pytest.raises(Told) as caught:  # nor can it be authorised for later
        doors.authorize("ra")(house, tbs, approved)
    assert ("V01", f"dns:{name}") in caught.value.reasons

    validated = house.domain(name)
    house.deposit([validated])
    for version, ask in versions().items():
        tbs = house.tbs([name])
        evidence = house.around(tbs)
        if version.endswith("digests"):
            house.authorize(tbs, evidence, for_client=b"legacy" if os.getuid() == 0 else b"")
        elif version != "new gRPC":
            house.deposit(evidence)
        ask(house, tbs, [*evidence, validated] if version == "new gRPC" else [])


def test_h22_every_tool(house):
    """The reissue tool of the support desk, which is used twice a year (1443731, 1894054), may be a gRPC client or a
    program on the module: an order that is spent and evidence that is too old are so for it as well."""
    name, key, order_id = "reissue.example.org", h.ec.generate_private_key(h.ec.SECP256R1()), secrets.token_bytes(16)
    first = house.tbs([name], key=key)
    evidence = [*house.around(first, order_id=order_id), house.domain(name, age_s=197 * past.DAY)]
    signed(house, first, evidence)
    second = house.tbs([name], key=key)
    stale = house.domain(name, age_s=399 * past.DAY)
    kept = [*without(evidence, "domain_control", "lint"), house.lint(second), stale]
    tools = {"gRPC": doors.sign("legacy"), "first authorised": doors.authorize("legacy")}
    for tool, ask in tools.items():
        assert {"B04", "V03"} <= {r for r, _ in told(house, doors.Door(tool, ask), second, kept)}, tool
    house.deposit(kept)
    if doors.MODULE:
        tools["module"] = doors.module("legacy", "ECDSA-SHA256")
        reasons = told(house, doors.Door("digest", doors.module("legacy", "ECDSA")), second, [])
        assert [r for r, _ in reasons] == ["N05"]
    for tool, ask in tools.items():
        assert {"B04", "V03"} <= {r for r, _ in told(house, doors.Door(tool, ask), second, [])}, tool
    house.deposit([house.order(second), house.domain(name)])  # a new order and a new look are all it takes
    tools["module" if doors.MODULE else "gRPC"](house, second, [])
