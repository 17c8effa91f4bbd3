"""Domain and CAA evidence: incidents H03, H04, H05, H07, H11 and H23, tokens and deposited CAA checks."""
import hashlib
import secrets
import subprocess
import time

import pytest

from house import BIN, DAY, Refused, caa_check_pb2, domain_control_pb2, perspectives, policy_text

FORBIDDEN = caa_check_pb2.CAA_RESULT_FORBIDDEN


def refused(house, tbs, evidence):
    with pytest.raises(Refused) as caught:
        house.sign(tbs, evidence)
    assert caught.value.refusal.ledger_entry > 0
    return caught.value


def order_and_lint(house, tbs):
    return [house.order(tbs), house.lint(tbs)]


def test_h03_caa_checked_for_one_name_n_times(house):
    names = [f"n{i}.h03.example.com" for i in range(6)]
    tbs = house.tbs(names)
    control = house.domain("h03.example.com", scope="namespace")
    same = [house.caa(names[3]) for _ in names]
    no = refused(house, tbs, [*order_and_lint(house, tbs), control, *same])
    assert no.rules() == ["C01"]
    assert no.subjects("C01") == sorted(f"dns:{n}" for n in names if n != names[3])
    answer = house.sign(tbs, [*order_and_lint(house, tbs), control, *(house.caa(n) for n in names)])
    assert {f"caa:{n}" for n in names} <= {c.subject for c in answer.verdict.covers}


def test_h04_apex_beside_a_validated_www(house):
    tbs = house.tbs(["www.h04.example.com", "h04.example.com"])
    no = refused(house, tbs, [*house.around(tbs), house.domain("www.h04.example.com")])
    assert no.subjects("V01") == ["dns:h04.example.com"] and no.rules() == ["V01", "V05"]


def test_h05_domain_of_the_mailbox(house):
    """The contact of A lies in B: B is not validated by it, by no method."""
    tbs = house.tbs(["h05-mail.example"])
    for contact in (b"admin@h05-mail.example", b"hostmaster@h05.example.com"):
        control = house.domain("h05.example.com", method="dcv_constructed_email", scope="namespace", contact=contact)
        no = refused(house, tbs, [*house.around(tbs), control])
        assert no.subjects("V01") == ["dns:h05-mail.example"]
    own = house.tbs(["h05.example.com"])
    elsewhere = house.domain("h05.example.com", method="dcv_constructed_email", contact=b"admin@h05-mail.example")
    assert refused(house, own, [*house.around(own), elsewhere]).rules() == ["V01", "V05"]
    house.sign(own, [*house.around(own), house.domain("h05.example.com", method="dcv_constructed_email")])


@pytest.mark.parametrize("method", ["dcv_acme_http_01", "dcv_acme_tls_alpn_01"])
def test_h07_http_for_wildcards_and_children(house, method):
    for name in ("*.h07.example.com", "a.h07.example.com"):
        tbs = house.tbs([name])
        control = house.domain("h07.example.com", method=method, scope="namespace")
        no = refused(house, tbs, [*house.around(tbs), control])
        assert no.rules() == ["V01", "V05"] and no.subjects("V01") == [f"dns:{name}"]
    tbs = house.tbs(["h07.example.com"])
    house.sign(tbs, [*house.around(tbs), house.domain("h07.example.com", method=method)])


def test_h11_a_delegated_third_party_does_not_validate_domains(house):
    """Such a policy does not load, so there is no attester whose evidence could pass."""
    text = policy_text(house)
    partner = text.replace("    roles: [validation-system]\n", "    roles: [validation-system]\n    third_party: true\n")
    assert partner != text
    path = house.dir / "partner.yaml"
    path.write_text(partner)
    result = subprocess.run([BIN / "countersign", "policy", "check", path], capture_output=True, text=True)
    assert result.returncode != 0 and "third_party: a delegated third party may not" in result.stderr
    path.write_text(text.replace("    roles: [lint-service]\n", "    roles: [lint-service]\n    third_party: true\n"))
    subprocess.run([BIN / "countersign", "policy", "check", path], check=True, capture_output=True)


def test_h23_caa_forbids_and_people_approve(house):
    tbs = house.tbs(["h23.example.com"])
    order_id = secrets.token_bytes(16)
    base = [house.order(tbs, order_id=order_id), house.lint(tbs), house.domain("h23.example.com"),
            house.approval(order_id), house.approval(order_id, attester="ra-2")]
    no = refused(house, tbs, [*base, house.caa("h23.example.com", result=FORBIDDEN)])
    assert no.rules() == ["C01", "X01"]
    older = house.caa("h23.example.com", age_s=3600)
    no = refused(house, tbs, [*base, older, house.caa("h23.example.com", result=FORBIDDEN)])
    assert no.rules() == ["C01", "X01"]
    house.sign(tbs, [*base, house.caa("h23.example.com", age_s=3600, result=FORBIDDEN), house.caa("h23.example.com")])


def test_caa_is_good_for_eight_hours(house):
    tbs = house.tbs(["age.example.com"])
    base = [*order_and_lint(house, tbs), house.domain("age.example.com")]
    no = refused(house, tbs, [*base, house.caa("age.example.com", age_s=8 * 3600 + 30)])
    assert no.rules() == ["C01"] and "8 h" in no.refusal.reasons[0].needed
    house.sign(tbs, [*base, house.caa("age.example.com", age_s=8 * 3600 - 30)])


def test_deposited_caa_checks_the_newest_counts(house):
    names = ["caa.example.com", "*.caa.example.com"]
    tbs = house.tbs(names)
    house.deposit([*order_and_lint(house, tbs), house.domain("caa.example.com", scope="namespace")])
    house.deposit([house.caa(n, age_s=9 * 3600 + i) for i in range(20) for n in names])
    assert refused(house, tbs, []).rules() == ["C01"]
    house.deposit([house.caa(n, result=FORBIDDEN, age_s=300) for n in names])
    assert refused(house, tbs, []).subjects("C01") == sorted(f"dns:{n}" for n in names)
    house.deposit([house.caa(n, age_s=60) for n in names])
    house.sign(tbs, [])


def test_perspectives_are_recounted(house):
    tbs = house.tbs(["mpic.example.com"])
    seen = int(time.time()) - 3600
    two_failed = perspectives(seen, failed=("iad", "nrt"))
    few = perspectives(seen)
    del few.remotes[3:]
    near = perspectives(seen)
    near.remotes[0].latitude_microdegrees, near.remotes[0].longitude_microdegrees = 50110000, 8680000  # of Amsterdam
    for p, words in ((two_failed, "3/5 remote"), (few, "3/3 remote"), (near, "km apart")):
        no = refused(house, tbs, [*house.around(tbs), house.domain("mpic.example.com", perspectives=p)])
        assert no.rules() == ["V01", "V07"]
        assert words in next(r.found for r in no.refusal.reasons if r.rule == "V07")
    no = refused(house, tbs, [*house.around(tbs), house.domain("mpic.example.com", perspectives=None)])
    assert no.rules() == ["V01", "V08"]
    checked = house.caa("mpic.example.com", age_s=3600, perspectives=two_failed)
    assert refused(house, tbs, [*order_and_lint(house, tbs), house.domain("mpic.example.com"), checked]).rules() == [
        "C01", "C03"]


def token(kind, seen, text=None):
    return domain_control_pb2.Challenge(
        kind=kind, sha256=hashlib.sha256(text or secrets.token_bytes(16)).digest(), created_at_unix_s=seen)


def test_a_single_use_token_serves_one_validation(house):
    seen = int(time.time()) - 3600
    text = secrets.token_bytes(16)
    once = token(domain_control_pb2.CHALLENGE_KIND_SINGLE_USE_TOKEN, seen, text)
    first = house.domain("token.example.com", challenge=once)
    again = house.domain("token.example.com", challenge=once)
    tbs = house.tbs(["token.example.com"])
    house.sign(tbs, [*house.around(tbs), first])
    renewal = house.tbs(["token.example.com"])
    no = refused(house, renewal, [*house.around(renewal), again])
    assert no.rules() == ["V01", "V04"]
    house.sign(renewal, [*house.around(renewal), first])  # the same validation may be reused
    # two statements in one request: the second one is the replay
    both = token(domain_control_pb2.CHALLENGE_KIND_SINGLE_USE_TOKEN, seen)
    tbs = house.tbs(["token-1.example.com", "token-2.example.com"])
    pair = [house.domain(f"token-{i}.example.com", challenge=both) for i in (1, 2)]
    no = refused(house, tbs, [*house.around(tbs), *pair])
    assert no.subjects("V04") == ["dns:token-2.example.com"]


def test_a_random_value_of_one_message_serves_its_contact(house):
    seen = int(time.time()) - 3600
    value = token(domain_control_pb2.CHALLENGE_KIND_RANDOM_VALUE, seen)
    tbs = house.tbs(["mail-1.example.com"])
    house.sign(tbs, [*house.around(tbs),
                     house.domain("mail-1.example.com", method="dcv_constructed_email", challenge=value)])
    tbs = house.tbs(["mail-2.example.com"])
    no = refused(house, tbs, [*house.around(tbs),
                              house.domain("mail-2.example.com", method="dcv_constructed_email", challenge=value)])
    assert no.rules() == ["V01", "V04"]


def test_a_value_is_good_for_thirty_days(house):
    tbs = house.tbs(["value.example.com"])
    seen = int(time.time()) - 3600
    kind = domain_control_pb2.CHALLENGE_KIND_RANDOM_VALUE
    late = house.domain("value.example.com", challenge=token(kind, seen - 30 * DAY - 1))
    assert refused(house, tbs, [*house.around(tbs), late]).rules() == ["V01", "V04"]
    house.sign(tbs, [*house.around(tbs), house.domain("value.example.com", challenge=token(kind, seen - 30 * DAY))])


def test_tokens_are_remembered_across_a_restart(house):
    seen = int(time.time()) - 3600
    once = token(domain_control_pb2.CHALLENGE_KIND_SINGLE_USE_TOKEN, seen)
    tbs = house.tbs(["restart.example.com"])
    house.sign(tbs, [*house.around(tbs), house.domain("restart.example.com", challenge=once)])
    house.stop()
    house.start()
    tbs = house.tbs(["restart.example.com"])
    no = refused(house, tbs, [*house.around(tbs), house.domain("restart.example.com", challenge=once)])
    assert no.rules() == ["V01", "V04"]
    house.stop()
    subprocess.run([BIN / "countersign", "ledger", "verify", house.ledger], check=True, capture_output=True)


def test_the_largest_certificate(house):
    """Two statements for each of 400 names, inline."""
    house.start()
    names = [f"n{i}.large.example.com" for i in range(400)]
    tbs = house.tbs(names)
    answer = house.sign(tbs, house.complete(tbs), timeout=60)
    assert len(answer.verdict.covers) == 2 * len(names) + 2
