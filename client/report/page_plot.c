#include "client/report/page.h"
#include "client/report/text.h"

enum { DAY_S = 86400, SLOTS_MAX = 366, SLOTS_MIN = 21, HEIGHT = 100, FIGURES_MAX = 400 };

/* Days are put together when there are more than bars. */
struct plot {
    const struct cs_report *r;
    uint32_t per_slot, n_slots;
    uint32_t max_issued;
    double max_share; /* of 1 */
};

static struct cs_report_day slot_at(const struct plot *p, uint32_t slot)
{
    struct cs_report_day sum = { 0 };
    for (uint32_t i = slot * p->per_slot; i < (slot + 1) * p->per_slot && i < p->r->n_days; i++) {
        sum.n_issued += p->r->day[i].n_issued;
        sum.n_affected += p->r->day[i].n_affected;
    }
    return sum;
}

/* An affected pair whose other half came first, before the span, is issued on no day of it. */
static double share_of(struct cs_report_day d)
{
    uint32_t all = d.n_issued > d.n_affected ? d.n_issued : d.n_affected;
    return all != 0 ? (double)d.n_affected / all : 0;
}

static struct plot plan(const struct cs_report *r)
{
    struct plot p = { .r = r, .per_slot = 1 };
    uint32_t n = r->n_days > SLOTS_MIN ? r->n_days : SLOTS_MIN;
    p.per_slot = (n + SLOTS_MAX - 1) / SLOTS_MAX;
    p.n_slots = (n + p.per_slot - 1) / p.per_slot;
    for (uint32_t i = 0; i < p.n_slots; i++) {
        struct cs_report_day d = slot_at(&p, i);
        uint32_t all = d.n_issued > d.n_affected ? d.n_issued : d.n_affected;
        p.max_issued = all > p.max_issued ? all : p.max_issued;
        p.max_share = share_of(d) > p.max_share ? share_of(d) : p.max_share;
    }
    return p;
}

static void put_day(struct cs_buf *out, const struct plot *p, uint32_t slot, struct cs_arena *a)
{
    int64_t day = p->r->first_day + (int64_t)slot * p->per_slot;
    cs_buf_printf(out, "%.10s", cs_clean_time(a, day * DAY_S));
}

/* Affected days stay visible beside busy ones. */
static double height_of(double value, double max)
{
    double h = max > 0 ? value / max * HEIGHT : 0;
    return value > 0 && h < 2 ? 2 : h;
}

static void bar(struct cs_buf *out, const char *class, uint32_t slot, double from, double h)
{
    cs_buf_printf(out, "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\".8\" height=\"%.2f\"/>", class,
                  slot + .1, HEIGHT - from - h, h);
}

static void open_chart(struct cs_buf *out, const struct plot *p, const char *id, const char *name,
                       const char *top)
{
    cs_buf_printf(
        out,
        "<div class=\"chart\"><p class=\"chart-name\" id=\"%s\">%s</p><span class=\"top num\">%s</span>"
        "<span class=\"base num\">0</span><svg class=\"%s\" viewBox=\"0 0 %u %d\" "
        "preserveAspectRatio=\"none\" role=\"img\" aria-labelledby=\"%s\">\n"
        "<path class=\"grid\" d=\"M0 50H%u\"/>",
        id, name, top, id, p->n_slots, HEIGHT, id, p->n_slots);
}

static void issued_chart(const struct plot *p, struct cs_arena *a, struct cs_buf *out)
{
    char top[16];
    (void)snprintf(top, sizeof top, "%u", p->max_issued);
    open_chart(out, p, "plot-issued",
               "Certificates issued, <span class=\"key affected\">affected</span> and "
               "<span class=\"key other\">not affected</span>",
               top);
    for (uint32_t i = 0; i < p->n_slots; i++) {
        struct cs_report_day d = slot_at(p, i);
        uint32_t other = d.n_issued > d.n_affected ? d.n_issued - d.n_affected : 0;
        if (d.n_issued + d.n_affected == 0)
            continue;
        double h = height_of(d.n_affected, p->max_issued);
        double rest = height_of(other, p->max_issued);
        cs_buf_put_str(out, "<g><title>");
        put_day(out, p, i, a);
        cs_buf_printf(out, ": %u affected, %u not affected</title>", d.n_affected, other);
        if (d.n_affected != 0)
            bar(out, "affected", i, 0, h);
        if (other != 0)
            bar(out, "other", i, h, h + rest > HEIGHT ? HEIGHT - h : rest);
        cs_buf_put_str(out, "</g>\n");
    }
    cs_buf_put_str(out, "</svg></div>\n");
}

static void share_chart(const struct plot *p, struct cs_arena *a, struct cs_buf *out)
{
    char top[24];
    (void)snprintf(top, sizeof top, p->max_share < .1 ? "%.2f %%" : "%.0f %%", p->max_share * 100);
    open_chart(out, p, "plot-share", "Affected share", top);
    for (uint32_t i = 0; i < p->n_slots; i++) {
        struct cs_report_day d = slot_at(p, i);
        if (d.n_affected == 0)
            continue;
        cs_buf_put_str(out, "<g><title>");
        put_day(out, p, i, a);
        cs_buf_printf(out, ": %.2f %%</title>", share_of(d) * 100);
        bar(out, "affected", i, 0, height_of(share_of(d), p->max_share));
        cs_buf_put_str(out, "</g>\n");
    }
    cs_buf_put_str(out, "</svg></div>\n");
}

static void figures(const struct plot *p, struct cs_arena *a, struct cs_buf *out)
{
    uint32_t n = 0;
    cs_buf_put_str(
        out, "<details><summary>The figures, by day with affected certificates</summary>\n"
             "<table class=\"figures\"><thead><tr><th scope=\"col\">From</th><th scope=\"col\" class=\"num\">"
             "Affected</th><th scope=\"col\" class=\"num\">Issued</th><th scope=\"col\" class=\"num\">Share"
             "</th></tr></thead><tbody>\n");
    for (uint32_t i = 0; i < p->n_slots && n < FIGURES_MAX; i++) {
        struct cs_report_day d = slot_at(p, i);
        if (d.n_affected == 0)
            continue;
        n++;
        cs_buf_put_str(out, "<tr><td>");
        put_day(out, p, i, a);
        cs_buf_printf(
            out,
            "</td><td class=\"num\">%u</td><td class=\"num\">%u</td><td class=\"num\">%.2f %%</td></tr>\n",
            d.n_affected, d.n_issued > d.n_affected ? d.n_issued : d.n_affected, share_of(d) * 100);
    }
    cs_buf_put_str(out, "</tbody></table></details>\n");
}

void cs_page_plot(const struct cs_report *r, struct cs_buf *out)
{
    CS_AUTO_ARENA struct cs_arena a = { 0 };
    struct plot p = plan(r);
    cs_buf_put_str(out, "<figure>\n");
    issued_chart(&p, &a, out);
    share_chart(&p, &a, out);
    cs_buf_put_str(out, "<div class=\"days num\"><span>");
    put_day(out, &p, 0, &a);
    cs_buf_put_str(out, "</span><span>");
    put_day(out, &p, p.n_slots / 2, &a);
    cs_buf_put_str(out, "</span><span>");
    put_day(out, &p, p.n_slots - 1, &a);
    cs_buf_put_str(out, "</span></div>\n<figcaption>");
    if (p.per_slot == 1)
        cs_buf_put_str(out, "One bar a day, UTC.");
    else
        cs_buf_printf(out, "One bar for %u days, UTC.", p.per_slot);
    cs_buf_put_str(
        out, " Small values are drawn at 2 % of the height, so that none is lost.</figcaption>\n</figure>\n");
    figures(&p, &a, out);
}
