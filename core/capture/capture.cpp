#include "core/capture/capture.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <nlohmann/json.hpp>

namespace spa::capture {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;
constexpr std::string_view kBatchPath = "/$batch";

// Every setting of the head, told once for reading and writing.
template <class Use>
void ForEachSetting(Config& config, Use use) {
  use("tenant_id", config.auth.tenant_id);
  use("tenant_url", config.tenant_url);
  use("target_sites", config.target_sites);
  use("base_url", config.graph.base_url);
  use("include_subsites", config.discovery.include_subsites);
  use("include_personal_sites", config.discovery.include_personal_sites);
  use("include_lists", config.discovery.include_lists);
  use("expand_groups", config.permissions.expand_groups);
  use("include_sharing_links", config.permissions.include_sharing_links);
  use("sharepoint_rest", config.permissions.sharepoint_rest);
}

}  // namespace

std::string ToJson(const CaptureHead& head) {
  nlohmann::ordered_json text = {{"format", kFormat},
                                 {"program", SPA_VERSION},
                                 {"run_id", head.run_id},
                                 {"started_at", head.started_at},
                                 {"finished_at", head.finished_at},
                                 {"duration_seconds", head.duration_seconds},
                                 {"pseudonymised", head.pseudonymised},
                                 {"sharepoint", head.sharepoint}};
  Config settings = head.settings;
  ForEachSetting(settings, [&](const char* name, auto& value) { text["settings"][name] = value; });
  return text.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<CaptureHead> ParseHead(const std::string& text) {
  const auto unusable = [](const std::string& why) {
    return Fail(ErrorCode::kUsage, fmt::format("{} cannot be used: {}", kHead, why),
                "name a directory that audit --record has made");
  };
  try {
    const json root = json::parse(text);
    if (root.at("format") != kFormat) return unusable("another program wrote it");
    CaptureHead head;
    root.at("run_id").get_to(head.run_id);
    root.at("started_at").get_to(head.started_at);
    root.at("finished_at").get_to(head.finished_at);
    root.at("duration_seconds").get_to(head.duration_seconds);
    root.at("pseudonymised").get_to(head.pseudonymised);
    root.at("sharepoint").get_to(head.sharepoint);
    ForEachSetting(head.settings, [&](const char* name, auto& value) {
      root.at("settings").at(name).get_to(value);
    });
    return head;
  } catch (const json::exception& error) {
    return unusable(error.what());
  }
}

std::string Question(std::string_view method, std::string_view url, std::string_view prefer) {
  return fmt::format("{} {}\n{}", method, url, prefer);
}

std::string BodyPath(std::string_view hash) {
  return fmt::format("bodies/{}/{}.zst", hash.substr(0, 2), hash);
}

std::string Sha256Hex(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

bool IsBatch(const HttpRequest& request) {
  return request.method == "POST" && request.url.ends_with(kBatchPath);
}

std::string BatchBase(const HttpRequest& request) {
  return request.url.substr(0, request.url.size() - kBatchPath.size());
}

}  // namespace spa::capture
