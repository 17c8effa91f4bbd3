/*
 * A JSON document for people: one line per value, indentation for structure, untrusted text escaped.
 */
#ifndef CS_CLIENT_CLI_TREE_H
#define CS_CLIENT_CLI_TREE_H

#include "client/cli/cli.h"

/* cs_tree_print prints the members of an object. */
void cs_tree_print(struct cs_cli *cli, const json_t *object);
/* cs_cli_data prints document (taken) as JSON or as a tree and returns code; cs_cli_json on failure. */
int cs_cli_data(struct cs_cli *cli, bool as_json, json_t *document, int code);

#endif
