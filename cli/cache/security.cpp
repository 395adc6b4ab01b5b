// The verbs about how the way to Redis is secured.
#include "cache/redis/security.h"

#include <boost/asio/this_coro.hpp>

#include "cli/cache/answer.h"
#include "cli/cache/session.h"
#include "cli/cache/verbs.h"
#include "cli/cache_options.h"
#include "core/clock.h"

namespace spa {
namespace {

using Reported = std::function<Result<ExitCode>(const RedisSecurityReport& report)>;

Result<ExitCode> Inspected(const CacheCall& call, Reported say) {
  const std::string url = SecondLevelOf(call.config());
  if (!url.starts_with("redis")) {
    return Fail(ErrorCode::kUsage, "the second level is no Redis",
                "give its URL with --l2 rediss://host:6379");
  }
  return WithLoop([&call, url, say]() -> Task<Result<ExitCode>> {
    const auto report = co_await InspectRedis(co_await asio::this_coro::executor, url,
                                              StoreSecurityOf(call.config()));
    if (!report) co_return Fail(report.error());
    co_return say(*report);
  });
}

Json FindingsOf(const RedisSecurityReport& report) {
  Json findings = Json::array();
  for (const SecurityFinding& finding : report.findings) {
    findings.push_back(
        {{"severity", NameOf(finding.severity)}, {"code", finding.code}, {"text", finding.text}});
  }
  return findings;
}

}  // namespace

Result<ExitCode> CacheSecurityCheck(const CacheCall& call) {
  return Inspected(call, [&](const RedisSecurityReport& report) {
    return Answer(
        call,
        {{"place", report.place}, {"ok", !report.HasErrors()}, {"findings", FindingsOf(report)}},
        report.HasErrors() ? ExitCode::kFindings : ExitCode::kDone);
  });
}

Result<ExitCode> CacheSecurityStatus(const CacheCall& call) {
  return Inspected(call, [&](const RedisSecurityReport& report) {
    Json nodes = Json::array();
    bool answers = false;
    for (const RedisSecurityNode& node : report.nodes) {
      answers = answers || node.reachable;
      nodes.push_back(
          {{"name", node.name},
           {"reachable", node.reachable},
           {"version", node.server_version},
           {"tls",
            {{"version", node.tls_version},
             {"cipher", node.tls_cipher},
             {"peer", node.peer_subject},
             {"peer_expires", node.peer_expires ? Json(UtcText(*node.peer_expires)) : Json()}}},
           {"acl", {{"user", node.acl_user}}}});
    }
    Json answer = {{"place", report.place}};
    if (!nodes.empty()) {
      answer["tls"] = nodes[0]["tls"];
      answer["acl"] = nodes[0]["acl"];
    }
    answer["acl"]["needed"] = report.acl;
    answer["nodes"] = std::move(nodes);
    answer["findings"] = FindingsOf(report);
    answer["recommendations"] = report.recommendations;
    return Answer(call, answer, answers ? ExitCode::kDone : ExitCode::kUnreachable);
  });
}

}  // namespace spa
