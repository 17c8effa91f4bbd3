#include "proxy/gate/rules/mpic.h"

#include <math.h>

#include "proxy/gate/rules/rows.h"

/* Ascending; the first row has no beginning. */
static const struct cs_mpic_row rows[] = {
    { INT64_MIN, 0, false, 0 },        { CS_DAY_2025_03_15, 2, false, 0 }, { CS_DAY_2025_09_15, 2, true, 0 },
    { CS_DAY_2026_03_15, 3, true, 2 }, { CS_DAY_2026_06_15, 4, true, 2 },  { CS_DAY_2026_12_15, 5, true, 2 },
};
enum { N_ROWS = sizeof rows / sizeof *rows };

const struct cs_mpic_row *cs_mpic_at(int64_t attempt_unix_s)
{
    size_t i = N_ROWS - 1;
    while (attempt_unix_s < rows[i].from_unix_s)
        i--;
    return &rows[i];
}

const struct cs_mpic_row *cs_mpic_rows(size_t *n)
{
    *n = N_ROWS;
    return rows;
}

uint32_t cs_mpic_failures_max(uint32_t n_remotes)
{
    return n_remotes >= 6 ? 2 : 1;
}

/* Haversine: exact enough also for points close together. */
double cs_distance_km(int32_t lat_a_microdegrees, int32_t lon_a_microdegrees, int32_t lat_b_microdegrees,
                      int32_t lon_b_microdegrees)
{
    static const double earth_radius_km = 6371.0088, radians = 3.14159265358979323846 / 180.0 / 1e6;
    double lat_a = lat_a_microdegrees * radians, lat_b = lat_b_microdegrees * radians;
    double half_lat = sin((lat_b - lat_a) / 2);
    double half_lon = sin(((double)lon_b_microdegrees - lon_a_microdegrees) * radians / 2);
    double h = half_lat * half_lat + cos(lat_a) * cos(lat_b) * half_lon * half_lon;
    return 2 * earth_radius_km * asin(h < 1 ? sqrt(h) : 1);
}

static bool outside(int64_t t, int64_t from_unix_s, int64_t to_unix_s)
{
    return cs_age_s(from_unix_s, t) > CS_MPIC_ATTEMPT_S || cs_age_s(t, to_unix_s) > CS_MPIC_ATTEMPT_S;
}

/* 0 is the primary, 1 .. n the remotes. */
static const Countersign__V1__Perspective *at(const Countersign__V1__Perspectives *p, size_t i)
{
    return i == 0 ? p->primary : p->remotes[i - 1];
}

static bool flawed(struct cs_mpic_count *n, enum cs_mpic_flaw flaw, const Countersign__V1__Perspective *a,
                   const Countersign__V1__Perspective *b)
{
    n->flaw = flaw;
    n->a = a;
    n->b = b;
    return true;
}

/* Remote means distinct from the primary and from every other remote. */
static bool some_are_not_distinct(const Countersign__V1__Perspectives *p, struct cs_mpic_count *n)
{
    for (size_t i = 1; i <= p->n_remotes; i++)
        for (size_t k = 0; k < i; k++) {
            const Countersign__V1__Perspective *a = at(p, k), *b = at(p, i);
            if (cs_span_eq(cs_bytes(a->id), cs_bytes(b->id)))
                return flawed(n, CS_MPIC_ID_TWICE, a, b);
            n->apart_km = cs_distance_km(a->latitude_microdegrees, a->longitude_microdegrees,
                                         b->latitude_microdegrees, b->longitude_microdegrees);
            if (n->apart_km < CS_MPIC_APART_KM)
                return flawed(n, CS_MPIC_TOO_NEAR, a, b);
        }
    return false;
}

static void count(const Countersign__V1__Perspectives *p, struct cs_mpic_count *n)
{
    uint32_t regions = 0;
    for (size_t i = 0; i < p->n_remotes; i++) {
        const Countersign__V1__Perspective *r = p->remotes[i];
        n->n_remotes++;
        if (!r->passed)
            continue;
        n->n_passed++;
        if (r->rir > 0 && (int)r->rir < 32)
            regions |= 1u << r->rir;
    }
    n->n_regions = (uint32_t)__builtin_popcount(regions);
}

void cs_mpic_recount(const Countersign__V1__Perspectives *p, int64_t from_unix_s, int64_t to_unix_s,
                     struct cs_mpic_count *out)
{
    *out = (struct cs_mpic_count){ .row = cs_mpic_at(to_unix_s) };
    if (p->primary == NULL || p->attempt == 0) {
        out->flaw = CS_MPIC_NO_ATTEMPT;
        return;
    }
    out->row = cs_mpic_at(p->primary->observed_at_unix_s);
    count(p, out);
    for (size_t i = 0; i <= p->n_remotes; i++) {
        int64_t t = at(p, i)->observed_at_unix_s, t0 = p->primary->observed_at_unix_s;
        if (outside(t, from_unix_s, to_unix_s) || outside(t, t0, t0)) {
            (void)flawed(out, CS_MPIC_TIMES, at(p, i), NULL);
            return;
        }
    }
    if (some_are_not_distinct(p, out))
        return;
    if (out->n_remotes < out->row->min_remotes)
        out->flaw = CS_MPIC_TOO_FEW;
    else if (out->row->quorum && out->n_remotes - out->n_passed > cs_mpic_failures_max(out->n_remotes))
        out->flaw = CS_MPIC_TOO_FAILING;
    else if (out->n_regions < out->row->min_regions)
        out->flaw = CS_MPIC_REGIONS;
}
