/*
 * Watchdog: ends the process when the token keeps one call too long. libp11 0.4.12 waits for ever
 * when a session cannot be opened, and a module may wait for a machine that is gone; nothing inside
 * the process can be done about either, but the parent restarts what ended.
 */
#ifndef CS_HSM_WATCHDOG_H
#define CS_HSM_WATCHDOG_H

enum {
    CS_WATCHDOG_CONNECT_S = 60, /* all tokens, all keys, all canaries */
    CS_WATCHDOG_SIGN_S = 30,    /* one signature */
};

/* cs_watchdog_arm: unless cs_watchdog_disarm or another arm comes within limit_s seconds, one line is
 * written to standard error and the process ends with exit code 1. Uses SIGALRM. */
void cs_watchdog_arm(unsigned limit_s);
void cs_watchdog_disarm(void);

#endif
