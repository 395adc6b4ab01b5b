#include "serve/http_call.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/encoding.h"

namespace spa {
namespace {

std::string Decoded(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return UrlDecode(spaced);
}

}  // namespace

std::optional<std::string_view> HttpCall::Query(std::string_view name) const {
  for (const auto& [given, value] : query) {
    if (given == name) return value;
  }
  return std::nullopt;
}

bool ReadTarget(std::string_view target, HttpCall& call) {
  if (!target.starts_with('/')) return false;
  target = target.substr(0, target.find('#'));
  const std::size_t mark = target.find('?');
  call.path = target.substr(0, mark);
  if (mark == std::string_view::npos) return true;
  for (std::string_view rest = target.substr(mark + 1); !rest.empty();) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    call.query.emplace_back(Decoded(pair.substr(0, equals)),
                            Decoded(pair.substr(std::min(equals + 1, pair.size()))));
  }
  return true;
}

HttpAnswer Problem(int status, std::string_view title, std::string_view detail) {
  nlohmann::ordered_json problem = {{"type", "about:blank"}, {"title", title}, {"status", status}};
  if (!detail.empty()) problem["detail"] = detail;
  // What a caller sent may be in it, and need not be UTF-8.
  return {status, "application/problem+json",
          problem.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

}  // namespace spa
