/* countersignd that waits seconds where the real one waits half a minute. */
#include "proxy/daemon/daemon.h"

int main(int argc, char **argv)
{
    static const struct cs_patience patience = {
        .start_ms = 900, .drain_ms = 700, .end_ms = 500, .fall_ms = 500, .watch_ms = 100
    };
    return cs_daemon_main(argc, argv, &patience);
}
