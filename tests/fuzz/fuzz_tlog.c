/*
 * Trust border: notes, checkpoints, proofs and add-checkpoint bodies from files and peers. First octet:
 * which. What is accepted is spelled again from its parts and must be the same octets.
 */
#include <stdlib.h>

#include "proxy/tlog/checkpoint.h"
#include "proxy/tlog/proof_file.h"
#include "proxy/tlog/tile.h"
#include "tests/fuzz/replay.h"
#include "tests/unit/tlog/vectors.h"

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_note(struct cs_span in)
{
    struct cs_tlog_note n;
    struct cs_tlog_checkpoint c;
    if (!cs_ok(cs_tlog_note_parse(in, &n)))
        return;
    must(n.text.len + 1 + n.signatures.len == in.len && n.n_lines > 0);
    must(n.text.at[n.text.len - 1] == '\n');
    struct cs_tlog_key key;
    must(cs_ok(cs_tlog_vkey_parse(cs_span_str(WITNESS_VKEY), &key, NULL)));
    (void)cs_tlog_note_signed_by(&n, &key, NULL);
    if (!cs_ok(cs_tlog_checkpoint_parse(n.text, &c)))
        return;
    CS_AUTO_BUF struct cs_buf again = { 0 };
    CS_AUTO_BUF struct cs_buf origin = { 0 };
    cs_buf_put(&origin, c.origin.at, c.origin.len);
    cs_buf_put_u8(&origin, 0);
    cs_tlog_checkpoint_put(&again, (const char *)origin.at, c.size, &c.root);
    cs_buf_put(&again, c.extensions.at, c.extensions.len);
    must(cs_span_eq(cs_buf_span(&again), n.text));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    if (len == 0)
        return 0;
    struct cs_span in = cs_span_of(at + 1, len - 1);
    CS_AUTO_BUF struct cs_buf again = { 0 };
    struct cs_tlog_proof_file f;
    struct cs_tlog_add a;
    struct cs_tlog_key k;
    struct cs_span entry;
    switch (at[0] % 5) {
    case 0:
        check_note(in);
        break;
    case 1:
        if (!cs_ok(cs_tlog_proof_file_parse(in, &f)) || f.extra.len != 0)
            break;
        cs_tlog_proof_file_put(&again, f.index, &f.proof, f.checkpoint);
        must(cs_span_eq(cs_buf_span(&again), in));
        check_note(f.checkpoint);
        break;
    case 2:
        if (!cs_ok(cs_tlog_add_parse(in, &a)))
            break;
        cs_tlog_add_put(&again, a.old_size, &a.proof, a.checkpoint);
        must(cs_span_eq(cs_buf_span(&again), in));
        check_note(a.checkpoint);
        break;
    case 3:
        if (!cs_ok(cs_tlog_vkey_parse(in, &k, NULL)))
            break;
        cs_tlog_vkey_put(&again, &k);
        must(cs_span_eq(cs_buf_span(&again), in));
        break;
    default:
        for (size_t left = in.len; cs_bundle_get(&in, &entry); left = in.len)
            must(in.len + 2 + entry.len == left);
    }
    return 0;
}

bool fuzz_seed(unsigned n, struct cs_span *out)
{
    static const char *const seeds[] = {
        "\0",
        NOTE_OF_8,
        "\1"
        "c2sp.org/tlog-proof@v1\nextra AAAA\nindex 5\n" ROOT_OF_8 "\n" ROOT_OF_8 "\n\n" NOTE_OF_8,
        "\2"
        "old 3\n" ROOT_OF_8 "\n\n" NOTE_OF_8,
        "\3" LOG_VKEY,
        "\4" NOTE_OF_8,
    };
    static char note[sizeof NOTE_OF_8];
    if (n >= sizeof seeds / sizeof *seeds)
        return false;
    if (n < 2) { /* a leading NUL does not fit a C string */
        memcpy(note + 1, NOTE_OF_8, sizeof NOTE_OF_8 - 1);
        *out = cs_span_of(note, n == 0 ? 1 : sizeof note);
        return true;
    }
    *out = cs_span_str(seeds[n]);
    return true;
}
