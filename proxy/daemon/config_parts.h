/*
 * What the readers of the configuration share; private to config.c and config_listen.c.
 */
#ifndef CS_DAEMON_CONFIG_PARTS_H
#define CS_DAEMON_CONFIG_PARTS_H

#include "proxy/daemon/config.h"
#include "proxy/policy/yaml.h"

struct cs_config_reading {
    struct cs_config *c;
    const char *dir; /* absolute, of the file */
    struct cs_note *note;
};

/* Text into the arena of the configuration. */
CS_RESULT cs_config_keep(struct cs_config_reading *r, struct cs_span text, const char **out);
/* A path; relative ones count from the file's directory. */
CS_RESULT cs_config_path(struct cs_config_reading *r, const struct cs_yaml_node *n, const char **out);

CS_RESULT cs_config_read_listen(struct cs_config_reading *r, const struct cs_yaml_node *n);
/* Behind listen: it becomes the last listener. */
CS_RESULT cs_config_read_metrics(struct cs_config_reading *r, const struct cs_yaml_node *n);

#endif
