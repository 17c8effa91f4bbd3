#include <strings.h>

#include "proxy/courier/courier.h"

static size_t take_answer(char *at, size_t size, size_t n, void *ctx)
{
    struct cs_trip *t = ctx;
    cs_buf_put(&t->answer, at, size * n);
    return t->answer.failed ? 0 : size * n; /* less than all ends the transfer */
}

static bool set_common(struct cs_trip *t)
{
    CURL *e = t->easy;
    curl_easy_reset(e);
    return curl_easy_setopt(e, CURLOPT_PRIVATE, t) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK && /* none, whatever the environment says */
           curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CS_COURIER_CONNECT_MS) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)CS_COURIER_TOTAL_MS) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_MAXFILESIZE, (long)CS_ERRAND_ANSWER_MAX_LEN) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HTTP_CONTENT_DECODING, 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_USERAGENT, "countersign-courier") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->trouble) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_answer) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEDATA, t) == CURLE_OK;
}

static bool set_add(struct cs_trip *t)
{
    CURL *e = t->easy;
    if (t->headers == NULL) {
        struct curl_slist *one = curl_slist_append(NULL, "Content-Type: text/plain; charset=utf-8");
        struct curl_slist *both = one != NULL ? curl_slist_append(one, "Expect:") : NULL; /* no 100 */
        if (both == NULL) {
            curl_slist_free_all(one);
            return false;
        }
        t->headers = both;
    }
    return curl_easy_setopt(e, CURLOPT_URL, t->add_url) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)t->body.len) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_POSTFIELDS, t->body.at) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK;
}

CS_RESULT cs_trip_begin(struct cs_courier *c, struct cs_trip *t, uint64_t id, const struct cs_errand *m)
{
    if (t->busy)
        return CS_ERR(PEER_ERRS); /* the gate waits for the answer of the one before */
    cs_buf_reset(&t->body);
    cs_buf_reset(&t->answer);
    t->answer.max = CS_ERRAND_ANSWER_MAX_LEN;
    t->trouble[0] = '\0';
    cs_buf_put(&t->body, m->body.at, m->body.len);
    CS_TRY(cs_buf_end(&t->body));
    if (t->easy == NULL)
        t->easy = curl_easy_init();
    if (t->easy == NULL || !set_common(t))
        return CS_ERR(NO_MEMORY);
    bool set = m->kind == CS_ERRAND_ADD ? set_add(t)
                                        : curl_easy_setopt(t->easy, CURLOPT_URL, t->read_url) == CURLE_OK;
    if (!set || curl_multi_add_handle(c->multi, t->easy) != CURLM_OK)
        return CS_ERR(NO_MEMORY);
    t->busy = true;
    t->id = id;
    return CS_OK;
}

static bool is_size(const char *type)
{
    static const char wanted[] = "text/x.tlog.size";
    size_t len = sizeof wanted - 1;
    return type != NULL && strncasecmp(type, wanted, len) == 0 &&
           (type[len] == '\0' || type[len] == ';' || type[len] == ' ');
}

CS_RESULT cs_trip_end(struct cs_courier *c, struct cs_trip *t, CURLcode how)
{
    long status = 0;
    char *type = NULL;
    struct cs_errand_done done = { 0 };
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
    if (how == CURLE_OK && status > 0 && status <= 999) {
        done.status = (uint32_t)status;
        done.is_size = is_size(type);
        if (status == 200 || done.is_size)
            done.body = cs_buf_span(&t->answer);
    } else {
        const char *text = t->answer.failed        ? "the answer is larger than any witness's"
                           : t->trouble[0] != '\0' ? t->trouble
                                                   : curl_easy_strerror(how);
        done.trouble = cs_span_str(text);
        if (done.trouble.len > CS_ERRAND_TROUBLE_MAX_LEN)
            done.trouble.len = CS_ERRAND_TROUBLE_MAX_LEN;
    }
    t->busy = false;
    cs_result r = cs_errand_done_put(&c->gate, t->id, &done);
    (void)curl_multi_remove_handle(c->multi, t->easy);
    return r;
}
