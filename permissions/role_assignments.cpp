#include "permissions/role_assignments.h"

#include <algorithm>
#include <chrono>

#include "core/store/store_writer.h"
#include "permissions/rest_decoders.h"

namespace spa {
namespace {

constexpr std::string_view kWhole = "/roleassignments?$expand=Member,RoleDefinitionBindings";

// "https://…/_api/web" -> "https://…/_api/$batch"
std::string BatchOf(const std::string& web) {
  return web.substr(0, web.size() - std::string_view("web").size()) + "$batch";
}

}  // namespace

Task<RoleAssignments::Many> RoleAssignments::ReadMany(std::string web,
                                                      std::vector<std::string> below,
                                                      std::string what) {
  Answered answered(below.size());
  for (std::size_t first = 0; batches_ && below.size() > 1 && first < below.size();) {
    const std::size_t end = std::min(below.size(), first + sharepoint_batch::kMostParts);
    std::vector<std::string> urls;
    for (std::size_t i = first; i < end; ++i) {
      urls.push_back(web + below[i] + std::string(kWhole));
    }
    Answered some = co_await ReadBatch(web, std::move(urls), what);
    for (std::size_t i = first; i < end; ++i) answered[i] = std::move(some[i - first]);
    first = end;
  }
  Many all;
  for (std::size_t i = 0; i < below.size(); ++i) {
    if (answered[i]) {
      all.emplace_back(*std::move(answered[i]));
    } else {
      all.push_back(co_await Read(web, below[i], what + below[i]));
    }
  }
  co_return all;
}

Task<RoleAssignments::Answered> RoleAssignments::ReadBatch(std::string web,
                                                           std::vector<std::string> urls,
                                                           std::string what) {
  Answered found(urls.size());
  ServiceRequest request;
  request.method = "POST";
  request.url = BatchOf(web);
  request.headers.emplace_back("Accept", "application/json;odata=nometadata");
  request.headers.emplace_back("Content-Type", sharepoint_batch::ContentType());
  request.body = sharepoint_batch::Body(urls);
  request.what = std::move(what);
  request.units = 0;  // REST has no published price (graph.md 4.9).
  request.envelope = true;
  auto answers = std::make_shared<std::vector<sharepoint_batch::Answer>>();
  ServiceClient::Accept accept = [answers, count = urls.size()](const HttpResponse& response) {
    auto decoded = sharepoint_batch::Decode(response.Header("Content-Type"), response.body, count);
    if (!decoded) return Status(Fail(decoded.error()));
    *answers = *std::move(decoded);
    return Status();
  };
  ServiceClient& service = sharepoint_.service();
  auto sent = co_await service.Exchange(std::move(request), std::move(accept));
  if (!sent) {
    AbortIfFatal(sent.error());
    batches_ = false;  // The single reads tell what is wrong, if it is not batches.
    co_return found;
  }
  service.counters().batched += static_cast<long>(urls.size());
  for (std::size_t i = 0; i < urls.size(); ++i) {
    const sharepoint_batch::Answer& answer = (*answers)[i];
    if (answer.status == 429 || answer.status == 503) Heed(answer);
    if (answer.status != 200) continue;
    auto page = DecodeRoleAssignments(answer.body);
    if (page && page->next_link.empty()) found[i] = std::move(page->items);
  }
  co_return found;
}

// A part that was told to wait speaks for the whole service.
void RoleAssignments::Heed(const sharepoint_batch::Answer& refused) {
  ServiceClient& service = sharepoint_.service();
  ++service.counters().throttled;
  const auto wait = ParseRetryAfter(refused.retry_after, std::chrono::system_clock::now());
  if (!service.offline()) {
    service.gate(Family::kSharePoint).PauseFor(wait.value_or(std::chrono::seconds(1)));
  }
}

Task<Result<std::vector<Grant>>> RoleAssignments::Read(std::string web, std::string below,
                                                       std::string what) {
  const std::string url = web + below + "/roleassignments";
  auto grants =
      co_await sharepoint_.List(web + below + std::string(kWhole), what, &DecodeRoleAssignments);
  if (!grants && grants.error().http_status == 500) {
    co_return co_await ReadApart(std::move(web), url, std::move(what));
  }
  co_return grants;
}

Task<Result<std::vector<Grant>>> RoleAssignments::ReadApart(std::string web, std::string url,
                                                            std::string what) {
  auto grants = co_await sharepoint_.List(
      url + "?$select=PrincipalId,RoleDefinitionBindings&$expand=RoleDefinitionBindings",
      std::move(what), &DecodeRoleAssignments);
  if (!grants) co_return grants;
  auto known = co_await EverybodyOf(std::move(web));
  if (!known) co_return Fail(std::move(known.error()));
  for (Grant& grant : *grants) {
    const auto who = (*known)->find(grant.principal_id);
    if (who == (*known)->end()) continue;  // Nobody known: shown as that.
    Grant whole = who->second;
    whole.role = grant.role;
    whole.levels = std::move(grant.levels);
    whole.rights = grant.rights;
    whole.custom_level = grant.custom_level;
    grant = std::move(whole);
  }
  co_return grants;
}

Task<Result<std::shared_ptr<const RoleAssignments::Known>>> RoleAssignments::EverybodyOf(
    std::string web) {
  if (const auto found = known_.find(web); found != known_.end()) co_return found->second;
  auto all = std::make_shared<Known>();
  for (const char* list : {"/siteusers", "/sitegroups"}) {
    auto page = co_await sharepoint_.List(web + list, "reading the users and groups of " + web,
                                          &DecodeSitePrincipals);
    if (!page) co_return Fail(std::move(page.error()));
    for (SitePrincipal& one : *page) all->emplace(std::move(one.number), std::move(one.as_grantee));
  }
  std::shared_ptr<const Known> known = std::move(all);
  known_.emplace(std::move(web), known);
  co_return known;
}

}  // namespace spa
