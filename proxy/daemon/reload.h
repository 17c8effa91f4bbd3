/*
 * Reload: TLS files read again and sent to the running front; calls go on.
 */
#ifndef CS_DAEMON_RELOAD_H
#define CS_DAEMON_RELOAD_H

#include "proxy/daemon/house.h"

/* cs_house_reload does it because somebody asked. Whatever fails leaves the front with what it has, and a
 * line in the log. */
void cs_house_reload(struct cs_house *h);
/* cs_house_watch does it when a revocation list is another file than before. */
void cs_house_watch(struct cs_house *h);

#endif
