#include "proxy/gate/der/tbs.h"

enum { ARC_DIGITS = 48, SUBIDENTIFIER_MAX_LEN = 19 }; /* 133 bits are at most 41 digits */

/* One subidentifier as decimal digits, the least first. */
struct arc {
    uint8_t digit[ARC_DIGITS];
    size_t n;
};

static void arc_push(struct arc *a, uint8_t seven_bits)
{
    unsigned carry = seven_bits;
    for (size_t i = 0; i < a->n || carry > 0; i++) {
        unsigned v = (i < a->n ? a->digit[i] * 128u : 0) + carry;
        a->digit[i] = (uint8_t)(v % 10);
        carry = v / 10;
        if (i >= a->n)
            a->n = i + 1;
    }
}

/* Takes 80 off an arc of at least 80: the first subidentifier is 40 * first + second arc. */
static void arc_less_80(struct arc *a)
{
    unsigned borrow = 8;
    for (size_t i = 1; borrow > 0; i++) {
        unsigned have = a->digit[i];
        a->digit[i] = (uint8_t)(have < borrow ? have + 10 - borrow : have - borrow);
        borrow = have < borrow ? 1 : 0;
    }
    while (a->n > 0 && a->digit[a->n - 1] == 0)
        a->n--;
}

struct text {
    char *out;
    size_t room, len;
};

static void text_put(struct text *t, char c)
{
    if (t->len + 1 < t->room)
        t->out[t->len++] = c;
    t->out[t->len] = '\0';
}

static void text_put_arc(struct text *t, const struct arc *a)
{
    if (a->n == 0)
        text_put(t, '0');
    for (size_t i = a->n; i > 0; i--)
        text_put(t, (char)('0' + a->digit[i - 1]));
}

static bool has_long_arc(struct cs_span oid)
{
    size_t len = 0;
    for (size_t i = 0; i < oid.len; i++) {
        len++;
        if (len > SUBIDENTIFIER_MAX_LEN)
            return true;
        if (oid.at[i] < 0x80)
            len = 0;
    }
    return false;
}

void cs_oid_text(struct cs_span oid, char *out, size_t room)
{
    struct text t = { out, room, 0 };
    out[0] = '\0';
    if (cs_der_flaw(CS_DER_OID, oid) != NULL || has_long_arc(oid)) {
        for (size_t i = 0; i < oid.len; i++) {
            text_put(&t, "0123456789abcdef"[oid.at[i] >> 4]);
            text_put(&t, "0123456789abcdef"[oid.at[i] & 15]);
        }
        return;
    }
    struct arc a = { .n = 0 };
    bool first = true;
    for (size_t i = 0; i < oid.len; i++) {
        arc_push(&a, oid.at[i] & 0x7f);
        if (oid.at[i] >= 0x80)
            continue;
        if (first && (i > 0 || oid.at[0] >= 80)) {
            text_put(&t, '2');
            arc_less_80(&a);
        } else if (first) {
            text_put(&t, (char)('0' + oid.at[0] / 40));
            a = (struct arc){ .n = 0 };
            arc_push(&a, oid.at[0] % 40);
        }
        first = false;
        text_put(&t, '.');
        text_put_arc(&t, &a);
        a = (struct arc){ .n = 0 };
    }
}
