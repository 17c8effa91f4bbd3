"""Each allocation of ours fails once: a call may fail, the front may end, nothing crashes or leaks."""
import grpc
from conftest import House

ECHO = "/countersign.v1.SigningService/SignCertificate"


def one_round(house, *bodies):
    """A call on a fresh connection each; the statuses."""
    seen = []
    for body in bodies:
        with grpc.insecure_channel("unix:" + house.path,
                                   options=[("grpc.use_local_subchannel_pool", 1)]) as ch:
            try:
                ch.unary_unary(ECHO)(body, timeout=2)
                seen.append(0)
            except grpc.RpcError as e:
                seen.append(e.code().value[0])
    return seen


def test_each_allocation(tmp_path):
    n_failed_calls = n_ended = 0
    for nth in range(200):
        folder = tmp_path / str(nth)
        folder.mkdir()
        house = House(str(folder), "CS_FRONT_FAILING", CS_FAIL_AT=str(nth))
        untouched = False
        if house.ready:
            seen = one_round(house, b"x" * 5000, b"refuse 9")
            assert all(s in (0, 4, 8, 9, 13, 14) for s in seen), (nth, seen)
            untouched = seen == [0, 9]
            n_failed_calls += not untouched
            if not untouched and one_round(house, b"after") != [0]:
                assert house.exit_code() == 1  # one failure leaves a sound front, or none
        else:
            n_ended += 1
            assert house.exit_code() == 1
        house.close()
        if untouched and nth > n_ended + 15:  # the first ones belong to the start
            break
    assert n_ended > 0 and n_failed_calls > 0
