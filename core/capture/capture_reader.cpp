#include "core/capture/capture_reader.h"

#include <fmt/format.h>
#include <zstd.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace spa {
namespace {

using nlohmann::json;

constexpr unsigned long long kMaxBody = 512ULL * 1024 * 1024;  // HttpClient takes no more.

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string Text(const json& line, const char* key) {
  const auto at = line.find(key);
  return at != line.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::string_view PreferOf(const HttpRequest& request) {
  return FindHeader(request.headers, "Prefer");
}

}  // namespace

struct CaptureReader::Line {
  Line() = default;
  bool none = false;
  std::optional<Error> error;
  HttpResponse response;
};

Result<std::unique_ptr<CaptureReader>> CaptureReader::Open(std::string directory) {
  const std::string text = ReadWhole(directory + "/" + capture::kHead);
  if (text.empty()) {
    return Fail(ErrorCode::kUsage, fmt::format("{} holds no capture", directory),
                "name a directory that audit --record has made");
  }
  auto head = capture::ParseHead(text);
  if (!head) return Fail(std::move(head.error()));
  std::unique_ptr<CaptureReader> reader(new CaptureReader(std::move(directory), *std::move(head)));
  if (auto indexed = reader->Index(); !indexed) return Fail(std::move(indexed.error()));
  return reader;
}

CaptureReader::CaptureReader(std::string directory, CaptureHead head)
    : directory_(std::move(directory)),
      head_(std::move(head)),
      exchanges_(directory_ + "/" + capture::kExchanges, std::ios::binary) {}

tl::unexpected<Error> CaptureReader::Damaged(const std::string& what) const {
  return Fail(ErrorCode::kStorage, fmt::format("the capture {} is damaged: {}", directory_, what),
              "record again, or copy it again from where it is whole");
}

Status CaptureReader::Index() {
  std::string text;
  for (std::uint64_t at = 0; std::getline(exchanges_, text); at += text.size() + 1) {
    const json line = json::parse(text, nullptr, false);
    if (!line.is_object()) {
      if (exchanges_.eof()) break;  // Cut off in its last line: the run was killed.
      return Damaged(fmt::format("{} cannot be read at byte {}", capture::kExchanges, at));
    }
    Track& track =
        tracks_[capture::Question(Text(line, "method"), Text(line, "url"), Text(line, "prefer"))];
    const bool none = line.contains("none");
    if (track.none && !none) track.lines.clear();  // What came at last counts.
    if (none && !track.lines.empty()) continue;
    track.none = none;
    track.lines.push_back(at);
  }
  exchanges_.clear();
  return {};
}

Result<CaptureReader::Line> CaptureReader::Next(const std::string& method, const std::string& url,
                                                std::string_view prefer) {
  const auto missing = [&](std::string_view which) {
    return Fail(ErrorCode::kStorage,
                fmt::format("the capture {} holds {} answer to {} {}{}", directory_, which, method,
                            url, head_.finished_at.empty() ? "; its run did not end" : ""),
                "record again with this program");
  };
  const auto found = tracks_.find(capture::Question(method, url, prefer));
  if (found == tracks_.end()) return missing("no");
  Track& track = found->second;
  const bool again = track.next == track.lines.size();
  auto line = ReadLine(track.lines[again ? track.next - 1 : track.next++]);
  const int status = line ? line->response.status : 0;
  if (again && (status == 429 || status == 503)) return missing("no further");
  return line;
}

Result<CaptureReader::Line> CaptureReader::ReadLine(std::uint64_t at) {
  std::string text;
  exchanges_.seekg(static_cast<std::streamoff>(at));
  std::getline(exchanges_, text);
  exchanges_.clear();
  const json told = json::parse(text, nullptr, false);
  if (!told.is_object()) {
    return Damaged(fmt::format("{} cannot be read at byte {}", capture::kExchanges, at));
  }
  Line line;
  line.none = told.contains("none");
  if (line.none) return line;
  const auto status = told.find("status");
  const int number = status != told.end() && status->is_number() ? status->get<int>() : 0;
  if (const std::string kind = Text(told, "error"); !kind.empty()) {
    line.error.emplace(kind == "untrusted" ? ErrorCode::kUntrusted : ErrorCode::kUnreachable,
                       Text(told, "message"), Text(told, "remedy"));
    line.error->http_status = number;
    return line;
  }
  line.response.status = number;
  if (const auto headers = told.find("headers"); headers != told.end() && headers->is_object()) {
    for (const auto& [name, value] : headers->items()) {
      if (value.is_string()) line.response.headers.emplace_back(name, value.get<std::string>());
    }
  }
  auto body = ReadBody(Text(told, "body"));
  if (!body) return Fail(std::move(body.error()));
  line.response.body = *std::move(body);
  return line;
}

Result<std::string> CaptureReader::ReadBody(const std::string& hash) {
  if (hash.size() != 64 || hash.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return Damaged("a line names no body");
  }
  const std::string path = capture::BodyPath(hash);
  const std::string packed = ReadWhole(directory_ + "/" + path);
  const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (packed.empty() || size > kMaxBody) return Damaged(path + " is missing or cut off");
  std::string body(static_cast<std::size_t>(size), '\0');
  const std::size_t got = ZSTD_decompress(body.data(), body.size(), packed.data(), packed.size());
  if (ZSTD_isError(got) || got != body.size() || capture::Sha256Hex(body) != hash) {
    return Damaged(path + " is not what was written");
  }
  return body;
}

Result<HttpResponse> CaptureReader::Answer(const HttpRequest& request) {
  if (capture::IsBatch(request)) return AnswerBatch(request);
  auto line = Next(request.method, request.url, PreferOf(request));
  if (!line) return Fail(std::move(line.error()));
  if (line->error) return Fail(*std::move(line->error));
  if (line->none) return Fail(ErrorCode::kUnreachable, "no whole answer from the service");
  return std::move(line->response);
}

Result<HttpResponse> CaptureReader::AnswerBatch(const HttpRequest& request) {
  const json asked = json::parse(request.body, nullptr, false);
  if (!asked.is_object())
    return Fail(ErrorCode::kInternal, "a batch that is no JSON was asked for");
  const std::string base = capture::BatchBase(request);
  std::string parts;
  for (const json& part : asked.at("requests")) {
    const auto headers = part.find("headers");
    const std::string prefer = headers != part.end() ? Text(*headers, "Prefer") : "";
    auto line = Next(Text(part, "method"), base + Text(part, "url"), prefer);
    if (!line) return Fail(std::move(line.error()));
    if (line->none || line->error) continue;  // A part without an answer is asked again.
    json told = json::object();
    for (const auto& [name, value] : line->response.headers) told[name] = value;
    const std::string& body = line->response.body;
    parts += fmt::format(R"({}{{"id":{},"status":{},"headers":{},"body":{}}})",
                         parts.empty() ? "" : ",", part.at("id").dump(), line->response.status,
                         told.dump(), json::accept(body) ? body : "null");
  }
  HttpResponse response;
  response.status = 200;
  response.body = fmt::format(R"({{"responses":[{}]}})", parts);
  return response;
}

}  // namespace spa
