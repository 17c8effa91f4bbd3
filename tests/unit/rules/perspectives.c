/* V07, V08, V09, V10: the recount of perspectives, every subset; DNSSEC; third parties. */
#include "tests/unit/rules/tables.h"

#include <math.h>

/* Great circles by the angle between two vectors, reckoned apart from this project; kilometres. */
void distances(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        double lat_a, lon_a, lat_b, lon_b, km;
    } rows[] = {
        { "same point", 52.37, 4.9, 52.37, 4.9, 0 },
        { "quarter of the equator", 0, 0, 0, 90, 10007.557 },
        { "pole to pole", 90, 0, -90, 0, 20015.115 },
        { "antipodes", 10, 20, -10, -160, 20015.115 },
        { "over the date line", 0, 179.5, 0, -179.5, 111.195 },
        { "the poles have no longitude", 90, 0, 90, 120, 0 },
        { "Amsterdam - New York", 52.37, 4.90, 40.71, -74.01, 5863.328 },
        { "Frankfurt - Warsaw", 50.11, 8.68, 52.23, 21.01, 890.152 },
        { "Seattle - Portland", 47.61, -122.33, 45.52, -122.68, 233.932 },
        { "Sydney - Santiago", -33.87, 151.21, -33.45, -70.67, 11346.447 },
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        double km =
            cs_distance_km((int32_t)lround(rows[i].lat_a * 1e6), (int32_t)lround(rows[i].lon_a * 1e6),
                           (int32_t)lround(rows[i].lat_b * 1e6), (int32_t)lround(rows[i].lon_b * 1e6));
        double back =
            cs_distance_km((int32_t)lround(rows[i].lat_b * 1e6), (int32_t)lround(rows[i].lon_b * 1e6),
                           (int32_t)lround(rows[i].lat_a * 1e6), (int32_t)lround(rows[i].lon_a * 1e6));
        double tolerance = rows[i].km < 1 ? 1e-6 : 0.002;
        if (fabs(km - rows[i].km) > tolerance || fabs(km - back) > 1e-6)
            fail_msg("%s: %.3f km, needed %.3f", rows[i].row, km, rows[i].km);
    }
}

/* Written anew from the requirements, by day of the attempt. */
static uint32_t minimum_on(int64_t day)
{
    return day < CS_DAY_2025_03_15   ? 0
           : day < CS_DAY_2026_03_15 ? 2
           : day < CS_DAY_2026_06_15 ? 3
           : day < CS_DAY_2026_12_15 ? 4
                                     : 5;
}

static const int64_t days[] = {
    CS_DAY_2025_03_15 - 1, CS_DAY_2025_03_15, CS_DAY_2025_09_15 - 1, CS_DAY_2025_09_15,
    CS_DAY_2026_03_15 - 1, CS_DAY_2026_03_15, CS_DAY_2026_06_15 - 1, CS_DAY_2026_06_15,
    CS_DAY_2026_12_15 - 1, CS_DAY_2026_12_15, CS_DAY_2028_03_15,
};

void recount_of_every_subset(void **state)
{
    (void)state;
    unsigned n_counts = 0;
    house_init(H);
    for (unsigned n = 0; n <= 8; n++) {
        perspectives_t *p = house_perspectives(H, n, 0);
        for (size_t d = 0; d < N_OF(days); d++)
            for (unsigned passes = 0; passes < 1u << n; passes++) {
                unsigned n_passed = 0, regions = 0;
                p->primary->observed_at_unix_s = days[d];
                for (unsigned i = 0; i < n; i++) {
                    p->remotes[i]->observed_at_unix_s = days[d];
                    p->remotes[i]->passed = (passes >> i & 1) != 0;
                    n_passed += passes >> i & 1;
                    if (p->remotes[i]->passed)
                        regions |= 1u << p->remotes[i]->rir;
                }
                unsigned n_regions = 0;
                for (unsigned r = 0; r < 8; r++)
                    n_regions += regions >> r & 1;
                bool ok = n >= minimum_on(days[d]);
                if (days[d] >= CS_DAY_2025_09_15)
                    ok = ok && n - n_passed <= (n >= 6 ? 2u : 1u);
                if (days[d] >= CS_DAY_2026_03_15)
                    ok = ok && n_regions >= 2;
                struct cs_mpic_count c;
                cs_mpic_recount(p, days[d], days[d], &c);
                if ((c.flaw == CS_MPIC_HOLDS) != ok || c.n_remotes != n || c.n_passed != n_passed ||
                    c.n_regions != n_regions)
                    fail_msg("%u remotes, passes %x, day %lld: flaw %d", n, passes, (long long)days[d],
                             c.flaw);
                n_counts++;
            }
    }
    assert_int_equal(n_counts, 511 * N_OF(days));
}

static control_t *usual_control(void)
{
    house_usual(H);
    return H->evidence[1].statement->domain_control;
}

void perspective_table(void **state)
{
    (void)state;
    static const char name[] = "dns:www.example.com";
    enum { KM_500 = 4496602 }; /* microdegrees of a great circle: 500 km and some centimetres */
    control_t *d = usual_control();
    d->perspectives = house_perspectives(H, 4, d->observed_at_unix_s);
    check(CS_RULE_V07, "four remotes are enough today", true, NULL);
    d->perspectives = house_perspectives(H, 3, d->observed_at_unix_s);
    check(CS_RULE_V07, "three are not", false, name);
    d->perspectives = house_perspectives(H, 5, d->observed_at_unix_s);
    d->perspectives->remotes[0]->passed = false;
    check(CS_RULE_V07, "one of five does not corroborate", true, NULL);
    d->perspectives->remotes[3]->passed = false;
    check(CS_RULE_V07, "two of five do not", false, name);
    d->perspectives = house_perspectives(H, 6, d->observed_at_unix_s);
    d->perspectives->remotes[0]->passed = d->perspectives->remotes[3]->passed = false;
    check(CS_RULE_V07, "two of six", true, NULL);
    d->perspectives->remotes[5]->passed = false;
    check(CS_RULE_V07, "three of six", false, name);
    d->perspectives = house_perspectives(H, 5, d->observed_at_unix_s);
    d->perspectives->primary->passed = false;
    check(CS_RULE_V07, "the primary saw nothing", false, name);
    d->perspectives->primary->passed = true;
    for (int i = 0; i < 5; i++)
        d->perspectives->remotes[i]->rir = COUNTERSIGN__V1__RIR__RIR_ARIN;
    check(CS_RULE_V07, "all in one region", false, name);
    d->perspectives->remotes[2]->rir = COUNTERSIGN__V1__RIR__RIR_APNIC;
    check(CS_RULE_V07, "in two", true, NULL);
    d->perspectives->remotes[2]->passed = false;
    check(CS_RULE_V07, "in two, but the other did not corroborate", false, name);

    /* distance: along the meridian and the equator, so that the degrees are the distance */
    for (int from_primary = 0; from_primary < 2; from_primary++) {
        d->perspectives = house_perspectives(H, 5, d->observed_at_unix_s);
        Countersign__V1__Perspective *a =
            from_primary ? d->perspectives->primary : d->perspectives->remotes[4];
        Countersign__V1__Perspective *b = d->perspectives->remotes[1];
        a->latitude_microdegrees = b->latitude_microdegrees = 0;
        a->longitude_microdegrees = 0;
        b->longitude_microdegrees = KM_500;
        check(CS_RULE_V07, "500 km apart", true, NULL);
        b->longitude_microdegrees = KM_500 - 1;
        check(CS_RULE_V07, "a microdegree less", false, name);
        b->longitude_microdegrees = 0;
        b->latitude_microdegrees = -KM_500;
        check(CS_RULE_V07, "500 km south", true, NULL);
        b->latitude_microdegrees = 1 - KM_500;
        check(CS_RULE_V07, "a microdegree less", false, name);
        b->latitude_microdegrees = 0;
        check(CS_RULE_V07, "the same place", false, name);
    }
    d->perspectives = house_perspectives(H, 5, d->observed_at_unix_s);
    d->perspectives->remotes[3]->id = d->perspectives->remotes[0]->id;
    check(CS_RULE_V07, "an id twice", false, name);
    d->perspectives->remotes[3]->id = d->perspectives->primary->id;
    check(CS_RULE_V07, "the primary as remote", false, name);

    /* one attempt */
    d->perspectives = house_perspectives(H, 5, d->observed_at_unix_s);
    d->perspectives->attempt = 0;
    check(CS_RULE_V07, "no attempt", false, name);
    d->perspectives->attempt = 3;
    check(CS_RULE_V07, "the third attempt", true, NULL);
    int64_t *t = &d->perspectives->remotes[2]->observed_at_unix_s;
    *t = d->observed_at_unix_s - CS_MPIC_ATTEMPT_S;
    check(CS_RULE_V07, "an hour before", true, NULL);
    *t -= 1;
    check(CS_RULE_V07, "before that", false, name);
    *t = d->observed_at_unix_s + CS_MPIC_ATTEMPT_S;
    check(CS_RULE_V07, "an hour after", true, NULL);
    *t += 1;
    check(CS_RULE_V07, "after that", false, name);
    *t = INT64_MIN;
    check(CS_RULE_V07, "before all time", false, name);
    /* mail is answered days after the contact was looked up */
    d->method = METHOD(DCV_EMAIL_TXT_CONTACT);
    d->perspectives = house_perspectives(H, 5, d->observed_at_unix_s - 5 * 86400);
    check(CS_RULE_V07, "looked up before the validation began", false, name);
    d->initiated_at_unix_s -= 5 * 86400;
    check(CS_RULE_V07, "looked up when it began", true, NULL);
    d->perspectives->remotes[0]->observed_at_unix_s = d->observed_at_unix_s;
    check(CS_RULE_V07, "one of them days later", false, name);

    /* the day of the attempt gives the row, not today */
    for (size_t i = 0; i < N_OF(days); i++)
        for (unsigned n = 0; n <= 6; n++) {
            d = usual_control();
            H->facts.now_unix_s = H->tbs.not_before_unix_s = days[i] + 3 * 86400;
            H->tbs.not_after_unix_s = days[i] + 40 * 86400;
            H->policy.issuer[0].not_after_unix_s = INT64_MAX;
            H->evidence[0].statement->header->expires_at_unix_s = INT64_MAX;
            H->evidence[1].statement->header->expires_at_unix_s = INT64_MAX;
            H->evidence[0].statement->order->latest_not_after_unix_s = INT64_MAX;
            d->perspectives = house_perspectives(H, n, days[i]);
            house_age(d, days[i]);
            bool regions = n >= 2 || days[i] < CS_DAY_2026_03_15;
            check(CS_RULE_V07, "by the day of the attempt", n >= minimum_on(days[i]) && regions, name);
            d->perspectives = NULL;
            check(CS_RULE_V08, "none given", minimum_on(days[i]) == 0, name);
        }
}

void attester_table(void **state)
{
    (void)state;
    house_usual(H);
    house_last(H)->signer[0] = 3;
    check(CS_RULE_V10, "the CA itself", true, NULL);
    H->policy.attester[3].third_party = true;
    check(CS_RULE_V10, "a delegated third party", false, "dns:www.example.com");
    house_last(H)->signer[0] = 2;
    check(CS_RULE_V10, "another attester", true, NULL);
    house_last(H)->n_signers = 2;
    house_last(H)->signer[1] = 3;
    check(CS_RULE_V10, "a third party beside the CA", false, "dns:www.example.com");
    house_usual(H);
    H->policy.attester[3].third_party = true;
    H->own_caa = true;
    house_caa(H, "www.example.com");
    check(CS_RULE_V10, "CAA by the CA", true, NULL);
    house_last(H)->signer[0] = 3;
    check(CS_RULE_V10, "CAA by a third party", false, "dns:www.example.com");
    assert_true(house_has(H, CS_RULE_C01, "dns:www.example.com"));
}
