// A client of countersign on gRPC's C++ library; driver.py of the folder above says what it reads and writes.
//
// usage: client TARGET
#include <chrono>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "countersign/v1/signing_service.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"

namespace
{
namespace health = grpc::health::v1;
namespace reflection = grpc::reflection::v1;

// One call that runs, or a Watch that is read as somebody asks.
struct Call {
    grpc::ClientContext context;
    std::string kind, what, where;
    std::future<std::string> ended;
    std::unique_ptr<grpc::ClientReader<health::HealthCheckResponse>> reader;
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

std::string status_name(const health::HealthCheckResponse &answer)
{
    return quoted(health::HealthCheckResponse::ServingStatus_Name(answer.status()));
}

health::HealthCheckRequest service_of(const std::string &word)
{
    health::HealthCheckRequest request;
    request.set_service(word == "-" ? "" : word);
    return request;
}

void set_deadline(grpc::ClientContext &context, long ms)
{
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(ms));
}

using Channel = std::shared_ptr<grpc::Channel>;

std::string check_health(const Channel &channel, Call &c)
{
    health::HealthCheckResponse answer;
    const auto status = health::Health::NewStub(channel)->Check(&c.context, service_of(c.what), &answer);
    return outcome(status, status_name(answer));
}

std::string sign(const Channel &channel, Call &c)
{
    countersign::v1::SignCertificateRequest request;
    countersign::v1::SignCertificateResponse answer;
    if (!request.ParseFromString(contents(c.what)))
        throw std::runtime_error(c.what + " is no request");
    const auto status =
        countersign::v1::SigningService::NewStub(channel)->SignCertificate(&c.context, request, &answer);
    std::string covers;
    for (const auto &v : answer.verdict().covers())
        covers += (covers.empty() ? "" : ", ") + quoted(v.subject());
    if (status.ok())
        std::ofstream(c.where, std::ios::binary) << answer.certificate();
    return outcome(status, "{\"ledger_entry\": " + std::to_string(answer.ledger_entry()) +
                               ", \"admitted\": " + (answer.verdict().admitted() ? "true" : "false") +
                               ", \"replayed\": " + (answer.replayed() ? "true" : "false") +
                               ", \"covers\": [" + covers + "]}");
}

std::string send_raw(const Channel &channel, Call &c)
{
    const grpc::Slice slice(contents(c.what));
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer answer;
    grpc::CompletionQueue queue;
    grpc::Status status;
    auto call = grpc::GenericStub(channel).PrepareUnaryCall(&c.context, c.where, request, &queue);
    call->StartCall();
    call->Finish(&answer, &status, nullptr);
    void *tag;
    bool ok;
    queue.Next(&tag, &ok);
    return outcome(status, std::to_string(answer.Length()));
}

std::string run(const Channel &channel, Call &c)
{
    const auto since = std::chrono::steady_clock::now();
    const auto result = c.kind == "health" ? check_health(channel, c)
                        : c.kind == "sign" ? sign(channel, c)
                                           : send_raw(channel, c);
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - since);
    return "{" + result + ", \"ms\": " + std::to_string(ms.count()) + "}";
}

std::unique_ptr<Call> begin(const Channel &channel, std::istream &words)
{
    auto c = std::make_unique<Call>();
    long deadline_ms;
    words >> c->kind >> deadline_ms >> c->what >> c->where;
    set_deadline(c->context, deadline_ms);
    if (c->kind == "watch")
        c->reader = health::Health::NewStub(channel)->Watch(&c->context, service_of(c->what));
    else
        c->ended = std::async(std::launch::async, [&channel, call = c.get()] { return run(channel, *call); });
    return c;
}

std::string next(Call &c)
{
    health::HealthCheckResponse answer;
    if (c.reader->Read(&answer))
        return "{\"answer\": " + status_name(answer) + "}";
    return "{" + outcome(c.reader->Finish(), "null") + "}";
}

reflection::ServerReflectionResponse reflect(const Channel &channel,
                                             const reflection::ServerReflectionRequest &request)
{
    grpc::ClientContext context;
    set_deadline(context, 20000);
    reflection::ServerReflectionResponse answer;
    const auto stub = reflection::ServerReflection::NewStub(channel);
    const auto stream = stub->ServerReflectionInfo(&context);
    if (!stream->Write(request) || !stream->WritesDone() || !stream->Read(&answer))
        throw std::runtime_error("no answer by reflection: " + stream->Finish().error_message());
    reflection::ServerReflectionResponse more;
    while (stream->Read(&more))
        continue;
    if (!stream->Finish().ok())
        throw std::runtime_error("reflection did not end well");
    return answer;
}

std::string names(const std::vector<std::string> &all)
{
    std::string out = "{\"answer\": [";
    for (size_t i = 0; i < all.size(); i++)
        out += (i != 0 ? ", " : "") + quoted(all[i]);
    return out + "]}";
}

std::string services(const Channel &channel)
{
    reflection::ServerReflectionRequest request;
    request.set_list_services("*");
    std::vector<std::string> out;
    const auto answer = reflect(channel, request);
    for (const auto &s : answer.list_services_response().service())
        out.push_back(s.name());
    return names(out);
}

std::string methods(const Channel &channel, const std::string &service)
{
    reflection::ServerReflectionRequest request;
    request.set_file_containing_symbol(service);
    std::vector<std::string> out;
    const auto answer = reflect(channel, request);
    for (const auto &bytes : answer.file_descriptor_response().file_descriptor_proto()) {
        google::protobuf::FileDescriptorProto file;
        if (!file.ParseFromString(bytes))
            throw std::runtime_error("no FileDescriptorProto");
        for (const auto &s : file.service())
            for (const auto &m : s.method())
                if (file.package() + "." + s.name() == service)
                    out.push_back(m.name());
    }
    return names(out);
}

Channel connect(const std::string &target)
{
    if (target.compare(0, 5, "unix:") == 0)
        return grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
    std::istringstream in(target);
    std::string kind, port, folder;
    std::getline(in, kind, ':');
    std::getline(in, port, ':');
    std::getline(in, folder);
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = contents(folder + "/roots.pem");
    options.pem_private_key = contents(folder + "/client.key");
    options.pem_cert_chain = contents(folder + "/client.pem");
    return grpc::CreateChannel("localhost:" + port, grpc::SslCredentials(options));
}
} // namespace

int main(int argc, char **argv)
try {
    if (argc != 2)
        throw std::runtime_error("usage: client TARGET");
    const auto channel = connect(argv[1]);
    std::map<std::string, std::unique_ptr<Call>> calls;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string word, name, answer = "{}";
        words >> word >> name;
        if (word == "begin")
            calls[name] = begin(channel, words);
        else if (word == "next")
            answer = next(*calls.at(name));
        else if (word == "cancel")
            calls.at(name)->context.TryCancel();
        else if (word == "end")
            answer = calls.at(name)->ended.get();
        else
            answer = word == "services" ? services(channel) : methods(channel, name);
        std::cout << answer << std::endl;
    }
    return 0;
} catch (const std::exception &e) {
    std::cerr << e.what() << "\n";
    return 1;
}
