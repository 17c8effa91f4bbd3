/*
 * Perspectives: the network perspectives a corroboration service works with, by the codes of its
 * answers, which carry neither region nor place. A section of the policy, or a document of its own.
 */
#ifndef CS_POLICY_PERSPECTIVES_H
#define CS_POLICY_PERSPECTIVES_H

#include "proxy/policy/yaml.h"

enum { CS_SITES_MAX = 128 };

struct cs_site {
    struct cs_span code; /* as answers name it; unique */
    struct cs_span id;   /* as statements name it; unique */
    int rir;             /* Countersign__V1__Rir */
    int32_t latitude_microdegrees, longitude_microdegrees;
    struct cs_span operator_name; /* may be empty */
};

struct cs_sites {
    uint32_t n;
    const struct cs_site *site;
};

/* cs_sites_read reads a sequence of 1 to 128 {code, id, rir, latitude, longitude, operator}. CONFIG with
 * a note; *out lives in the arena. */
CS_RESULT cs_sites_read(const struct cs_yaml_node *n, struct cs_arena *arena, struct cs_sites *out,
                        struct cs_note *note);
/* cs_sites_load reads a document whose only key is "perspectives". */
CS_RESULT cs_sites_load(struct cs_span document, struct cs_arena *arena, struct cs_sites *out,
                        struct cs_note *note);
const struct cs_site *cs_site_of_code(const struct cs_sites *s, struct cs_span code); /* NULL: none */

/* "52.370216" in millionths of a degree: at most six decimals, magnitude at most limit_degrees. */
bool cs_microdegrees_of(struct cs_span text, int32_t limit_degrees, int32_t *out);

#endif
