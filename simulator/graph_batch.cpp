#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "simulator/graph_service.h"
#include "simulator/json_out.h"

namespace spa::sim {

// graph.md 5: up to twenty parts, answers in any order, 200 even if all inside failed.
Response GraphService::Batch(const Request& request, const PartHandler& part) {
  const auto malformed = [](std::string_view message) {
    Response response = GraphError(400, "BadRequest", message);
    response.route = "graph $batch";
    return response;
  };
  if (request.in_batch) return malformed("A batch cannot hold a batch.");
  const auto body = nlohmann::json::parse(request.body, nullptr, false);
  if (request.method != "POST" || !body.is_object() || !body.contains("requests") ||
      !body["requests"].is_array() || body["requests"].empty()) {
    return malformed("Invalid batch payload format.");
  }
  const auto& parts = body["requests"];
  if (parts.size() > 20) {
    return malformed(fmt::format(
        "Number of batch request steps exceeds the maximum value of 20: {}", parts.size()));
  }
  std::set<std::string> ids;
  std::vector<std::string> answers;
  for (const auto& each : parts) {
    if (!each.is_object() || !each.contains("id") || !each["id"].is_string() ||
        !each.contains("url") || !each["url"].is_string() ||
        !each["url"].get_ref<const std::string&>().starts_with("/")) {
      return malformed("Each batch request needs an id, a method and a relative url.");
    }
    if (!ids.insert(Lower(each["id"].get<std::string>())).second) {
      return malformed("Request Id value has to be unique for each request inside a batch.");
    }
  }
  for (const auto& each : parts) {
    Request inner(each.value("method", "GET"), "/v1.0" + each["url"].get<std::string>());
    inner.in_batch = true;
    inner.scheme = request.scheme;
    inner.headers = request.headers;
    inner.headers.erase("prefer");
    if (each.contains("headers") && each["headers"].is_object()) {
      for (const auto& [name, value] : each["headers"].items()) {
        if (value.is_string()) inner.headers[Lower(name)] = value.get<std::string>();
      }
    }
    if (each.contains("body")) inner.body = each["body"].dump();
    const Response answer = part(inner);
    std::string text;
    JsonOut json(text);
    json.Open('{').Field("id", each["id"].get<std::string>()).Field("status", answer.status);
    json.Open("headers", '{');
    for (const auto& [name, value] : answer.headers) json.Field(name, value);
    json.Field("Content-Type", answer.content_type).Close('}');
    if (answer.content_type == "application/json" && !answer.body.empty()) {
      json.Raw("body", answer.body);
    } else if (!answer.body.empty()) {
      json.Field("body", answer.body);
    }
    json.Close('}');
    answers.push_back(std::move(text));
  }
  // The same batch is always answered in the same odd order.
  const std::uint64_t order = HashText(request.body);
  for (std::size_t i = answers.size(); i > 1; --i) {
    std::swap(answers[i - 1], answers[Hash(order, i) % i]);
  }
  Response response;
  response.route = "graph $batch";
  response.batch_parts = static_cast<int>(parts.size());
  response.body = "{\"responses\":[";
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (i > 0) response.body += ',';
    response.body += answers[i];
  }
  response.body += "]}";
  return response;
}

}  // namespace spa::sim
