#include "proxy/gate/lists/lists.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proxy/base/clock.h"
#include "proxy/base/io.h"
#include "proxy/gate/lists/parts.h"

enum { SUFFIX_MAX_LEN = 4 * 1024 * 1024, TLD_MAX_LEN = 1024 * 1024, COMPROMISED_MAX_LEN = 256 * 1024 * 1024 };
enum { DAY_S = 86400, FUTURE_SLACK_S = DAY_S }; /* lists are dated by the day, somewhere on earth */

static CS_RESULT read_list(const char *path, size_t max_len, struct cs_buf *out, int64_t *out_modified_unix_s,
                           struct cs_note *note)
{
    CS_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        cs_note_set(note, "%s: %s", path, strerror(errno));
        return CS_ERR(IO);
    }
    if (!S_ISREG(st.st_mode)) {
        cs_note_set(note, "%s: not a regular file", path);
        return CS_ERR(IO);
    }
    cs_result r = cs_read_fd(fd, max_len, out);
    if (!cs_ok(r)) {
        cs_note_set(note, "%s: %s", path, cs_result_text(r));
        return r;
    }
    *out_modified_unix_s = st.st_mtime;
    return CS_OK;
}

static CS_RESULT check_age(const struct cs_list_source *s, struct cs_list_state *state, int64_t now_unix_s,
                           struct cs_note *note)
{
    char dated[CS_TIME_TEXT_LEN];
    cs_time_text(state->dated_unix_s, dated);
    if (state->dated_unix_s > now_unix_s + FUTURE_SLACK_S) {
        cs_note_set(note, "%s: dated %s, which is still to come", s->path, dated);
        return CS_ERR(CONFIG);
    }
    if (now_unix_s - state->dated_unix_s <= s->max_age_s)
        return CS_OK;
    if (s->accept_stale == NULL) {
        cs_note_set(note,
                    "%s: of %s, %lld days old; lists.%s allows %u: bring a newer one, or say in the policy "
                    "(accept_stale) who accepts this one and why",
                    s->path, dated, (long long)((now_unix_s - state->dated_unix_s) / DAY_S), state->name,
                    s->max_age_s / DAY_S);
        return CS_ERR(CONFIG);
    }
    state->accepted = s->accept_stale;
    return CS_OK;
}

static CS_RESULT parse(struct cs_lists *l, enum cs_list_kind kind, const struct cs_buf *file,
                       int64_t *dated_unix_s, struct cs_note *note)
{
    struct cs_span text = cs_buf_span(file);
    switch (kind) {
    case CS_LIST_PUBLIC_SUFFIX:
        return cs_suffixes_parse(l, text, dated_unix_s, note);
    case CS_LIST_TLD:
        return cs_tlds_parse(l, text, dated_unix_s, note);
    case CS_LIST_WEAK_KEYS:
        return cs_weak_parse(text, &l->weak, note);
    case CS_LIST_COMPROMISED_KEYS:
        return cs_compromised_parse(l, text, note);
    case CS_LIST_COUNT:
    default:
        return CS_ERR(BUG);
    }
}

static CS_RESULT open_one(struct cs_lists *l, enum cs_list_kind kind, const struct cs_list_source *s,
                          int64_t now_unix_s, struct cs_note *note)
{
    static const size_t max_len[CS_LIST_COUNT] = {
        [CS_LIST_PUBLIC_SUFFIX] = SUFFIX_MAX_LEN,
        [CS_LIST_TLD] = TLD_MAX_LEN,
        [CS_LIST_WEAK_KEYS] = CS_WEAK_MAX_LEN,
        [CS_LIST_COMPROMISED_KEYS] = COMPROMISED_MAX_LEN,
    };
    struct cs_list_state *state = &l->state[kind];
    if (s->path == NULL) {
        state->accepted = s->accept_missing;
        return CS_OK;
    }
    CS_AUTO_BUF struct cs_buf file = { 0 };
    int64_t dated_unix_s;
    struct cs_note what = { "" };
    CS_TRY(read_list(s->path, max_len[kind], &file, &dated_unix_s, note));
    state->path = s->path;
    state->sha256 = cs_sha256(cs_buf_span(&file));
    cs_result r = parse(l, kind, &file, &dated_unix_s, &what);
    if (!cs_ok(r)) {
        cs_note_set(note, "%s: %s", s->path, what.text[0] != '\0' ? what.text : cs_result_text(r));
        return r;
    }
    if (kind == CS_LIST_WEAK_KEYS) { /* views its file */
        l->weak_file = file;
        file = (struct cs_buf){ 0 };
        state->n_entries = l->weak.n_tails;
        state->accepted = s->accept_missing; /* for what it does not cover */
    }
    if (s->max_age_s == 0)
        return CS_OK;
    state->dated_unix_s = dated_unix_s;
    return check_age(s, state, now_unix_s, note);
}

CS_RESULT cs_lists_open(const struct cs_lists_config *config, int64_t now_unix_s, struct cs_lists **out,
                        struct cs_note *note)
{
    static const char *const names[CS_LIST_COUNT] = {
        [CS_LIST_PUBLIC_SUFFIX] = "public_suffix",
        [CS_LIST_TLD] = "tld",
        [CS_LIST_WEAK_KEYS] = "debian_weak_keys",
        [CS_LIST_COMPROMISED_KEYS] = "compromised_keys",
    };
    const struct cs_list_source *const sources[CS_LIST_COUNT] = {
        [CS_LIST_PUBLIC_SUFFIX] = &config->public_suffix,
        [CS_LIST_TLD] = &config->tld,
        [CS_LIST_WEAK_KEYS] = &config->debian_weak_keys,
        [CS_LIST_COMPROMISED_KEYS] = &config->compromised_keys,
    };
    if (config->public_suffix.path == NULL) {
        cs_note_set(note, "lists.public_suffix names no file");
        return CS_ERR(CONFIG);
    }
    struct cs_lists *l = calloc(1, sizeof *l);
    if (l == NULL)
        return CS_ERR(NO_MEMORY);
    cs_result r = CS_OK;
    for (int i = 0; i < CS_LIST_COUNT && cs_ok(r); i++) {
        l->state[i].name = names[i];
        r = open_one(l, (enum cs_list_kind)i, sources[i], now_unix_s, note);
    }
    if (!cs_ok(r)) {
        cs_lists_close(l);
        return r;
    }
    *out = l;
    return CS_OK;
}

void cs_lists_close(struct cs_lists *l)
{
    if (l == NULL)
        return;
    psl_free(l->psl);
    free(l->tlds.text);
    free((void *)l->tlds.tld);
    free(l->suffix_tlds.text);
    free((void *)l->suffix_tlds.tld);
    cs_weak_done(&l->weak);
    cs_buf_done(&l->weak_file);
    free(l->compromised);
    free(l);
}

const struct cs_list_state *cs_lists_states(const struct cs_lists *l)
{
    return l->state;
}

/* ---- weak keys ---- */

static enum cs_list_answer weak_answer(const struct cs_weak_section *s, const uint8_t *digest,
                                       size_t digest_len)
{
    return cs_weak_has(s, digest + digest_len - CS_WEAK_TAIL_LEN) ? CS_LIST_PRESENT : CS_LIST_ABSENT;
}

static uint32_t bits_of(struct cs_span modulus)
{
    uint32_t bits = modulus.len != 0 ? (uint32_t)(modulus.len - 1) * 8 : 0;
    for (unsigned top = modulus.len != 0 ? modulus.at[0] : 0; top != 0; top >>= 1)
        bits++;
    return bits;
}

enum cs_list_answer cs_lists_weak_rsa(const struct cs_lists *l, struct cs_span modulus)
{
    static const char prefix[] = "Modulus=";
    enum { PREFIX_LEN = sizeof prefix - 1, MODULUS_MAX_LEN = 2048 };
    char text[PREFIX_LEN + 2 * MODULUS_MAX_LEN + 2];
    const struct cs_weak_section *s = cs_weak_section_of(&l->weak, CS_WEAK_RSA, bits_of(modulus));
    if (s == NULL || modulus.len > MODULUS_MAX_LEN)
        return CS_LIST_UNCOVERED;
    memcpy(text, prefix, PREFIX_LEN);
    cs_hex(modulus, text + PREFIX_LEN);
    size_t len = PREFIX_LEN + 2 * modulus.len;
    for (size_t i = PREFIX_LEN; i < len; i++)
        if (text[i] >= 'a' && text[i] <= 'f')
            text[i] = (char)(text[i] - 'a' + 'A');
    text[len++] = '\n';
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    if (EVP_Digest(text, len, digest, &digest_len, EVP_sha1(), NULL) != 1 || digest_len < CS_WEAK_TAIL_LEN)
        return CS_LIST_UNKNOWN;
    return weak_answer(s, digest, digest_len);
}

enum cs_list_answer cs_lists_weak_ec(const struct cs_lists *l, struct cs_span spki, uint32_t bits)
{
    const struct cs_weak_section *s = cs_weak_section_of(&l->weak, CS_WEAK_EC, bits);
    if (s == NULL)
        return CS_LIST_UNCOVERED;
    struct cs_sha256 digest = cs_sha256(spki);
    return weak_answer(s, digest.byte, sizeof digest.byte);
}
