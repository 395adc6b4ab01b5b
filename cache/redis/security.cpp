#include "cache/redis/security.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "cache/redis/connection.h"
#include "cache/redis/scripts.h"

namespace spa {
namespace {

using enum FindingSeverity;
constexpr auto kSoon = std::chrono::hours(24 * 30);

// What our user must not be able to do.
struct Probe {
  std::string_view words[3];
  std::string_view what;
};
constexpr Probe kProbes[] = {
    {{"FLUSHALL", "", ""}, "empty the whole server (FLUSHALL)"},
    {{"CONFIG", "GET", "*"}, "read its configuration (CONFIG)"},
    {{"GET", "not-of-sharepoint-audit", ""}, "read keys of others"},
};

constexpr std::string_view kSeverities[] = {"info", "warning", "error"};

struct Advice {
  std::string_view code, text;
};
constexpr Advice kAdvice[] = {
    {"plaintext", "use rediss://, or set cache.redis.security.use_tls"},
    {"no_password", "give Redis an ACL user, and set acl_username and acl_password"},
    {"default_user", "give Redis an ACL user with the rights below, and set acl_username"},
    {"readable_key", "chmod 600 the key file"},
    {"acl_too_wide", "give the user the rights below and no others"},
    {"acl_unknown", "add +acl|whoami +acl|dryrun to the user's rights (Redis 7)"},
    {"certificate_expired", "renew the server's certificate"},
    {"certificate_expires_soon", "renew the server's certificate"},
    {"untrusted", "set tls_ca_path to the CA that signed the server's certificate"},
    {"refused", "check acl_username, acl_password and redis_auth"},
};

std::string Readable(const std::string& file) {
  return fmt::format("others may read or write the key file {}", file);
}

std::string ReadableBetween(const RedisHost& host) {
  return fmt::format("what goes to {} can be read and changed on the way: there is no TLS",
                     host.Name());
}

void CheckSettings(const RedisEndpoint& endpoint, RedisSecurityReport& report) {
  auto& findings = report.findings;
  const bool loopback = std::all_of(endpoint.hosts.begin(), endpoint.hosts.end(),
                                    [](const RedisHost& host) { return host.loopback(); });
  if (!endpoint.tls) {
    for (const RedisHost& host : endpoint.hosts) {
      if (host.loopback()) continue;
      findings.emplace_back(kError, "plaintext", ReadableBetween(host));
    }
    if (loopback) {
      findings.emplace_back(kInfo, "plaintext_loopback", "there is no TLS, within this machine");
    }
  }
  if (endpoint.password.empty()) {
    findings.emplace_back(loopback ? kWarning : kError, "no_password",
                          "no password is given: whoever reaches the server can change what an "
                          "audit reads");
  } else if (endpoint.user.empty()) {
    findings.emplace_back(kWarning, "default_user",
                          "the default user is used, which usually may do everything");
  }
  struct stat file {};
  if (!endpoint.key_file.empty() && stat(endpoint.key_file.c_str(), &file) == 0 &&
      (file.st_mode & (S_IRGRP | S_IROTH | S_IWGRP | S_IWOTH)) != 0) {
    findings.emplace_back(kError, "readable_key", Readable(endpoint.key_file));
  }
}

void CheckSession(const RedisSession& session, CacheTime now, RedisSecurityNode& node,
                  RedisSecurityReport& report) {
  node.server_version = session.server_version;
  node.tls_version = session.tls_version;
  node.tls_cipher = session.tls_cipher;
  node.peer_subject = session.peer_subject;
  node.peer_expires = session.peer_expires;
  if (!session.peer_expires) return;
  if (*session.peer_expires <= now) {
    report.findings.emplace_back(kError, "certificate_expired",
                                 fmt::format("the certificate of {} has expired", node.name));
  } else if (*session.peer_expires - now < kSoon) {
    const auto days =
        std::chrono::duration_cast<std::chrono::hours>(*session.peer_expires - now) / 24;
    report.findings.emplace_back(
        kWarning, "certificate_expires_soon",
        fmt::format("the certificate of {} expires in {} days", node.name, days.count()));
  }
}

Task<void> CheckRights(RedisConnection& connection, RedisSecurityNode& node,
                       RedisSecurityReport& report) {
  RedisBatch who;
  who.Add({"ACL", "WHOAMI"});
  auto named = co_await connection.Call(std::move(who));
  if (named && !named->front().IsError()) {
    node.acl_user = named->front().text;
    RedisBatch dry;
    for (const Probe& probe : kProbes) {
      std::vector<std::string_view> words = {"ACL", "DRYRUN", node.acl_user};
      for (const std::string_view word : probe.words) {
        if (!word.empty()) words.push_back(word);
      }
      dry.Add(words);
    }
    auto told = co_await connection.Call(std::move(dry));
    if (told && !told->front().IsError()) {
      for (std::size_t i = 0; i < told->size(); ++i) {
        if ((*told)[i].text != "OK") continue;
        report.findings.emplace_back(
            kError, "acl_too_wide",
            fmt::format("on {} the user {} may {}", node.name, node.acl_user, kProbes[i].what));
      }
      co_return;
    }
  }
  report.findings.emplace_back(kInfo, "acl_unknown",
                               fmt::format("{} does not tell what our user may do", node.name));
}

void Advise(RedisSecurityReport& report) {
  for (const Advice& advice : kAdvice) {
    const bool applies = std::any_of(report.findings.begin(), report.findings.end(),
                                     [&](const auto& found) { return found.code == advice.code; });
    const bool told = std::find(report.recommendations.begin(), report.recommendations.end(),
                                advice.text) != report.recommendations.end();
    if (applies && !told) report.recommendations.emplace_back(advice.text);
  }
}

}  // namespace

std::string_view NameOf(FindingSeverity severity) {
  return kSeverities[static_cast<std::size_t>(severity)];
}

bool RedisSecurityReport::HasErrors() const {
  return std::any_of(findings.begin(), findings.end(),
                     [](const auto& finding) { return finding.severity == kError; });
}

Task<Result<RedisSecurityReport>> InspectRedis(asio::any_io_executor executor, std::string url,
                                               StoreSecurity security, CacheClock clock) {
  auto endpoint = ParseRedisUrl(url, security);
  if (!endpoint) co_return tl::unexpected(endpoint.error());
  RedisSecurityReport report;
  report.place = endpoint->place();
  report.acl = kRedisAcl;
  CheckSettings(*endpoint, report);
  for (const RedisHost& host : endpoint->hosts) {
    RedisOptions options;
    options.host = host;
    options.endpoint = *endpoint;
    options.timeout = std::chrono::seconds(1);
    options.clock = clock;
    RedisConnection connection(executor, std::move(options));
    RedisSecurityNode node;
    node.name = host.Name();
    const Status opened = co_await connection.Open();
    if (opened) {
      node.reachable = true;
      CheckSession(connection.session(), clock(), node, report);
      co_await CheckRights(connection, node, report);
    } else {
      const ErrorCode code = opened.error().code;
      const bool refused = code == ErrorCode::kAuth, foreign = code == ErrorCode::kUntrusted;
      report.findings.emplace_back(refused || foreign ? kError : kWarning,
                                   refused   ? "refused"
                                   : foreign ? "untrusted"
                                             : "unreachable",
                                   opened.error().message);
    }
    co_await connection.Close();
    report.nodes.push_back(std::move(node));
  }
  Advise(report);
  co_return report;
}

}  // namespace spa
