/*
 * Telling the service manager: one datagram to the socket named by NOTIFY_SOCKET (sd_notify(3)).
 */
#ifndef CS_DAEMON_NOTIFY_H
#define CS_DAEMON_NOTIFY_H

/* cs_notify sends for instance "READY=1"; nothing happens when no manager asked. */
void cs_notify(const char *state);

#endif
