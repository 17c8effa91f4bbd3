# A client of countersign on gRPC's Ruby library; driver.py of the folder above says what it reads and writes.
#
# usage: client.rb MESSAGES_FOLDER TARGET
messages, target = ARGV
$LOAD_PATH.unshift(messages)
require 'grpc'
require 'json'
require 'google/protobuf/well_known_types'
require 'google/protobuf/descriptor_pb'
require 'countersign/v1/signing_service_pb'
require 'google/rpc/error_details_pb'
require 'google/rpc/status_pb'
require 'grpc/health/v1/health_pb'
require 'grpc/reflection/v1/reflection_pb'

include Countersign::V1
include Grpc::Health::V1
include Grpc::Reflection::V1

def connect(target)
  kind, where, folder = target.split(':')
  return [target, :this_channel_is_insecure] if kind == 'unix'

  file = ->(name) { File.read(File.join(folder, name)) }
  ["localhost:#{where}",
   GRPC::Core::ChannelCredentials.new(file['roots.pem'], file['client.key'], file['client.pem'])]
end

def detail(any)
  out = { type: any.type_name, lines: [] }
  if (info = any.unpack(Google::Rpc::ErrorInfo))
    out.merge!(reason: info.reason, domain: info.domain, lines: ["#{info.domain} #{info.reason}"])
  elsif (failure = any.unpack(Google::Rpc::PreconditionFailure))
    out[:lines] = failure.violations.map { |v| "#{v.type} #{v.subject}: #{v.description}" }
  elsif (refusal = any.unpack(Refusal))
    out.merge!(ledger_entry: refusal.ledger_entry, request_id: refusal.request_id.unpack1('H*'),
               lines: refusal.reasons.map { |r| "#{r.rule} #{r.subject}: there is #{r.found}; needed: #{r.needed}" })
  end
  out
end

def failed(error)
  out = { code: error.code, text: error.details }
  if (bytes = error.metadata['grpc-status-details-bin'])
    rich = Google::Rpc::Status.decode(bytes)
    out[:status] = { code: rich.code, message: rich.message, details: rich.details.map { |d| detail(d) } }
  end
  out
end

# Calls run in threads of their own: an operation blocks.
class Client
  RAW = ->(bytes) { bytes }
  SIGN = '/countersign.v1.SigningService/SignCertificate'.freeze
  HEALTH = '/grpc.health.v1.Health/'.freeze
  REFLECT = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'.freeze

  def initialize(target)
    @stub = GRPC::ClientStub.new(*connect(target))
    @calls = {}
  end

  def begin(name, kind, deadline_ms, what, where = nil)
    deadline = Time.now + deadline_ms.to_i / 1000.0
    op = send("begin_#{kind}", deadline, what, where)
    since = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    answers = Queue.new
    Thread.new { kind == 'watch' ? watch(op, answers) : answers << ended(op, kind, where, since) }
    @calls[name] = [op, answers]
    {}
  end

  def next(name)
    @calls[name][1].pop
  end
  alias end next

  def cancel(name)
    @calls[name][0].cancel
    {}
  end

  def services
    { answer: reflect(list_services: '*').list_services_response.service.map(&:name) }
  end

  def methods(service)
    files = reflect(file_containing_symbol: service).file_descriptor_response.file_descriptor_proto
    files = files.map { |bytes| Google::Protobuf::FileDescriptorProto.decode(bytes) }
    found = files.flat_map { |f| f.service.select { |s| "#{f.package}.#{s.name}" == service } }
    { answer: found.flat_map { |s| s['method'].map(&:name) } }
  end

  private

  def unary(path, request, type, deadline)
    @stub.request_response(path, request, type ? type.method(:encode) : RAW, RAW, deadline: deadline, return_op: true)
  end

  def begin_sign(deadline, file, _)
    unary(SIGN, SignCertificateRequest.decode(File.binread(file)), SignCertificateRequest, deadline)
  end

  def begin_raw(deadline, file, path)
    unary(path, File.binread(file), nil, deadline)
  end

  def begin_health(deadline, service, _)
    unary("#{HEALTH}Check", service_of(service), HealthCheckRequest, deadline)
  end

  def begin_watch(deadline, service, _)
    @stub.server_streamer("#{HEALTH}Watch", service_of(service), HealthCheckRequest.method(:encode), RAW,
                          deadline: deadline, return_op: true)
  end

  def service_of(word)
    HealthCheckRequest.new(service: word == '-' ? '' : word)
  end

  def watch(op, answers)
    op.execute.each { |bytes| answers << { answer: HealthCheckResponse.decode(bytes).status } }
    answers << { code: 0, text: '' }
  rescue GRPC::BadStatus => e
    answers << failed(e)
  end

  def ended(op, kind, where, since)
    out = begin
      { code: 0, answer: answer(op.execute, kind, where) }
    rescue GRPC::BadStatus => e
      failed(e)
    end
    out.merge(ms: ((Process.clock_gettime(Process::CLOCK_MONOTONIC) - since) * 1000).to_i)
  end

  def answer(bytes, kind, where)
    return HealthCheckResponse.decode(bytes).status if kind == 'health'
    return bytes.length if kind == 'raw'

    signed = SignCertificateResponse.decode(bytes)
    File.binwrite(where, signed.certificate)
    verdict = signed.verdict || Verdict.new # a repeated answer has none
    { ledger_entry: signed.ledger_entry, admitted: verdict.admitted, replayed: signed.replayed,
      covers: verdict.covers.map(&:subject) }
  end

  def reflect(**request)
    @stub.bidi_streamer(REFLECT, [ServerReflectionRequest.new(**request)], ServerReflectionRequest.method(:encode),
                        ServerReflectionResponse.method(:decode), deadline: Time.now + 20).to_a.first
  end
end

$stdout.sync = true
client = Client.new(target)
$stdin.each_line do |line|
  word, *more = line.split
  puts JSON.generate(client.public_send(word, *more))
end
