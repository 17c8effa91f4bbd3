/* Seeds of fuzz_tbs: TBSs and certificates, rich and plain, with EC and RSA keys. */
#include "tests/fuzz/replay.h"
#include "tests/unit/der/der_text.h"

static void seed_put(struct cs_buf *out, unsigned i)
{
    CS_AUTO_BUF struct cs_buf tbs = { 0 };
    struct tbs_text t = { .tail = (i & 1) != 0 ? tbs_tail_rich : NULL };
    if ((i & 2) != 0)
        t.spki = "30{30{06:2a864886f70d010101 05} 03{=00 30{02:00e4c1b3a59d 02:010001}}}";
    if ((i & 8) != 0)
        t.subject = "30{31{30{06:550406 13'DE'}} 31{30{06:550403 0c'a'} 30{06:55040a 0c'b'}}}";
    tbs_text_put(&tbs, &t);
    if ((i & 4) == 0) {
        cs_buf_put(out, tbs.at, tbs.len);
        return;
    }
    CS_AUTO_BUF struct cs_buf body = { 0 };
    cs_buf_put(&body, tbs.at, tbs.len);
    der_text(&body, "30{06:2a8648ce3d040302} 03:0030");
    der_wrap(out, 0x30, cs_buf_span(&body));
}

bool fuzz_seed(unsigned n, struct cs_span *out)
{
    static struct cs_buf seed;
    cs_buf_reset(&seed);
    if (n == 16) {
        cs_buf_done(&seed);
        return false;
    }
    seed_put(&seed, n);
    *out = cs_buf_span(&seed);
    return true;
}
