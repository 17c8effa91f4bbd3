#include "client/cli/tree.h"

static void print_value(struct cs_cli *cli, const json_t *v, unsigned depth);

static void indent(struct cs_cli *cli, unsigned depth)
{
    fprintf(cli->out, "%*s", (int)(2 * depth), "");
}

static bool is_branch(const json_t *v)
{
    return (json_is_object(v) && json_object_size(v) != 0) || (json_is_array(v) && json_array_size(v) != 0);
}

/* The first member may stand on a line that has begun already. */
static void print_members(struct cs_cli *cli, const json_t *object, unsigned depth, bool begun)
{
    union { /* jansson's iterator takes no const */
        const json_t *in;
        json_t *out;
    } o = { .in = object };
    const char *name;
    json_t *v;
    json_object_foreach(o.out, name, v)
    {
        if (!begun)
            indent(cli, depth);
        begun = false;
        cs_cli_text(cli->out, cs_span_str(name));
        fputs(":", cli->out);
        print_value(cli, v, depth);
    }
}

static void print_items(struct cs_cli *cli, const json_t *array, unsigned depth)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *v = json_array_get(array, i);
        indent(cli, depth);
        fputs("-", cli->out);
        if (json_is_object(v) && is_branch(v)) {
            fputs(" ", cli->out);
            print_members(cli, v, depth + 1, true);
        } else {
            print_value(cli, v, depth);
        }
    }
}

/* The rest of a line that a name or a dash began, and the lines below it. */
static void print_value(struct cs_cli *cli, const json_t *v, unsigned depth)
{
    if (is_branch(v)) {
        fputs("\n", cli->out);
        if (json_is_object(v))
            print_members(cli, v, depth + 1, false);
        else
            print_items(cli, v, depth + 1);
        return;
    }
    fputs(" ", cli->out);
    if (json_is_string(v))
        cs_cli_text(cli->out, cs_span_of(json_string_value(v), json_string_length(v)));
    else if (json_is_integer(v))
        fprintf(cli->out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (json_is_boolean(v))
        fputs(json_is_true(v) ? "yes" : "no", cli->out);
    else
        fputs("none", cli->out);
    fputs("\n", cli->out);
}

void cs_tree_print(struct cs_cli *cli, const json_t *object)
{
    print_members(cli, object, 0, false);
}

int cs_cli_data(struct cs_cli *cli, bool as_json, json_t *document, int code)
{
    if (as_json || document == NULL)
        return cs_cli_json(cli, document, code);
    cs_tree_print(cli, document);
    json_decref(document);
    return code;
}
