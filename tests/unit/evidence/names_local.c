/* The two names the evidence target shows, where the policy library is not part of the build. */
#include "proxy/policy/names.h"

const char *cs_role_name(int role)
{
    static const char *const names[] = { "?",
                                         "validation-system",
                                         "vetting-specialist",
                                         "order-authority",
                                         "lint-service",
                                         "ra-officer",
                                         "ceremony-officer",
                                         "operator" };
    return role > 0 && role < 8 ? names[role] : "?";
}

const char *cs_method_name(int method)
{
    return method > 0 ? "method" : "?";
}
