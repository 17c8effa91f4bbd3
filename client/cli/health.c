#include "client/cli/call.h"
#include "client/cli/pbjson.h"
#include "client/cli/tree.h"
#include "grpc/health/v1/health.pb-c.h"

const struct cs_option cs_options_health[] = { CS_CALL_OPTIONS };

int cs_cmd_health(struct cs_cli *cli, const struct cs_args *args)
{
    CS_AUTO_ARENA struct cs_arena arena = { 0 };
    const ProtobufCMessage *answer;
    Grpc__Health__V1__HealthCheckRequest request;
    grpc__health__v1__health_check_request__init(&request);
    int code = cs_call(cli, args, "/grpc.health.v1.Health/Check", &request.base,
                       &grpc__health__v1__health_check_response__descriptor, &arena, &answer);
    if (code != CS_EXIT_DONE)
        return code;
    const Grpc__Health__V1__HealthCheckResponse *r =
        (const Grpc__Health__V1__HealthCheckResponse *)(const void *)answer;
    bool serving = r->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    return cs_cli_data(cli, cs_arg_has(args, "json"), cs_pbjson_write(answer, true),
                       serving ? CS_EXIT_DONE : CS_EXIT_UNREACHABLE);
}
