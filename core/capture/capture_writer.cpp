#include "core/capture/capture_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace spa {
namespace {

using json = nlohmann::ordered_json;  // What a part says stays in its order.

constexpr int kLevel = 3;  // of zstd

// What ServiceClient and ErrorFromAnswer look at.
constexpr std::array<std::string_view, 6> kHeaders = {
    "Content-Type", "Date", "Location", "request-id", "SPRequestGuid", "Retry-After"};

tl::unexpected<Error> CannotWrite(const std::string& path) {
  return Fail(ErrorCode::kStorage, fmt::format("cannot write {}: {}", path, std::strerror(errno)),
              "give --record a new directory with room that this user may write to");
}

Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return CannotWrite(path);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

Status WriteFile(const std::string& path, std::string_view bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return CannotWrite(path);
  auto written = WriteAll(fd, bytes, path);
  if (::close(fd) != 0 && written) written = CannotWrite(path);
  return written;
}

std::string Dump(const json& line) {
  return line.dump(-1, ' ', false, json::error_handler_t::replace);
}

HttpHeaders HeadersOf(const json& part) {
  HttpHeaders headers;
  const auto told = part.find("headers");
  if (told == part.end() || !told->is_object()) return headers;
  for (const auto& [name, value] : told->items()) {
    if (value.is_string()) headers.emplace_back(name, value.get<std::string>());
  }
  return headers;
}

}  // namespace

// One answer, on its way to the file.
struct CaptureWriter::Line {
  std::string method, url, prefer;
  int status = 0;
  const HttpHeaders* headers = nullptr;
  const std::string* body = nullptr;  // Null: there was no answer;
  const Error* error = nullptr;       // then this says why, or nothing is known.
};

Result<std::unique_ptr<CaptureWriter>> CaptureWriter::Create(
    std::string directory, std::unique_ptr<Pseudonyms> pseudonyms) {
  std::filesystem::path made;
  for (const auto& part : std::filesystem::path(directory)) {
    made /= part;
    if (::mkdir(made.c_str(), 0700) == 0 || errno == EEXIST) continue;
    auto failed = CannotWrite(made.string());
    failed.value().code = ErrorCode::kUsage;
    return failed;
  }
  std::error_code error;
  if (!std::filesystem::is_empty(directory, error) || error) {
    return Fail(ErrorCode::kUsage, fmt::format("{} is not an empty directory", directory),
                "give --record one that does not exist yet: a capture holds one run");
  }
  ::chmod(directory.c_str(), 0700);
  const std::string bodies = directory + "/bodies";
  if (::mkdir(bodies.c_str(), 0700) != 0) return CannotWrite(bodies);
  const std::string file = directory + "/" + capture::kExchanges;
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return CannotWrite(file);
  return std::unique_ptr<CaptureWriter>(
      new CaptureWriter(std::move(directory), fd, std::move(pseudonyms)));
}

CaptureWriter::CaptureWriter(std::string directory, int exchanges,
                             std::unique_ptr<Pseudonyms> pseudonyms)
    : directory_(std::move(directory)), exchanges_(exchanges), pseudonyms_(std::move(pseudonyms)) {}

CaptureWriter::~CaptureWriter() {
  ::close(exchanges_);
  if (begun_) return;
  ::unlink((directory_ + "/" + capture::kExchanges).c_str());
  ::rmdir((directory_ + "/bodies").c_str());
  ::rmdir(directory_.c_str());
}

Status CaptureWriter::PutHead(CaptureHead head) {
  if (pseudonyms_) {
    head.pseudonymised = true;
    Config& settings = head.settings;
    settings.auth.tenant_id = pseudonyms_->Text(settings.auth.tenant_id);
    settings.tenant_url = pseudonyms_->Url(settings.tenant_url);
    for (std::string& site : settings.target_sites) site = pseudonyms_->Url(site);
  }
  const std::string path = directory_ + "/" + capture::kHead, draft = path + ".new";
  if (auto written = WriteFile(draft, capture::ToJson(head)); !written) return written;
  if (::rename(draft.c_str(), path.c_str()) != 0) return CannotWrite(path);
  begun_ = true;
  return {};
}

Status CaptureWriter::Record(const HttpRequest& request, const Result<HttpResponse>& answer) {
  if (capture::IsBatch(request)) return RecordBatch(request, answer);
  Line line;
  line.method = request.method;
  line.url = request.url;
  line.prefer = FindHeader(request.headers, "Prefer");
  if (answer) {
    line.status = answer->status;
    line.headers = &answer->headers;
    line.body = &answer->body;
  } else {
    line.error = &answer.error();
  }
  return Append(std::move(line));
}

Status CaptureWriter::RecordBatch(const HttpRequest& request, const Result<HttpResponse>& answer) {
  const json asked = json::parse(request.body, nullptr, false);
  const bool whole = answer && answer->status == 200;
  const json told = whole ? json::parse(answer->body, nullptr, false) : json();
  std::unordered_map<std::string, const json*> parts;
  if (told.is_object() && told.contains("responses") && told["responses"].is_array()) {
    for (const json& part : told["responses"]) {
      if (part.is_object() && part.contains("id") && part["id"].is_string())
        parts[part["id"].get<std::string>()] = &part;
    }
  }
  const std::string base = capture::BatchBase(request);
  for (const json& part : asked.at("requests")) {
    Line line;
    line.method = part.at("method").get<std::string>();
    line.url = base + part.at("url").get<std::string>();
    const HttpHeaders asked_with = HeadersOf(part);
    line.prefer = FindHeader(asked_with, "Prefer");
    HttpHeaders headers;
    std::string body;
    if (const auto at = parts.find(part.at("id").get<std::string>()); at != parts.end()) {
      const json& one = *at->second;
      headers = HeadersOf(one);
      if (one.contains("body")) body = Dump(one["body"]);
      line.status = one.value("status", 0);
      line.headers = &headers;
      line.body = &body;
    }
    if (auto kept = Append(std::move(line)); !kept) return kept;
  }
  return {};
}

Status CaptureWriter::Append(Line line) {
  json text;
  text["method"] = line.method;
  text["url"] = pseudonyms_ ? pseudonyms_->Url(line.url) : line.url;
  if (!line.prefer.empty()) text["prefer"] = line.prefer;
  if (line.body) {
    text["status"] = line.status;
    for (const std::string_view name : kHeaders) {
      const std::string_view value = FindHeader(*line.headers, name);
      if (value.empty()) continue;
      const bool link = pseudonyms_ && name == "Location";
      text["headers"][std::string(name)] = link ? pseudonyms_->Url(value) : std::string(value);
    }
    auto hash = KeepBody(pseudonyms_ ? pseudonyms_->Body(*line.body) : *line.body);
    if (!hash) return Fail(hash.error());
    text["body"] = *hash;
  } else if (line.error) {
    text["error"] = line.error->code == ErrorCode::kUntrusted ? "untrusted" : "unreachable";
    text["status"] = line.error->http_status;
    text["message"] = pseudonyms_ ? "no whole answer" : line.error->message;
    text["remedy"] = line.error->remedy;
  } else {
    text["none"] = true;
  }
  const std::string bytes = text.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  const std::lock_guard lock(mutex_);
  return WriteAll(exchanges_, bytes, directory_ + "/" + capture::kExchanges);
}

Result<std::string> CaptureWriter::KeepBody(std::string_view body) {
  std::string hash = capture::Sha256Hex(body);
  {
    const std::lock_guard lock(mutex_);
    if (!kept_.insert(hash).second) return hash;
  }
  std::string packed(ZSTD_compressBound(body.size()), '\0');
  const std::size_t size =
      ZSTD_compress(packed.data(), packed.size(), body.data(), body.size(), kLevel);
  if (ZSTD_isError(size)) return Fail(ErrorCode::kInternal, "zstd cannot compress an answer");
  packed.resize(size);
  const std::string path = directory_ + "/" + capture::BodyPath(hash);
  const std::string folder = path.substr(0, path.rfind('/'));
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return CannotWrite(folder);
  if (auto written = WriteFile(path, packed); !written) return Fail(written.error());
  return hash;
}

}  // namespace spa
