#include "client/cli/cli.h"

int main(int argc, char **argv)
{
    return cs_cli_run(argc, (const char *const *)argv, stdout, stderr);
}
