#include "core/graph/sharepoint_batch.h"

#include <fmt/format.h>

#include <charconv>

#include "core/ascii.h"

namespace spa::sharepoint_batch {
namespace {

// Always the same: nothing in a request for reading can hold it.
constexpr std::string_view kBoundary = "batch_5f0c1c0a-6b1e-4a4b-9d53-2f1f7f0c8e11";

tl::unexpected<Error> Broken(const char* why) {
  return Fail(ErrorCode::kMalformed, fmt::format("the answer to a batch {}", why));
}

// "HTTP/1.1 200 OK", headers, a blank line, the body; before it the part's own headers and a blank
// line.
Result<Answer> ReadPart(std::string_view part) {
  const auto line = part.find("HTTP/1.1 ");
  if (line == part.npos) return Broken("has a part without a status");
  Answer answer;
  const std::string_view number = part.substr(line + 9, 3);
  if (std::from_chars(number.data(), number.data() + number.size(), answer.status).ec !=
      std::errc()) {
    return Broken("has a part without a status");
  }
  const auto blank = part.find("\r\n\r\n", line);
  if (blank == part.npos) return Broken("has a part without an end of its headers");
  std::string_view body = part.substr(blank + 4);
  if (body.ends_with("\r\n")) body.remove_suffix(2);
  const std::string headers = AsciiLower(part.substr(line, blank - line));
  if (const auto wait = headers.find("\r\nretry-after:"); wait != std::string::npos) {
    const auto begin = headers.find_first_not_of(' ', wait + 14);
    const auto end = std::min(headers.find('\r', begin), headers.size());
    answer.retry_after = part.substr(line + begin, end - begin);
  }
  answer.body.reserve(body.size() + 64);
  answer.body = body;
  return answer;
}

}  // namespace

std::string ContentType() { return fmt::format("multipart/mixed; boundary={}", kBoundary); }

std::string Body(std::span<const std::string> urls) {
  std::string body;
  for (const std::string& url : urls) {
    body += fmt::format(
        "--{}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        "GET {} HTTP/1.1\r\nAccept: application/json;odata=nometadata\r\n\r\n",
        kBoundary, url);
  }
  return body + fmt::format("--{}--\r\n", kBoundary);
}

Result<std::vector<Answer>> Decode(std::string_view content_type, std::string_view body,
                                   std::size_t count) {
  const auto at = AsciiLower(content_type).find("boundary=");
  if (at == std::string::npos) return Broken("names no boundary");
  std::string_view boundary = content_type.substr(at + 9);
  boundary = boundary.substr(0, boundary.find(';'));
  if (boundary.size() > 1 && boundary.front() == '"') {
    boundary = boundary.substr(1, boundary.size() - 2);
  }
  const std::string separator = fmt::format("--{}", boundary);
  std::vector<Answer> answers;
  bool ended = false;
  for (auto begin = body.find(separator); begin != body.npos && !ended;) {
    begin += separator.size();
    ended = body.substr(begin, 2) == "--";
    if (ended) break;
    const auto end = body.find(separator, begin);
    if (end == body.npos) return Broken("ended early");
    auto part = ReadPart(body.substr(begin, end - begin));
    if (!part) return Fail(part.error());
    answers.push_back(*std::move(part));
    begin = end;
  }
  if (!ended || answers.size() != count) return Broken("does not hold an answer to each question");
  return answers;
}

}  // namespace spa::sharepoint_batch
