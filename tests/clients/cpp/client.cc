// A client of countersign on gRPC's C++ library. The cases and their requests come from the driver, the
// answers go to standard output as JSON; tests/clients/test_clients.py says what both look like. Cases come
// as lines of "name kind deadline_ms cancel_after_ms request certificate path", with "-" for what a case has
// not.
//
// usage: client SOCKET CASES_FILE
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <thread>

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "countersign/v1/signing_service.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace
{
struct Case {
    std::string name, kind;
    long deadline_ms, cancel_after_ms;
    std::string request, certificate, path;
};

std::string contents(const std::string &path)
{
    std::ifstream in(path, std::ios::binary);
    if (!in)
        throw std::runtime_error("cannot read " + path);
    return { std::istreambuf_iterator<char>(in), {} };
}

std::string quoted(const std::string &text)
{
    std::ostringstream out;
    out << '"';
    for (char c : text) {
        if (c == '"' || c == '\\')
            out << '\\' << c;
        else if (static_cast<unsigned char>(c) < 0x20)
            out << ' ';
        else
            out << c;
    }
    out << '"';
    return out.str();
}

std::string hex(const std::string &bytes)
{
    static const char digit[] = "0123456789abcdef";
    std::string out;
    for (unsigned char c : bytes)
        (out += digit[c >> 4]) += digit[c & 15];
    return out;
}

// The type of one detail of google.rpc.Status and, as text, what a person reads.
std::string detail(const google::protobuf::Any &any)
{
    const auto type = any.type_url().substr(any.type_url().rfind('/') + 1);
    std::string more;
    std::vector<std::string> lines;
    google::rpc::ErrorInfo info;
    google::rpc::PreconditionFailure failure;
    countersign::v1::Refusal refusal;
    if (any.UnpackTo(&info)) {
        more = ", \"reason\": " + quoted(info.reason()) + ", \"domain\": " + quoted(info.domain());
        lines.push_back(info.domain() + " " + info.reason());
    } else if (any.UnpackTo(&failure)) {
        for (const auto &v : failure.violations())
            lines.push_back(v.type() + " " + v.subject() + ": " + v.description());
    } else if (any.UnpackTo(&refusal)) {
        more = ", \"ledger_entry\": " + std::to_string(refusal.ledger_entry()) +
               ", \"request_id\": " + quoted(hex(refusal.request_id()));
        for (const auto &r : refusal.reasons())
            lines.push_back(r.rule() + " " + r.subject() + ": there is " + r.found() +
                            "; needed: " + r.needed());
    }
    std::string out = "{\"type\": " + quoted(type) + more + ", \"lines\": [";
    for (size_t i = 0; i < lines.size(); i++)
        out += (i != 0 ? ", " : "") + quoted(lines[i]);
    return out + "]}";
}

std::string outcome(const grpc::Status &status, const std::string &answer)
{
    std::string out = "\"code\": " + std::to_string(status.error_code());
    if (status.ok())
        return out + ", \"answer\": " + answer;
    out += ", \"text\": " + quoted(status.error_message());
    if (status.error_details().empty())
        return out;
    google::rpc::Status rich;
    if (!rich.ParseFromString(status.error_details()))
        throw std::runtime_error("grpc-status-details-bin is no google.rpc.Status");
    out += ", \"status\": {\"code\": " + std::to_string(rich.code()) +
           ", \"message\": " + quoted(rich.message()) + ", \"details\": [";
    for (int i = 0; i < rich.details_size(); i++)
        out += (i != 0 ? ", " : "") + detail(rich.details(i));
    return out + "]}";
}

void set_deadline(grpc::ClientContext &context, const Case &c)
{
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(c.deadline_ms));
}

std::string check_health(const std::shared_ptr<grpc::Channel> &channel, const Case &c)
{
    grpc::ClientContext context;
    set_deadline(context, c);
    grpc::health::v1::HealthCheckResponse answer;
    const auto status = grpc::health::v1::Health::NewStub(channel)->Check(&context, {}, &answer);
    return outcome(status,
                   quoted(grpc::health::v1::HealthCheckResponse::ServingStatus_Name(answer.status())));
}

std::string sign(const std::shared_ptr<grpc::Channel> &channel, const Case &c)
{
    countersign::v1::SignCertificateRequest request;
    countersign::v1::SignCertificateResponse answer;
    if (!request.ParseFromString(contents(c.request)))
        throw std::runtime_error(c.request + " is no request");
    grpc::ClientContext context;
    set_deadline(context, c);
    std::thread canceller([&] {
        if (c.cancel_after_ms == 0)
            return;
        std::this_thread::sleep_for(std::chrono::milliseconds(c.cancel_after_ms));
        context.TryCancel();
    });
    const auto status =
        countersign::v1::SigningService::NewStub(channel)->SignCertificate(&context, request, &answer);
    canceller.join();
    std::string covers;
    for (const auto &v : answer.verdict().covers())
        covers += (covers.empty() ? "" : ", ") + quoted(v.subject());
    if (status.ok())
        std::ofstream(c.certificate, std::ios::binary) << answer.certificate();
    return outcome(status, "{\"ledger_entry\": " + std::to_string(answer.ledger_entry()) +
                               ", \"admitted\": " + (answer.verdict().admitted() ? "true" : "false") +
                               ", \"covers\": [" + covers + "]}");
}

std::string send_raw(const std::shared_ptr<grpc::Channel> &channel, const Case &c)
{
    const grpc::Slice slice(contents(c.request));
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer answer;
    grpc::CompletionQueue queue;
    grpc::ClientContext context;
    grpc::Status status;
    set_deadline(context, c);
    auto call = grpc::GenericStub(channel).PrepareUnaryCall(&context, c.path, request, &queue);
    call->StartCall();
    call->Finish(&answer, &status, nullptr);
    void *tag;
    bool ok;
    queue.Next(&tag, &ok);
    return outcome(status, std::to_string(answer.Length()));
}
} // namespace

int main(int argc, char **argv)
try {
    if (argc != 3)
        throw std::runtime_error("usage: client SOCKET CASES_FILE");
    const auto channel =
        grpc::CreateChannel(std::string("unix:") + argv[1], grpc::InsecureChannelCredentials());
    std::ifstream cases(argv[2]);
    std::string results;
    for (Case c; cases >> c.name >> c.kind >> c.deadline_ms >> c.cancel_after_ms >> c.request >>
                 c.certificate >> c.path;) {
        const auto since = std::chrono::steady_clock::now();
        const auto result = c.kind == "health" ? check_health(channel, c)
                            : c.kind == "sign" ? sign(channel, c)
                                               : send_raw(channel, c);
        const auto ms =
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - since)
                .count();
        results += (results.empty() ? "\n " : ",\n ") + quoted(c.name) + ": {" + result +
                   ", \"ms\": " + std::to_string(ms) + "}";
    }
    std::cout << "{" << results << "\n}\n";
    return 0;
} catch (const std::exception &e) {
    std::cerr << e.what() << "\n";
    return 1;
}
