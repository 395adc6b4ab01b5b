#include "cli/shared_reads.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/http/url.h"

namespace spa {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kRestApi = "/_api/web";

std::string_view WithoutQuery(std::string_view url) { return url.substr(0, url.find('?')); }

}  // namespace

std::string_view ObjectOf(std::string_view url) {
  url = WithoutQuery(url);
  if (const auto api = url.find(kRestApi); api != url.npos) {
    return url.substr(0, api + kRestApi.size());
  }
  for (const std::string_view collection : {"/drives/"sv, "/sites/"sv, "/groups/"sv, "/users/"sv}) {
    const auto at = url.find(collection);
    if (at == url.npos) continue;
    const auto id = at + collection.size();
    if (id >= url.size()) return {};
    return url.substr(0, std::min(url.find('/', id), url.size()));
  }
  return {};
}

bool AsksForObject(std::string_view url, std::string_view object) {
  url = WithoutQuery(url);
  if (object.empty() || !url.starts_with(object)) return false;
  const std::string_view rest = url.substr(object.size());
  if (object.ends_with(kRestApi)) return rest.find('(') == rest.npos;  // No list, no item.
  constexpr std::array kItself = {""sv,       "/root"sv,  "/root/delta"sv,       "/drives"sv,
                                  "/lists"sv, "/sites"sv, "/transitiveMembers"sv};
  return std::find(kItself.begin(), kItself.end(), rest) != kItself.end();
}

SharedReads::SharedReads(CacheManager& cache, HostHealth& hosts, std::string who)
    : cache_(cache),
      hosts_(hosts),
      who_(std::move(who)),
      failures_(cache.Open<Error>(CacheKind::kServiceError)) {}

CacheKey SharedReads::KeyOf(std::string_view place) const {
  return CacheKey(CacheKind::kServiceError, fmt::format("{}/{}", who_, place));
}

std::optional<Error> SharedReads::KnownFailure(const std::string& url) {
  for (const std::string_view place : {std::string_view(url), ObjectOf(url)}) {
    if (place.empty()) continue;
    if (auto hit = failures_.Peek(KeyOf(place)); hit && *hit) return *(*hit)->value;
  }
  return std::nullopt;
}

Task<void> SharedReads::NoteFailure(std::string url, Error error) {
  const int status = error.http_status;
  const bool stays = status == 404 || status == 403 || status == 423 || status >= 500;
  if (!stays || !NegativeTtl(error)) co_return;
  const std::string_view object = ObjectOf(url);
  const bool whole = (status == 404 || status == 423) && AsksForObject(url, object);
  WriteOptions options;
  options.ttl = NegativeTtl(error);
  options.tags.emplace_back("provider", SplitUrl(url).authority);
  const CacheKey key = KeyOf(whole ? object : std::string_view(url));
  co_await failures_.Set(key, std::move(error), std::move(options));
}

Task<ReadMemory::Answer> SharedReads::Share(std::string identity, Exchange exchange) {
  co_await ForgetTurned();
  const CacheKey key = KeyOf(identity);
  co_return co_await flights_.Run(key, std::move(exchange), [](const Answer&) {});
}

Task<void> SharedReads::ForgetTurned() {
  for (const std::string& host : hosts_.TakeTurned()) {
    co_await cache_.Erase(Selector(Tag("provider", host)));
  }
}

}  // namespace spa
