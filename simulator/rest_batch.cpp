#include <fmt/format.h>

#include <boost/beast/http/status.hpp>

#include "simulator/json_out.h"
#include "simulator/rest_service.h"

namespace spa::sim {
namespace {

constexpr std::size_t kMostParts = 100;

// The request inside a part: "GET url HTTP/1.1" and its own headers after the part's headers.
std::optional<Request> ReadPart(std::string_view part, const Request& outer) {
  const auto start = part.find("GET ");
  if (start == std::string_view::npos) return std::nullopt;
  std::string_view rest = part.substr(start + 4);
  const auto end = rest.find_first_of(" \r\n");
  std::string url(rest.substr(0, end));
  if (const auto scheme = url.find("://"); scheme != std::string::npos) {
    const auto slash = url.find('/', scheme + 3);
    if (slash == std::string::npos || url.substr(0, slash) != outer.Origin()) return std::nullopt;
    url.erase(0, slash);
  }
  Request request("GET", std::move(url));
  request.headers = outer.headers;
  request.scheme = outer.scheme;
  request.in_batch = true;
  const std::string lower = Lower(part);
  if (const auto accept = lower.find("\naccept:"); accept != std::string::npos) {
    const auto line_end = lower.find_first_of("\r\n", accept + 1);
    request.headers["accept"] = lower.substr(accept + 8, line_end - accept - 8);
  }
  return request;
}

}  // namespace

// permissions.md 3.6: multipart/mixed, answers in the order of the questions.
Response RestService::Batch(const Request& request, const Web& web, const PartHandler& part) {
  auto malformed = [](std::string_view why) {
    return RestError(400, "-1, Microsoft.SharePoint.Client.InvalidClientQueryException", why);
  };
  const std::string_view type = request.Header("content-type");
  const auto at = type.find("boundary=");
  if (request.method != "POST" || request.in_batch || at == std::string_view::npos) {
    return malformed("A batch is a POST of multipart/mixed with a boundary.");
  }
  std::string boundary(type.substr(at + 9));
  boundary.resize(std::min(boundary.size(), boundary.find(';')));
  std::erase(boundary, '"');
  const std::string separator = "--" + boundary;
  std::vector<Request> parts;
  std::string_view body = request.body;
  for (auto begin = body.find(separator); begin != std::string_view::npos;) {
    begin += separator.size();
    const auto end = body.find(separator, begin);
    if (end == std::string_view::npos) break;
    auto inner = ReadPart(body.substr(begin, end - begin), request);
    if (!inner) return malformed("A part holds no GET request to this host.");
    const std::string site = web.path + "/_api/";
    if (!Lower(PercentDecode(inner->path)).starts_with(Lower(site))) {
      return malformed("All parts of a batch must target the same site.");
    }
    parts.push_back(std::move(*inner));
    begin = end;
  }
  if (parts.empty() || parts.size() > kMostParts) {
    return malformed(fmt::format("A batch holds 1 to {} parts, not {}.", kMostParts, parts.size()));
  }
  Response response;
  response.route = "rest $batch";
  response.batch_parts = static_cast<int>(parts.size());
  const std::string answer = "batchresponse_" + Text(MakeGuid(HashText(request.body)));
  response.content_type = "multipart/mixed; boundary=" + answer;
  for (const Request& inner : parts) {
    const Response each = part(inner);
    response.body += fmt::format(
        "--{}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        "HTTP/1.1 {} {}\r\nCONTENT-TYPE: {};odata=nometadata;streaming=true;charset=utf-8\r\n",
        answer, each.status,
        std::string(boost::beast::http::obsolete_reason(
            boost::beast::http::int_to_status(static_cast<unsigned>(each.status)))),
        each.content_type);
    for (const auto& [name, value] : each.headers) response.body += name + ": " + value + "\r\n";
    response.body += "\r\n" + each.body + "\r\n";
  }
  response.body += "--" + answer + "--\r\n";
  return response;
}

}  // namespace spa::sim
