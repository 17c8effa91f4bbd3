/* countersignd: docs/countersignd.md. */
#include "proxy/daemon/daemon.h"

int main(int argc, char **argv)
{
    /* end_ms: the gate itself gives the signers 30 s to answer */
    static const struct cs_patience patience = {
        .start_ms = 30000, .drain_ms = 30000, .end_ms = 35000, .fall_ms = 5000, .watch_ms = 5000
    };
    return cs_daemon_main(argc, argv, &patience);
}
