#include "core/capture/pseudonyms.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/ascii.h"
#include "core/encoding.h"
#include "core/http/url.h"

namespace spa {
namespace {

using json = nlohmann::ordered_json;
using namespace std::string_view_literals;

constexpr std::size_t kWordLetters = 10;  // 50 bits
constexpr std::size_t kGuidSize = 36;

// Values that are words of the interfaces, not of the tenant.
constexpr std::array kPlainKeys = {"@odata.type"sv,
                                   "@microsoft.graph.sharedChanged"sv,
                                   "archiveStatus"sv,
                                   "code"sv,
                                   "driveType"sv,
                                   "High"sv,
                                   "Low"sv,
                                   "reason"sv,
                                   "request-id"sv,
                                   "client-request-id"sv,
                                   "scope"sv,
                                   "state"sv,
                                   "template"sv,
                                   "type"sv,
                                   "userType"sv,
                                   "externalUserState"sv,
                                   "groupTypes"sv,
                                   "visibility"sv,
                                   "sharingCapability"sv,
                                   "sharingDomainRestrictionMode"sv};
constexpr std::array kIdKeys = {
    "id"sv,          "Id"sv,       "ID"sv,         "siteId"sv,           "webId"sv,
    "listId"sv,      "driveId"sv,  "listItemId"sv, "listItemUniqueId"sv, "tenantId"sv,
    "principalId"sv, "UniqueId"sv, "NameId"sv,     "SensitivityLabel"sv, "GroupId"sv};
// Sentences, and addresses of descriptions, that nobody needs.
constexpr std::array kDroppedKeys = {"message"sv, "error_description"sv, "@odata.context"sv,
                                     "odata.metadata"sv, "odata.context"sv};
constexpr std::array kLevelKeys = {"roles"sv, "Name"sv};

constexpr std::array kHostWords = {"admin"sv, "com"sv,         "microsoft"sv, "my"sv,
                                   "net"sv,   "onmicrosoft"sv, "org"sv,       "sharepoint"sv};
constexpr std::array kPathWords = {"contentstorage"sv, "personal"sv, "portals"sv, "sites"sv,
                                   "teams"sv};
// "Paged=TRUE&p_ID=20", which the audit may write itself.
constexpr std::array kPagingWords = {"id"sv, "p"sv, "paged"sv, "true"sv};
constexpr std::array kLevelWords = {
    "access"sv,      "approve"sv,   "contribute"sv, "control"sv, "design"sv, "edit"sv,  "full"sv,
    "fullcontrol"sv, "hierarchy"sv, "limited"sv,    "manage"sv,  "only"sv,   "owner"sv, "read"sv,
    "restricted"sv,  "sp"sv,        "view"sv,       "web"sv,     "write"sv};
constexpr std::array kEndings = {
    "aspx"sv, "csv"sv, "doc"sv, "docx"sv, "eml"sv, "htm"sv,  "html"sv, "jpeg"sv, "jpg"sv,  "json"sv,
    "md"sv,   "mp3"sv, "mp4"sv, "msg"sv,  "one"sv, "pdf"sv,  "png"sv,  "ppt"sv,  "pptx"sv, "rtf"sv,
    "svg"sv,  "tif"sv, "txt"sv, "vsdx"sv, "xls"sv, "xlsm"sv, "xlsx"sv, "xml"sv,  "zip"sv};
// What a login says after its last bar that is not about somebody.
constexpr std::array kClaimValues = {"true"sv, "windows"sv};
constexpr std::array kClaimBeginnings = {"spo-grid-all-users/"sv, "s-1-"sv,
                                         "urn:spo:guest#"sv,      "urn%3aspo%3aguest#"sv,
                                         "urn:spo:anon#"sv,       "urn%3aspo%3aanon#"sv};

template <std::size_t N>
bool Among(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool IsDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return c >= '0' && c <= '9'; });
}

bool IsHex(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool IsWordByte(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

bool BeginsWithGuid(std::string_view text) {
  if (text.size() < kGuidSize) return false;
  for (std::size_t i = 0; i < kGuidSize; ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !IsHex(static_cast<unsigned char>(text[i]))) return false;
  }
  return text.size() == kGuidSize || !IsHex(static_cast<unsigned char>(text[kGuidSize]));
}

// "2026-11-20…", up to "2026-11-20T08:14:05.1234567Z".
bool IsDate(std::string_view text) {
  if (text.size() < 10 || text.size() > 28) return false;
  for (std::size_t i = 0; i < 10; ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (i == 4 || i == 7 ? text[i] != '-' : !digit) return false;
  }
  return text.find_first_not_of("0123456789:.TZ", 10) == std::string_view::npos;
}

// Text that somebody wrote, not bytes: UTF-8 without control characters.
bool IsReadable(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) return false;
    const std::size_t more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc2 ? 1 : 4;
    if (more == 4 || c > 0xf4 || i + more >= text.size()) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    }
    i += more + 1;
  }
  return !text.empty();
}

// "i:0#.f|membership|…", "c:0t.c|tenant|…"
bool IsClaim(std::string_view lower) {
  return lower.size() > 6 && (lower[0] == 'i' || lower[0] == 'c') && lower.substr(1, 2) == ":0" &&
         lower.find('|') != std::string_view::npos;
}

// "SharingLinks.GUID.Kind.GUID"
bool IsLinkGroup(std::string_view lower) {
  constexpr auto kBeginning = "sharinglinks."sv;
  if (!lower.starts_with(kBeginning)) return false;
  lower.remove_prefix(kBeginning.size());
  if (!BeginsWithGuid(lower) || lower.size() == kGuidSize || lower[kGuidSize] != '.') return false;
  lower.remove_prefix(kGuidSize + 1);
  const auto dot = lower.find('.');
  return dot != std::string_view::npos && lower.size() == dot + 1 + kGuidSize &&
         BeginsWithGuid(lower.substr(dot + 1));
}

}  // namespace

// How the words of one kind of text are told from what stays.
struct Pseudonyms::Manner {
  bool encoded = false;  // "%20" is a blank.
  bool ending = false;   // A known ending of a file name stays.
  bool digits = false;   // Numbers stay.
  bool (*stays)(std::string_view lower_word) = [](std::string_view) { return false; };
};

Pseudonyms::Pseudonyms(std::string_view graph_base_url, std::string_view tenant_id)
    : graph_(graph_base_url),
      tenant_(AsciiLower(tenant_id)),
      other_tenant_(NewGuid()),
      key_(32, '\0') {
  while (graph_.ends_with('/')) graph_.pop_back();
  if (RAND_bytes(reinterpret_cast<unsigned char*>(key_.data()), static_cast<int>(key_.size())) !=
      1) {
    throw std::runtime_error("the system has no random numbers to give");
  }
}

Pseudonyms::~Pseudonyms() { OPENSSL_cleanse(key_.data(), key_.size()); }

// The same for every casing, but for the casing: services are not of one mind about it.
std::string Pseudonyms::Word(std::string_view word) const {
  constexpr auto kLetters = "abcdefghijklmnopqrstuvwxyz234567"sv;
  const auto hash = [this](std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
    return digest;
  };
  const std::string lower = AsciiLower(word);
  const auto digest = hash(lower);
  std::string other;
  for (std::size_t i = 0; i < kWordLetters; ++i) other += kLetters[digest[i] % kLetters.size()];
  if (word == lower) return other;
  const auto casing = hash(word);
  for (std::size_t i = 0; i < kWordLetters; ++i) {
    if ((casing[i] & 1) != 0 && other[i] >= 'a') other[i] = static_cast<char>(other[i] - 'a' + 'A');
  }
  return other;
}

std::string_view Pseudonyms::Guid(std::string_view guid) const {
  return AsciiLower(guid) == tenant_ ? other_tenant_ : guid;
}

std::string Pseudonyms::Words(std::string_view text, const Manner& manner) const {
  std::string out, word;
  bool after_dot = false, after_guid = false;
  const auto end_word = [&](bool last) {
    if (word.empty()) return;
    const std::string lower = AsciiLower(word);
    const bool ending = manner.ending && last && after_dot && Among(kEndings, lower);
    const bool owners = after_guid && lower == "o";  // "GUID_o": the owners of a group
    const bool stays = ending || owners || (manner.digits && IsDigits(word)) || manner.stays(lower);
    out += stays ? word : Word(word);
    word.clear();
  };
  for (std::size_t i = 0; i < text.size();) {
    if (word.empty() && BeginsWithGuid(text.substr(i))) {
      out += Guid(text.substr(i, kGuidSize));
      i += kGuidSize;
      after_guid = text.substr(i, 1) == "_";
      continue;
    }
    if (text[i] == '#' && AsciiLower(text.substr(i, 5)) == "#ext#") {
      end_word(false);
      out += text.substr(i, 5);
      i += 5;
      continue;
    }
    auto c = static_cast<unsigned char>(text[i]);
    std::size_t size = 1;
    if (manner.encoded && c == '%' && i + 2 < text.size() &&
        IsHex(static_cast<unsigned char>(text[i + 1])) &&
        IsHex(static_cast<unsigned char>(text[i + 2]))) {
      c = static_cast<unsigned char>(UrlDecode(text.substr(i, 3))[0]);
      size = 3;
    }
    if (IsWordByte(c)) {
      word += static_cast<char>(c);
    } else {
      end_word(false);
      out += text.substr(i, size);
      after_dot = c == '.';
      after_guid = after_guid && c == '_';
    }
    i += size;
  }
  end_word(true);
  return out;
}

std::string Pseudonyms::Host(std::string_view host) const {
  if (IsLoopbackHost(host.substr(0, host.rfind(':')))) return std::string(host);
  Manner manner;
  manner.encoded = true;
  manner.digits = true;  // A port.
  manner.stays = [](std::string_view word) { return Among(kHostWords, word); };
  return Words(host, manner);
}

// "/sites/hr/Shared Documents/a.docx": each step for itself.
std::string Pseudonyms::Path(std::string_view path, bool encoded) const {
  Manner manner;
  manner.encoded = encoded;
  manner.ending = true;
  std::string out;
  bool first = true;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const std::string_view step = path.substr(begin, end - begin);
    const bool fixed = first && Among(kPathWords, AsciiLower(step));
    out += fixed ? std::string(step) : Words(step, manner);
    if (!step.empty()) first = false;
    if (end < path.size()) out += '/';
    begin = end + 1;
  }
  return out;
}

// "?$select=…&$skiptoken=…": what we ask for stays; where the service shall go on is a text.
std::string Pseudonyms::Query(std::string_view query) const {
  Manner manner;
  manner.encoded = true;
  manner.digits = true;
  manner.stays = [](std::string_view word) { return Among(kPagingWords, word); };
  std::string out;
  for (std::size_t begin = 0; begin < query.size();) {
    const auto end = std::min(query.find('&', begin), query.size());
    const std::string_view pair = query.substr(begin, end - begin);
    const auto equals = std::min(pair.find('='), pair.size());
    const std::string name = AsciiLower(UrlDecode(pair.substr(0, equals)));
    const bool ours = name == "$select" || name == "$expand" || name == "$top" || name == "$filter";
    out += pair.substr(0, equals);
    out += ours ? std::string(pair.substr(equals)) : Words(pair.substr(equals), manner);
    if (end < query.size()) out += '&';
    begin = end + 1;
  }
  return out;
}

// Below Graph's base: names occur where a site is named by its address, in the ids of sites, in
// those of users, and where the id of a permission spells a login.
std::string Pseudonyms::GraphPath(std::string_view path) const {
  const auto address = path.find(":/");
  const std::string_view steps = path.substr(0, address);
  std::string out;
  bool site = false, permission = false, user = false;
  for (std::size_t begin = 0; begin <= steps.size();) {
    const auto end = std::min(steps.find('/', begin), steps.size());
    const std::string_view step = steps.substr(begin, end - begin);
    const bool named = step.find_first_of(",@") != step.npos ||
                       (site && step.find('.') != step.npos) || permission;
    out += user ? UrlEncode(Id(UrlDecode(step))) : named ? Id(step) : std::string(step);
    if (end < steps.size()) out += '/';
    site = step == "sites";
    permission = step == "permissions";
    user = step == "users";
    begin = end + 1;
  }
  if (address != path.npos) out += ":" + Path(path.substr(address + 1), /*encoded=*/true);
  return out;
}

// Below "/_api/": names stand in quotes, if anywhere.
std::string Pseudonyms::RestPath(std::string_view path) const {
  std::string out;
  bool quoted = false;
  Manner manner;
  manner.encoded = true;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('\'', begin), path.size());
    const std::string_view piece = path.substr(begin, end - begin);
    out += quoted ? Words(piece, manner) : std::string(piece);
    if (end < path.size()) out += '\'';
    quoted = !quoted;
    begin = end + 1;
  }
  return out;
}

std::string Pseudonyms::Url(std::string_view url) const {
  const auto scheme = url.find("://");
  const auto slash =
      scheme == url.npos ? 0 : std::min(url.find_first_of("/?#", scheme + 3), url.size());
  std::string out;
  if (scheme != url.npos) {
    out = std::string(url.substr(0, scheme + 3)) + Host(url.substr(scheme + 3, slash - scheme - 3));
  }
  const auto question = std::min(url.find('?', slash), url.size());
  const std::string_view path = url.substr(slash, question - slash);
  constexpr auto kApi = "/_api/"sv;
  // A link may leave out the host.
  const std::string base = slash == 0 ? SplitUrl(graph_).path : graph_;
  const auto api = path.find(kApi);
  if (url.starts_with(base + '/') && base.size() > slash) {
    out += base.substr(slash) + GraphPath(path.substr(base.size() - slash));
  } else if (api != path.npos) {
    out += Path(path.substr(0, api), /*encoded=*/true);
    out += RestPath(path.substr(api));
  } else {
    out += Path(path, /*encoded=*/true);
  }
  if (question < url.size()) out += '?' + Query(url.substr(question + 1));
  return out;
}

std::string Pseudonyms::Login(std::string_view claim) const {
  const auto bar = claim.rfind('|') + 1;
  const std::string_view value = claim.substr(bar);
  const std::string lower = AsciiLower(value);
  std::string out(claim.substr(0, bar));
  if (Among(kClaimValues, lower)) return out += value;
  for (const std::string_view beginning : kClaimBeginnings) {
    if (!lower.starts_with(beginning)) continue;
    out += value.substr(0, beginning.size());
    const std::string_view rest = value.substr(beginning.size());
    return out += beginning == "s-1-" ? std::string(rest) : Text(rest);
  }
  return out += Text(value);
}

std::string Pseudonyms::Text(std::string_view text) const {
  const std::string lower = AsciiLower(text);
  if (text.empty() || IsDate(text) || lower == "true" || lower == "false") return std::string(text);
  if (lower.starts_with("https://") || lower.starts_with("http://")) return Url(text);
  if (text.starts_with('/')) return Path(text, /*encoded=*/false);
  if (IsClaim(lower)) return Login(text);
  if (IsLinkGroup(lower) || lower == "system account") return std::string(text);
  Manner manner;
  const auto at = text.rfind('@');
  const bool address = at != text.npos && at + 1 < text.size() &&
                       std::all_of(text.begin() + static_cast<std::ptrdiff_t>(at) + 1, text.end(),
                                   [](unsigned char c) {
                                     return (IsWordByte(c) && c < 0x80) || c == '.' || c == '-';
                                   });
  if (address) return Words(text.substr(0, at + 1), manner) + Host(text.substr(at + 1));
  manner.ending = true;
  return Words(text, manner);
}

// Ids stay, but "HOST,GUID,GUID" names a host, and one may spell a login.
std::string Pseudonyms::Id(std::string_view id) const {
  if (id.size() == kGuidSize && BeginsWithGuid(id)) return std::string(Guid(id));
  if (IsDigits(id)) return std::string(id);
  if (id.find('@') != id.npos) return Text(id);
  if (id.find_first_of(",.") != id.npos) return Host(id);
  if (const auto spelt = Base64UrlDecode(id); spelt && IsReadable(*spelt)) {
    return Base64Url(Text(*spelt));
  }
  const bool opaque = std::all_of(id.begin(), id.end(), [](unsigned char c) {
    return (IsWordByte(c) && c < 0x80) || c == '!' || c == '_' || c == '-';
  });
  return opaque ? std::string(id) : Text(id);
}

std::string Pseudonyms::Level(std::string_view name) const {
  Manner manner;
  manner.stays = [](std::string_view word) { return Among(kLevelWords, word); };
  return Words(name, manner);
}

std::string Pseudonyms::Value(std::string_view key, std::string_view text) const {
  if (Among(kDroppedKeys, key)) return {};
  if (Among(kPlainKeys, key)) return std::string(text);
  if (Among(kIdKeys, key)) return Id(text);
  if (Among(kLevelKeys, key)) return Level(text);
  if (key.ends_with("DomainList")) return Host(text);
  if (key.ends_with("nextLink") || key.ends_with("deltaLink")) return Url(text);
  return Text(text);
}

std::string Pseudonyms::Body(std::string_view body) const {
  json root = json::parse(body, nullptr, false);
  if (root.is_discarded()) return {};
  const auto walk = [this](const auto& self, std::string_view key, json& value) -> void {
    if (value.is_string()) {
      value = Value(key, value.get_ref<const std::string&>());
    } else if (value.is_array()) {
      for (json& one : value) self(self, key, one);
    } else if (value.is_object()) {
      for (auto at = value.begin(); at != value.end(); ++at) self(self, at.key(), at.value());
    }
  };
  walk(walk, "", root);
  return root.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace spa
