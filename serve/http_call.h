// HttpCall and HttpAnswer: one request as the routes read it, and what they answer. Sockets are
// HttpServer's business alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/http/http_client.h"

namespace spa {

struct HttpCall {
  HttpCall() = default;

  // The first query parameter of that name, decoded.
  std::optional<std::string_view> Query(std::string_view name) const;
  std::string_view Header(std::string_view name) const { return FindHeader(headers, name); }

  std::string method;  // "GET"; HEAD comes as GET.
  std::string path;    // Before the '?', as on the wire: routes decode what they take from it.
  std::vector<std::pair<std::string, std::string>> query;  // Decoded.
  HttpHeaders headers;
  std::string body;
  std::string peer;  // The caller's address, without port.
};

struct HttpAnswer {
  HttpAnswer() = default;
  HttpAnswer(int status, std::string content_type, std::string body)
      : status(status), content_type(std::move(content_type)), body(std::move(body)) {}

  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  HttpHeaders headers;  // Besides type and length.
};

// Fills path and query from a target, "/a/b?c=d"; false where it is no such thing.
bool ReadTarget(std::string_view target, HttpCall& call);

// What went wrong, as RFC 9457 has it: application/problem+json.
HttpAnswer Problem(int status, std::string_view title, std::string_view detail = {});

}  // namespace spa
